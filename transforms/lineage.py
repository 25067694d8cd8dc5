"""From features back to what they are made of: the terms of policy days, the trips of days, the raw records of events."""

import datetime as dt
from collections.abc import Iterable, Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake.feature import DAY_TERMS, VA
from lake.features import Feature
from transforms.policy_days import driven, with_counted_device, with_vehicle

FIRST_AND_LAST = ("start_ts", "end_ts")
_OF_RECORD = (
    "event_ts", "speed_mps", "accel_lon_mps2", "accel_lat_mps2", "phone_use", "posted_limit_mps", "received_ts", "source_file",
    "source_line",
)  # fmt: skip


def terms_of_days(days: DataFrame, features: Sequence[Feature], date: dt.date) -> DataFrame:
    """local_date, source, distance_mm, trips, known_from and `terms`: per feature (feature, numerator, denominator), what the day
    adds to both sums, null outside the feature's window and where the day has no such sum. `days` are one vehicle's, as known."""
    age = F.date_diff(F.lit(date), F.col("local_date"))
    terms = [_term(feature, age, set(days.columns)) for feature in features]
    kept = F.array(*terms) if terms else F.array()
    return days.select("local_date", "source", "distance_mm", "trips", "known_from", kept.alias("terms"))


def _term(feature: Feature, age: Column, columns: set[str]) -> Column:
    inside = age.between(1, feature.window_days)

    def part(name: str | None) -> Column:
        if name == "days_driven":
            value = F.lit(1)
        elif name == "span_days":
            value = age
        elif name in DAY_TERMS:
            value = F.expr(DAY_TERMS[name])
        else:
            # features of many sums (regularity, heat map) have no one term to show
            value = F.col(name) if name in columns - {VA} else F.lit(None)
        return F.when(inside, value).cast("bigint")

    return F.struct(
        F.lit(feature.name).alias("feature"),
        part(feature.numerator).alias("numerator"),
        part(feature.denominator).alias("denominator"),
    )


def total(name: str | None, values: Iterable[int | None]) -> int | None:
    """A window's sum of what its days add; of the span the longest. None where no day says anything."""
    known = [v for v in values if v is not None]
    if not known:
        return None
    return max(known) if name == "span_days" else sum(known)


def trips_of_days(trips: DataFrame, devices: DataFrame, vehicle_id: str, dates: Sequence[dt.date]) -> DataFrame:
    """Trips that the vehicle's policy days of these dates are made of, with is_counted (false: of a second device in the car).
    Takes silver.trips and reference.devices as known; the dates prune the partitions."""
    utc = sorted({date + dt.timedelta(days=n) for date in dates for n in (-1, 0, 1)})
    began = driven(trips.where(F.col("start_date").isin(utc) & F.col("local_date").isin(list(dates))))
    return with_counted_device(with_vehicle(began, devices).where(F.col("vehicle_id") == vehicle_id))


def spans_of(trips: DataFrame, events: DataFrame) -> DataFrame:
    """Stretches of a device to show raw records of: `span` (the event's id, or trip_id/start_ts and trip_id/end_ts), source,
    device_id, start_ts, end_ts, and their UTC dates. An event is a stretch, a trip without one its first and its last point."""
    place = ("source", "device_id")
    shown = [events.select(F.col("event_id").alias("span"), *place, *FIRST_AND_LAST)]
    for end in FIRST_AND_LAST:
        at = (F.col(end).alias(x) for x in FIRST_AND_LAST)
        shown.append(trips.select(F.concat("trip_id", F.lit(f"/{end}")).alias("span"), *place, *at))
    both = shown[0].unionByName(shown[1]).unionByName(shown[2])
    return both.withColumns({"first_date": F.to_date("start_ts"), "last_date": F.to_date("end_ts")})


def records_of(points: DataFrame, spans: DataFrame, at: dt.datetime, most: int) -> DataFrame:
    """Per span the first `most` raw records that were received before `at` and count, in order of time, without their positions,
    and `records`, how many there are. Of one instant the smallest record_id counts. `points` are pruned to the dates."""
    known = points.where(F.col("received_ts") < F.lit(at)).alias("p")
    within = F.col("p.event_ts").between(F.col("s.start_ts"), F.col("s.end_ts"))
    same = (F.col("p.source") == F.col("s.source")) & (F.col("p.device_id") == F.col("s.device_id"))
    met = known.join(F.broadcast(spans.alias("s")), on=same & within, how="inner").select("s.span", "p.record_id", *_OF_RECORD)
    instant = Window.partitionBy("span", "event_ts").orderBy("record_id")
    counted = met.withColumn("_nth", F.row_number().over(instant)).where("_nth = 1")
    whole = Window.partitionBy("span")
    numbered = counted.withColumn("_place", F.row_number().over(whole.orderBy("event_ts")))
    all_of = numbered.withColumn("records", F.count(F.lit(1)).over(whole))
    return all_of.where(F.col("_place") <= most).select("span", "records", *_OF_RECORD)


def tells_of(feature: Feature, kind: str, rung: int | None) -> bool:
    """Whether an event is of those that the feature counts: brake_r3 counts brakes of rung 3 or more."""
    name = feature.numerator
    if not name.startswith(f"{kind}_") and not (kind == "speeding" and name.startswith("speeding")):
        return False
    _, _, least = name.partition("_r")
    return (rung or 0) >= int(least) if least.isdigit() else True
