"""Row rules: each is a Column that is null or the reason a record is refused; all run in one scan."""

from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from lake.sources import SET_BY_LOADER
from lake.tables import POINTS, POLICY_DAYS, Table
from transforms.reasons import those_given

STANDARD_GRAVITY_MPS2 = 9.80665
EARLIEST = "2000-01-01"
"""Before it no telematics device reported; a clock that was never set says 1970 or 1980."""
FUTURE_ALLOWANCE = "INTERVAL 1 DAY"
"""A device's clock may be that far ahead of the receiver's."""
NO_CONSENT = "no_consent"
NO_POLICY = "no_policy"
POSITION_IS_NOT_KEPT = (NO_CONSENT, NO_POLICY)


@dataclass(frozen=True)
class Range:
    """Possible values of a column, both ends included."""

    low: float
    high: float


RANGES = {
    "lat": Range(-90, 90),
    "lon": Range(-180, 180),
    "speed_mps": Range(0, 150),  # 540 km/h: no insured car
    "posted_limit_mps": Range(0, 150),
    "heading_deg": Range(0, 360),
    "altitude_m": Range(-500, 9000),  # below the Dead Sea, above any road
    "accel_lon_mps2": Range(-10 * STANDARD_GRAVITY_MPS2, 10 * STANDARD_GRAVITY_MPS2),  # beyond it a sensor fault, even in a crash
    "accel_lat_mps2": Range(-10 * STANDARD_GRAVITY_MPS2, 10 * STANDARD_GRAVITY_MPS2),
    "hdop": Range(0, 1e6),
    "accuracy_m": Range(0, 1e6),
    "base_premium_minor": Range(0, 1e15),
}
"""Only what cannot be; what is merely unlikely is the business of the trips."""
PARTS = (
    ("night_ms", "moving_ms"), ("rush_ms", "moving_ms"), ("speeding_ms", "limit_known_ms"), ("limit_known_ms", "moving_ms"),
    ("phone_ms", "phone_known_ms"), ("phone_known_ms", "moving_ms"), ("moving_ms", "duration_ms"), ("covered_ms", "duration_ms"),
)  # fmt: skip
"""(part, whole): times of a trip or policy day of which the first is never more than the second."""
EVENT_TIMES = ("event_ts", "occurred_ts")


def reasons(table: Table) -> Column:
    """All reasons against a record of the table, an empty array for none.

    Needs the table's columns, received_ts, stated_ts (the same before any floor), and the loader's _malformed, _header and
    _wrong (see transforms.parse).
    A record that cannot be parsed has that one reason.
    """
    unreadable = F.when(F.col("_header"), F.array(F.lit("repeated_header"))).when(
        F.col("_malformed").isNotNull(), F.array("_malformed")
    )
    rules = those_given(*_missing(table), *_values(table), *_wholes(table), *_times(table), *_permission(table))
    return F.coalesce(unreadable, F.concat("_wrong", rules))


def keeps_position(reasons_column: str) -> Column:
    """Whether the raw text of a refused record may be kept."""
    return ~F.arrays_overlap(F.col(reasons_column), F.array(*(F.lit(x) for x in POSITION_IS_NOT_KEPT)))


def _missing(table: Table) -> list[Column]:
    required = [x.name for x in table.columns if not x.nullable and x.name not in SET_BY_LOADER]
    return [
        F.when(F.col(name).isNull() & ~F.array_contains("_wrong", f"wrong_type:{name}"), f"missing:{name}")
        for name in (*required, "received_ts")
    ]  # fmt: skip


def _values(table: Table) -> list[Column]:
    rules = []
    for column in table.columns:
        if column.type == "double":
            rules.append(F.when(_is_not_finite(column.name), f"not_finite:{column.name}"))
        outside = _is_outside(table, column.name)
        if outside is not None:
            rules.append(F.when(outside, f"out_of_range:{column.name}"))
    return rules


def _is_outside(table: Table, name: str) -> Column | None:
    value = F.col(name)
    types = {x.name: x.type for x in table.columns}
    limits = RANGES.get(name)
    if limits is not None:
        outside = (value < limits.low) | (value > limits.high)
        return outside & ~_is_not_finite(name) if types[name] == "double" else outside
    if table.name == POLICY_DAYS.name and types[name] == "bigint":
        return value < 0
    if name == "currency":
        return ~value.rlike("^[A-Z]{3}$")
    if name == "valid_to":
        return value < F.col("valid_from")
    return None


def _wholes(table: Table) -> list[Column]:
    pairs = PARTS if table.name == POLICY_DAYS.name else ()
    return [F.when(F.col(part) > F.col(whole), f"exceeds_{whole}:{part}") for part, whole in pairs]


def _is_not_finite(name: str) -> Column:
    return F.isnan(name) | F.col(name).isin(float("inf"), float("-inf"))


def _times(table: Table) -> list[Column]:
    there = [x for x in EVENT_TIMES if x in table.names]
    early = [F.when(F.col(x) < F.lit(EARLIEST).cast("timestamp"), "event_before_2000") for x in there]
    late = [F.when(F.col(x) > F.col("stated_ts") + F.expr(FUTURE_ALLOWANCE), "event_in_future") for x in there]
    return early + late


def _permission(table: Table) -> list[Column]:
    """_covered and _consented are null where consent is waived or there is no device and time to ask about."""
    if table.name != POINTS.name:
        return []
    return [F.when(~F.col("_covered"), NO_POLICY).when(~F.col("_consented"), NO_CONSENT)]
