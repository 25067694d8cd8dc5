"""Daily values of the last local day against the same weekday of the weeks before: what changed yesterday shows here first."""

import datetime as dt

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.context import JobContext
from jobs.days import history_sources
from jobs.drift_sums import CURRENT, REFERENCE, sample, summaries, vehicles
from lake.clock import cutoff, cutoff_of, known_at
from lake.feature import DAY_TERMS
from monitoring.binning import bins_of
from monitoring.drift import Drift, Monitored, Side, compare

WEEKS, LEAST_WEEKS = 8, 4
"""The season is the week: a Monday is held against Mondays. Two months of them, at least half of which have data."""
_KEY = ("vehicle_id", "local_date")
_PER_100_KM = 1e8
_RUNG = 1
"""The lowest: a day has few events, and fewer of the rungs above."""


def _per_100_km(kind: str, known: str) -> str:
    return f"{_PER_100_KM:.0f} * try_divide({kind}_r{_RUNG}, nullif({DAY_TERMS[known]}, 0))"


VALUES: dict[str, tuple[str, str]] = {
    "km": ("km", "distance_mm / 1e6"),
    "trips": ("trips", "trips"),
    "moving_hours": ("h", "moving_ms / 3.6e6"),
    "brake_per_100km": ("events/100 km", _per_100_km("brake", "harsh_known_mm")),
    "accelerate_per_100km": ("events/100 km", _per_100_km("accelerate", "harsh_known_mm")),
    "corner_per_100km": ("events/100 km", _per_100_km("corner", "corner_known_mm")),
    "speeding_share": ("share", "try_divide(speeding_ms, limit_known_ms)"),
    "phone_share": ("share", "try_divide(phone_ms, phone_known_ms)"),
    "night_share": ("share", "try_divide(night_ms, moving_ms)"),
    "covered_share": ("share", "try_divide(covered_ms, duration_ms)"),
}
"""A vehicle's day by name: unit, and SQL over the columns of gold.policy_days; null where it is not known."""


def daily_drifts(ctx: JobContext) -> list[Drift]:
    """Drift of each value; empty where yesterday, or most of the weeks before it, have no driving."""
    day = ctx.date - dt.timedelta(days=1)
    before = [day - dt.timedelta(weeks=n) for n in range(1, WEEKS + 1)]
    reference = _valued(_as_then(ctx, before))
    current = _valued(ctx.lake.read_known("gold.policy_days", ctx.cutoff).where(_of_days([day])))
    drawn = sample(reference, _KEY, F.lit(1.0))
    return _compared(drawn, reference, current) if drawn["local_date"].nunique() >= LEAST_WEEKS else []


def _of_days(days: list[dt.date]) -> Column:
    months = sorted({f"{day:%Y-%m}" for day in days})
    return F.col("local_month").isin(months) & F.col("local_date").isin(days)


def _as_then(ctx: JobContext, days: list[dt.date]) -> DataFrame:
    """Days as known as soon after them as yesterday is now, so that data still on their way are missing on both sides; what was
    imported as history came later, and counts as known tonight."""
    versions = ctx.lake.read("gold.policy_days").where(_of_days(days))
    is_imported = F.col("source").isin(history_sources(ctx))
    then = known_at(cutoff_of(F.date_add("local_date", 1)))
    return versions.where((is_imported & known_at(cutoff(ctx.date))) | (~is_imported & then))


def _valued(days: DataFrame) -> DataFrame:
    return days.select(*_KEY, *(F.expr(sql).cast("double").alias(name) for name, (_, sql) in VALUES.items()))


def _compared(drawn: pd.DataFrame, reference: DataFrame, current: DataFrame) -> list[Drift]:
    bins = {name: bins_of(drawn[name].to_numpy(dtype=float)) for name in VALUES}
    sides_of = [rows.select(F.lit(side).alias("side"), *VALUES) for side, rows in ((REFERENCE, reference), (CURRENT, current))]
    found, cars = summaries(sides_of[0].unionByName(sides_of[1]), bins), vehicles(reference, current)
    if not cars[CURRENT]:
        return []
    sides = {name: [Side(found[side, name], cars[side]) for side in (REFERENCE, CURRENT)] for name in VALUES}
    return [compare(Monitored(name, "daily", unit), bins[name], *sides[name]) for name, (unit, _) in VALUES.items()]
