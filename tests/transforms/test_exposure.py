"""Exposure earned by cover, and claims matched to it."""

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tests.transforms.rows import claim, claims, policies, policy, ts
from transforms.claims import claims_in, match_claims
from transforms.exposure import earned_exposure, in_force

SPAN = "policy_id string, vehicle_id string, coverage string, start_ts timestamp, end_ts timestamp"
YEAR_DAYS = 365.25


def spans(spark: SparkSession, *keys: tuple[str, str, str]) -> DataFrame:
    """The first hundred days of 2026 for each key."""
    return spark.createDataFrame([(*k, ts("2026-01-01"), ts("2026-04-11")) for k in keys], SPAN)


def row(name: str, valid_from: str, valid_to: str | None, **over: Any) -> dict[str, Any]:
    return policy(policy_id=name, vehicle_id="v", valid_from=ts(valid_from), valid_to=ts(valid_to) if valid_to else None, **over)


def test_exposure_is_cover_within_the_span(spark: SparkSession) -> None:
    cover = policies(
        spark,
        row("whole", "2025-01-01", None),
        row("begins", "2026-01-11T12:00:00", None),
        row("ends", "2025-06-01", "2026-01-21"),
        row("ended", "2025-06-01", "2026-01-01"),
        row("later", "2026-04-11", None),
        # terms changed at noon: two rows that touch, with another premium
        row("changed", "2025-06-01", "2026-02-01T12:00:00"),
        row("changed", "2026-02-01T12:00:00", None, base_premium_minor=70_000),
        # lapsed for ten days
        row("lapsed", "2025-06-01", "2026-02-01"),
        row("lapsed", "2026-02-11", None),
        # the second row lies within the first, the third overlaps it by ten days
        row("overlapping", "2026-01-01", "2026-01-31"),
        row("overlapping", "2026-01-05", "2026-01-06"),
        row("overlapping", "2026-01-21", "2026-02-10"),
        row("coverages", "2025-01-01", None),
        row("coverages", "2025-01-01", "2026-01-11", coverage="theft"),
    )
    names = ("whole", "begins", "ends", "ended", "later", "changed", "lapsed", "overlapping", "coverages", "unknown")
    asked = spans(spark, *((n, "v", "liability") for n in names), ("coverages", "v", "theft"))
    found = {(r["policy_id"], r["coverage"]): r["exposure_years"] for r in earned_exposure(cover, asked).collect()}
    # days of the 100: all; 100 - 10.5; 20; none; none; all; 100 - 10; 30 + 10 fresh days; all; none; 10
    days = dict(zip(names, (100, 89.5, 20, 0, 0, 100, 90, 40, 100, 0), strict=True))
    expected = {(n, "liability"): d / YEAR_DAYS for n, d in days.items()} | {("coverages", "theft"): 10 / YEAR_DAYS}
    assert found == pytest.approx(expected, abs=1e-12)


def test_in_force_takes_one_row_per_cover(spark: SparkSession) -> None:
    cover = policies(
        spark,
        row("a", "2025-01-01", "2026-01-01"),
        row("a", "2026-01-01", None, base_premium_minor=70_000),
        row("b", "2025-01-01", None),
        row("b", "2025-06-01", None, base_premium_minor=80_000),
        row("c", "2026-01-01T00:00:01", None),
    )
    found = {r["policy_id"]: r["base_premium_minor"] for r in in_force(cover, ts("2026-01-01")).collect()}
    assert found == {"a": 70_000, "b": 80_000}


def test_fault_28_each_claim_has_one_outcome(spark: SparkSession) -> None:
    cover = policies(
        spark,
        policy(1, valid_to=ts("2026-03-01")),
        policy(1, valid_from=ts("2026-03-01")),
        policy(2),
        policy(2, coverage="theft"),
    )
    given = claims(
        spark,
        claim("event", "2026-02-01"),
        claim("on the change of terms", "2026-03-01"),
        claim("reopened", "2026-02-01", status="reopened"),
        claim("nil", "2026-02-01", incurred_minor=0),
        claim("unreserved", "2026-02-01", incurred_minor=None),
        claim("recourse", "2026-02-01", incurred_minor=-5_000),
        claim("unknown", "2026-02-01", policy_id="p9"),
        claim("too early", "2024-12-31T23:59:59"),
        claim("other car", "2026-02-01", vehicle_id="v2"),
        claim("not covered", "2026-02-01", coverage="theft"),
        claim("two coverages", "2026-02-01", number=2, coverage="theft"),
        claim("euro", "2026-02-01", currency="EUR"),
    )
    found = {r["claim_id"]: r["outcome"] for r in match_claims(given, cover).collect()}
    assert found == {
        "event": "event", "on the change of terms": "event", "reopened": "event", "two coverages": "event", "nil": "nil",
        "unreserved": "nil", "recourse": "recourse", "unknown": "unknown_policy", "too early": "not_in_force",
        "other car": "not_in_force", "not covered": "not_in_force", "euro": "other_currency",
    }  # fmt: skip


def test_claims_count_in_the_span_they_occurred_in(spark: SparkSession) -> None:
    cover = policies(spark, policy(1), policy(2))
    given = claims(
        spark,
        claim("first instant", "2026-01-01"),
        claim("inside", "2026-02-01", incurred_minor=30_000),
        claim("recourse", "2026-02-02", incurred_minor=-20_000),
        claim("nil", "2026-02-03", incurred_minor=0),
        claim("euro", "2026-02-04", currency="EUR"),
        claim("end is exclusive", "2026-04-11"),
        claim("before", "2025-12-31T23:59:59"),
    )
    asked = spans(spark, ("p1", "v1", "liability"), ("p2", "v2", "liability")).withColumn("currency", F.lit("USD"))
    found = {r["policy_id"]: (r["claims"], r["incurred_minor"]) for r in claims_in(asked, match_claims(given, cover)).collect()}
    # two events; 1,000 + 300 - 200
    assert found == {"p1": (2, 110_000), "p2": (0, 0)}
