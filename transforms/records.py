"""A record's identity, its duplicates, and the line it stood in."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake.tables import POINTS

PROVENANCE = (
    "record_id", "source", "device_id", "event_ts", "event_date", "received_ts", "source_file", "source_line", "content_sha256",
)  # fmt: skip
PAYLOAD = tuple(x for x in POINTS.names if x not in PROVENANCE)
PLACE = ("received_ts", "source_file", "source_line")
TIME = ("device_id", "event_ts")
CONFLICT = "conflict"


def record_id() -> Column:
    """sha256 of source, device, event time in microseconds and the canonical payload as JSON without nulls."""
    micros = F.unix_micros("event_ts").cast("string")
    payload = F.to_json(F.struct(*PAYLOAD))
    return F.sha2(F.to_json(F.array(F.col("source"), F.col("device_id"), micros, payload)), 256)


def digest(columns: tuple[str, ...]) -> Column:
    """sha256 of the columns as JSON: equal content has an equal digest, null included."""
    return F.sha2(F.to_json(F.struct(*columns), {"ignoreNullFields": "false"}), 256)


def repeated(points: DataFrame, known: DataFrame) -> DataFrame:
    """Hashes of device and time (`time_hash`, bigint) that `points` has more than once, or once and `known` as well: few, so
    that only their records need be compared by the whole id, which has device and time in it. Both are of one source."""
    new = points.select(time_hash(), F.lit(1).alias("new"))
    counted = new.unionByName(known.select(time_hash(), F.lit(0).alias("new"))).groupBy("time_hash")
    return counted.agg(F.count(F.lit(1)).alias("n"), F.max("new").alias("new")).where("n > 1 AND new = 1").select("time_hash")


def time_hash() -> Column:
    """64 bits of device and time."""
    return F.xxhash64("device_id", "event_ts").alias("time_hash")


def not_to_write(points: DataFrame, known: DataFrame) -> DataFrame:
    """What became of accepted records that are not the only one of their device and time: source_file, source_line, status.

    `points` has record_id, device_id, event_ts, content_sha256 and the columns of PLACE; `known` has the first four and
    source_line, of records in the target. status is `present` where the target has this very line of this very file (a load
    that runs again), else `duplicate`: neither is to be written. Of equal records in the load the one with the smallest PLACE
    stays. `conflict` is a record that is to be written beside another of the same device and time.
    """
    there = known.select("record_id", F.col("content_sha256").alias("_sha"), F.col("source_line").alias("_line"))
    told = known.groupBy(*TIME).agg(F.min("record_id").alias("_told"))
    of_time = Window.partitionBy(*TIME)
    first = F.row_number().over(Window.partitionBy(*TIME, "record_id").orderBy(*PLACE)) == 1
    same_line = (F.col("_sha") == F.col("content_sha256")) & (F.col("_line") == F.col("source_line"))
    is_other = F.col("_told").isNotNull() | (F.col("record_id") != F.col("_least"))
    status = (
        F.when(F.col("_sha").isNotNull(), F.when(same_line, "present").otherwise("duplicate"))
        .when(~F.col("_first"), "duplicate")
        .when(is_other, CONFLICT)
    )  # fmt: skip
    judged = points.withColumn("_least", F.min("record_id").over(of_time)).withColumn("_first", first)
    judged = judged.join(there, on="record_id", how="left").join(told, on=list(TIME), how="left").withColumn("status", status)
    return judged.where(F.col("status").isNotNull()).select("source_file", "source_line", "status")
