"""Restating a bitemporal table: what to close and what to add, as a pure function of what was known and what is so now."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

TICK = "INTERVAL 1 MICROSECOND"


def held_by(rows: DataFrame, trips: DataFrame) -> DataFrame:
    """Rows (source, device_id, start_ts ...) whose first point lies in one of the trips, with gone_ts, that trip's
    known_from, and superseded_by, its trip_id: what replaces the row if it is gone. Rows of no such trip are left out."""
    holder = trips.select(
        F.col("source").alias("_source"), F.col("device_id").alias("_device"), F.col("start_ts").alias("_start"),
        F.col("end_ts").alias("_end"), F.col("known_from").alias("gone_ts"), F.col("trip_id").alias("superseded_by"),
    )  # fmt: skip
    same_device = (F.col("source") == F.col("_source")) & (F.col("device_id") == F.col("_device"))
    within = F.col("start_ts").between(F.col("_start"), F.col("_end"))
    held = rows.drop("superseded_by").join(holder, on=same_device & within, how="inner")
    return held.drop("_source", "_device", "_start", "_end")


def restate(current: DataFrame, computed: DataFrame, key: Sequence[str], content: Sequence[str]) -> tuple[DataFrame, DataFrame]:
    """What to close and what to add so that `current` becomes `computed`: (closes, adds).

    `current` holds the rows as known, with known_from, `gone_ts` (from when a row that is not in `computed` was known to be
    gone; null: it stays) and optionally superseded_by (what then takes its place). `computed` holds the rows as they are
    now, with known_from as their inputs give it. Rows that agree in `content` stay as they are. An added version is known
    from at least a microsecond after the one it replaces, and that one until then.
    """
    kept = [x for x in current.columns if x not in key]
    was = current.select(*key, F.struct(*kept).alias("was"))
    now = computed.select(*key, F.struct(*(x for x in computed.columns if x not in key)).alias("now"))
    both = was.join(now, on=list(key), how="full_outer")
    differs = both.where(F.col("now").isNotNull() & ~_same(content))
    adds = differs.withColumn("known_from", _after(F.col("now.known_from")))
    others = [F.col(f"now.{x}") for x in computed.columns if x not in (*key, "known_from")]
    return _closes(both, kept, key, content), adds.select(*key, "known_from", *others).select(*computed.columns)


def _closes(both: DataFrame, kept: Sequence[str], key: Sequence[str], content: Sequence[str]) -> DataFrame:
    is_gone = F.col("now").isNull()
    replaced = F.when(is_gone, F.col("was.gone_ts")).when(~_same(content), F.col("now.known_from"))
    closed = both.where(F.col("was").isNotNull()).withColumn("known_to", F.when(replaced.isNotNull(), _after(replaced)))
    plain = [F.col(f"was.{x}") for x in kept if x not in ("known_to", "gone_ts", "superseded_by")]
    successor = [F.when(is_gone, F.col("was.superseded_by")).alias("superseded_by")] if "superseded_by" in kept else []
    return closed.where(F.col("known_to").isNotNull()).select(*key, *plain, "known_to", *successor)


def _same(content: Sequence[str]) -> Column:
    was, now = (F.struct(*(F.col(f"{side}.{x}").alias(x) for x in content)) for side in ("was", "now"))
    return F.col("was").isNotNull() & F.col("now").isNotNull() & was.eqNullSafe(now)


def _after(change: Column) -> Column:
    """The change's time, or a microsecond after the version it replaces became known, whichever is later."""
    return F.greatest(change, F.col("was.known_from") + F.expr(TICK))
