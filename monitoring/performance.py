"""Actual claims against expected ones, by segment."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from training.metrics import garwood

ALL = "all"
SEGMENTS = ("coverage", "territory_band", "driver_age_band")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Experience:
    """What a segment's exposure expected, up to some cutoff; maturity is its mean age there."""

    car_years: float = 0.0
    expected: float = 0.0
    maturity_days: float = 0.0

    def aged(self, days: int) -> "Experience":
        """The same exposure, seen `days` later."""
        return Experience(self.car_years, self.expected, self.maturity_days + days)

    def plus(self, other: "Experience") -> "Experience":
        """Both together; maturity is weighted with exposure."""
        years = self.car_years + other.car_years
        age = (self.car_years * self.maturity_days + other.car_years * other.maturity_days) / years if years else 0.0
        return Experience(years, self.expected + other.expected, age)


def by_segment(df: DataFrame, measures: list[Column]) -> DataFrame:
    """segment, value and the measures: once for the whole book, once per value of each of SEGMENTS; null is `unknown`."""
    cuts = [F.struct(F.lit(ALL).alias("segment"), F.lit(ALL).alias("value"))]
    cuts += [F.struct(F.lit(s).alias("segment"), F.coalesce(s, F.lit(UNKNOWN)).alias("value")) for s in SEGMENTS]
    return df.withColumn("_cut", F.explode(F.array(*cuts))).groupBy("_cut.segment", "_cut.value").agg(*measures)


Key = tuple[str, str]
PerformanceRow = tuple[dt.date, str, str, float, int, float, float | None, float | None, float | None, float]


def performance_rows(date: dt.date, experience: dict[Key, Experience], claims: dict[Key, int]) -> list[PerformanceRow]:
    """Rows of gold.performance, in its column order; a segment with claims and no exposure is shown with A/E null."""
    return [_row(date, key, experience.get(key, Experience()), claims.get(key, 0)) for key in sorted({*experience, *claims})]


def _row(date: dt.date, key: Key, e: Experience, claims: int) -> PerformanceRow:
    lower, upper = (float(x[0]) for x in garwood(np.array([claims], dtype=float)))
    ratio = [x / e.expected if e.expected > 0 else None for x in (claims, lower, upper)]
    return (date, *key, e.car_years, claims, e.expected, ratio[0], ratio[1], ratio[2], e.maturity_days)
