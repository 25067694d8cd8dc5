"""Every table of the lake: columns, key, partitioning and the clocks it carries. DDL and the data dictionary
are generated from here, and nothing else spells a schema."""

from dataclasses import dataclass

from pyspark.sql.types import StructType

from lake import columns as c
from lake.columns import Column
from lake.features import feature_columns

RUNGS = (1, 2, 3, 4, 5, 6)
LADDER_KINDS = ("brake", "accelerate", "corner")


@dataclass(frozen=True)
class Table:
    """A Delta table. `key` identifies a row (with known_from besides, where `bitemporal`); `published` tables are
    read by people and other engines, so they are written through staging and carry no deletion vectors."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    bitemporal: bool = False
    published: bool = False

    @property
    def schema(self) -> StructType:
        """Spark schema, in column order; needs a running session, which parses the DDL."""
        parsed = StructType.fromDDL(self.ddl)
        assert isinstance(parsed, StructType)
        return parsed

    @property
    def ddl(self) -> str:
        """Column list as Spark SQL DDL."""
        return ", ".join(f"`{x.name}` {x.type}{'' if x.nullable else ' NOT NULL'}" for x in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(x.name for x in self.columns)

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of the columns that two runs over the same input must agree on."""
        return tuple(x.name for x in self.columns if not x.operational)


def ladder_columns() -> tuple[Column, ...]:
    """Cumulative counts per rung: brake_r3 counts events whose peak reaches rung 3 or more."""
    return tuple(
        Column(f"{kind}_r{rung}", "bigint", "events", f"{kind} events that reach rung {rung} of the ladder or a higher one")
        for kind in LADDER_KINDS
        for rung in RUNGS
    )


_VERSIONED = (c.KNOWN_FROM.required(), c.KNOWN_TO)
_TIME_SUMS = (
    c.DURATION_MS, c.MOVING_MS, c.NIGHT_MS, c.RUSH_MS, c.SPEEDING_MS, c.LIMIT_KNOWN_MS, c.PHONE_MS, c.PHONE_KNOWN_MS,
)  # fmt: skip

POINTS = Table(
    "bronze.points",
    "an accepted raw record, in canonical units",
    (
        c.RECORD_ID.required(),
        c.SOURCE.required(),
        c.DEVICE_ID.required(),
        c.EVENT_TS.required(),
        c.EVENT_DATE.required(),
        c.RECEIVED_TS.required(),
        c.LAT,
        c.LON,
        Column("speed_mps", "double", "m/s", "ground speed as the source measured it"),
        Column("heading_deg", "double", "deg", "course over ground, clockwise from north"),
        Column("altitude_m", "double", "m", "altitude"),
        Column("accel_lon_mps2", "double", "m/s2", "longitudinal acceleration, + is speeding up"),
        Column("accel_lat_mps2", "double", "m/s2", "lateral acceleration, + is a right turn"),
        Column("hdop", "double", "", "horizontal dilution of precision"),
        Column("accuracy_m", "double", "m", "horizontal accuracy as the receiver states it"),
        Column("posted_limit_mps", "double", "m/s", "posted speed limit"),
        Column("phone_use", "boolean", "", "the driver handles the phone"),
        Column("ignition", "boolean", "", "ignition on"),
        Column("is_valid", "boolean", "", "the source's own quality flag; null where it has none"),
        c.SOURCE_FILE.required(),
        c.SOURCE_LINE.required(),
        c.CONTENT_SHA256.required(),
    ),
    key=("record_id",),
    partition_by=("event_date",),
)

QUARANTINE = Table(
    "bronze.quarantine",
    "a refused raw record, with what was wrong and where",
    (
        Column("quarantine_id", "string", "", "sha256 of source, content_sha256 and source_line", nullable=False),
        c.SOURCE.required(),
        Column("target", "string", "", "table the record was meant for", nullable=False),
        c.SOURCE_FILE.required(),
        c.SOURCE_LINE.required(),
        c.CONTENT_SHA256.required(),
        c.RECEIVED_TS.required(),
        Column("raw_text", "string", "", "the record as it came; null for no_consent and no_policy, whose position is not kept"),
        Column("reasons", "array<string>", "", "one entry per rule that refused it", nullable=False),
    ),
    key=("quarantine_id",),
)

