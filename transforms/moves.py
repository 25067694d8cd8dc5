"""What was learned of the past since: how rows as known at a time differ from the rows as known today."""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.clock import as_known, current
from transforms.bitemporal import changes

ADDED, CHANGED, GONE = "added", "changed", "gone"
TRIP_CONTENT = ("distance_mm", "events")
MOVED_TYPE = "array<struct<column:string,then:double,now:double>>"


def learned_since(at: dt.datetime) -> Column:
    """True for versions that were added or closed from `at` on."""
    return (F.col("known_from") >= F.lit(at)) | (F.col("known_to") >= F.lit(at))


def as_if_known(versions: DataFrame, at: dt.datetime) -> DataFrame:
    """Today's versions, dated as if they had been known at `at`."""
    return current(versions).withColumn("known_from", F.lit(at - dt.timedelta(microseconds=1)))


def moved_rows(versions: DataFrame, at: dt.datetime, key: Sequence[str], content: Sequence[str]) -> DataFrame:
    """Rows that were known otherwise at `at` than today: the key, `change` (added, changed, gone), and the structs `was` (null:
    added) and `now` (null: gone). `versions` has every version of a bitemporal table, or those that were learned since."""
    since = versions.where(learned_since(at))
    then = since.where(F.col("known_from") < F.lit(at)).withColumn("gone_ts", F.col("known_to"))
    return changes(then, current(since), key, content).withColumn("change", _change())


def moved_trips(trips: DataFrame, events: DataFrame, at: dt.datetime) -> DataFrame:
    """Trips that were known otherwise at `at`, or an event of theirs was: change, trip_id, device_id, start_ts, local_date,
    distance_mm and events (how many) then and now, superseded_by. Takes every version of silver.trips and silver.events."""
    touched = trips.where(learned_since(at)).select("trip_id").union(events.where(learned_since(at)).select("trip_id")).distinct()
    ours = trips.join(F.broadcast(touched), on="trip_id", how="left_semi")
    theirs = events.join(F.broadcast(touched), on="trip_id", how="left_semi")
    facts = [x for x in trips.columns if x not in ("trip_id", "known_from", "known_to", "superseded_by")]
    then = _with_events(as_known(ours, at), as_known(theirs, at)).select(
        "trip_id", F.struct(*facts, "_events", "events").alias("was")
    )
    now = _with_events(current(ours), current(theirs)).select("trip_id", F.struct(*facts, "_events", "events").alias("now"))
    gone = ours.where(F.col("known_to") >= F.lit(at)).groupBy("trip_id").agg(F.max("superseded_by").alias("superseded_by"))
    both = then.join(now, on="trip_id", how="full_outer").where(~F.col("was").eqNullSafe(F.col("now")))
    described = both.join(gone, on="trip_id", how="left").withColumn("change", _change())
    return described.select(
        "change", "trip_id", *(_either(x) for x in ("device_id", "start_ts", "local_date")), *_then_and_now(TRIP_CONTENT),
        F.when(F.col("change") == GONE, F.col("superseded_by")).alias("superseded_by"),
    )  # fmt: skip


def _with_events(trips: DataFrame, events: DataFrame) -> DataFrame:
    """Adds `events`, their number, and _events, their content: one that changes leaves the number."""
    names = [x for x in events.columns if x not in ("trip_id", "known_from", "known_to")]
    content = F.bit_xor(F.xxhash64(*names)).alias("_events")
    counts = events.groupBy("trip_id").agg(F.count(F.lit(1)).alias("events"), content)
    return trips.join(counts, on="trip_id", how="left").fillna(0, ["events", "_events"])


def moved_days(days: DataFrame, at: dt.datetime) -> DataFrame:
    """Policy days that were known otherwise at `at`: change, vehicle_id, local_date, distance_mm then and now, and `moved`,
    the sums that differ, each with its value then and now; of a day that is new or gone, those that are not 0."""
    sums = [x for x, type_ in days.dtypes if type_ == "bigint"]
    rows = moved_rows(days, at, ("vehicle_id", "local_date"), sums)
    return rows.select("change", "vehicle_id", "local_date", *_then_and_now(("distance_mm",)), moved_values(sums, zero=True))


def moved_features(then: DataFrame, now: DataFrame, names: Sequence[str]) -> DataFrame:
    """vehicle_id and `moved`, the features that differ, for the vehicles of `now` with any."""
    was = then.select("vehicle_id", F.struct(*names).alias("was"))
    both = now.select("vehicle_id", F.struct(*names).alias("now")).join(was, on="vehicle_id", how="left")
    return both.select("vehicle_id", moved_values(names)).where(F.size("moved") > 0)


def moved_values(names: Sequence[str], zero: bool = False) -> Column:
    """Of the structs `was` and `now`, the fields that differ, as (column, then, now); with `zero`, a missing value is 0."""
    values = [F.struct(F.lit(x).alias("column"), _number("was", x, zero), _number("now", x, zero)) for x in names]
    differ = F.filter(F.array(*values), lambda v: ~v["then"].eqNullSafe(v["now"]))
    return differ.cast(MOVED_TYPE).alias("moved")


def _number(side: str, name: str, zero: bool) -> Column:
    value = F.col(f"{side}.{name}").cast("double")
    return (F.coalesce(value, F.lit(0.0)) if zero else value).alias("then" if side == "was" else "now")


def _change() -> Column:
    return F.when(F.col("was").isNull(), ADDED).when(F.col("now").isNull(), GONE).otherwise(CHANGED)


def _either(name: str) -> Column:
    return F.coalesce(f"now.{name}", f"was.{name}").alias(name)


def _then_and_now(names: Sequence[str]) -> list[Column]:
    return [F.col(f"{side}.{x}").alias(f"{x}_{when}") for x in names for side, when in (("was", "then"), ("now", "now"))]
