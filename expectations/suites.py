"""The suite of every table, as data: what the schema implies, plus the rules that only the field knows."""

from dataclasses import dataclass

from expectations.checks import Check, at_least, at_most, between, filled, holds
from expectations.row_rules import PARTS
from lake.columns import Column
from lake.features import FEATURE_VERSION_1, FEATURES
from lake.price import ADDITIVITY_TOLERANCE, MAX_REASONS
from lake.tables import FRAME, TABLES, Table, frame_table
from transforms.cleaning import MAX_SPEED_MPS
from transforms.segments import MS_A_DAY

NOT_NEGATIVE_UNITS = frozenset({
    "mm", "ms", "s", "h", "km", "B", "events", "events/100 km", "points", "trips", "km/trip", "km/h", "ln km/day", "ln km",
    "rows", "records", "days", "claims", "claims a car-year", "car-years", "minor units a year", "currency units a claim",
    "currency units a car-year",
})  # fmt: skip
"""Units of quantities that cannot be below zero. Incurred amounts ("minor units") can: recourse."""
SIGNED_SHARES = frozenset({"change", "mean_price_change"})
"""Shares that are relative changes, so not in [0, 1]."""
LIMITS = {"lat": (-90.0, 90.0), "lon": (-180.0, 180.0), "heading_deg": (0.0, 360.0)}
"""Degrees, WGS 84 and course over ground."""
MAX_RELATIVITY = 50.0
"""A price 50 times the base is a defect, not a driver."""
INTERVAL = "an interval holds its value"
DISTANCE_FACTOR = 1.5
"""Distance by speed and by positions differ by a few per cent on real drives; a factor of 1.5 is a broken unit or clock."""
COMPARED_FROM_MM = 1_000_000
"""Below 1 km, noise of the first position dominates the ratio of the two distances."""
MAX_ODD_TRIPS = 0.05
"""Share of trips that may be beyond DISTANCE_FACTOR before the night says so."""
MAX_FALLBACK = 0.5
"""Share of scores by fallback from which somebody should look."""
MAX_TRIP_MS = 24 * 3_600_000
"""A trip of a whole day points at a device that never ends its trips."""
MAX_CAR_YEARS_A_ROW = 1.0
SLACK_MS = 3_600_000
"""A trip belongs to the day it began and may end after midnight; local days have up to 25 hours."""


@dataclass(frozen=True)
class Suite:
    """The checks of a table and the columns that identify a row."""

    table: str
    key: tuple[str, ...]
    checks: tuple[Check, ...]


def suite_for(table_name: str) -> Suite:
    """The suite of a table of the lake; every frames.<hash> has the same. Raises KeyError for a name the lake does not know."""
    frame = frame_table(table_name)
    table = TABLES[table_name] if frame is None else frame
    key = (*table.key, "known_from") if table.bitemporal else table.key
    own = _OWN.get(FRAME.name if frame is not None else table.name, ())
    return Suite(table_name, key, (*_schema_checks(table), *own))


def _schema_checks(table: Table) -> tuple[Check, ...]:
    nulls = [filled(x.name, f"{x.meaning}: required") for x in table.columns if not x.nullable]
    ranges = [check for x in table.columns if (check := _range_check(x)) is not None]
    clocks = (
        [holds("known_from <= known_to", "known_from <= known_to", "a version does not end before it is known")]
        if table.bitemporal
        else []
    )
    return (*nulls, *ranges, *clocks)


def _range_check(x: Column) -> Check | None:
    if x.type not in ("double", "bigint", "int"):
        return None
    if x.name in LIMITS:
        return between(x.name, *LIMITS[x.name], x.unit, x.meaning)
    if x.unit == "share" and x.name not in SIGNED_SHARES:
        return between(x.name, 0.0, 1.0, x.unit, x.meaning)
    if x.unit in NOT_NEGATIVE_UNITS:
        return between(x.name, 0.0, None, x.unit, x.meaning)
    return between(x.name, None, None, x.unit, f"{x.meaning}: finite") if x.type == "double" else None


def _window_checks() -> tuple[Check, ...]:
    days = [f for f in FEATURES[FEATURE_VERSION_1] if f.stem == "days_driven"]
    return tuple(between(f.name, None, float(f.window_days), f.unit, "no more driven days than the window has") for f in days)


_IN_SHADOW = "role <> 'champion'"
"""Scores that are for comparison: they have no reasons, and a wild price is what the comparison is to show."""
_ADDITIVE = (
    f"abs(ln(pure_premium) - (base + others + calibration + aggregate(reasons, 0D, (s, r) -> s + r.contribution)))"
    f" <= {ADDITIVITY_TOLERANCE}D"
)
_ODD_DISTANCE = (
    f"distance_haversine_mm >= {COMPARED_FROM_MM} AND distance_speed_mm >= {COMPARED_FROM_MM} AND"
    f" greatest(distance_haversine_mm, distance_speed_mm) > {DISTANCE_FACTOR} * least(distance_haversine_mm, distance_speed_mm)"
)
_TIMES = tuple(holds(f"{a} <= {b}", f"{a} <= {b}", "a part is not more than its whole") for a, b in PARTS)