LEDGER = Table(
    "bronze.ledger",
    "one file of one batch, by content hash; read = accepted + duplicate + quarantined",
    (
        c.SOURCE.required(),
        Column("target", "string", "", "table the file is meant for", nullable=False),
        c.SOURCE_FILE.required(),
        c.CONTENT_SHA256.required(),
        Column("fingerprint", "string", "", "size and ETag or modification time: tells a known file without reading it"),
        Column("status", "string", "", "ingested, duplicate_file or refused", nullable=False),
        Column("reason", "string", "", "why a file was refused"),
        Column("size_bytes", "bigint", "B", "bytes as stored"),
        Column("inflated_bytes", "bigint", "B", "bytes after decompression"),
        c.RECEIVED_TS,
        Column("batch_date", "date", "", "the night that took the file; null for a load by hand without --date"),
        Column("read", "bigint", "records", "records read", nullable=False),
        Column("accepted", "bigint", "records", "records that are in the target", nullable=False),
        Column("duplicate", "bigint", "records", "records that were there already", nullable=False),
        Column("quarantined", "bigint", "records", "records in bronze.quarantine", nullable=False),
        c.RUN_ID,
        Column("finished_at", "timestamp", "UTC", "when the row was written", operational=True),
    ),
    key=("source", "content_sha256", "source_file", "status"),
)

POLICIES = Table(
    "reference.policies",
    "a policy's cover of a vehicle for a validity interval",
    (
        c.POLICY_ID.required(),
        c.VEHICLE_ID.required(),
        c.COVERAGE.required(),
        c.VALID_FROM.required(),
        c.VALID_TO,
        Column("jurisdiction", "string", "", "ISO 3166-2 code"),
        c.CURRENCY.required(),
        Column("base_premium_minor", "bigint", "minor units a year", "annual premium before telematics"),
        Column("driver_age_band", "string", "", "rating factor, as a band"),
        Column("vehicle_group_band", "string", "", "rating factor, as a band"),
        Column("territory_band", "string", "", "rating factor, as a band"),
        *_VERSIONED,
    ),
    key=("policy_id", "vehicle_id", "coverage", "valid_from"),
    bitemporal=True,
)

DEVICES = Table(
    "reference.devices",
    "which vehicle a device sits in, by time",
    (c.DEVICE_ID.required(), c.VEHICLE_ID.required(), c.VALID_FROM.required(), c.VALID_TO, *_VERSIONED),
    key=("device_id", "valid_from"),
    bitemporal=True,
)

CLAIMS = Table(
    "reference.claims",
    "the state of a claim from known_from on",
    (
        Column("claim_id", "string", "", "pseudonymous claim", nullable=False),
        c.POLICY_ID.required(),
        c.VEHICLE_ID.required(),
        c.COVERAGE.required(),
        Column("occurred_ts", "timestamp", "UTC", "when the loss occurred", nullable=False),
        Column("reported_ts", "timestamp", "UTC", "when it was reported", nullable=False),
        Column("status", "string", "", "open, closed or reopened"),
        Column("incurred_minor", "bigint", "minor units", "paid plus outstanding; negative for recourse"),
        c.CURRENCY.required(),
        *_VERSIONED,
    ),
    key=("claim_id",),
    bitemporal=True,
)

CONSENTS = Table(
    "reference.consents",
    "consent of a policy for a purpose, by interval",
    (
        c.POLICY_ID.required(),
        Column("purpose", "string", "", "what the data may be used for: pricing", nullable=False),
        c.VALID_FROM.required(),
        c.VALID_TO,
        *_VERSIONED,
    ),
    key=("policy_id", "purpose", "valid_from"),
    bitemporal=True,
)

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
        *(x.required() for x in _TIME_SUMS),
        Column("covered_ms", "bigint", "ms", "part of the duration without gaps in the points", nullable=False),
        Column("max_speed_mps", "double", "m/s", "highest accepted speed"),
        Column("jump_points", "bigint", "points", "points left out as GPS jumps", nullable=False),
        Column("start_lat", "double", "deg", "first position"),
        Column("start_lon", "double", "deg", "first position"),
        Column("end_lat", "double", "deg", "last position"),
        Column("end_lon", "double", "deg", "last position"),
        Column("superseded_by", "string", "", "trip_id that took its place when late data moved or joined it"),
        *_VERSIONED,
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
        *_VERSIONED,
    ),
    key=("event_id",),
    partition_by=("start_date",),
    bitemporal=True,
)

