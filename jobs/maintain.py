"""Job `maintain`: deletes what is too old, merges small files of partitions that this night wrote to, and vacuums."""

import datetime as dt
import json
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.catalog import CATALOG
from jobs.context import JobContext, JobResult
from jobs.expiring import expire_frames, expire_rows, remove_leftovers, vacuum_all
from lake.delta import Lake

MAX_SMALL_FILES = 8
"""A partition may have this many small files: a write from four shuffle partitions, and as much again from late data."""
SMALL_FILE_BYTES = 32 * 2**20
"""Below a quarter of Parquet's usual 128 MiB; opening such a file costs about as much as reading it."""
CONTROL_TABLE = "gold.nights"
MAX_CONTROL_FILES = 64
"""It has a file a row and eleven rows a night, and is read in whole: compacting it nightly costs more than reading it."""


def run(ctx: JobContext) -> JobResult:
    """Delete what is too old, compact, and VACUUM when it is due. A partition nobody wrote to this night stays as it is."""
    attempts = ctx.lake.read(CONTROL_TABLE).select("night_date", "job", "status", "detail", "started_at").collect()
    began = min((x.started_at for x in attempts if x.night_date == ctx.date), default=None)
    if began is None:
        return JobResult(0, "no job of this night is on record: nothing to maintain")
    expired = expire_rows(ctx.lake, ctx.conf, ctx.date)
    frames, why_not = expire_frames(ctx.lake, ctx.conf)
    leftovers = remove_leftovers(ctx.lake)
    compacted = [_compact(ctx.lake, name, values) for name, values in crowded_partitions(ctx.lake, began)]
    vacuumed = vacuum_all(ctx.lake, ctx.conf) if _is_due(ctx, attempts) else []
    detail = {"compacted": compacted, "expired": expired, "frames": frames, "leftovers": leftovers, "vacuumed": vacuumed}
    return JobResult(sum(expired.values()), _describe(detail, why_not), detail)


def _is_due(ctx: JobContext, attempts: list[Row]) -> bool:
    """Whether the record is as long as the configured pause, and nothing was vacuumed within it."""
    since = ctx.date - dt.timedelta(days=ctx.conf.retention.vacuum_every_nights)
    done = [x for x in attempts if x.job == "maintain" and x.status == "finished" and since < x.night_date <= ctx.date]
    is_old = any(x.night_date <= since for x in attempts)
    return is_old and not any(json.loads(x.detail or "{}").get("vacuumed") for x in done)


def _describe(detail: dict[str, Any], why_not: str | None) -> str:
    """What was done, in words."""
    parts = [f"compacted {', '.join(detail['compacted'])}" if detail["compacted"] else "no partition needs compacting"]
    parts += [f"deleted {rows:,} old rows of {name}" for name, rows in detail["expired"].items()]
    parts += [f"deleted {', '.join(detail['frames'])}"] if detail["frames"] else []
    parts += [f"removed {detail['leftovers']} leftovers of killed runs"] if detail["leftovers"] else []
    parts += [f"vacuumed {len(detail['vacuumed'])} tables"] if detail["vacuumed"] else []
    return "; ".join([*parts, *([why_not] if why_not else [])])


def crowded_partitions(lake: Lake, began: dt.datetime) -> list[tuple[str, dict[str, str]]]:
    """(table, partition values) written since `began` with too many small files; one Spark job in all."""
    names = dict.fromkeys([*(table for job in CATALOG for table in job.writes), CONTROL_TABLE])
    files = [_live_files(lake, name) for name in names if lake.exists(name)]
    is_written = F.max("modificationTime") >= F.lit(int(began.timestamp() * 1000))
    counts = (
        reduce(DataFrame.unionAll, files)
        .groupBy("table", "partition")
        .agg(F.count_if(F.col("size") < SMALL_FILE_BYTES).alias("small"), is_written.alias("is_written"))
    )
    allowed = F.when(F.col("table") == CONTROL_TABLE, MAX_CONTROL_FILES).otherwise(MAX_SMALL_FILES)
    rows = counts.where((F.col("small") > allowed) & F.col("is_written")).orderBy("table", "partition").collect()
    return [(row["table"], json.loads(row["partition"])) for row in rows]


def _live_files(lake: Lake, name: str) -> DataFrame:
    """Data files of the table's version as this process last saw it: from Delta's log, without opening a data file."""
    log = getattr(lake.spark._jvm, "org.apache.spark.sql.delta.DeltaLog")
    snapshot = log.forTable(lake.spark._jsparkSession, lake.path(name)).unsafeVolatileSnapshot()
    values = F.to_json("partitionValues").alias("partition")
    return DataFrame(snapshot.allFiles().toDF(), lake.spark).select(
        F.lit(name).alias("table"), values, "size", "modificationTime"
    )


def _compact(lake: Lake, name: str, values: dict[str, str]) -> str:
    """Merge the partition's small files; returns what was compacted, in words."""
    predicate = " AND ".join(f"{k} = '{v}'" for k, v in values.items())
    lake.compact(name, predicate)
    return f"{name} {predicate}".strip()
