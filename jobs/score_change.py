"""A score beside the one in force before it."""

import datetime as dt
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.delta import Lake
from registry.store import CHAMPION
from training.reasons import DECIMALS
from transforms.exposure import COVER_KEY

TABLE = "gold.policy_scores"
_IDENTITY_OF_MODEL = ("lineage.model_name", "lineage.model_version")


def published_scores(lake: Lake, date: dt.date | None) -> DataFrame:
    """COVER_KEY, previous_pure_premium and _before (what a comparison needs) of the champion's scores of a date."""
    before = F.struct("reasons", "fallback", *(F.col(x) for x in _IDENTITY_OF_MODEL)).alias("_before")
    rows = lake.read(TABLE).where((F.col("score_date") == F.lit(date)) & (F.col("role") == CHAMPION))
    return rows.select(*COVER_KEY, F.col("pure_premium").alias("previous_pure_premium"), before)


def with_change(scores: DataFrame, previous: DataFrame) -> DataFrame:
    """Add previous_pure_premium, change and change_reason; the reason is null where the price did not change, and all three
    are for a challenger's score, which was never in force."""
    in_force = F.col("role") == CHAMPION
    joined = scores.join(previous.withColumn("role", F.lit(CHAMPION)), on=[*COVER_KEY, "role"], how="left")
    change = F.round(F.col("pure_premium") / F.col("previous_pure_premium") - 1, DECIMALS)
    another_model = reduce(Column.__or__, [F.col(x) != F.col(f"_before.{x.split('.')[1]}") for x in _IDENTITY_OF_MODEL])
    reason = (
        F.when(~in_force, F.lit(None))
        .when(F.col("_before").isNull(), "new_policy")
        .when(F.col("fallback") != F.col("_before.fallback"), "fallback")
        .when(another_model, "model")
        .when(F.col("pure_premium") != F.col("previous_pure_premium"), _moved_most())
    )
    return joined.withColumns({"change": change, "change_reason": reason}).drop("_before")


def _moved_most() -> Column:
    """The feature whose stated contribution differs most between the two nights; one that is not stated counts as 0."""
    now, before = (_contributions(x) for x in ("reasons", "_before.reasons"))

    def stated(of: Column, feature: Column) -> Column:
        return F.coalesce(F.try_element_at(of, feature), F.lit(0.0))

    moves = F.transform(
        F.array_union(F.map_keys(now), F.map_keys(before)),
        lambda f: F.struct(F.abs(stated(now, f) - stated(before, f)).alias("moved"), f.alias("feature")),
    )
    return F.array_max(moves)["feature"]


def _contributions(reasons: str) -> Column:
    return F.map_from_arrays(F.col(f"{reasons}.feature"), F.col(f"{reasons}.contribution"))