POLICY_DAYS = Table(
    "gold.policy_days",
    "an insured vehicle on a local day on which it drove, additive; the only thing windows are computed from",
    (
        c.VEHICLE_ID.required(),
        c.LOCAL_DATE.required(),
        c.LOCAL_MONTH.required(),
        c.SOURCE.required(),
        Column("trips", "bigint", "trips", "trips that began on the day", nullable=False),
        c.DISTANCE_MM.required(),
        *(x.required() for x in _TIME_SUMS),
        Column("covered_ms", "bigint", "ms", "part of the duration without gaps in the points", nullable=False),
        *(x.required() for x in ladder_columns()),
        Column("speeding_events", "bigint", "events", "speeding runs", nullable=False),
        Column("phone_events", "bigint", "events", "phone-use runs", nullable=False),
        *_VERSIONED,
    ),
    key=("vehicle_id", "local_date"),
    partition_by=("local_month",),
    bitemporal=True,
    published=True,
)

REASON_TYPE = "array<struct<feature:string,text:string,value:double,contribution:double>>"
LINEAGE_TYPE = (
    "struct<model_name:string,model_version:string,mlflow_run_id:string,feature_version:string,"
    "frame_hash:string,cutoff_ts:timestamp>"
)

SCORES = Table(
    "gold.policy_scores",
    "a policy's vehicle and coverage, scored for a night by the model in a role",
    (
        c.POLICY_ID.required(),
        c.VEHICLE_ID.required(),
        c.COVERAGE.required(),
        c.SCORE_DATE.required(),
        Column("role", "string", "", "champion or challenger", nullable=False),
        Column("frequency", "double", "claims a car-year", "expected claims"),
        Column("severity", "double", "currency units a claim", "expected amount of a claim"),
        Column("pure_premium", "double", "currency units a car-year", "frequency x severity, after calibration", nullable=False),
        c.CURRENCY.required(),
        Column("relativity", "double", "", "pure_premium over exp(base + calibration); exp(sum of reasons and others)"),
        Column("reasons", REASON_TYPE, "log units", "at most four strongest contributions to ln pure_premium"),
        Column("others", "double", "log units", "sum of all other contributions"),
        Column("base", "double", "log units", "exposure-weighted mean of the champion frame's raw log pure premium"),
        Column("calibration", "double", "log units", "ln(final) - ln(raw)"),
        Column("km_365", "double", "km", "distance in the 365 days before score_date"),
        Column("days_observed", "int", "days", "days with driving in the 365 days before score_date"),
        Column("completeness", "double", "share", "covered share of driving time in that window"),
        Column("credibility", "double", "share", "Z = km / (km + k), k as estimated at training"),
        Column("pure_premium_lower", "double", "currency units a car-year", "lower end of the 90 % interval"),
        Column("pure_premium_upper", "double", "currency units a car-year", "upper end of the 90 % interval"),
        Column("fallback", "boolean", "", "scored by the declared fallback instead of the model", nullable=False),
        Column("fallback_reason", "string", "", "no_consent or no_trips"),
        Column("previous_pure_premium", "double", "currency units a car-year", "same policy, last night published before"),
        Column("change", "double", "share", "pure_premium / previous_pure_premium - 1"),
        Column("change_reason", "string", "", "new_policy, model, fallback, or the feature whose contribution moved most"),
        Column("lineage", LINEAGE_TYPE, "", "what the score was made from", nullable=False),
    ),
    key=("policy_id", "vehicle_id", "coverage", "score_date", "role"),
    partition_by=("score_date",),
    published=True,
)

DRIFT = Table(
    "gold.drift",
    "a monitored column of a night against the champion's frame",
    (
        c.SCORE_DATE.required(),
        Column("column", "string", "", "feature or prediction", nullable=False),
        Column("kind", "string", "", "feature or prediction", nullable=False),
        Column("unit", "string", "", "unit of the means and the shift"),
        Column("method", "string", "", "how the statistic is computed"),
        Column("statistic", "double", "", "value of the drift statistic"),
        Column("threshold", "double", "", "value from which the column counts as drifted"),
        Column("drifted", "boolean", "", "statistic at or above threshold", nullable=False),
        Column("reference_rows", "bigint", "rows", "rows of the reference"),
        Column("current_rows", "bigint", "rows", "rows of the night"),
        Column("reference_mean", "double", "", "mean in the reference, in the column's unit"),
        Column("current_mean", "double", "", "mean in the night, in the column's unit"),
        Column("shift", "double", "", "current_mean - reference_mean"),
        Column("shift_lower", "double", "", "lower end of the 99.9 % interval"),
        Column("shift_upper", "double", "", "upper end of the 99.9 % interval"),
    ),
    key=("score_date", "column"),
    partition_by=("score_date",),
    published=True,
)

