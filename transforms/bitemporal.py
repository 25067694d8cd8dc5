"""Restating a bitemporal table: what to close and what to add, as a pure function of what was known and what is so now."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

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


def changes(current: DataFrame, computed: DataFrame, key: Sequence[str], content: Sequence[str]) -> DataFrame:
    """What must change for `current` to become `computed`: the key, and the structs `was` (null: new) and `now` (null: gone).

    `current` holds the rows as known, with known_from, `gone_ts` (from when a row that is not in `computed` was known to be
    gone; null: it stays) and optionally superseded_by (what then takes its place). `computed` holds the rows as they are
    now, with known_from as their inputs give it. Rows that agree in `content` stay as they are and are not in the result.
    """
    was = current.select(*key, F.struct(*(x for x in current.columns if x not in key)).alias("was"))
    now = computed.select(*key, F.struct(*(x for x in computed.columns if x not in key)).alias("now"))
    both = was.join(now, on=list(key), how="full_outer")
    is_gone = F.col("now").isNull() & F.col("was.gone_ts").isNotNull()
    return both.where(is_gone | (F.col("now").isNotNull() & ~_same(content)))


def adds(changed: DataFrame) -> DataFrame:
    """Versions to add. One is known from at least a microsecond after the one it replaces."""
    names = [x for x in _fields(changed, "now") if x != "known_from"]
    rows = changed.where(F.col("now").isNotNull())
    return rows.select(*_key(changed), _after(F.col("now.known_from")).alias("known_from"), *(f"now.{x}" for x in names))


def closes(changed: DataFrame) -> DataFrame:
    """Versions to close: known until what replaces them is known, or until they were known to be gone."""
    is_gone = F.col("now").isNull()
    until = _after(F.when(is_gone, F.col("was.gone_ts")).otherwise(F.col("now.known_from")))
    fields = _fields(changed, "was")
    plain = [F.col(f"was.{x}") for x in fields if x not in ("known_to", "gone_ts", "superseded_by")]
    successor = [F.when(is_gone, F.col("was.superseded_by")).alias("superseded_by")] if "superseded_by" in fields else []
    return changed.where(F.col("was").isNotNull()).select(*_key(changed), *plain, until.alias("known_to"), *successor)


def _key(changed: DataFrame) -> list[str]:
    return [x for x in changed.columns if x not in ("was", "now")]


def _fields(changed: DataFrame, side: str) -> list[str]:
    struct = changed.schema[side].dataType
    if not isinstance(struct, StructType):
        raise TypeError(f"a struct is needed, not {struct}")
    return struct.names


def _same(content: Sequence[str]) -> Column:
    was, now = (F.struct(*(F.col(f"{side}.{x}").alias(x) for x in content)) for side in ("was", "now"))
    return F.col("was").isNotNull() & F.col("now").isNotNull() & was.eqNullSafe(now)


def _after(change: Column) -> Column:
    """The change's time, or a microsecond after the version it replaces became known, whichever is later."""
    return F.greatest(change, F.col("was.known_from") + F.expr(TICK))
