"""A challenger against the champion, and what experience asks for, over four nights by hand."""

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.sql import Row

from jobs.context import JobResult
from jobs.matured import mean_age_days
from jobs.nights import PUBLICATION, Attempt, record
from jobs.page_models import decisions, shadows
from jobs.performance import run
from lake.clock import cutoff
from lake.conf import Conf
from lake.delta import Lake
from tests.jobs.context import night
from tests.jobs.test_score_job import LOADED, append, policy
from tests.registry.given import MODEL, conf_with_champion, store

NIGHTS = [dt.date(2026, 3, 2) + dt.timedelta(days=n) for n in range(4)]
DAY = 1 / 365.25
SAID = {1: (0.1, 100.0, 0.4, 400.0), 2: (0.1, 100.0, 0.1, 104.0), 3: (0.1, 100.0, 0.1, 107.0), 4: (0.1, 100.0, 0.9, 900.0)}
"""Of p1 to p4: frequency and price of the champion, and of the challenger. p4 is the canary's, p5 the fallback's."""


def scored(date: dt.date) -> Iterator[dict[str, Any]]:
    for n, (frequency, price, other, other_price) in SAID.items():
        yield _score(n, date, "champion", "9" if n == 4 else "1", frequency, price)
        yield _score(n, date, "challenger", "2", other, other_price)
    for role, version in (("champion", "1"), ("challenger", "2")):
        yield _score(5, date, role, version, 0.1, 1.0) | {"fallback": True, "fallback_reason": "no_trips"}


def _score(n: int, date: dt.date, role: str, version: str, frequency: float, price: float) -> dict[str, Any]:
    return {
        "policy_id": f"p{n}", "vehicle_id": f"v{n}", "coverage": "liability", "score_date": date, "role": role,
        "frequency": frequency, "pure_premium": price, "currency": "EUR", "fallback": False,
        "lineage": (MODEL, version, "run", "v1", "ab" * 8, cutoff(date)),
    }  # fmt: skip


def claim(name: str, n: int, occurred: dt.datetime, known: dt.datetime = LOADED) -> dict[str, Any]:
    return {
        "claim_id": name, "policy_id": f"p{n}", "vehicle_id": f"v{n}", "coverage": "liability", "occurred_ts": occurred,
        "reported_ts": occurred, "status": "open", "incurred_minor": 10_000, "currency": "EUR", "known_from": known,
    }  # fmt: skip


def detail(champion: str = "1", why: str | None = None) -> dict[str, Any]:
    shadow: dict[str, Any] = {"challengers": {"liability": {"challenger": [MODEL, "2", "run"]}}}
    if why:
        shadow = {"unscored": {"liability": [["challenger", MODEL, "2", why]]}}
    return {"models": {"liability": [MODEL, champion, store()[1].run_id]}, **shadow}


def play(lake: Lake, conf: Conf, n: int, said: dict[str, Any]) -> tuple[Row, Row]:
    """Night n after its job `score`: its rows of gold.shadow and gold.decisions."""
    date, at = NIGHTS[n], cutoff(NIGHTS[n])

    record(lake, Attempt(date, "score", "test", at, at), "finished", JobResult(5, "", said))
    run(night(lake, conf, date, NIGHTS[n - 1] if n else None))
    record(lake, Attempt(date, PUBLICATION, "test", at, at), "finished", JobResult(5, ""))
    of_night = f"score_date = DATE'{date}'"
    return tuple(lake.read(x).where(of_night).collect()[0] for x in ("gold.shadow", "gold.decisions"))  # type: ignore[return-value]


def mature(lake: Lake) -> list[tuple[int, float]]:
    """Mature claims and expected claims of a band that holds everybody, by night."""
    rows = lake.read("gold.performance").where("segment = 'territory_band'").orderBy("score_date").collect()
    return [(r["mature_claims"], r["mature_expected_claims"]) for r in rows]


@pytest.fixture
def book(lake: Lake) -> Lake:
    append(lake, "reference.policies", [policy(n) for n in range(1, 6)], "policies")
    append(lake, "gold.policy_scores", [s for date in NIGHTS for s in scored(date)], "scores")
    hours = dt.timedelta(hours=12)
    first, second = (cutoff(d) + hours for d in NIGHTS[:2])
    append(lake, "reference.claims", [
        claim("counted", 1, first), claim("of the canary's car", 4, first), claim("of the fallback", 5, first),
        claim("a day younger", 1, second), claim("known too late", 2, first, known=cutoff(NIGHTS[3])),
        claim("before the two met", 1, cutoff(NIGHTS[0]) - hours),
    ], "claims")  # fmt: skip
    return lake


@pytest.fixture
def a_day_old(conf: Conf) -> Conf:
    mine = conf_with_champion(conf)
    return mine.model_copy(update={"monitoring": mine.monitoring.model_copy(update={"claims_mature_days": 1})})


