"""Actual against expected claims over three nights."""

import datetime as dt

import pytest

from jobs.nights import Attempt, record
from jobs.performance import run
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import LakeError
from lake.tables import SCORES
from monitoring.performance import Experience, performance_rows
from tests.jobs.context import night
from tests.transforms.rows import claim, claims, date, frame, policies, policy, ts

FIRST, SECOND, THIRD = date("2026-01-05"), date("2026-01-06"), date("2026-01-07")
YEAR_DAYS = 365.25


def _score(night_date: dt.date, number: int, frequency: float, role: str = "champion") -> dict[str, object]:
    return {
        "policy_id": f"p{number}", "vehicle_id": f"v{number}", "coverage": "liability", "score_date": night_date, "role": role,
        "frequency": frequency, "pure_premium": 1.0, "currency": "USD", "fallback": False,
        "lineage": ("m", "1", "r", "v1", "f", None),
    }  # fmt: skip


def _load(lake: Lake) -> None:
    # p2 ends at noon of 7 January; p3 has no band
    cover = policies(
        lake.spark,
        policy(1),
        policy(2, territory_band="rural", valid_to=ts("2026-01-07T12:00:00")),
        policy(3, territory_band=None),
        policy(4, valid_from=ts("2026-01-06"), known_from=ts("2026-01-06T09:00:00")),
    )
    lake.append_once("reference.policies", cover, "1")
    scores = [_score(d, n, f) for d, f in ((FIRST, 0.1), (SECOND, 0.2)) for n in (1, 2, 3)]
    lake.append_once("gold.policy_scores", frame(lake.spark, SCORES, [*scores, _score(FIRST, 1, 9.0, "challenger")]), "1")
    given = claims(
        lake.spark,
        claim("before any score", "2026-01-05T23:59:59", known_from=ts("2026-01-05T23:59:59")),
        claim("told at once", "2026-01-06T10:00:00", known_from=ts("2026-01-06T11:00:00")),
        claim("told later", "2026-01-06T12:00:00", 2, known_from=ts("2026-01-07T11:00:00")),
        claim("before its cover was known, so never scored", "2026-01-06T10:00:00", 4, known_from=ts("2026-01-06T11:00:00")),
        claim("not yet told", "2026-01-06T12:00:00", known_from=ts("2026-01-08T00:00:00")),
        claim("nil", "2026-01-06T12:00:00", incurred_minor=0, known_from=ts("2026-01-06T13:00:00")),
        claim("after its cover", "2026-01-07T12:00:00", 2, known_from=ts("2026-01-07T13:00:00")),
    )
    lake.append_once("reference.claims", given, "1")


def test_three_nights_by_hand(lake: Lake, conf: Conf) -> None:
    _load(lake)
    first = run(night(lake, conf, FIRST))
    assert (first.rows, lake.exists("gold.performance")) == (0, False)
    second = run(night(lake, conf, SECOND, FIRST))
    record(lake, Attempt(SECOND, "performance", "r", ts("2026-01-07"), ts("2026-01-07")), "finished", second)
    # the claims of what was expected count after its scores are past their retention
    lake.delete_where("gold.policy_scores", f"score_date = DATE'{FIRST}'")
    run(night(lake, conf, THIRD, SECOND))
    run(night(lake, conf, THIRD, SECOND))
    rows = {(r["score_date"], r["segment"], r["value"]): r for r in lake.read("gold.performance").collect()}
    second, third = rows[SECOND, "all", "all"], rows[THIRD, "all", "all"]
    # 6 January: three cars a day at 0.1 a year, seen at mean age half a day
    assert second["earned_car_years"] == pytest.approx(3 / YEAR_DAYS)
    assert second["expected_claims"] == pytest.approx(0.3 / YEAR_DAYS)
    assert (second["actual_claims"], second["maturity_days"]) == (1, 0.5)
    assert second["actual_over_expected"] == pytest.approx(YEAR_DAYS / 0.3)
    # 7 January adds 2.5 days at 0.2; ages 1.5 and 0.5 days: (3 x 1.5 + 2.5 x 0.5) / 5.5
    assert third["earned_car_years"] == pytest.approx(5.5 / YEAR_DAYS)
    assert third["expected_claims"] == pytest.approx(0.8 / YEAR_DAYS)
    assert third["maturity_days"] == pytest.approx(5.75 / 5.5)
    assert third["actual_claims"] == 2
    claims_by = {k[1:]: r["actual_claims"] for k, r in rows.items() if k[0] == THIRD}
    assert claims_by == {
        ("all", "all"): 2, ("coverage", "liability"): 2, ("driver_age_band", "25-65"): 2,
        ("territory_band", "urban"): 1, ("territory_band", "rural"): 1, ("territory_band", "unknown"): 0,
    }  # fmt: skip
    lake.replace_where("gold.performance", lake.read("gold.performance").limit(0), f"score_date = DATE'{SECOND}'")
    with pytest.raises(LakeError, match="no rows for 2026-01-06, but scores since 2026-01-05"):
        run(night(lake, conf, THIRD, SECOND))


def test_a_segment_that_expects_nothing_has_no_ratio() -> None:
    [row] = performance_rows(THIRD, {("all", "all"): Experience(1.0, 0.0, 2.0)}, {("all", "all"): 3})
    assert row == (THIRD, "all", "all", 1.0, 3, 0.0, None, None, None, 2.0)
