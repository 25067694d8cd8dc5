"""A record's identity, its duplicates, and the line it stood in."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake.tables import POINTS

PROVENANCE = (
    "record_id", "source", "device_id", "event_ts", "event_date", "received_ts", "source_file", "source_line", "content_sha256",
)  # fmt: skip
PAYLOAD = tuple(x for x in POINTS.names if x not in PROVENANCE)
PLACE = ("received_ts", "source_file", "source_line")


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
    that only their records need be compared by the whole id, which has device and time in it. Both are of one source. With
    how many records each has of them (`new`, `old`)."""
    both = points.select(time_hash(), F.lit(1).alias("is_new")).unionByName(known.select(time_hash(), F.lit(0).alias("is_new")))
    counted = both.groupBy("time_hash").agg(F.sum("is_new").alias("new"), F.sum(1 - F.col("is_new")).alias("old"))
    return counted.where("new > 0 AND new + old > 1")


def time_hash() -> Column:
    """64 bits of device and time."""
    return F.xxhash64("device_id", "event_ts").alias("time_hash")


def not_to_write(points: DataFrame, known: DataFrame) -> DataFrame:
    """Accepted records that need not be written: source_file, source_line, status.

    `points` has record_id, content_sha256 and the columns of PLACE; `known` has record_id, content_sha256 and source_line of
    records in the target. status is `present` where the target has this very line of this very file (a load that runs
    again), else `duplicate`. Of equal records in the load the one with the smallest PLACE stays.
    """
    there = known.select("record_id", F.col("content_sha256").alias("_sha"), F.col("source_line").alias("_line"))
    first = F.row_number().over(Window.partitionBy("record_id").orderBy(*PLACE)) == 1
    same_line = (F.col("_sha") == F.col("content_sha256")) & (F.col("_line") == F.col("source_line"))
    status = (
        F.when(F.col("_sha").isNotNull(), F.when(same_line, "present").otherwise("duplicate"))
        .when(~F.col("_first"), "duplicate")
    )  # fmt: skip
    judged = points.withColumn("_first", first).join(there, on="record_id", how="left").withColumn("status", status)
    return judged.where(F.col("status").isNotNull()).select("source_file", "source_line", "status")
