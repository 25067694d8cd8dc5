"""Cover in force and the exposure it earns, in car-years.

A car-year is 365.25 days (the Julian year), and every interval is half-open: cover that ends at noon and its
successor that begins at noon earn each instant once.
"""

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

COVER_KEY = ("policy_id", "vehicle_id", "coverage")
MICROS_PER_CAR_YEAR = 365.25 * 86_400 * 1_000_000
_SPAN_KEY = (*COVER_KEY, "start_ts")


def valid_at(at: dt.datetime | Column) -> Column:
    """True where [valid_from, valid_to) holds `at`; an open valid_to never ends."""
    return (F.col("valid_from") <= F.lit(at)) & (F.col("valid_to").isNull() | (F.col("valid_to") > F.lit(at)))


def in_force(policies: DataFrame, at: dt.datetime | Column) -> DataFrame:
    """One row per policy, vehicle and coverage valid at `at`; of overlapping rows the one that began last.

    `policies` are as known. Keys and all columns stay.
    """
    latest = Window.partitionBy(*COVER_KEY).orderBy(F.col("valid_from").desc())
    return policies.where(valid_at(at)).withColumn("_rank", F.row_number().over(latest)).where("_rank = 1").drop("_rank")


def earned_exposure(policies: DataFrame, spans: DataFrame, key: Sequence[str] = COVER_KEY) -> DataFrame:
    """Spans with `exposure_years`, the car-years of cover within [start_ts, end_ts); 0 where there was none.

    `policies` are as known; `spans` has policy_id, vehicle_id, coverage, start_ts (the four identify it), end_ts and
    whatever else. A policy whose terms changed has several rows, which add up; where rows overlap, as they do after a
    mistaken import, an instant is earned once. `key` is what a span's cover must agree in: the currency too, for instance.
    """
    cover = policies.select(*key, "valid_from", "valid_to")
    parts = spans.select(*dict.fromkeys((*_SPAN_KEY, *key)), "end_ts").join(cover, on=list(key), how="inner")
    parts = parts.select(*_SPAN_KEY, *_clipped()).where("_until > _from")
    before = Window.partitionBy(*_SPAN_KEY).orderBy("_from", "_until").rowsBetween(Window.unboundedPreceding, -1)
    fresh = F.col("_until") - F.greatest("_from", F.coalesce(F.max("_until").over(before), F.col("_from")))
    earned = parts.withColumn("_micros", F.greatest(fresh, F.lit(0))).groupBy(*_SPAN_KEY).agg(F.sum("_micros").alias("_micros"))
    years = F.coalesce(F.col("_micros"), F.lit(0)) / F.lit(MICROS_PER_CAR_YEAR)
    return spans.join(earned, on=list(_SPAN_KEY), how="left").withColumn("exposure_years", years).drop("_micros")


def _clipped() -> tuple[Column, Column]:
    """Microseconds since 1970 between which the cover and the span overlap."""
    start = F.greatest("valid_from", "start_ts")
    end = F.least(F.coalesce("valid_to", "end_ts"), F.col("end_ts"))
    return F.unix_micros(start).alias("_from"), F.unix_micros(end).alias("_until")
