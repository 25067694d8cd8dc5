"""Silver: trips and events, bitemporal."""

from lake import columns as c
from lake.columns import Column
from lake.table import TIME_SUMS, VERSIONED, Table

TRIPS = Table(
    "silver.trips",
    "a trip, as known between known_from and known_to",
    (
        c.TRIP_ID.required(),
        c.SOURCE.required(),
        c.DEVICE_ID.required(),
        Column("segmentation_version", "string", "", "rule that split points into trips, for instance gap300-v1", nullable=False),
        Column("start_ts", "timestamp", "UTC", "first point", nullable=False),
        Column("end_ts", "timestamp", "UTC", "last point", nullable=False),
        Column("start_date", "date", "UTC", "date of start_ts; partition", nullable=False),
        Column("tz", "string", "", "IANA zone at the start; UTC where the source has no position", nullable=False),
        c.LOCAL_DATE.required(),
        Column("points", "bigint", "points", "points of the trip", nullable=False),
        c.DISTANCE_MM.required(),
        Column("distance_haversine_mm", "bigint", "mm", "sum of great-circle steps, R = 6371.0088 km"),
        Column("distance_speed_mm", "bigint", "mm", "integral of speed over time"),
        Column("distance_method", "string", "", "haversine or speed: which of the two distance_mm is"),
        *(x.required() for x in TIME_SUMS),
        Column("covered_ms", "bigint", "ms", "part of the duration without gaps in the points", nullable=False),
        Column("max_speed_mps", "double", "m/s", "highest accepted speed"),
        Column("jump_points", "bigint", "points", "points left out as GPS jumps", nullable=False),
        Column("start_lat", "double", "deg", "first position"),
        Column("start_lon", "double", "deg", "first position"),
        Column("end_lat", "double", "deg", "last position"),
        Column("end_lon", "double", "deg", "last position"),
        Column("superseded_by", "string", "", "trip_id that took its place when late data moved or joined it"),
        *VERSIONED,
    ),
    key=("trip_id",),
    partition_by=("start_date",),
    bitemporal=True,
)  # fmt: skip

EVENTS = Table(
    "silver.events",
    "a maximal run beyond a threshold, counted once",
    (
        Column("event_id", "string", "", "sha256 of trip_id, kind and start_ts", nullable=False),
        c.TRIP_ID.required(),
        c.SOURCE.required(),
        c.DEVICE_ID.required(),
        Column("kind", "string", "", "brake, accelerate, corner, speeding or phone", nullable=False),
        Column("direction", "string", "", "left or right for corner, else null"),
        Column("start_ts", "timestamp", "UTC", "first point of the run", nullable=False),
        Column("end_ts", "timestamp", "UTC", "last point of the run", nullable=False),
        Column("start_date", "date", "UTC", "date on which the trip began; partition", nullable=False),
        c.DURATION_MS.required(),
        Column("peak", "double", "m/s2; m/s for speeding", "largest magnitude in the run; speed over the limit for speeding"),
        Column("rung", "int", "", "highest rung of the ladder reached, 1 to 6; null for speeding and phone"),
        Column("start_speed_mps", "double", "m/s", "speed at the start of the run"),
        *VERSIONED,
    ),
    key=("event_id",),
    partition_by=("start_date",),
    bitemporal=True,
)
