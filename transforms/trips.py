"""Points to trips. Raw points are shuffled once, by device, and sorted once, by time."""

from collections.abc import Callable, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.sources import Source
from lake.tables import TRIPS
from transforms.local_time import local_date, night_ms, quarter_of, rush_ms, zone_at
from transforms.steps import COVERED_STEP_MS, MOVING_MPS, by_time, elapsed_ms, with_jumps, with_neighbours, with_steps

SEGMENTATION = "v1"
"""Version of the rule; part of trip_id, so another rule gives other trips beside the old ones."""
MS_PER_S = 1000
INPUT = (
    "source", "device_id", "event_ts", "record_id", "received_ts", "lat", "lon", "speed_mps", "accel_lon_mps2",
    "accel_lat_mps2", "posted_limit_mps", "phone_use",
)  # fmt: skip
"""Columns of bronze.points that trips and events are made from."""
SEGMENTED = (
    "trip_id", "source", "device_id", "event_ts", "previous_ts", "received_ts", "lat", "lon", "is_jump", "step_ms",
    "haversine_mm", "integral_mm", "speed_mps", "motion_mps", "entry_speed_mps", "accel_lon_mps2", "accel_lat_mps2",
    "posted_limit_mps", "phone_use",
)  # fmt: skip
_TRIP = ("source", "device_id", "trip_id")
_SUMS = (
    "points", "haversine_mm", "integral_mm", "positions", "speeds", "covered_ms", "moving_ms", "speeding_ms",
    "limit_known_ms", "phone_ms", "phone_known_ms", "jump_points",
)  # fmt: skip


def per_source(sources: Mapping[str, Source], value: Callable[[Source], object]) -> Column:
    """A setting of the row's source as a column; a source that is not in the mapping fails the query, naming it."""
    pairs = [F.lit(x) for name, source in sources.items() for x in (name, value(source))]
    unknown = F.raise_error(F.concat(F.lit("no rules for source "), F.col("source")))
    return F.coalesce(F.create_map(*pairs)[F.col("source")], unknown) if pairs else unknown


def segmentation_version(sources: Mapping[str, Source]) -> Column:
    """For instance gap300-v1."""
    return per_source(sources, lambda s: f"gap{s.trip_gap_s}-{SEGMENTATION}")


def segment_trips(points: DataFrame, sources: Mapping[str, Source]) -> DataFrame:
    """Points (INPUT columns of bronze.points) with their trip and what happened since the point before: SEGMENTED.

    One point an instant is kept: of those of the same device and time, the one with the smallest record_id. A pause longer
    than the source's trip_gap_s ends a trip. `step_ms` is null at a trip's first point; lat and lon are null where the
    position is a GPS jump or absent.
    """
    started = _with_trip(_one_an_instant(points.select(*INPUT)), sources)
    stepped = with_steps(with_jumps(with_neighbours(started)))
    accepted = {x: F.when(~F.col("is_jump") & F.col("position").isNotNull(), F.col(x)) for x in ("lat", "lon")}
    return stepped.withColumns(accepted).select(*SEGMENTED)


def _one_an_instant(points: DataFrame) -> DataFrame:
    before = points.withColumn("previous_ts", F.lag("event_ts").over(by_time("record_id")))
    return before.where(~F.col("event_ts").eqNullSafe(F.col("previous_ts")))


def _with_trip(points: DataFrame, sources: Mapping[str, Source]) -> DataFrame:
    """Add trip_start_ts, trip_id, previous_ts and step_ms within the trip; the hash is computed once a trip."""
    gap_ms = per_source(sources, lambda s: s.trip_gap_s * MS_PER_S)
    follows = F.coalesce(elapsed_ms(F.col("previous_ts"), F.col("event_ts")) <= gap_ms, F.lit(False))
    identity = F.concat_ws("|", "source", "device_id", F.unix_micros("event_ts").cast("string"), segmentation_version(sources))
    flagged = points.withColumn("follows", follows)
    previous = F.when(F.col("follows"), F.col("previous_ts"))
    return flagged.withColumns({
        "trip_start_ts": F.last(F.when(~F.col("follows"), F.col("event_ts")), ignorenulls=True).over(by_time()),
        "trip_id": F.last(F.when(~F.col("follows"), F.sha2(identity, 256)), ignorenulls=True).over(by_time()),
        "previous_ts": previous,
        "step_ms": elapsed_ms(previous, F.col("event_ts")),
    })  # fmt: skip


def is_moving() -> Column:
    """Whether a segmented point moves; false where nothing tells."""
    return F.coalesce(F.col("motion_mps") >= MOVING_MPS, F.lit(False))


def over_limit_mps() -> Column:
    """Speed over the posted limit; null where either is unknown."""
    return F.col("speed_mps") - F.col("posted_limit_mps")


