"""Actual claims against expected ones, by segment."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.clock import known_at
from monitoring.drift import rounded
from monitoring.segment_bias import Mature
from training.fairness import FEWEST_OF_LEVEL
from training.metrics import garwood

ALL = "all"
SEGMENTS = ("coverage", "territory_band", "driver_age_band")
FAIRNESS = "fairness_group"
GROUPS = "fairness_groups"
"""The column of a cover with the groups of its holder."""
LIKELY = 0.5
"""Probability from which a policy counts as one of a group's: claims stay whole numbers, as the exact interval needs them."""
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Experience:
    """What a segment's exposure expected, up to some cutoff; maturity is its mean age there. `members`: policies of a fairness
    group among what was added last."""

    car_years: float = 0.0
    expected: float = 0.0
    maturity_days: float = 0.0
    members: int = 0

    def aged(self, days: int) -> "Experience":
        """The same exposure, seen `days` later."""
        return Experience(self.car_years, self.expected, self.maturity_days + days)

    def plus(self, other: "Experience") -> "Experience":
        """Both together; maturity is weighted with exposure."""
        years = self.car_years + other.car_years
        age = (self.car_years * self.maturity_days + other.car_years * other.maturity_days) / years if years else 0.0
        return Experience(years, self.expected + other.expected, age, other.members)


def with_groups(covers: DataFrame, versions: DataFrame, at: Column) -> DataFrame:
    """Rows with policy_id, and the fairness groups their holder more likely than not belongs to, as known at each row's `at`.

    `versions` is reference.fairness_groups with all that was ever known. Null where a policy is not in it.
    """
    likely = versions.where(F.col("probability") >= LIKELY)
    version = F.struct("group_name", "known_from", "known_to")
    of_policy = likely.groupBy("policy_id").agg(F.collect_list(version).alias("_versions"))
    known = F.filter("_versions", lambda g: known_at(at, g))
    names = F.array_sort(F.array_distinct(F.transform(known, lambda g: g["group_name"])))
    return covers.join(of_policy, on="policy_id", how="left").withColumn(GROUPS, names).drop("_versions")


def by_segment(df: DataFrame, measures: list[Column]) -> DataFrame:
    """segment, value and the measures: once for the whole book, once per value of each of SEGMENTS (null is `unknown`) and once
    per fairness group, of which a row may be in several or none."""
    cuts = [_cut(ALL, F.lit(ALL)), *(_cut(s, F.coalesce(s, F.lit(UNKNOWN))) for s in SEGMENTS)]
    none = F.array().cast("array<string>")
    of_groups = F.transform(F.coalesce(GROUPS, none), lambda name: _cut(FAIRNESS, name))
    every = F.explode(F.concat(F.array(*cuts), of_groups))
    return df.withColumn("_cut", every).groupBy("_cut.segment", "_cut.value").agg(*measures)


def members() -> Column:
    """A measure of `by_segment`: policies of a fairness group, 0 of other segments, whose policies nobody has to count."""
    return F.count_distinct(F.when(F.col("_cut.segment") == FAIRNESS, F.col("policy_id"))).alias("members")


def _cut(segment: str, value: Column) -> Column:
    return F.struct(F.lit(segment).alias("segment"), value.alias("value"))


Key = tuple[str, str]
PerformanceRow = tuple[dt.date | str | float | None, ...]


def performance_rows(
    date: dt.date, experience: Mapping[Key, Experience], claims: Mapping[Key, int], mature: Mapping[Key, Mature]
) -> list[PerformanceRow]:
    """Rows of gold.performance, in its column order; a segment with claims and no exposure is shown with A/E null.

    Of a fairness group with fewer policies tonight than training's evidence asks for, the sums are kept for the nights to come
    and nothing is stated.
    """
    keys = sorted({*experience, *claims})
    return [_row(date, k, experience.get(k, Experience()), claims.get(k, 0), mature.get(k, Mature())) for k in keys]


def _row(date: dt.date, key: Key, e: Experience, claims: int, mature: Mature) -> PerformanceRow:
    is_stated = key[0] != FAIRNESS or e.members >= FEWEST_OF_LEVEL
    lower, upper = (float(x[0]) for x in garwood(np.array([claims], dtype=float)))
    ratio = [x / e.expected if e.expected > 0 and is_stated else None for x in (claims, lower, upper)]
    sums = (mature.claims, rounded(mature.expected))
    evidence = (rounded(mature.log_evidence), mature.off_since) if is_stated else (None, None)
    return (date, *key, e.car_years, claims, e.expected, *ratio, e.maturity_days, *sums, *evidence)
