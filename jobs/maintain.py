"""Job `maintain`: merges the small files of partitions that this night wrote to, where there are too many."""

import datetime as dt
import json
from functools import reduce

from delta.tables import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.catalog import CATALOG
from jobs.context import JobContext, JobResult
from lake.delta import Lake

MAX_SMALL_FILES = 8
"""A partition may have this many small files: a write from four shuffle partitions, and as much again from late data."""
SMALL_FILE_BYTES = 32 * 2**20
"""Below a quarter of Parquet's usual 128 MiB; opening such a file costs about as much as reading it."""
CONTROL_TABLE = "gold.nights"
MAX_CONTROL_FILES = 64
"""It has a file a row and eleven rows a night, and is read in whole: compacting it nightly costs more than reading it."""


def run(ctx: JobContext) -> JobResult:
    """Compact; rows do not change. A partition nobody wrote to this night stays as it is, however it looks."""
    began = _began(ctx)
    if began is None:
        return JobResult(0, "no job of this night is on record: nothing to compact")
    done = [_compact(ctx.lake, name, values) for name, values in crowded_partitions(ctx.lake, began)]
    return JobResult(0, f"compacted {', '.join(done)}" if done else "no partition needs compacting", {"compacted": done})


def _began(ctx: JobContext) -> dt.datetime | None:
    """When the night's first attempt at a job began."""
    attempts = ctx.lake.read(CONTROL_TABLE).where(F.col("night_date") == F.lit(ctx.date))
    found: dt.datetime | None = attempts.agg(F.min("started_at")).collect()[0][0]
    return found


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
    log = lake.spark._jvm.org.apache.spark.sql.delta.DeltaLog  # type: ignore[union-attr]
    snapshot = log.forTable(lake.spark._jsparkSession, lake.path(name)).unsafeVolatileSnapshot()
    values = F.to_json("partitionValues").alias("partition")
    return DataFrame(snapshot.allFiles().toDF(), lake.spark).select(
        F.lit(name).alias("table"), values, "size", "modificationTime"
    )


def _compact(lake: Lake, name: str, values: dict[str, str]) -> str:
    """Merge the partition's small files; returns what was compacted, in words."""
    predicate = " AND ".join(f"{k} = '{v}'" for k, v in values.items())
    optimize = DeltaTable.forPath(lake.spark, lake.path(name)).optimize()
    (optimize.where(predicate) if predicate else optimize).executeCompaction()
    return f"{name} {predicate}".strip()
