from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from lake.tables import SCORES
from transforms.differences import feature_differences, score_differences

TOLERANCE = 1e-6
REASON = {"feature": "km_365", "text": "many km", "value": 9000.0, "contribution": 0.2}
LINEAGE = ("m", "3", "r", "v1", "f", None)


def rows(spark: SparkSession, *changes: dict[str, Any]) -> DataFrame:
    names = [x.name for x in SCORES.columns]
    base = dict.fromkeys(names, None) | {
        "policy_id": "p1", "vehicle_id": "v1", "coverage": "liability", "role": "champion", "frequency": 0.05, "severity": 2000.0,
        "pure_premium": 100.0, "currency": "EUR", "relativity": 1.1, "others": 0.1, "base": 4.0, "calibration": 0.0,
        "km_365": 9000.0, "days_observed": 300, "completeness": 0.9, "credibility": 0.5, "pure_premium_lower": 80.0,
        "pure_premium_upper": 120.0, "fallback": False, "reasons": [REASON], "lineage": LINEAGE,
    }  # fmt: skip
    schema = SCORES.schema
    for field in schema.fields:
        field.nullable = True
    return spark.createDataFrame([tuple((base | x)[n] for n in names) for x in changes], schema)


def compared(spark: SparkSession, **change: Any) -> Row:
    (row,) = score_differences(rows(spark, {}), rows(spark, change), TOLERANCE).collect()
    return row


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ({}, []),
        # a millionth of 100 is 1e-4
        ({"pure_premium": 100.00009}, []),
        ({"pure_premium": 100.00011}, ["pure_premium"]),
        ({"pure_premium": 99.9}, ["pure_premium"]),
        # of 0.05, 5e-8
        ({"frequency": 0.05 + 4e-8}, []),
        ({"frequency": 0.05 + 6e-8}, ["frequency"]),
        # logs and shares: by themselves, also around zero
        ({"calibration": 9e-7}, []),
        ({"calibration": 2e-6}, ["calibration"]),
        ({"km_365": None}, ["km_365"]),
        ({"days_observed": 299}, ["days_observed"]),
        ({"fallback": True, "fallback_reason": "no_trips"}, ["fallback", "fallback_reason"]),
        ({"lineage": ("m", "4", "r", "v1", "f", None)}, ["model"]),
        ({"lineage": ("m", "3", "another run", "v1", "f", None)}, []),
    ],
)
def test_columns_that_differ(spark: SparkSession, change: dict[str, Any], columns: list[str]) -> None:
    assert compared(spark, **change)["columns"] == columns


@pytest.mark.parametrize(
    ("reasons", "features"),
    [
        ([REASON | {"contribution": 0.2 + 9e-7}], []),
        ([REASON | {"contribution": 0.21}], ["km_365"]),
        ([REASON | {"text": "very many km"}], ["km_365"]),
        ([REASON | {"value": 8999.0}], ["km_365"]),
        ([], ["km_365"]),
        (None, ["km_365"]),
        ([REASON, REASON | {"feature": "night"}], ["night"]),
        # the order of two that weigh the same is no difference
    ],
)
def test_reasons_that_differ(spark: SparkSession, reasons: Any, features: list[str]) -> None:
    row = compared(spark, reasons=reasons)
    assert row["features"] == features
    assert row["columns"] == (["reasons"] if features else [])


def test_a_cover_that_only_one_side_has(spark: SparkSession) -> None:
    found = score_differences(rows(spark, {}), rows(spark, {"policy_id": "p2"}), TOLERANCE).orderBy("policy_id").collect()
    assert [(r["policy_id"], r["columns"], r["pure_premium_then"], r["pure_premium_now"]) for r in found] == [
        ("p1", ["cover"], 100.0, None), ("p2", ["cover"], None, 100.0),
    ]  # fmt: skip


def test_features(spark: SparkSession) -> None:
    then = spark.createDataFrame([("a", 1.0, 5), ("b", None, 5), ("c", 1.0, 5)], "vehicle_id string, x double, n int")
    now = spark.createDataFrame([("a", 1.0 + 1e-9, 6), ("b", 0.0, 5), ("d", 1.0, 5)], "vehicle_id string, x double, n int")
    found = {r["vehicle_id"]: r for r in feature_differences(then, now, ["x", "n"], TOLERANCE).collect()}
    assert {k: r["columns"] for k, r in found.items()} == {"a": ["n"], "b": ["x"], "c": ["vehicle"], "d": ["vehicle"]}
    assert [tuple(m) for m in found["b"]["moved"]] == [("x", None, 0.0)]
    assert [tuple(m) for m in found["a"]["moved"]] == [("n", 5.0, 6.0)]