def test_four_nights_by_hand(book: Lake, a_day_old: Conf) -> None:
    shadow, decision = play(book, a_day_old, 0, detail())
    assert (shadow["alias"], shadow["model_version"], shadow["champion_version"], shadow["scored"]) == ("challenger", "2", "1", 3)
    # 400 + 104 + 107 against 300: of three, p1 and p3 move by over 5 %, p1 by over 10 % and 25 %
    assert shadow["mean_price_change"] == pytest.approx(611 / 300 - 1)
    assert [shadow[x] for x in ("moved_5", "moved_10", "moved_25")] == pytest.approx([2 / 3, 1 / 3, 1 / 3])
    assert (shadow["claims"], shadow["log_evidence"]) == (0, 0.0)
    assert (decision["decision"], decision["claims"], decision["bands"]) == ("undecided", 0, [])

    # the first night's exposure is closed, but not a day old
    shadow, decision = play(book, a_day_old, 1, detail())
    assert (shadow["claims"], shadow["first_shadow_date"], decision["expected_claims"]) == (0, NIGHTS[0], 0.0)

    shadow, decision = play(book, a_day_old, 2, detail())
    assert shadow["claims"] == 1 and shadow["car_years"] == pytest.approx(3 * DAY)
    # the claim fell on p1: .4 of .6 by the challenger, .1 of .3 by the champion
    assert shadow["log_evidence"] == pytest.approx(math.log(2), abs=1e-8)
    assert (decision["claims"], decision["decision"], decision["lower"]) == (1, "undecided", None)
    assert decision["expected_claims"] == pytest.approx(0.3 * DAY)
    assert decision["maturity_days"] == 1.5
    assert [(x["claims"], x["car_years"]) for x in decision["bands"]] == [(1, pytest.approx(3 * DAY))]
    tables = ("gold.shadow", "gold.decisions", "gold.performance")
    before = [sorted(book.read(x).collect(), key=str) for x in tables]
    run(night(book, a_day_old, NIGHTS[2], NIGHTS[1]))
    assert [sorted(book.read(x).collect(), key=str) for x in tables] == before

    # not scored tonight: what was said two nights ago comes of age all the same
    shadow, decision = play(book, a_day_old, 3, detail(why="files are gone"))
    assert (shadow["scored"], shadow["why_not"], shadow["moved_5"]) == (0, "files are gone", None)
    assert (shadow["claims"], shadow["log_evidence"]) == (2, pytest.approx(2 * math.log(2), abs=1e-8))
    assert decision["maturity_days"] == pytest.approx((2.5 + 1.5) / 2)
    # each night's exposure of p1 to p3 counts once, with the claim on it
    assert mature(book) == [(0, 0.0), (1, pytest.approx(0.3 * DAY)), (2, pytest.approx(0.6 * DAY))]
    ctx = night(book, a_day_old, NIGHTS[3], NIGHTS[2])
    [said] = shadows(ctx)
    assert (said.why_not, said.wanted, said.moved) == ("files are gone", 20.0, {})
    assert (said.evidence, said.deviance_gain) == (pytest.approx(4.0), pytest.approx(4 * math.log(2)))
    assert [(x.coverage, x.decision) for x in decisions(ctx)] == [("liability", "undecided")]


def test_another_champion_is_another_comparison(book: Lake, a_day_old: Conf) -> None:
    for n in range(3):
        play(book, a_day_old, n, detail())
    shadow, decision = play(book, a_day_old, 3, detail(champion="9"))
    assert (shadow["champion_version"], shadow["first_shadow_date"], shadow["claims"]) == ("9", NIGHTS[3], 0)
    # only p4 was priced by version 9; the night of age is the second, when it was a canary
    assert (shadow["scored"], shadow["log_evidence"]) == (1, 0.0)
    assert (decision["since"], decision["claims"], decision["earned_car_years"]) == (NIGHTS[3], 0, 0.0)
    assert mature(book) == [(0, 0.0), (1, pytest.approx(0.3 * DAY)), (0, pytest.approx(0.1 * DAY))]


def test_a_night_without_challengers_has_no_row_of_one(book: Lake, a_day_old: Conf) -> None:
    play(book, a_day_old, 0, detail())
    at = cutoff(NIGHTS[0]) + dt.timedelta(hours=1)

    alone = {"models": detail()["models"]}
    record(book, Attempt(NIGHTS[0], "score", "test", at, at), "finished", JobResult(5, "", alone))
    run(night(book, a_day_old, NIGHTS[0]))
    assert book.read("gold.shadow").isEmpty()
    assert book.read("gold.decisions").count() == 1


def test_the_age_of_nights_of_several_days() -> None:
    # a day that ended two days ago, two days that ended tonight
    assert mean_age_days(NIGHTS[3], {NIGHTS[0]: NIGHTS[1], NIGHTS[1]: NIGHTS[3]}) == pytest.approx((1 * 2.5 + 2 * 1.0) / 3)
