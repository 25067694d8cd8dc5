"""Trips and events to policy days: additive sums per insured vehicle and local day."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake.table import START_SLOTS
from lake.tables import LADDER_KINDS, POLICY_DAYS, RUNGS
from transforms.arrays import sums_by_place
from transforms.trips import MODE_DRIVING

_TRIP_SUMS = (
    "distance_mm", "duration_ms", "moving_ms", "night_ms", "rush_ms", "speeding_ms", "limit_known_ms", "phone_ms",
    "phone_known_ms", "covered_ms",
)  # fmt: skip
_SUMS_WHERE_KNOWN = (
    "idle_ms", "weekend_ms", "holiday_ms", "motorway_mm", "main_mm", "local_mm", "wet_ms", "weather_known_ms",
)  # fmt: skip
"""Null of a trip where it is not known, and of a day where it is of none of its trips."""
_COUNTED_KINDS = ("speeding", "phone")
_DAY = ("vehicle_id", "local_date")
_HOURS_A_SLOT = 4
_WEEKEND = (1, 7)
"""Sunday and Saturday by Spark's dayofweek."""


def driven(trips: DataFrame) -> DataFrame:
    """Trips that make policy days: all but those on foot, which a carried device records too. A mode that is null is driving."""
    return trips.where(F.coalesce("mode", F.lit(MODE_DRIVING)) == MODE_DRIVING)


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
    """Trips of a vehicle with is_counted: whether no better device recorded any of the same driving.

    Two devices in one car record the same driving at the same time: a trip counts unless it overlaps one of a device that has
    the longer covered time on that local day, or as long and comes first by name. A device that replaces another in the course of
    the day adds its own trips.
    """
    device_day = Window.partitionBy(*_DAY, "source", "device_id")
    best = Window.partitionBy(*_DAY).orderBy(F.desc("_covered"), F.asc("source"), F.asc("device_id"))
    ranked = mapped.withColumn("_covered", F.sum("covered_ms").over(device_day)).withColumn("_rank", F.dense_rank().over(best))
    # at most a day's trips of a car, so an array of them is small
    others = F.collect_list(F.struct("_rank", "start_ts", "end_ts")).over(Window.partitionBy(*_DAY))

    def is_same_driving(other: Column) -> Column:
        overlaps = (other["start_ts"] < F.col("end_ts")) & (other["end_ts"] > F.col("start_ts"))
        return (other["_rank"] < F.col("_rank")) & overlaps

    counted = ranked.withColumn("_others", others).withColumn("is_counted", ~F.exists("_others", is_same_driving))
    return counted.drop("_covered", "_rank", "_others")


def policy_days(trips: DataFrame, events: DataFrame, devices: DataFrame) -> DataFrame:
    """One row for each vehicle and local day on which it drove, in the columns of gold.policy_days.

    Takes silver.trips, silver.events and reference.devices as known. A trip belongs to the local day on which it began.
    Trips on foot, of a device without vehicle, and of a second device in the car, are left out. known_from is the largest of the
    trips' and their mappings'.
    """
    counted = with_counted_device(with_vehicle(driven(trips), devices).where(F.col("vehicle_id").isNotNull()))
    counted = counted.where(F.col("is_counted"))
    return daily_sums(counted, events)


def daily_sums(counted: DataFrame, events: DataFrame) -> DataFrame:
    """The sums of policy_days over trips that have their vehicle and all count."""
    whole = counted.join(_event_counts(events), on="trip_id", how="left")
    days = whole.groupBy(*_DAY).agg(
        F.min("source").alias("source"),
        F.count(F.lit(1)).alias("trips"),
        *(F.sum(x).alias(x) for x in (*_TRIP_SUMS, *_SUMS_WHERE_KNOWN)),
        # a trip of which nobody says otherwise was measured on all of its way
        *(F.sum(F.coalesce(x, "distance_mm")).alias(x) for x in ("harsh_known_mm", "corner_known_mm", "moving_mm")),
        F.sum(F.round(F.col("quality") * F.col("distance_mm")).cast("bigint")).alias("quality_mm"),
        *(F.count_if(_begins_in(slot)).alias(f"starts_{slot[0]}_{slot[1]:02d}") for slot in START_SLOTS),
        sums_by_place("va_ms").alias("va_ms"),
        *(F.sum(F.coalesce(x, F.lit(0))).alias(x) for x in _event_columns()),
        F.max(F.greatest("known_from", "mapped_ts")).alias("known_from"),
    )
    dated = days.withColumns({"local_month": F.date_format("local_date", "yyyy-MM"), "known_to": F.lit(None).cast("timestamp")})
    return dated.select(*(F.col(x.name).cast(x.type).alias(x.name) for x in POLICY_DAYS.columns))


def _begins_in(slot: tuple[str, int]) -> Column:
    """Whether a trip begins in one of lake.table.START_SLOTS, by the clock and calendar of the place where it begins."""
    day, hour = slot
    is_weekend = F.dayofweek("local_date").isin(*_WEEKEND)
    begun = F.hour(F.from_utc_timestamp("start_ts", F.col("tz")))
    return (is_weekend if day == "weekend" else ~is_weekend) & begun.between(hour, hour + _HOURS_A_SLOT - 1)


def _event_columns() -> dict[str, Column]:
    """Counting condition by column: ladder counts are cumulative, brake_r3 counts brakes that reach rung 3 or more."""
    ladder = {f"{kind}_r{rung}": (F.col("kind") == kind) & (F.col("rung") >= rung) for kind in LADDER_KINDS for rung in RUNGS}
    return {**ladder, **{f"{kind}_events": F.col("kind") == kind for kind in _COUNTED_KINDS}}


def _event_counts(events: DataFrame) -> DataFrame:
    return events.groupBy("trip_id").agg(*(F.count_if(condition).alias(name) for name, condition in _event_columns().items()))
