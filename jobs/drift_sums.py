"""What the comparisons of job `drift` share: bounded samples, and exact summaries of all rows."""

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from monitoring.binning import PARTIALS, Bins, Summary, partial_summaries
from monitoring.evidently_report import SAMPLE_ROWS

REFERENCE, CURRENT = "reference", "current"


UNIFORM_BITS = 53
"""As many as a double holds exactly."""


def sample(rows: DataFrame, key: tuple[str, ...], weight: Column, most: int = SAMPLE_ROWS) -> pd.DataFrame:
    """At most so many rows, drawn without replacement by weight: those with the least -ln(u) / weight (Efraimidis and
    Spirakis 2006), u in (0, 1) from a hash of the row's key, so that every run draws the same ones."""
    u = (F.pmod(F.xxhash64(*key), F.lit(2**UNIFORM_BITS)) + F.lit(0.5)) / F.lit(2.0**UNIFORM_BITS)
    return rows.orderBy(F.try_divide(-F.ln(u), weight).asc_nulls_last(), *key).limit(most).toPandas()


def summaries(rows: DataFrame, bins: dict[str, Bins]) -> dict[tuple[str, str], Summary]:
    """Exact summaries over all rows, by side and column: one scan, a few rows back per batch."""
    found: dict[tuple[str, str], Summary] = {}
    for r in rows.mapInArrow(partial_summaries(bins), PARTIALS).collect():
        part = Summary(r["rows"], r["missing"], r["total"], r["squares"], tuple(r["histogram"]))
        key = (r["side"], r["column"])
        found[key] = found[key] + part if key in found else part
    return found


def vehicles(reference: DataFrame, current: DataFrame) -> dict[str, int]:
    """Vehicles by side."""
    both = reference.select(F.lit(REFERENCE).alias("side"), "vehicle_id").unionByName(
        current.select(F.lit(CURRENT).alias("side"), "vehicle_id")
    )
    found = {r["side"]: r["n"] for r in both.groupBy("side").agg(F.count_distinct("vehicle_id").alias("n")).collect()}
    return {REFERENCE: 0, CURRENT: 0} | found
