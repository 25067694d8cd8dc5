"""What a check of a table is: an aggregate measured by Spark in one pass, and the range Great Expectations holds it to."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["stop", "warn"]

NO_ROWS = 0.0
"""How many rows may break a rule, unless a check says otherwise."""


@dataclass(frozen=True)
class Check:
    """`measure` is a Spark SQL aggregate over the table, `name` says what it measures. The check holds where
    minimum <= value <= maximum (None: open). A `stop` that does not hold keeps the data from being published."""

    name: str
    measure: str
    minimum: float | None
    maximum: float | None
    severity: Severity
    reason: str


def holds(name: str, condition: str, reason: str, severity: Severity = "stop", tolerated: float = NO_ROWS) -> Check:
    """No row (at most `tolerated`) for which `condition` is false; null counts as true, nullness has its own check."""
    return Check(f"rows that break: {name}", f"count_if(NOT ({condition}))", None, tolerated, severity, reason)


def filled(column: str, reason: str) -> Check:
    """No null in the column."""
    return Check(f"nulls: {column}", f"count_if(`{column}` IS NULL)", None, NO_ROWS, "stop", reason)


def between(column: str, low: float | None, high: float | None, unit: str, reason: str, severity: Severity = "stop") -> Check:
    """Every value in [low, high] and finite; NaN is greater than everything in Spark and so breaks it."""
    limits = [f"`{column}` >= {low}D"] if low is not None else [f"`{column}` > double('-Infinity')"]
    limits.append(f"`{column}` <= {high}D" if high is not None else f"`{column}` < double('Infinity')")
    shown = f"[{'-inf' if low is None else f'{low:g}'}, {'inf' if high is None else f'{high:g}'}] {unit}".strip()
    return holds(f"{column} in {shown}", " AND ".join(limits), reason, severity)


def at_least(name: str, measure: str, minimum: float, reason: str, severity: Severity = "stop") -> Check:
    """The aggregate is at least `minimum`."""
    return Check(name, measure, minimum, None, severity, reason)


def at_most(name: str, measure: str, maximum: float, reason: str, severity: Severity = "stop") -> Check:
    """The aggregate is at most `maximum`."""
    return Check(name, measure, None, maximum, severity, reason)
