"""Features of a vehicle as of a date: windows over policy days, in one pass for all windows.

Windows of the catalogue are nested (7 within 28 within 90 within 365 days), so days are summed once by age band, the
disjoint ring between two windows, and a window is the sum of the bands inside it: four small rows a vehicle instead of
four times as many conditional sums over every day.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.clock import cutoff_of, known_at
from lake.feature import DAY_TERMS, VA
from lake.features import FEATURE_VERSION_1, WINDOW_COUNTS, WINDOWS_DAYS, terms_of
from transforms.arrays import VA_PLACES, unless_zero
from transforms.feature_values import feature_values

LONGEST_DAYS = max(WINDOWS_DAYS)
Term = tuple[str, int]
"""Name and window of a sum."""
_IDENTITY = ("vehicle_id", "as_of_date")
DRIVEN = "driven"


def days_before(dates: Iterable[dt.date]) -> Column:
    """True for policy days that some window as of one of `dates` covers; names the partition too, so that Delta prunes."""
    ordered = sorted(dates)
    return days_within(ordered[0] - dt.timedelta(days=LONGEST_DAYS), ordered[-1])


def days_within(first: dt.date, end: dt.date) -> Column:
    """True for policy days of [first, end), with literals that Delta prunes partitions and files by."""
    months = F.col("local_month").between(f"{first:%Y-%m}", f"{end:%Y-%m}")
    return months & (F.col("local_date") >= F.lit(first)) & (F.col("local_date") < F.lit(end))


def window_features(days: DataFrame, as_of: dt.date | DataFrame, version: str = FEATURE_VERSION_1) -> DataFrame:
    """One row per vehicle and as_of_date: vehicle_id, as_of_date, feature_version and the version's features as doubles.

    `days` has rows of gold.policy_days, all versions or as known; of each day the version known at
    cutoff(as_of_date) counts, so what came later cannot enter. `as_of` is a date, for the vehicles in `days`, or rows of
    (vehicle_id, as_of_date). A window of w days covers local days [as_of_date - w, as_of_date): the as-of day itself has
    not ended everywhere at its cutoff, the day before it has. A vehicle without days has 0 in amounts and counts, and
    null in quotients. Raises ConfigError for an unknown version.
    """
    terms = terms_of(version)
    wanted = as_of if isinstance(as_of, DataFrame) else days.select("vehicle_id").withColumn("as_of_date", F.lit(as_of))
    wanted = wanted.select(*_IDENTITY).distinct()
    sums = wanted.join(window_sums(days, as_of, terms), on=list(_IDENTITY), how="left")
    return feature_values(sums, version)


def window_sums(days: DataFrame, as_of: dt.date | DataFrame, terms: Sequence[Term], *, with_driven: bool = False) -> DataFrame:
    """vehicle_id, as_of_date, <name>_<window> of each term, days_driven_<window> and span_days_<window>, for vehicles that have
    a day in the longest window; `with_driven` adds the numbers of those days since 1970. Arguments are those of
    window_features."""
    if isinstance(as_of, DataFrame):
        dates = F.broadcast(as_of.select("as_of_date").distinct())
        dated = days.join(dates, on=_in_longest_window(), how="inner")
    else:
        dated = days.withColumn("as_of_date", F.lit(as_of)).where(_in_longest_window())
    return _by_window(_by_age_band(dated, terms, with_driven), terms, with_driven)


def day_term(name: str) -> Column:
    """What a policy day adds to a sum."""
    return F.expr(DAY_TERMS.get(name, f"coalesce({name}, 0)"))


def _age() -> Column:
    return F.date_diff(F.col("as_of_date"), F.col("local_date"))


def _in_longest_window() -> Column:
    return _age().between(1, LONGEST_DAYS) & known_at(cutoff_of(F.col("as_of_date")))


def _parts(name: str) -> list[tuple[str, Column]]:
    """The columns that a term is added up in, with what a day adds to each."""
    if name == VA:
        return [(f"{VA}__{n}", F.coalesce(F.get(F.col(VA), F.lit(n)), F.lit(0))) for n in range(VA_PLACES)]
    return [(name, day_term(name))]


def _by_age_band(dated: DataFrame, terms: Sequence[Term], with_driven: bool) -> DataFrame:
    """Sums per vehicle, as_of_date and `band`, the shortest window that holds the day."""
    band = F.lit(LONGEST_DAYS)
    for window in sorted(WINDOWS_DAYS, reverse=True):
        band = F.when(_age() <= window, window).otherwise(band)
    parts = [part for name in sorted({name for name, _ in terms}) for part in _parts(name)]
    days = [F.collect_list(F.unix_date("local_date")).alias(DRIVEN)] if with_driven else []
    return dated.groupBy(*_IDENTITY, band.alias("band")).agg(
        *(F.sum(value).alias(name) for name, value in parts),
        F.count(F.lit(1)).alias("days_driven"), F.max(_age()).alias("span_days"), *days,
    )  # fmt: skip


def _by_window(bands: DataFrame, terms: Sequence[Term], with_driven: bool) -> DataFrame:
    """One row per vehicle and as_of_date, a column <name>_<window> for each term."""

    def total(name: str, window: int) -> Column:
        inside = F.when(F.col("band") <= window, F.col(name))
        return F.coalesce(F.max(inside) if name == "span_days" else F.sum(inside), F.lit(0))

    def column(name: str, window: int) -> Column:
        parts = [total(part, window) for part, _ in _parts(name)]
        return (unless_zero(F.array(*parts)) if name == VA else parts[0]).alias(f"{name}_{window}")

    counts = [total(name, w).alias(f"{name}_{w}") for name in WINDOW_COUNTS for w in WINDOWS_DAYS]
    days = [F.array_sort(F.flatten(F.collect_list(DRIVEN))).alias(DRIVEN)] if with_driven else []
    return bands.groupBy(*_IDENTITY).agg(*(column(*term) for term in terms), *counts, *days)
