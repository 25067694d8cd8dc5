"""Trips and events to policy days: additive sums per insured vehicle and local day."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake.tables import LADDER_KINDS, POLICY_DAYS, RUNGS

_TRIP_SUMS = (
    "distance_mm", "duration_ms", "moving_ms", "night_ms", "rush_ms", "speeding_ms", "limit_known_ms", "phone_ms",
    "phone_known_ms", "covered_ms",
)  # fmt: skip
_COUNTED_KINDS = ("speeding", "phone")
_DAY = ("vehicle_id", "local_date")


def with_vehicle(trips: DataFrame, devices: DataFrame) -> DataFrame:
    """Trips with vehicle_id, the vehicle their device sat in when they began, and mapped_ts, from when that was known.

    Both are null where no interval [valid_from, valid_to) of `devices` holds start_ts. Where intervals of a device overlap,
    the one that began last holds; of equal ones that of the vehicle first by name.
    """
    renamed = {"device_id": "_device", "vehicle_id": "_vehicle", "known_from": "_known"}
    mapping = devices.withColumnsRenamed(renamed).select(*renamed.values(), "valid_from", "valid_to")
    within = (F.col("start_ts") >= F.col("valid_from")) & (F.col("valid_to").isNull() | (F.col("start_ts") < F.col("valid_to")))
    joined = trips.join(mapping, on=(F.col("device_id") == F.col("_device")) & within, how="left")
    last_begun = Window.partitionBy("trip_id").orderBy(F.desc("valid_from"), F.asc("_vehicle"))
    best = joined.withColumn("_place", F.row_number().over(last_begun)).where(F.col("_place") == 1)
    named = best.withColumnsRenamed({"_vehicle": "vehicle_id", "_known": "mapped_ts"})
    return named.drop("_device", "_place", "valid_from", "valid_to")


def with_counted_device(mapped: DataFrame) -> DataFrame:
    """Trips of a vehicle with is_counted: whether their device is the one that counts for the vehicle's local day.

    Two devices in one car record the same driving. The one with the longest covered time counts, then the first by name.
    """
    device_day = Window.partitionBy(*_DAY, "source", "device_id")
    best = Window.partitionBy(*_DAY).orderBy(F.desc("_covered"), F.asc("source"), F.asc("device_id"))
    ranked = mapped.withColumn("_covered", F.sum("covered_ms").over(device_day)).withColumn("_rank", F.dense_rank().over(best))
    return ranked.withColumn("is_counted", F.col("_rank") == 1).drop("_covered", "_rank")


def policy_days(trips: DataFrame, events: DataFrame, devices: DataFrame) -> DataFrame:
    """One row for each vehicle and local day on which it drove, in the columns of gold.policy_days.

    Takes silver.trips, silver.events and reference.devices as known. A trip belongs to the local day on which it began.
    Trips of a device without vehicle, and of a second device in the car, are left out. known_from is the largest of the
    trips' and their mappings'.
    """
    counted = with_counted_device(with_vehicle(trips, devices).where(F.col("vehicle_id").isNotNull())).where(F.col("is_counted"))
    return daily_sums(counted, events)


def daily_sums(counted: DataFrame, events: DataFrame) -> DataFrame:
    """The sums of policy_days over trips that have their vehicle and all count."""
    whole = counted.join(_event_counts(events), on="trip_id", how="left")
    zero = F.lit(0)
    days = whole.groupBy(*_DAY).agg(
        F.min("source").alias("source"),
        F.count(F.lit(1)).alias("trips"),
        *(F.sum(x).alias(x) for x in _TRIP_SUMS),
        *(F.sum(F.coalesce(x, zero)).alias(x) for x in _event_columns()),
        F.max(F.greatest("known_from", "mapped_ts")).alias("known_from"),
    )
    dated = days.withColumns({"local_month": F.date_format("local_date", "yyyy-MM"), "known_to": F.lit(None).cast("timestamp")})
    have = set(dated.columns)
    return dated.select(
        *((F.col(x.name) if x.name in have else F.lit(None)).cast(x.type).alias(x.name) for x in POLICY_DAYS.columns)
    )


def _event_columns() -> dict[str, Column]:
    """Counting condition by column: ladder counts are cumulative, brake_r3 counts brakes that reach rung 3 or more."""
    ladder = {f"{kind}_r{rung}": (F.col("kind") == kind) & (F.col("rung") >= rung) for kind in LADDER_KINDS for rung in RUNGS}
    return {**ladder, **{f"{kind}_events": F.col("kind") == kind for kind in _COUNTED_KINDS}}


def _event_counts(events: DataFrame) -> DataFrame:
    return events.groupBy("trip_id").agg(*(F.count_if(condition).alias(name) for name, condition in _event_columns().items()))
