"""What differs between two computations of the same scores or features, row by row, beyond a tolerance.

A level (a price, a distance) differs when it moved by more than `tolerance` of what it was; a log contribution, a share and the
like when it moved by more than `tolerance` itself. Everything else must be equal.
"""

from collections.abc import Callable, Sequence
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.exposure import COVER_KEY

LEVELS = ("frequency", "severity", "pure_premium", "relativity", "pure_premium_lower", "pure_premium_upper", "km_365")
LOGS_AND_SHARES = ("others", "base", "calibration", "completeness", "credibility")
EQUAL = ("currency", "days_observed", "fallback", "fallback_reason")
OF_MODEL = ("model_name", "model_version", "feature_version", "frame_hash")
COVER, VEHICLE, MODEL, REASONS, PREMIUM = "cover", "vehicle", "model", "reasons", "pure_premium"
"""What `columns` names beside columns: a row that only one side has, its lineage, its reasons."""
SCORE_COLUMNS = (*LEVELS, *LOGS_AND_SHARES, *EQUAL, MODEL, REASONS, COVER)
_Differs = Callable[[Column, Column], Column]


def score_differences(then: DataFrame, now: DataFrame, tolerance: float) -> DataFrame:
    """A row per cover of either: COVER_KEY, feature_version, currency, pure_premium_then and _now [currency units a car-year],
    change [share], `columns` that differ, and `features` whose stated reason does. Both are as gold.policy_scores."""
    names = (*LEVELS, *LOGS_AND_SHARES, *EQUAL, REASONS, "lineage")
    was, is_ = (df.select(*COVER_KEY, F.struct(*names).alias(side)) for df, side in ((then, "was"), (now, "now")))
    both = was.join(is_, on=list(COVER_KEY), how="full_outer").withColumn("features", _moved_reasons(tolerance))
    old, new = F.col("was.pure_premium"), F.col("now.pure_premium")
    return both.select(
        *COVER_KEY, _either("lineage.feature_version").alias("feature_version"), _either("currency").alias("currency"),
        old.alias("pure_premium_then"), new.alias("pure_premium_now"), (new / old - 1).alias("change"),
        _columns(COVER, _tests(tolerance)).alias("columns"), F.coalesce("features", F.array()).alias("features"),
    )  # fmt: skip


def feature_differences(then: DataFrame, now: DataFrame, names: Sequence[str], tolerance: float) -> DataFrame:
    """A row per vehicle of either: vehicle_id, `columns` that differ, and `moved`, each of them as (column, then, now).
    Both have vehicle_id and the numeric columns `names`."""
    was, is_ = (df.select("vehicle_id", F.struct(*names).alias(side)) for df, side in ((then, "was"), (now, "now")))
    both = was.join(is_, on="vehicle_id", how="full_outer")
    differ = partial(_relatively, tolerance)
    tests = [(x, differ(F.col(f"was.{x}").cast("double"), F.col(f"now.{x}").cast("double"))) for x in names]
    values = [_struct(x).alias("_") for x in names]
    found = both.withColumn("columns", _columns(VEHICLE, tests))
    moved = F.filter(F.array(*values), lambda v: F.array_contains("columns", v["column"]))
    return found.select("vehicle_id", "columns", moved.alias("moved"))


def _struct(name: str) -> Column:
    sides = (F.col(f"{side}.{name}").cast("double").alias(as_) for side, as_ in (("was", "then"), ("now", "now")))
    return F.struct(F.lit(name).alias("column"), *sides)


def _either(name: str) -> Column:
    return F.coalesce(F.col(f"now.{name}"), F.col(f"was.{name}"))


def _columns(alone: str, tests: Sequence[tuple[str, Column]]) -> Column:
    """Names of what differs; `alone` for a row that only one side has."""
    named = F.array_compact(F.array(*(F.when(test, F.lit(name)) for name, test in tests)))
    return F.when(F.col("was").isNull() | F.col("now").isNull(), F.array(F.lit(alone))).otherwise(named)


def _tests(tolerance: float) -> list[tuple[str, Column]]:
    kinds: list[tuple[Sequence[str], _Differs]] = [
        (LEVELS, partial(_relatively, tolerance)), (LOGS_AND_SHARES, partial(_absolutely, tolerance)), (EQUAL, _not_equal),
    ]  # fmt: skip
    tests = [(x, differs(F.col(f"was.{x}"), F.col(f"now.{x}"))) for names, differs in kinds for x in names]
    lineage = (F.struct(*(F.col(f"{side}.lineage.{x}") for x in OF_MODEL)) for side in ("was", "now"))
    return [*tests, (MODEL, _not_equal(*lineage)), (REASONS, F.size("features") > 0)]


def _not_equal(a: Column, b: Column) -> Column:
    return ~a.eqNullSafe(b)


def _relatively(tolerance: float, a: Column, b: Column) -> Column:
    return ~a.eqNullSafe(b) & F.coalesce(F.abs(b - a) > tolerance * F.abs(a), F.lit(True))


def _absolutely(tolerance: float, a: Column, b: Column) -> Column:
    return ~a.eqNullSafe(b) & F.coalesce(F.abs(b - a) > tolerance, F.lit(True))


def _moved_reasons(tolerance: float) -> Column:
    """Features whose reason is stated by one side only, or with another contribution, value or text."""
    then, now = (F.coalesce(F.col(f"{side}.{REASONS}"), F.array()) for side in ("was", "now"))
    names = F.array_union(then["feature"], now["feature"])

    def moved(feature: Column) -> Column:
        a, b = (F.get(F.filter(x, lambda r: r["feature"] == feature), F.lit(0)) for x in (then, now))
        return (
            _not_equal(a["text"], b["text"])
            | _absolutely(tolerance, a["contribution"], b["contribution"])
            | _relatively(tolerance, a["value"], b["value"])
        )

    return F.filter(names, moved)
