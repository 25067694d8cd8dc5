"""Columns shared by several tables: each has its name, Spark type, unit and meaning here, once.

Money is in minor units of the row's currency (cents), distances in millimetres and durations in milliseconds
wherever a column is additive: sums of whole numbers do not depend on partitioning, sums of doubles do.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Column:
    """One column: `type` is a Spark SQL type, `unit` is "" where none applies; `operational` columns may
    differ between two runs over the same input (clock, run id) and are left out of comparisons."""

    name: str
    type: str
    unit: str
    meaning: str
    nullable: bool = True
    operational: bool = False

    def required(self) -> "Column":
        """The same column, not nullable."""
        return replace(self, nullable=False)


RECORD_ID = Column("record_id", "string", "", "sha256 of source, device, event time in microseconds and canonical payload")
SOURCE = Column("source", "string", "", "name of the source file in conf/sources")
DEVICE_ID = Column("device_id", "string", "", "pseudonymous device")
VEHICLE_ID = Column("vehicle_id", "string", "", "pseudonymous insured vehicle")
POLICY_ID = Column("policy_id", "string", "", "pseudonymous policy")
COVERAGE = Column("coverage", "string", "", "coverage, for instance liability")
CURRENCY = Column("currency", "string", "", "ISO 4217 code of the row's amounts")
TRIP_ID = Column("trip_id", "string", "", "sha256 of source, device, first accepted event time and segmentation version")
EVENT_TS = Column("event_ts", "timestamp", "UTC", "when it happened")
EVENT_DATE = Column("event_date", "date", "UTC", "date of event_ts")
RECEIVED_TS = Column("received_ts", "timestamp", "UTC", "when we came to know it; fixed at ingestion, never computed again")
STATED_TS = Column("stated_ts", "timestamp", "UTC", "when its source says this was so; null: at known_from")
KNOWN_FROM = Column("known_from", "timestamp", "UTC", "from when this version of the row was known")
KNOWN_TO = Column("known_to", "timestamp", "UTC", "until when it was known; null while current")
VALID_FROM = Column("valid_from", "timestamp", "UTC", "start of validity, inclusive")
VALID_TO = Column("valid_to", "timestamp", "UTC", "end of validity, exclusive; null while open")
SOURCE_FILE = Column("source_file", "string", "", "file the row came from")
SOURCE_LINE = Column("source_line", "bigint", "", "line (or Parquet row) within that file, from 1; a CSV header is line 1")
CONTENT_SHA256 = Column("content_sha256", "string", "", "sha256 of the file's bytes")
LAT = Column("lat", "double", "deg", "latitude, WGS 84")
LON = Column("lon", "double", "deg", "longitude, WGS 84")
RUN_ID = Column("run_id", "string", "", "the run that wrote the row", operational=True)
LOCAL_DATE = Column("local_date", "date", "local", "civil date at the place where the trip began")
LOCAL_MONTH = Column("local_month", "string", "local", "yyyy-MM of local_date; partition")
AS_OF_DATE = Column("as_of_date", "date", "local", "windows of w days cover local days [as_of_date - w, as_of_date)")
SCORE_DATE = Column("score_date", "date", "local", "the night's date D; equals the features' as_of_date")
FEATURE_VERSION = Column("feature_version", "string", "", "version of the feature catalogue")
DISTANCE_MM = Column("distance_mm", "bigint", "mm", "distance by the source's chosen method, or the other where that has none")
DURATION_MS = Column("duration_ms", "bigint", "ms", "from first to last point")
MOVING_MS = Column("moving_ms", "bigint", "ms", "time at or above the moving speed")
NIGHT_MS = Column("night_ms", "bigint", "ms", "moving time between 00:00 and 04:00 local civil time")
RUSH_MS = Column("rush_ms", "bigint", "ms", "moving time on weekdays in 07:00-09:00 or 16:00-18:00 local civil time")
SPEEDING_MS = Column("speeding_ms", "bigint", "ms", "time above the posted limit by more than the tolerance")
LIMIT_KNOWN_MS = Column("limit_known_ms", "bigint", "ms", "moving time for which the posted limit is known")
PHONE_MS = Column("phone_ms", "bigint", "ms", "moving time with the phone in use")
PHONE_KNOWN_MS = Column("phone_known_ms", "bigint", "ms", "moving time for which phone use is known")
IDLE_MS = Column("idle_ms", "bigint", "ms", "covered time below the moving speed")
WEEKEND_MS = Column("weekend_ms", "bigint", "ms", "moving time on Saturday or Sunday, local")
HOLIDAY_MS = Column("holiday_ms", "bigint", "ms", "moving time of trips that began on a national public holiday, local")
HARSH_KNOWN_MM = Column(
    "harsh_known_mm",
    "bigint",
    "mm",
    "part of distance_mm, without gaps, on which brakes and accelerations could be measured by calibrated rules; null: all",
)
CORNER_KNOWN_MM = Column(
    "corner_known_mm", "bigint", "mm", "part of distance_mm on which corners could be measured likewise; null: all"
)
MOVING_MM = Column("moving_mm", "bigint", "mm", "part of distance_mm that was driven in moving_ms, so without gaps; null: all")
MOTORWAY_MM = Column("motorway_mm", "bigint", "mm", "distance on motorways by the road lookup; null: no lookup")
MAIN_MM = Column("main_mm", "bigint", "mm", "distance on main roads by the road lookup; null: no lookup")
LOCAL_MM = Column("local_mm", "bigint", "mm", "distance on other roads by the road lookup; null: no lookup")
WET_MS = Column("wet_ms", "bigint", "ms", "moving time in rain, snow or ice by the weather lookup; null: no lookup")
WEATHER_KNOWN_MS = Column("weather_known_ms", "bigint", "ms", "moving time for which the weather lookup has an answer")
VA_MS = Column(
    "va_ms", "array<bigint>", "ms",
    "moving time by speed bucket (edges 0, 10 ... 120, 200 km/h) and within it by acceleration bucket (edges -4, -3.5, -2.5 ... "
    "3.5, 4 m/s2, what lies beyond in the outer ones): 13 x 9 values, speed by speed"
)  # fmt: skip