PERFORMANCE = Table(
    "gold.performance",
    "a segment's actual claims against those the published scores expected",
    (
        c.SCORE_DATE.required(),
        Column("segment", "string", "", "what the book is cut by: all, coverage, territory_band ...", nullable=False),
        Column("value", "string", "", "the segment's value", nullable=False),
        Column("earned_car_years", "double", "car-years", "exposure earned under published scores"),
        Column("actual_claims", "bigint", "claims", "claims occurred in that exposure and known by the cutoff"),
        Column("expected_claims", "double", "claims", "frequency x exposure"),
        Column("actual_over_expected", "double", "", "A/E; null where nothing is expected"),
        Column("lower", "double", "", "lower end of the exact (Garwood) 95 % interval of A/E"),
        Column("upper", "double", "", "upper end of that interval"),
        Column("maturity_days", "double", "days", "mean age of the exposure at the cutoff"),
    ),
    key=("score_date", "segment", "value"),
    partition_by=("score_date",),
    published=True,
)

NIGHTS = Table(
    "gold.nights",
    "an attempt at a job of a night; the row of job 'night' is the publication and is written last",
    (
        Column("night_date", "date", "", "the night's date D", nullable=False),
        Column("job", "string", "", "name in the catalogue, or night", nullable=False),
        Column("status", "string", "", "finished or failed", nullable=False),
        Column("rows", "bigint", "rows", "rows the job added or restated"),
        Column("message", "string", "", "one line: what was done, or why it failed"),
        Column("detail", "string", "", "JSON: for instance the model version that scored"),
        c.RUN_ID,
        Column("started_at", "timestamp", "UTC", "wall clock", operational=True),
        Column("finished_at", "timestamp", "UTC", "wall clock", operational=True),
        Column("seconds", "double", "s", "wall time", operational=True),
    ),
    key=("night_date", "job"),
)

_STATIC = (
    POINTS, QUARANTINE, LEDGER, POLICIES, DEVICES, CLAIMS, CONSENTS, TRIPS, EVENTS, POLICY_DAYS, SCORES, DRIFT,
    PERFORMANCE, NIGHTS,
)  # fmt: skip

FEATURES_TABLE = Table(
    "gold.policy_features",
    "a vehicle as of a date, per feature version",
    (c.VEHICLE_ID.required(), c.AS_OF_DATE.required(), c.FEATURE_VERSION.required(), *feature_columns()),
    key=("vehicle_id", "as_of_date", "feature_version"),
    partition_by=("as_of_date", "feature_version"),
    published=True,
)

FRAME = Table(
    "frames.<hash>",
    "an immutable training frame: a policy's vehicle and coverage as of t0, with what happened in [t0, t0 + horizon)",
    (
        c.POLICY_ID.required(),
        c.VEHICLE_ID.required(),
        c.COVERAGE.required(),
        c.AS_OF_DATE.required(),
        Column("exposure_years", "double", "car-years", "earned exposure in [t0, t0 + horizon)", nullable=False),
        Column("claims", "bigint", "claims", "claims occurred in that interval, as known at the valuation date", nullable=False),
        Column("incurred_minor", "bigint", "minor units", "their incurred amount at the valuation date", nullable=False),
        c.CURRENCY.required(),
        Column("base_premium_minor", "bigint", "minor units a year", "annual premium before telematics"),
        Column("maturity_days", "int", "days", "valuation date - (t0 + horizon)", nullable=False),
        *feature_columns(),
    ),
    key=("policy_id", "vehicle_id", "coverage", "as_of_date"),
    published=True,
)

TABLES: dict[str, Table] = {t.name: t for t in (*_STATIC, FEATURES_TABLE)}
"""Every table of the lake by name, in the order in which data flows; frames.<hash> come besides."""
