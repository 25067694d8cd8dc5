"""Features of a vehicle as of a date: windows over policy days, in one pass for all windows.

Windows of the catalogue are nested (7 within 28 within 90 within 365 days), so days are summed once by age band, the
disjoint ring between two windows, and a window is the sum of the bands inside it: four small rows a vehicle instead of
four times as many conditional sums over every day.
"""

import datetime as dt
from collections.abc import Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.clock import cutoff_of, known_at
from lake.features import FEATURE_VERSION_1, WINDOW_COUNTS, WINDOWS_DAYS, Feature, feature_list

LONGEST_DAYS = max(WINDOWS_DAYS)
ROUNDED_DIGITS = 9
"""Features are rounded here and nowhere else: sums are whole numbers, so only a quotient's last bits could differ."""
_IDENTITY = ("vehicle_id", "as_of_date")


def days_before(dates: Iterable[dt.date]) -> Column:
    """True for policy days that some window as of one of `dates` covers; names the partition too, so that Delta prunes."""
    ordered = sorted(dates)
    first, end = ordered[0] - dt.timedelta(days=LONGEST_DAYS), ordered[-1]
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
    features = feature_list(version)
    if isinstance(as_of, dt.date):
        wanted = days.select("vehicle_id").distinct().withColumn("as_of_date", F.lit(as_of))
        dated = days.withColumn("as_of_date", F.lit(as_of)).where(_in_longest_window())
    else:
        wanted = as_of.select(*_IDENTITY).distinct()
        dated = days.join(F.broadcast(wanted.select("as_of_date").distinct()), on=_in_longest_window(), how="inner")
    sums = wanted.join(_by_window(_by_age_band(dated, features), features), on=list(_IDENTITY), how="left")
    return sums.select(*_IDENTITY, F.lit(version).alias("feature_version"), *(_value(f) for f in features))


def _age() -> Column:
    return F.date_diff(F.col("as_of_date"), F.col("local_date"))


def _in_longest_window() -> Column:
    return _age().between(1, LONGEST_DAYS) & known_at(cutoff_of(F.col("as_of_date")))


def _terms(features: Iterable[Feature]) -> set[tuple[str, int]]:
    """(name, window) of everything a numerator or denominator asks for."""
    return {(name, f.window_days) for f in features for name in (f.numerator, f.denominator) if name is not None}


def _by_age_band(dated: DataFrame, features: Iterable[Feature]) -> DataFrame:
    """Sums per vehicle, as_of_date and `band`, the shortest window that holds the day."""
    band = F.lit(LONGEST_DAYS)
    for window in sorted(WINDOWS_DAYS, reverse=True):
        band = F.when(_age() <= window, window).otherwise(band)
    sums = sorted({name for name, _ in _terms(features)} - set(WINDOW_COUNTS))
    return dated.groupBy(*_IDENTITY, band.alias("band")).agg(
        *(F.sum(name).alias(name) for name in sums), F.count(F.lit(1)).alias("days_driven"), F.max(_age()).alias("span_days")
    )


def _by_window(bands: DataFrame, features: Iterable[Feature]) -> DataFrame:
    """One row per vehicle and as_of_date, a column <name>_<window> for each term."""

    def total(name: str, window: int) -> Column:
        inside = F.when(F.col("band") <= window, F.col(name))
        return (F.max(inside) if name == "span_days" else F.sum(inside)).alias(f"_{name}_{window}")

    return bands.groupBy(*_IDENTITY).agg(*(total(name, window) for name, window in sorted(_terms(features))))


def _value(feature: Feature) -> Column:
    """scale * numerator / denominator, null without a denominator, after ln(1 + x) where the catalogue says so."""

    def term(name: str) -> Column:
        return F.coalesce(F.col(f"_{name}_{feature.window_days}"), F.lit(0)).cast("double")

    value = F.lit(feature.scale) * term(feature.numerator)
    if feature.denominator is not None:
        value = F.try_divide(value, term(feature.denominator))
    return F.round(F.log1p(value) if feature.log else value, ROUNDED_DIGITS).alias(feature.name)
