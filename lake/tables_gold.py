"""Gold: policy days, features, scores, and the record of the nights."""

import re

from lake import columns as c
from lake.columns import Column
from lake.features import FEATURE_VERSION_1, FEATURES, feature_columns, published_columns, sum_columns
from lake.table import TIME_SUMS, VERSIONED, Table, ladder_columns, starts_columns

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
        *(x.required() for x in TIME_SUMS),
        Column("covered_ms", "bigint", "ms", "part of the duration without gaps, in which motion is known", nullable=False),
        *(x.required() for x in ladder_columns()),
        Column("speeding_events", "bigint", "events", "speeding runs", nullable=False),
        Column("phone_events", "bigint", "events", "phone-use runs", nullable=False),
        c.IDLE_MS, c.WEEKEND_MS, c.HOLIDAY_MS, c.HARSH_KNOWN_MM, c.CORNER_KNOWN_MM, c.MOVING_MM, c.MOTORWAY_MM, c.MAIN_MM,
        c.LOCAL_MM, c.WET_MS, c.WEATHER_KNOWN_MS,
        Column("quality_mm", "bigint", "mm", "distance times the quality of its trip"),
        *starts_columns(),
        c.VA_MS,
        *VERSIONED,
    ),
    key=("vehicle_id", "local_date"),
    partition_by=("local_month",),
    bitemporal=True,
    published=True,
    sorted_by=("local_date",),
)  # fmt: skip

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
        Column("role", "string", "", "champion: the price in force; else the alias of a challenger in shadow", nullable=False),
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
        Column("fallback_reason", "string", "", "no_consent, no_trips, stale_device or missing_feature"),
        Column("previous_pure_premium", "double", "currency units a car-year", "same policy, last night published before"),
        Column("change", "double", "share", "pure_premium / previous_pure_premium - 1"),
        Column("change_reason", "string", "", "new_policy, currency, fallback, model, a feature, or others; null: no change"),
        Column("lineage", LINEAGE_TYPE, "", "what the score was made from", nullable=False),
    ),
    key=("policy_id", "vehicle_id", "coverage", "score_date", "role"),
    partition_by=("score_date",),
    published=True,
    manifests=True,
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

FEATURES_TABLE = Table(
    "gold.policy_features",
    "a vehicle as of a date, per feature version",
    (c.VEHICLE_ID.required(), c.AS_OF_DATE.required(), c.FEATURE_VERSION.required(), *published_columns()),
    key=("vehicle_id", "as_of_date", "feature_version"),
    partition_by=("as_of_date", "feature_version"),
    published=True,
)

WINDOW_SUMS = Table(
    "gold.window_sums",
    "an insured vehicle's sums over the windows as of a date, which the next night goes on from; internal, and kept for weeks",
    (
        c.VEHICLE_ID.required(),
        c.AS_OF_DATE.required(),
        Column("definition", "string", "", "hash of what the sums are of, so that sums of older code are not gone on from",
               nullable=False),
        *sum_columns(),
        Column("driven", "array<int>", "days since 1970-01-01", "days with driving in the last 365, in order", nullable=False),
    ),
    key=("vehicle_id", "as_of_date"),
    partition_by=("as_of_date",),
)  # fmt: skip

CREDIBILITY = Table(
    "gold.credibility",
    "what a night's portfolio says about a rate: the parameters of its credible column in gold.policy_features",
    (
        c.AS_OF_DATE.required(),
        c.FEATURE_VERSION.required(),
        Column("feature", "string", "", "the rate, a column of gold.policy_features", nullable=False),
        Column("vehicles", "bigint", "vehicles", "insured vehicles of which the rate is known", nullable=False),
        Column("km", "double", "km", "their distance"),
        Column("mean", "double", "the rate's unit", "their rate, weighted with distance"),
        Column("variance_between", "double", "the rate's unit, squared", "variance of the true rates between vehicles"),
        Column("k_km", "double", "km", "Z = km / (km + k): k is the variance within over the variance between"),
    ),
    key=("as_of_date", "feature_version", "feature"),
    partition_by=("as_of_date",),
    published=True,
)

_FRAME_NAME = re.compile(r"frames\.(?:(v\d+)_)?\w+")
_FRAME_MEANING = "an immutable training frame: a policy's vehicle and coverage as of t0, with what happened in [t0, t0 + horizon)"
_FRAME_COLUMNS = (
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
)
_FRAME_KEY = ("policy_id", "vehicle_id", "coverage", "as_of_date")


def _frame(version: str) -> Table:
    columns = (*_FRAME_COLUMNS, *feature_columns(version))
    return Table(f"frames.{frame_prefix(version)}<hash>", _FRAME_MEANING, columns, _FRAME_KEY, published=True)


def frame_prefix(version: str) -> str:
    """What stands before the hash in the name of a frame of a feature version; nothing for the first."""
    return "" if version == FEATURE_VERSION_1 else f"{version}_"


def frame_table(name: str) -> Table | None:
    """The definition of the frame of a name, with the columns of its feature version; None where it is no frame's."""
    found = _FRAME_NAME.fullmatch(name)
    version = (found.group(1) or FEATURE_VERSION_1) if found else None
    return FRAMES.get(version) if version else None


FRAMES = {version: _frame(version) for version in FEATURES}
FRAME = FRAMES[FEATURE_VERSION_1]
