"""Sums of windows to features: the catalogue's formulas, for sums however they were come by."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.feature import MIN_STARTS, STARTS, VA, Feature
from lake.features import feature_list
from lake.va import LOADINGS
from transforms.arrays import VA_BUCKETS

ROUNDED_DIGITS = 9
"""Features are rounded here and nowhere else: sums are whole numbers, so only a quotient's last bits could differ."""


def feature_values(sums: DataFrame, version: str) -> DataFrame:
    """vehicle_id, as_of_date, feature_version and the version's features as doubles, from columns <term>_<window>, with
    days_driven_<window> and span_days_<window>; sums that are null count as 0. Raises ConfigError for an unknown version."""
    identity = ("vehicle_id", "as_of_date", F.lit(version).alias("feature_version"))
    return sums.select(*identity, *(_value(f) for f in feature_list(version)))


def _value(feature: Feature) -> Column:
    formulas = {"regularity": _regularity, "va_component": _component}
    value = formulas.get(feature.kind, _ratio)(feature)
    return F.round(value, ROUNDED_DIGITS).alias(feature.name)


def _term(feature: Feature, name: str) -> Column:
    return F.coalesce(F.col(f"{name}_{feature.window_days}"), F.lit(0)).cast("double")


def _ratio(feature: Feature) -> Column:
    """scale * numerator / denominator, null without a denominator, after ln(1 + x) where the catalogue says so."""
    value = F.lit(feature.scale) * _term(feature, feature.numerator)
    if feature.denominator is not None:
        value = F.try_divide(value, _term(feature, feature.denominator))
    return F.log1p(value) if feature.log else value


def _regularity(feature: Feature) -> Column:
    """1 - H / ln 12 with H = -sum p ln p (Shannon 1948) over the slots' shares p of all starts: 1 where all trips begin in the
    same slot, 0 where all slots have as many. Null under MIN_STARTS trips."""
    counts = [_term(feature, name) for name in STARTS]
    total = sum(counts[1:], counts[0])
    # H = ln N - sum n ln n / N, and n ln n is 0 at 0
    weighed = [n * F.ln(F.greatest(n, F.lit(1.0))) for n in counts]
    entropy = F.ln(F.greatest(total, F.lit(1.0))) - F.try_divide(sum(weighed[1:], weighed[0]), total)
    # of one slot alone, rounding could give a -0
    share = F.greatest(F.lit(1.0) - entropy / F.ln(F.lit(float(len(counts)))), F.lit(0.0))
    return F.when(total >= MIN_STARTS, share)


def _component(feature: Feature) -> Column:
    """A principal component of acceleration given speed (Wuthrich 2017; Gao, Wuthrich 2018): sum over places of
    (share of its speed bucket - mean share) * loading. A bucket that was hardly driven in counts as the mean does."""
    sums = F.col(f"{VA}_{feature.window_days}").cast("array<double>")
    loading = LOADINGS.components[feature.place]
    speeds, accelerations = VA_BUCKETS
    score = F.lit(0.0)
    for speed in range(speeds):
        first = speed * accelerations
        bucket = F.slice(sums, first + 1, accelerations)
        weights = F.array(*(F.lit(x) for x in loading[first : first + accelerations]))
        of_mean = sum(m * x for m, x in zip(LOADINGS.mean[first : first + accelerations], loading[first:], strict=False))
        weighed = _total(F.zip_with(bucket, weights, lambda a, b: a * b))
        is_driven = _total(bucket) >= LOADINGS.min_bucket_ms
        score += F.when(is_driven, F.try_divide(weighed, _total(bucket)) - F.lit(of_mean)).otherwise(0.0)
    return F.when(sums.isNotNull(), score)


def _total(array: Column) -> Column:
    return F.aggregate(array, F.lit(0.0), lambda so_far, x: so_far + x)