_OWN: dict[str, tuple[Check, ...]] = {
    "bronze.points": (
        holds("event_date = date of event_ts", "event_date = to_date(event_ts)", "the partition a duplicate is looked for in"),
        between("speed_mps", 0.0, None, "m/s", "ground speed has no direction"),
    ),
    "silver.trips": (
        *_TIMES,
        holds("start_ts <= end_ts", "start_ts <= end_ts", "time runs forward"),
        at_least("points per trip, least", "coalesce(min(points), 1)", 1, "a trip has a point"),
        between("duration_ms", None, float(MAX_TRIP_MS), "ms", "a longer trip is a device that never ends one", "warn"),
        between("max_speed_mps", None, MAX_SPEED_MPS, "m/s", "faster is a sensor fault", "warn"),
        at_most(f"share of trips whose two distances differ by more than {DISTANCE_FACTOR:g}",
                f"coalesce(count_if({_ODD_DISTANCE}) / nullif(count(1), 0), 0D)", MAX_ODD_TRIPS,
                "two independent measures of the same distance", "warn"),
    ),
    "silver.events": (
        holds("start_ts <= end_ts", "start_ts <= end_ts", "time runs forward"),
        between("rung", 1.0, 6.0, "", "rungs of the ladder"),
    ),
    "gold.policy_days": (
        *_TIMES,
        at_least("trips per day, least", "coalesce(min(trips), 1)", 1, "a policy day is a day with driving"),
        between("moving_ms", None, float(MS_A_DAY + SLACK_MS), "ms", "more motion than a day has: two devices?", "warn"),
        holds("local_month = month of local_date", "local_month = date_format(local_date, 'yyyy-MM')", "readers prune by it"),
    ),
    "gold.policy_features": (*_window_checks(), at_least("rows", "count(1)", 1, "a book in force has features", "warn")),
    "gold.policy_scores": (
        at_least("rows", "count(1)", 1, "an empty night must not take the place of a book's scores"),
        holds("pure_premium > 0", "pure_premium > 0", "a price is positive"),
        holds(f"relativity in (0, {MAX_RELATIVITY:g}]", f"{_IN_SHADOW} OR relativity > 0 AND relativity <= {MAX_RELATIVITY}D",
              "beyond, it is a defect"),
        holds(f"base + reasons + others + calibration = ln(pure_premium) within {ADDITIVITY_TOLERANCE:g}",
              f"{_IN_SHADOW} OR coalesce({_ADDITIVE}, false)", "the reasons a customer reads add up to the price"),
        holds(f"at most {MAX_REASONS} reasons", f"coalesce(size(reasons), 0) <= {MAX_REASONS}", "more is not read"),
        holds("lower <= pure_premium <= upper", "pure_premium BETWEEN pure_premium_lower AND pure_premium_upper", INTERVAL),
        holds("a fallback has its reason, a model none", "fallback = (fallback_reason IS NOT NULL)", "no silent constant"),
        at_most("share of scores by fallback",
                f"coalesce(count_if(fallback AND NOT {_IN_SHADOW}) / nullif(count_if(NOT {_IN_SHADOW}), 0), 0D)", MAX_FALLBACK,
                "more than half the book without a model's price", "warn"),
    ),
    "gold.drift": (
        at_least("rows", "count(1)", 1, "a night without a drift row says nothing"),
        holds("drifted only where statistic >= threshold", "NOT drifted OR coalesce(statistic >= threshold, false)",
              "chance decides besides, never instead"),
        holds("lower <= shift <= upper", "shift BETWEEN shift_lower AND shift_upper", INTERVAL),
    ),
    "gold.performance": (
        at_least("rows", "count(1)", 1, "a night without a row says nothing", "warn"),
        holds("lower <= A/E <= upper", "actual_over_expected BETWEEN lower AND upper", INTERVAL),
    ),
    "frames.<hash>": (
        *_window_checks(),
        at_least("rows", "count(1)", 1, "nothing to train on"),
        holds(f"exposure_years in (0, {MAX_CAR_YEARS_A_ROW:g}]",
              f"exposure_years > 0 AND exposure_years <= {MAX_CAR_YEARS_A_ROW}D", "horizons are at most a year"),
        holds("no cost without a claim", "claims > 0 OR incurred_minor <= 0", "only recourse comes alone"),
        at_least("claims", "coalesce(sum(claims), 0)", 1, "a frequency cannot be fitted without claims", "warn"),
    ),
}  # fmt: skip
