"""PagerDuty's incidents end with what they are about: else the next with the same key would wake nobody."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from jobs.alerting import TABLE, raise_alerts
from jobs.context import JobResult
from jobs.nights import PUBLICATION, Attempt, record
from jobs.page import DATA, put, run
from lake.conf import Conf
from lake.conf_sections import Channels
from lake.delta import Lake
from tests.jobs.test_page_job import append, context, policy, score
from tests.monitoring.test_channels import Listener, listening
from tests.monitoring.test_page import D, night, stopped

NEXT, AFTER = (D + dt.timedelta(days=n) for n in (1, 2))
NOON = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
MISSING = "covers_without_score/all"


@pytest.fixture
def pager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with listening() as found:
        yield found


@pytest.fixture
def mine(conf: Conf, pager: Listener) -> Conf:
    channels = Channels(pagerduty_key="KEY", pagerduty=pager.address)
    return conf.model_copy(update={"alerts": conf.alerts.model_copy(update={"channels": channels})})


def events(pager: Listener) -> list[tuple[str, str]]:
    """What PagerDuty was sent since it was asked last."""
    found = [(x["event_action"], x["dedup_key"]) for x in pager.bodies]
    pager.got.clear()
    return found


def test_an_incident_ends_when_it_does_not_fire_any_more(lake: Lake, mine: Conf, pager: Listener) -> None:
    def ran(date: dt.date, missing: int, previous: dt.date | None = None, **how: Any) -> list[str]:
        told, complaints = raise_alerts(context(lake, mine, date, previous), night(date=date, missing=missing), **how)
        assert [a.rule for a in told.alerts] == ["covers_without_score"] * (missing > 0)
        return [c.what for c in complaints]

    assert (ran(D, 3), events(pager)) == ([], [("trigger", MISSING)])
    assert (ran(NEXT, 2, D), events(pager)) == ([], [("trigger", MISSING)])
    # a rerun that mends it, and one of an old night, which resolves nothing
    assert (ran(NEXT, 0, D), events(pager)) == ([], [("resolve", MISSING)])
    record(lake, Attempt(NEXT, PUBLICATION, "r", NOON, NOON), "finished", JobResult(0, "published"))
    assert (ran(D, 0), events(pager)) == ([], [])
    # PagerDuty does not answer: it is told the next night, and no more
    assert (ran(NEXT, 2, D), events(pager)) == ([], [("trigger", MISSING)])
    pager.answers = [503] * 3
    assert ran(AFTER, 0, NEXT) == ["1 alert(s) did not reach PagerDuty as resolved: _Busy: HTTP 503"]
    (row,) = lake.read(TABLE).where(f"score_date = DATE'{AFTER}'").collect()
    assert (row["state"], row["owed"]) == ("over", ["pagerduty_resolve"])
    assert events(pager) == [("resolve", MISSING)] * 3
    later = [AFTER + dt.timedelta(days=n) for n in (1, 2)]
    assert (ran(later[0], 0, AFTER), events(pager)) == ([], [("resolve", MISSING)])
    assert (ran(later[1], 0, later[0]), events(pager)) == ([], [])


def test_a_night_that_is_published_ends_the_incident_of_one_that_stopped(lake: Lake, mine: Conf, pager: Listener) -> None:
    append(lake, "reference.policies", policy(1))
    append(lake, "gold.policy_scores", *(score(1, date, 100.0) for date in (D, NEXT, AFTER)))

    def ended(date: dt.date, previous: dt.date | None) -> list[tuple[str, str]]:
        assert run(context(lake, mine, date, previous)).complaints == ()
        attempt(PUBLICATION, date, 4, "finished")
        return events(pager)

    def attempt(job: str, date: dt.date, hour: int, status: str) -> None:
        at = dt.datetime.combine(date, dt.time(hour), dt.UTC) + dt.timedelta(days=1)
        record(lake, Attempt(date, job, f"{hour}", at, at), status, JobResult(0, ""))

    attempt("drift", D, 1, "failed")
    attempt("drift", D, 2, "finished")
    assert ended(D, None) == [("resolve", "stopped/all")]
    # once more with the next night, in case it did not arrive; then no more
    assert [ended(NEXT, D), ended(AFTER, NEXT)] == [[("resolve", "stopped/all")], []]
    # what stops a night before its first job has no row, but a page
    put(mine.reports_path, AFTER, DATA, stopped(date=AFTER).model_dump_json())
    assert [ended(AFTER, NEXT), ended(AFTER, NEXT)] == [[("resolve", "stopped/all")], []]
    # a rerun of an old night resolves nothing
    attempt("drift", NEXT, 5, "failed")
    assert ended(NEXT, D) == []