def is_speeding(sources: Mapping[str, Source]) -> Column:
    """Whether a moving segmented point is above the posted limit by more than the source's tolerance."""
    tolerance = per_source(sources, lambda s: s.events.speeding_tolerance_mps)
    return is_moving() & F.coalesce(over_limit_mps() > tolerance, F.lit(False))


def summarise_trips(segmented: DataFrame, sources: Mapping[str, Source]) -> DataFrame:
    """One row a trip in the columns of silver.trips; known_from is the largest received_ts of its points.

    A step of at most 10 s counts towards the time sums, under the state of its later point.
    """
    trips = _per_trip(_per_quarter(segmented, sources))
    placed = trips.withColumn("tz", zone_at(F.col("start_lat"), F.col("start_lon")))
    chosen = placed.withColumns({**_local(), **_distances(sources)})
    have = set(chosen.columns)
    return chosen.select(*((F.col(x.name) if x.name in have else F.lit(None)).cast(x.type).alias(x.name) for x in TRIPS.columns))


def _per_quarter(segmented: DataFrame, sources: Mapping[str, Source]) -> DataFrame:
    """Sums by trip and UTC quarter-hour."""
    covered = F.coalesce(F.when(F.col("step_ms") <= COVERED_STEP_MS, F.col("step_ms")), F.lit(0))
    is_known = is_moving() & over_limit_mps().isNotNull()
    positioned = F.when(F.col("lat").isNotNull(), F.col("event_ts"))
    times = {
        "covered_ms": F.lit(True), "moving_ms": is_moving(), "speeding_ms": is_speeding(sources), "limit_known_ms": is_known,
        "phone_ms": is_moving() & F.col("phone_use"), "phone_known_ms": is_moving() & F.col("phone_use").isNotNull(),
    }  # fmt: skip
    return segmented.groupBy(*_TRIP, quarter_of(F.col("event_ts")).alias("quarter")).agg(
        F.count(F.lit(1)).alias("points"), F.sum("haversine_mm").alias("haversine_mm"), F.sum("integral_mm").alias("integral_mm"),
        F.count("lat").alias("positions"), F.count("speed_mps").alias("speeds"), F.count_if("is_jump").alias("jump_points"),
        *(F.sum(F.when(keep, covered).otherwise(0)).alias(name) for name, keep in times.items()),
        F.min("event_ts").alias("start_ts"), F.max("event_ts").alias("end_ts"), F.max("received_ts").alias("known_from"),
        F.max("speed_mps").alias("max_speed_mps"), F.min(positioned).alias("first_ts"), F.max(positioned).alias("last_ts"),
        *(F.min_by(x, positioned).alias(f"start_{x}") for x in ("lat", "lon")),
        *(F.max_by(x, positioned).alias(f"end_{x}") for x in ("lat", "lon")),
    )  # fmt: skip


def _per_trip(quarters: DataFrame) -> DataFrame:
    return quarters.groupBy(*_TRIP).agg(
        *(F.sum(x).alias(x) for x in _SUMS),
        F.min("start_ts").alias("start_ts"), F.max("end_ts").alias("end_ts"), F.max("known_from").alias("known_from"),
        F.max("max_speed_mps").alias("max_speed_mps"),
        *(F.min_by(x, "first_ts").alias(x) for x in ("start_lat", "start_lon")),
        *(F.max_by(x, "last_ts").alias(x) for x in ("end_lat", "end_lon")),
        F.collect_list(F.struct("quarter", F.col("moving_ms").alias("ms"))).alias("quarters"),
    )  # fmt: skip


def _local() -> dict[str, Column]:
    tz = F.col("tz")
    return {
        "start_date": F.to_date("start_ts"),
        "local_date": local_date(F.col("start_ts"), tz),
        "night_ms": night_ms(F.col("quarters"), tz),
        "rush_ms": rush_ms(F.col("quarters"), tz),
        "duration_ms": elapsed_ms(F.col("start_ts"), F.col("end_ts")),
    }


def _distances(sources: Mapping[str, Source]) -> dict[str, Column]:
    """By the source's method, or the other one where the trip has no position or no speed; 0 where it has neither."""
    by_position = F.when(F.col("positions") > 0, F.coalesce("haversine_mm", F.lit(0)))
    by_speed = F.when(F.col("speeds") > 0, F.coalesce("integral_mm", F.lit(0)))
    prefers_speed = per_source(sources, lambda s: s.distance_method == "speed")
    uses_speed = by_speed.isNotNull() & (prefers_speed | by_position.isNull())
    return {
        "segmentation_version": segmentation_version(sources),
        "distance_haversine_mm": by_position,
        "distance_speed_mm": by_speed,
        "distance_mm": F.coalesce(F.when(uses_speed, by_speed), by_position, F.lit(0)),
        "distance_method": F.when(uses_speed, F.lit("speed")).when(by_position.isNotNull(), F.lit("haversine")),
        "superseded_by": F.lit(None).cast("string"),
        "known_to": F.lit(None).cast("timestamp"),
    }
