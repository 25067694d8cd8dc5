"""Actual against expected claims over three nights."""

import datetime as dt

import pytest

from jobs.nights import Attempt, record
from jobs.page_facts import outcomes
from jobs.performance import run
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import LakeError
from lake.tables import FAIRNESS_GROUPS, PERFORMANCE, SCORES
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
    [row] = performance_rows(THIRD, {("all", "all"): Experience(1.0, 0.0, 2.0)}, {("all", "all"): 3}, {})
    assert row == (THIRD, "all", "all", 1.0, 3, 0.0, None, None, None, 2.0, 0, 0.0, 0.0, None)


def _member(name: str, number: int, probability: float = 1.0, **over: object) -> dict[str, object]:
    base = {"policy_id": f"p{number}", "group_name": name, "probability": probability, "group_source": "s", "method": "stated"}
    return base | {"known_from": ts("2024-12-01")} | over


def test_fairness_groups_as_known_then(lake: Lake, conf: Conf) -> None:
    lake.append_once("reference.policies", policies(lake.spark, *map(policy, range(1, 24))), "1")
    scores = [_score(d, n, 0.1) for d in (FIRST, SECOND) for n in range(1, 24)]
    lake.append_once("gold.policy_scores", frame(lake.spark, SCORES, scores), "1")
    # p1 to p19 are of both groups; of the large one p20 too, more likely than not, until noon of the 6th, p21 and p23 from then
    # on, p22 never
    noon = ts("2026-01-06T12:00:00")
    groups = [_member(name, n) for name in ("group", "small") for n in range(1, 20)]
    groups += [_member("group", 20, 0.5, known_to=noon), _member("group", 20, 0.1, known_from=noon)]
    groups += [_member("group", n, known_from=noon) for n in (21, 23)] + [_member("group", 22, 0.49)]
    lake.append_once("reference.fairness_groups", frame(lake.spark, FAIRNESS_GROUPS, groups), "1")
    given = [
        claim(f"p{n} on the {day}th", f"2026-01-0{day}T15:00:00", n, known_from=ts(f"2026-01-0{day}T16:00:00"))
        for day, numbers in ((6, (1, 20, 22)), (7, (1, 20, 21, 22)))
        for n in numbers
    ]
    lake.append_once("reference.claims", claims(lake.spark, *given), "1")
    run(night(lake, conf, SECOND, FIRST))
    run(night(lake, conf, THIRD, SECOND))
    rows = lake.read("gold.performance").where("segment = 'fairness_group'").orderBy("score_date", "value").collect()
    # 20 and 21 car-days at 0.1 a year; of the 6th the claims of p1 and p20, of the 7th those of p1 and p21
    stated = [(r["value"], r["actual_claims"], r["expected_claims"], r["actual_over_expected"]) for r in rows]
    assert stated == [
        ("group", 2, pytest.approx(2 / YEAR_DAYS), pytest.approx(YEAR_DAYS)),
        ("small", 1, pytest.approx(1.9 / YEAR_DAYS), None),
        ("group", 4, pytest.approx(4.1 / YEAR_DAYS), pytest.approx(4 / 4.1 * YEAR_DAYS)),
        ("small", 2, pytest.approx(3.8 / YEAR_DAYS), None),
    ]
    assert [(r["lower"] is None, r["log_evidence"]) for r in rows] == [(False, 0.0), (True, None)] * 2
    # on the page too: the small one is not there
    assert [o.value for o in outcomes(night(lake, conf, THIRD, SECOND)) if o.segment == "fairness_group"] == ["group"]


def test_alerts_see_every_segment(lake: Lake, conf: Conf) -> None:
    rows = [{"score_date": FIRST, "segment": "territory_band", "value": f"{n}", "log_evidence": 0.0} for n in range(50)]
    lake.append_once("gold.performance", frame(lake.spark, PERFORMANCE, [*rows, rows[0] | {"segment": "all"}]), "1")
    found = outcomes(night(lake, conf, FIRST))
    assert len(found) == 51 and found[0].segment == "all"
