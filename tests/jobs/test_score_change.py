"""Why a price moved, from what both nights state of it."""

import math
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.score_change import with_change

SCHEMA = """policy_id string, vehicle_id string, coverage string, role string, currency string, pure_premium double,
    fallback boolean, lineage struct<model_name: string, model_version: string>,
    reasons array<struct<feature: string, contribution: double>>, expected string"""
Stated = dict[str, float]
A_TO_C = {"a": 0.50, "b": 0.40, "c": 0.30}


def priced(log_price: float, stated: Stated, version: str = "1", fallback: bool = False, currency: str = "EUR") -> dict[str, Any]:
    return {
        "log_price": log_price,
        "reasons": list(stated.items()),
        "version": version,
        "fallback": fallback,
        "currency": currency,
    }


def moved(before: Stated, now: Stated, others: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two nights whose stated contributions are these, and whose others moved so far."""
    return priced(sum(before.values()), before), priced(sum(now.values()) + others, now)


NIGHTS = {
    # the fourth is another: d, at .100, fell behind e, which rose from .099 to .1001
    "a": moved(A_TO_C | {"d": 0.100}, A_TO_C | {"a": 0.55, "e": 0.1001}, -0.099 + 0.099),
    # e came from at most .1: .3 of it are certain, more than c's .05
    "e": moved(A_TO_C | {"d": 0.100}, {"a": 0.5, "b": 0.4, "c": 0.35, "e": -0.4}, 0.1),
    "others": moved(A_TO_C | {"d": 0.100}, A_TO_C | {"d": 0.110}, 0.02),
    # fewer than four are stated: all others are below half a percent
    "f": moved({"a": 0.5}, {"a": 0.52, "f": 0.03}, 0.0),
    "fallback": (priced(1.0, A_TO_C), priced(1.1, {}, version="2", fallback=True)),
    "model": (priced(1.0, A_TO_C), priced(1.1, A_TO_C, version="2")),
    "currency": (priced(1.0, A_TO_C), priced(1.0, A_TO_C, version="2", currency="CHF")),
    "": (priced(1.0, A_TO_C), priced(1.0, {}, version="2", fallback=True)),
}


def test_why_a_price_moved(spark: SparkSession) -> None:
    def frame(night: int) -> Any:
        rows = [
            (
                why,
                "v",
                "liability",
                "champion",
                x["currency"],
                math.exp(x["log_price"]),
                x["fallback"],
                ("m", x["version"]),
                x["reasons"],
                why,
            )
            for why, x in ((why, nights[night]) for why, nights in NIGHTS.items())
        ]
        return spark.createDataFrame(rows, SCHEMA).coalesce(1)

    before = F.struct("reasons", "fallback", "currency", "lineage.model_name", "lineage.model_version").alias("_before")
    previous = frame(0).select(
        "policy_id", "vehicle_id", "coverage", F.col("pure_premium").alias("previous_pure_premium"), before
    )
    found = with_change(frame(1), previous).collect()
    assert {r["expected"]: r["change_reason"] or "" for r in found} == {why: why for why in NIGHTS}
    # a price in another currency is not compared
    assert {r["expected"] for r in found if r["change"] is None or r["previous_pure_premium"] is None} == {"currency"}
