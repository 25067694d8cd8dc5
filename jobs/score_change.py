"""A score beside the one in force before it."""

import datetime as dt
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.delta import Lake
from lake.price import MAX_REASONS
from registry.store import CHAMPION
from training.reasons import DECIMALS, MIN_REASON
from transforms.exposure import COVER_KEY

TABLE = "gold.policy_scores"
OTHERS = "others"
"""All that no reason states, as a change_reason."""
_IDENTITY_OF_MODEL = ("lineage.model_name", "lineage.model_version")


def published_scores(lake: Lake, date: dt.date | None) -> DataFrame:
    """COVER_KEY, previous_pure_premium and _before (what a comparison needs) of the champion's scores of a date."""
    before = F.struct("reasons", "fallback", "currency", *(F.col(x) for x in _IDENTITY_OF_MODEL)).alias("_before")
    rows = lake.read(TABLE).where((F.col("score_date") == F.lit(date)) & (F.col("role") == CHAMPION))
    return rows.select(*COVER_KEY, F.col("pure_premium").alias("previous_pure_premium"), before)


def with_change(scores: DataFrame, previous: DataFrame) -> DataFrame:
    """Add previous_pure_premium, change and change_reason; the reason is null where the price did not change, and all three
    are for a challenger's score, which was never in force. Of another currency than before there is only the reason."""
    in_force = F.col("role") == CHAMPION
    joined = scores.join(previous.withColumn("role", F.lit(CHAMPION)), on=[*COVER_KEY, "role"], how="left")
    another_currency = F.col("currency") != F.col("_before.currency")
    previous_pure_premium = F.when(~another_currency, F.col("previous_pure_premium"))
    change = F.round(F.col("pure_premium") / previous_pure_premium - 1, DECIMALS)
    another_model = reduce(Column.__or__, [F.col(x) != F.col(f"_before.{x.split('.')[1]}") for x in _IDENTITY_OF_MODEL])
    reason = (
        F.when(~in_force, F.lit(None))
        .when(F.col("_before").isNull(), "new_policy")
        .when(another_currency, "currency")
        .when(F.col("pure_premium") == F.col("previous_pure_premium"), F.lit(None))
        .when(F.col("fallback") != F.col("_before.fallback"), "fallback")
        .when(another_model, "model")
        .otherwise(_moved_most())
    )
    added = {"previous_pure_premium": previous_pure_premium, "change": change, "change_reason": reason}
    return joined.withColumns(added).drop("_before")


def _moved_most() -> Column:
    """The feature whose contribution moved most, or OTHERS where all else together moved further.

    A feature that only one night states was no stronger on the other than the weakest stated there. It is taken as near as that
    allows: what it moved for certain. What it may have moved besides is in OTHERS.
    """
    now, before = "reasons", "_before.reasons"
    features = F.array_union(F.col(f"{now}.feature"), F.col(f"{before}.feature"))
    moves = F.transform(
        features, lambda f: F.struct((_nearest(now, f, before) - _nearest(before, f, now)).alias("moved"), f.alias("feature"))
    )
    stated = F.aggregate(moves, F.lit(0.0), lambda total, m: total + m["moved"])
    others = F.log(F.col("pure_premium") / F.col("previous_pure_premium")) - stated
    every = F.array_append(moves, F.struct(others.alias("moved"), F.lit(OTHERS).alias("feature")))
    return F.array_max(F.transform(every, lambda m: F.struct(F.abs(m["moved"]).alias("moved"), m["feature"])))["feature"]


def _nearest(reasons: str, feature: Column, other: str) -> Column:
    """The feature's contribution as `reasons` states it, else the nearest to the `other` night's that it can have been."""
    contributions = F.col(f"{reasons}.contribution")
    weakest = F.array_min(F.transform(contributions, F.abs))
    bound = F.when(F.size(contributions) == MAX_REASONS, weakest).otherwise(F.lit(MIN_REASON))
    theirs = F.try_element_at(_by_feature(other), feature)
    return F.coalesce(F.try_element_at(_by_feature(reasons), feature), F.greatest(-bound, F.least(bound, theirs)))


def _by_feature(reasons: str) -> Column:
    return F.map_from_arrays(F.col(f"{reasons}.feature"), F.col(f"{reasons}.contribution"))
