import datetime as dt
import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.gate import QualityGate, make_gate
from expectations.results import read_results
from expectations.suites import suite_for
from lake.delta import Lake
from lake.errors import GateFailed
from lake.tables import TABLES

D = dt.date(2026, 3, 2)


def features(lake: Lake, rows: int) -> DataFrame:
    table = TABLES["gold.policy_features"]
    values = [F.lit(0.5).alias(x.name) for x in table.columns if x.type == "double"]
    key = [F.concat(F.lit("v"), "id").alias("vehicle_id"), F.lit(D).alias("as_of_date"), F.lit("v1").alias("feature_version")]
    return lake.spark.range(rows).select(*key, *values)


def score(**changes: Any) -> tuple[Any, ...]:
    # ln 200 = 5.298317: base 5 + reasons .2 + others .05 + calibration .048317
    row: dict[str, Any] = {
        "policy_id": "p1", "vehicle_id": "v1", "coverage": "liability", "score_date": D, "role": "champion", "frequency": 0.1,
        "severity": 2000.0, "pure_premium": 200.0, "currency": "EUR", "relativity": 1.284, "base": 5.0, "others": 0.05,
        "reasons": [("brake_per_100km_90", "harsh braking", 3.0, 0.2)], "calibration": 0.048317, "km_365": 9000.0,
        "days_observed": 300, "completeness": 0.99, "credibility": 0.9, "pure_premium_lower": 150.0, "pure_premium_upper": 260.0,
        "fallback": False, "lineage": ("pure-premium-liability", "1", "r", "v1", "abc", dt.datetime(2026, 3, 3)),
    } | changes  # fmt: skip
    return tuple(row.get(name) for name in TABLES["gold.policy_scores"].names)


def scores(lake: Lake, *rows: tuple[Any, ...]) -> DataFrame:
    return lake.spark.createDataFrame(list(rows), TABLES["gold.policy_scores"].schema)


@pytest.fixture
def gate(tmp_path: Path) -> QualityGate:
    return make_gate(tmp_path / "data-docs", f"{D}")


def test_good_features_pass_and_bad_ones_are_named(lake: Lake, gate: QualityGate) -> None:
    gate("gold.policy_features", features(lake, 20))
    assert gate.warnings == []
    results = dict(read_results(gate.folder))["gold.policy_features"]
    assert len(results) == len(suite_for("gold.policy_features").checks) + 1
    assert all(r.success for r in results)

    twice = features(lake, 20).union(features(lake, 2))
    worse = twice.withColumn("night_share_28", F.when(F.col("vehicle_id") == "v7", 1.2).otherwise(F.col("night_share_28")))
    nan = worse.withColumn("km_7", F.when(F.col("vehicle_id") == "v8", float("nan")).otherwise(F.col("km_7")))
    with pytest.raises(GateFailed) as failed:
        gate("gold.policy_features", nan)
    line = str(failed.value)
    assert "\n" not in line
    assert line.startswith("gold.policy_features was not published: ")
    assert "night_share_28 in [0, 1] share = 1 (at most 0)" in line
    assert "km_7 in [0, inf] km = 1 (at most 0)" in line
    assert "rows with a repeated key: vehicle_id, as_of_date, feature_version = 2 (at most 0)" in line


def test_a_warning_is_collected_and_stops_nothing(lake: Lake, gate: QualityGate) -> None:
    gate("gold.policy_features", features(lake, 0))
    assert gate.warnings == ["gold.policy_features: rows = 0 (at least 1)"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"others": 0.0502}, "base + reasons + others + calibration"),  # 2e-4 off, tolerance 1e-4
        ({"reasons": None}, "base + reasons + others + calibration"),
        ({"relativity": 50.1}, "relativity in (0, 50]"),
        ({"pure_premium_lower": 201.0}, "lower <= pure_premium <= upper"),
        ({"fallback": True}, "a fallback has its reason"),
        ({"policy_id": None}, "nulls: policy_id = 1"),
    ],
)
def test_a_wrong_score_stops(lake: Lake, gate: QualityGate, changes: dict[str, Any], named: str) -> None:
    table = TABLES["gold.policy_scores"].schema
    for field in table.fields:
        field.nullable = True
    wrong = lake.spark.createDataFrame([score(policy_id="p2"), score(**changes)], table)
    with pytest.raises(GateFailed, match=re.escape(named)):
        gate("gold.policy_scores", wrong)


def test_readers_never_see_staged_rows(lake: Lake, gate: QualityGate) -> None:
    tonight = f"score_date = DATE'{D}'"
    lake.publish("gold.policy_scores", scores(lake, score()), tonight, gate)
    with pytest.raises(GateFailed):
        lake.publish("gold.policy_scores", scores(lake, score(pure_premium=-1.0)), tonight, gate)
    assert [r["pure_premium"] for r in lake.read("gold.policy_scores").collect()] == [200.0]


@pytest.mark.parametrize("drifted, p_value, passes", [(True, 1e-6, True), (False, 0.01, True), (True, None, False)])
def test_a_column_beyond_its_threshold_may_be_chance(
    lake: Lake, gate: QualityGate, drifted: bool, p_value: float | None, passes: bool
) -> None:
    """What drifted is beyond; what is beyond may have come by chance, as among few vehicles."""
    statistic = 0.3 if passes else 0.05
    row = {"score_date": D, "column": "km_90", "kind": "feature", "statistic": statistic, "threshold": 0.1, "p_value": p_value,
           "drifted": drifted}  # fmt: skip
    schema = lake.table("gold.drift").schema
    for field in schema.fields:
        field.nullable = True
    night = lake.spark.createDataFrame([tuple(row.get(name) for name in schema.names)], schema)
    with nullcontext() if passes else pytest.raises(GateFailed, match="drifted only where statistic >= threshold"):
        gate("gold.drift", night)


def test_every_table_has_a_suite_that_spark_can_measure(lake: Lake, gate: QualityGate) -> None:
    needs_rows = {"gold.policy_scores", "gold.drift", "frames.abc"}
    for name in [*TABLES, "frames.abc"]:
        empty = lake.spark.createDataFrame([], lake.table(name).schema)
        if name in needs_rows:
            with pytest.raises(GateFailed, match=r"rows = 0 \(at least 1\)$"):
                gate(name, empty)
        else:
            gate(name, empty)

    page = gate.build_docs()
    text = "".join(p.read_text() for p in page.parent.rglob("*.html"))
    assert "gold.policy_days" in text
    assert not re.search(r'<(script|link|img)\b[^>]*(src|href)="https?:', text)


def test_docs_of_a_resumed_night_hold_the_earlier_gates(lake: Lake, gate: QualityGate) -> None:
    gate("gold.policy_features", features(lake, 3))
    gate.build_docs()
    page = make_gate(gate.docs_folder, gate.run_label).build_docs()
    assert "gold.policy_features" in page.read_text()


def test_results_have_no_clock(lake: Lake, gate: QualityGate) -> None:
    found = []
    for _ in range(2):
        gate("gold.policy_features", features(lake, 3))
        found.append(json.dumps([r.__dict__ for r in dict(read_results(gate.folder))["gold.policy_features"]]))
    assert found[0] == found[1]
