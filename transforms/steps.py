"""From one point of a trip to the next: time, distance, motion and acceleration, over the order the points already have.

Every step's distance is rounded to whole millimetres before anything is summed, so that sums do not depend on partitioning.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of WGS 84: great-circle steps then err by +0.56 % (equator, north-south) to -0.36 % (60 degrees, east-west)."""
MAX_SPEED_MPS = 70.0
"""250 km/h, above which Gao, Shi and Wang drop records: a faster position is a GPS jump, a faster speed a sensor fault."""
MOVING_MPS = 1.0
"""From this speed on a car counts as moving."""
COVERED_STEP_MS = 10_000
"""A longer step is a gap: its time is not covered, and no speed is integrated over it."""
DIFFERENCE_STEP_MS = 2_000
"""Speeds further apart give no acceleration: at 2 s a one-second brake already reads at half its peak."""
MM_PER_M = 1000.0
_DEVICE = ("source", "device_id")
_OVER = "OVER (PARTITION BY source, device_id ORDER BY event_ts)"


def great_circle_m(lat1: Column, lon1: Column, lat2: Column, lon2: Column) -> Column:
    """Haversine distance in metres between positions in degrees."""
    north, east = F.radians(lat2 - lat1) / 2, F.radians(lon2 - lon1) / 2
    half_chord = F.pow(F.sin(north), 2) + F.cos(F.radians(lat1)) * F.cos(F.radians(lat2)) * F.pow(F.sin(east), 2)
    return F.lit(2 * EARTH_RADIUS_M) * F.asin(F.sqrt(half_chord))


def by_time(*then: str) -> WindowSpec:
    """A device's points in order; every window is over this partitioning and order, so Spark shuffles and sorts once."""
    return Window.partitionBy(*_DEVICE).orderBy("event_ts", *then)


def elapsed_ms(since: Column, until: Column) -> Column:
    """Whole milliseconds between instants; sums over consecutive steps telescope exactly."""
    return F.unix_millis(until) - F.unix_millis(since)


def _distance_m(start: Column) -> Column:
    return great_circle_m(start["lat"], start["lon"], F.col("lat"), F.col("lon"))


def _too_fast(start: Column) -> Column:
    """Whether getting here from `start` took more than MAX_SPEED_MPS; unknown in another trip."""
    seconds = elapsed_ms(start["event_ts"], F.col("event_ts")) / MM_PER_M
    return F.when(_in_trip(start), _distance_m(start) > F.lit(MAX_SPEED_MPS) * seconds)


def _in_trip(start: Column) -> Column:
    return start["event_ts"] >= F.col("trip_start_ts")


def with_neighbours(trips: DataFrame) -> DataFrame:
    """Add what the point before measured and where the two positions before were, each null where there is none."""
    position = F.when(F.col("lat").isNotNull() & F.col("lon").isNotNull(), F.struct("event_ts", "lat", "lon"))
    speed = F.when(F.col("speed_mps").between(0.0, MAX_SPEED_MPS), F.col("speed_mps"))
    placed = trips.withColumns({"position": position, "speed_mps": speed})
    return placed.withColumns({
        "lagged_speed_mps": F.lag("speed_mps").over(by_time()),
        "position_1": F.expr(f"lag(position, 1) IGNORE NULLS {_OVER}"),
        "position_2": F.expr(f"lag(position, 2) IGNORE NULLS {_OVER}"),
    })  # fmt: skip


def with_jumps(points: DataFrame) -> DataFrame:
    """Add is_jump, and `origin`: the last accepted position before this point.

    A position is a GPS jump when neither of the two positions before it can be where the car came from: so a single
    outlier does not take its good successor with it, and after a real displacement the second position is accepted.
    """
    from_1, from_2 = _too_fast(F.col("position_1")), _too_fast(F.col("position_2"))
    jump = F.coalesce(from_1 & F.coalesce(from_2, F.lit(True)), F.lit(False)) & F.col("position").isNotNull()
    marked = points.withColumn("is_jump", jump)
    before = by_time().rowsBetween(Window.unboundedPreceding, -1)
    return marked.withColumn("origin", F.last(F.when(~F.col("is_jump"), F.col("position")), ignorenulls=True).over(before))


def with_steps(points: DataFrame) -> DataFrame:
    """Add step_ms (null at a trip's first point), distance of the step by each method, motion and acceleration.

    The great-circle step runs from the last accepted position, also across a gap (the car did move), and is left out where
    it would need more than MAX_SPEED_MPS, and where the car stands: both speeds measured as 0 without a gap between them.
    Where the speed is unknown, motion_mps is that of the great-circle step. Acceleration never comes from positions.
    """
    is_close = F.col("step_ms") <= DIFFERENCE_STEP_MS
    previous = F.when(F.col("step_ms").isNotNull(), F.col("lagged_speed_mps"))
    stepped = points.withColumn("previous_speed_mps", previous).withColumn("haversine_mm", _great_circle_mm())
    difference = (F.col("speed_mps") - F.col("previous_speed_mps")) * MM_PER_M / F.col("step_ms")
    return stepped.withColumns({
        "integral_mm": _integral_mm(),
        "motion_mps": F.coalesce("speed_mps", _position_speed_mps()),
        "accel_lon_mps2": F.coalesce("accel_lon_mps2", F.when(is_close, difference)),
        "entry_speed_mps": F.coalesce(F.when(is_close, F.col("previous_speed_mps")), F.col("speed_mps")),
    })  # fmt: skip


def _great_circle_mm() -> Column:
    origin = F.col("origin")
    stands = (F.col("speed_mps") == 0) & (F.col("previous_speed_mps") == 0) & (F.col("step_ms") <= COVERED_STEP_MS)
    counts = F.col("position").isNotNull() & ~F.col("is_jump") & ~_too_fast(origin) & ~F.coalesce(stands, F.lit(False))
    return F.when(counts, F.round(_distance_m(origin) * MM_PER_M).cast("bigint"))


def _integral_mm() -> Column:
    """Trapezoid of two speeds; m/s times ms is mm."""
    mean = (F.col("speed_mps") + F.col("previous_speed_mps")) / 2
    return F.when(F.col("step_ms") <= COVERED_STEP_MS, F.round(mean * F.col("step_ms")).cast("bigint"))


def _position_speed_mps() -> Column:
    taken_ms = elapsed_ms(F.col("origin.event_ts"), F.col("event_ts"))
    return F.when(taken_ms <= COVERED_STEP_MS, F.col("haversine_mm") / taken_ms)
