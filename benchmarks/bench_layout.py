"""Four layouts of bronze.points: what it costs to write and keep them, and what the reads of a night and of people cost."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.measure import Row, bytes_read, cpu_seconds
from lake.conf import load_conf
from lake.session import spark_session
from lake.tables import POINTS

DEVICES = int(os.environ.get("TELEMATICS_BENCH_DEVICES", "1000"))
DAYS, POINTS_A_DAY = 30, 100
FIRST_DAY = "2026-01-01"
FILE_BYTES = 2 << 20
"""Some eight files a day: a sixtieth of 128 MB, for a sixtieth of the points of a small fleet's day."""
LATE_EVERY, LATE_DAYS = 50, 10
"""Of the devices, one in so many sends points of so many days late."""
WRITING_TASKS = 8


@dataclass(frozen=True)
class Layout:
    """How the table is made, how rows come to it, and how it is kept."""

    name: str
    clustered_by: tuple[str, ...] = ()
    sorted_by: tuple[str, ...] = ()
    z_ordered_by: tuple[str, ...] = ()
    measured: dict[str, float] = field(default_factory=dict)


def layouts() -> list[Layout]:
    """The first is the one in use."""
    return [
        Layout("partitioned by event_date"),
        Layout("the same, each write sorted by device", sorted_by=("device_id", "event_ts")),
        Layout("the same, Z-ordered by device", z_ordered_by=("device_id",)),
        Layout("clustered by event_date and device", clustered_by=("event_date", "device_id")),
    ]


def run() -> list[Row]:
    """A row a figure and layout; the peer is the layout in use."""
    conf = load_conf("local")
    spark = spark_session(conf, "benchmark")
    spark.conf.set("spark.databricks.delta.optimize.maxFileSize", FILE_BYTES)
    spark.conf.set("spark.databricks.delta.optimize.minFileSize", FILE_BYTES * 3 // 4)
    found = layouts()
    with tempfile.TemporaryDirectory() as work:
        points(spark, 0, DAYS).write.parquet(f"{work}/days")
        late(points(spark, DAYS - LATE_DAYS, DAYS)).unionByName(points(spark, DAYS, DAYS + 1)).write.parquet(f"{work}/next")
        measure(spark, Layout("warm-up"), work, "warm")
        for n, layout in enumerate(found):
            measure(spark, layout, work, str(n))
    used = found[0].measured
    return [
        Row(f"{x.name}: {what}", x.measured[what], used[what], "CPU s" if "CPU" in what else "MB", f"Spark {spark.version}")
        for x in found[1:]
        for what in used
    ]


def points(spark: SparkSession, first: int, end: int) -> DataFrame:
    """Points of every device on the days [first, end), in the columns of bronze.points; the files of a day hold all devices."""
    rows = spark.range(first * DEVICES * POINTS_A_DAY, end * DEVICES * POINTS_A_DAY, numPartitions=WRITING_TASKS)
    of_day = F.col("id") % (DEVICES * POINTS_A_DAY)
    day = (F.col("id") / (DEVICES * POINTS_A_DAY)).cast("int")
    rows = rows.withColumn("event_date", F.date_add(F.lit(FIRST_DAY).cast("date"), day))
    seconds = (of_day / DEVICES).cast("int") * 10
    made = {
        "source": F.lit("bench"), "record_id": F.sha2(F.col("id").cast("string"), 256),
        "device_id": F.format_string("d%06d", (of_day * 7919) % DEVICES),
        "event_ts": F.timestamp_seconds(F.unix_timestamp(F.col("event_date").cast("timestamp")) + seconds),
        "received_ts": F.date_add("event_date", 1).cast("timestamp"), "source_file": F.lit("bench.jsonl.gz"),
        "source_line": F.col("id"), "content_sha256": F.lit("0" * 64),
    }  # fmt: skip
    names = [x for x in POINTS.columns if x.name not in made and x.name != "event_date"]
    rest = {x.name: F.rand(7) if x.type == "double" else F.lit(None) for x in names}
    every = made | rest | {"event_date": F.col("event_date")}
    return rows.select(*(every[x.name].cast(x.type).alias(x.name) for x in POINTS.columns))


def late(rows: DataFrame) -> DataFrame:
    """The points of some devices once more, as other records of a later day."""
    some = rows.where(F.substr("device_id", F.lit(2)).cast("int") % LATE_EVERY == 0)
    return some.withColumn("record_id", F.sha2(F.concat("record_id", F.lit("late")), 256))


def measure(spark: SparkSession, layout: Layout, work: str, name: str) -> None:
    """Fill a table of the layout, keep it, read it, and note the figures in the layout."""
    path = str(Path(work) / f"table_{name}")
    create(spark, layout, path)
    days, following = (spark.read.parquet(f"{work}/{x}") for x in ("days", "next"))
    note = layout.measured
    _, note["CPU to write 30 days"] = cpu_seconds(lambda: append(layout, days, path))
    _, note["CPU to compact them"] = cpu_seconds(lambda: compact(spark, layout, path, f"event_date < date'{FIRST_DAY}' + 30"))
    _, note["CPU to write a day and what came late"] = cpu_seconds(lambda: append(layout, following, path))
    for what, read in reads(spark.read.format("delta").load(path)).items():
        note[what] = bytes_read(read) / 1e6


def create(spark: SparkSession, layout: Layout, path: str) -> None:
    """An empty table."""
    builder = DeltaTable.create(spark).location(path).addColumns(POINTS.schema)
    measured = [*POINTS.skipping, "device_id", *(["event_date"] if layout.clustered_by else [])]
    builder = builder.property("delta.dataSkippingStatsColumns", ",".join(measured))
    (builder.clusterBy(*layout.clustered_by) if layout.clustered_by else builder.partitionedBy("event_date")).execute()


def append(layout: Layout, rows: DataFrame, path: str) -> None:
    """One commit, as a load does it."""
    rows = rows.sortWithinPartitions("event_date", *layout.sorted_by) if layout.sorted_by else rows
    rows.write.format("delta").mode("append").save(path)


def compact(spark: SparkSession, layout: Layout, path: str, where: str) -> None:
    """Delta's OPTIMIZE, in the layout's order."""
    optimize = DeltaTable.forPath(spark, path).optimize()
    if layout.clustered_by:
        optimize.executeCompaction()
    elif layout.z_ordered_by:
        optimize.where(where).executeZOrderBy(*layout.z_ordered_by)
    else:
        optimize.where(where).executeCompaction()


def reads(table: DataFrame) -> dict[str, Callable[[], object]]:
    """What is read of the table: by people, by the night, and by a load that looks for duplicates."""
    day, device = F.col("event_date") == "2026-01-15", F.col("device_id") == "d000050"
    late_days = F.col("event_date") >= "2026-01-21"
    columns = ("device_id", "event_ts", "lat", "lon", "speed_mps")
    return {
        "MB read for one device's day": lambda: table.where(day & device).select(*columns).toPandas(),
        "MB read for one device": lambda: table.where(device).select(*columns).toPandas(),
        "MB read for a day": lambda: table.where(day).select(*columns).write.format("noop").mode("overwrite").save(),
        "MB read for the ids of the days touched": lambda: table.where(late_days).select("record_id").distinct().count(),
    }
