import datetime as dt
from typing import Any

import pytest

from monitoring.night import Book, Decision, Model, Mover, Night, Outcome, Raised, Shadow, Shift, Source
from monitoring.page import amount, percent, render_index, render_night
from monitoring.stopped import Stopped
from monitoring.verdict import verdict

D = dt.date(2026, 3, 2)
MAX_BYTES = 1_000_000


def book(**changes: Any) -> Book:
    row: dict[str, Any] = {"coverage": "liability", "currency": "EUR", "scored": 90, "mean": 210.0, "total": 18_900.0}
    return Book(**(row | changes))


def shift(**changes: Any) -> Shift:
    row: dict[str, Any] = {
        "column": "brake_per_100km_28", "unit": "events/100 km", "statistic": 0.31, "threshold": 0.1, "drifted": True,
        "before": 3.1, "now": 4.0, "shift": 0.9, "lower": 0.7, "upper": 1.1, "nights": 3,
    }  # fmt: skip
    return Shift(**(row | changes))


def outcome(**changes: Any) -> Outcome:
    row: dict[str, Any] = {
        "segment": "all", "value": "all", "car_years": 120.5, "actual": 14, "expected": 12.0, "ratio": 14 / 12, "lower": 0.64,
        "upper": 1.96, "maturity_days": 60.0,
    }  # fmt: skip
    return Outcome(**(row | changes))


def night(**changes: Any) -> Night:
    row: dict[str, Any] = {
        "date": D, "previous": None, "in_force": 90, "missing": 0, "books": [book()], "fallbacks": {"no_trips": 4}, "moved": {},
        "movers": [], "outcomes": [], "shifts": [], "columns_watched": 63, "sources": [], "quarantine": {},
        "warnings": [], "models": [], "seconds": {}, "drift_report": False, "data_docs": False,
    }  # fmt: skip
    return Night(**(row | changes))


def raised(**changes: Any) -> Raised:
    row: dict[str, Any] = {
        "rule": "feature_drift", "subject": "x", "severity": "warning", "owner": "actuarial-pricing", "state": "firing",
        "text": "seen", "nights": 3, "why": "", "runbook": "docs/runbooks/drift.md",
    }  # fmt: skip
    return Raised(**(row | changes))


def source(**changes: Any) -> Source:
    row: dict[str, Any] = {
        "source": "sim_phone", "target": "bronze.points", "files": 3, "duplicate_files": 1, "refused_files": 0, "read": 1000,
        "accepted": 900, "duplicate": 95, "quarantined": 5,
    }  # fmt: skip
    return Source(**(row | changes))


def test_a_quiet_night_is_green() -> None:
    found = verdict(night(sources=[source()], outcomes=[outcome()]))
    assert (found.light, found.causes) == ("green", ())
    assert found.sentence == "All 90 prices are in place and nothing needs attention."


MISSING = {"missing": 3, "alerts": [raised(text="3 of 90 covers in force have no score")]}


@pytest.mark.parametrize(
    ("changes", "light", "cause"),
    [
        ({"books": []}, "red", "no policy was scored"),
        ({"missing": 3}, "red", "3 of 90 covers in force have no score"),
        ({"fallbacks": {"no_trips": 90}}, "red", "every score is the fallback's"),
        (
            {"books": [book(scored=50), book(coverage="theft", scored=50, fallbacks={"missing_feature": 50})]},
            "red",
            "looking: every score of theft in EUR is the fallback's, none the model's.",
        ),
        ({"books": [book(), book(coverage="theft", scored=2, fallbacks={"no_trips": 2})]}, "red", "every score of theft in EUR"),
        # two covers of a coverage that has a price of the model are few
        ({"books": [book(), book(currency="CZK", scored=2, fallbacks={"no_trips": 2})]}, "green", "nothing needs attention"),
        ({"books": [book(), book(currency="CZK", scored=10, fallbacks={"no_trips": 10})]}, "red", "of liability in CZK"),
        ({"withdrawn": "wrong model"}, "red", "the scores were withdrawn: wrong model"),
        ({"alerts": [raised()]}, "amber", "please look: seen."),
        ({"alerts": [raised(subject=f"x{n}") for n in range(5)]}, "amber", "5 alerts of feature drift: x0, x1, x2 and 2 more"),
        ({"alerts": [raised(severity="info")]}, "green", "nothing needs attention"),
        ({"alerts": [raised(state=s) for s in ("pending", "suppressed", "silenced")]}, "green", "nothing needs attention"),
        (
            {"missing": 3, "alerts": [raised(text="3 of 90 covers in force have no score")]},
            "red",
            "looking: 3 of 90 covers in force have no score.",
        ),
    ],
)
def test_what_turns_the_light(changes: dict[str, Any], light: str, cause: str) -> None:
    found = verdict(night(**changes))
    assert found.light == light
    assert cause in found.sentence


def test_the_gravest_cause_is_named_first_and_the_rest_counted() -> None:
    found = verdict(night(missing=1, alerts=[raised(rule=x) for x in "abc"]))
    assert found.light == "red"
    assert found.sentence.startswith("Do not use this night's scores before looking: 1 of 90 covers in force have no score; ")
    assert found.sentence.endswith("(and 2 more).")


def test_a_first_night_without_drift_and_claims_renders() -> None:
    page = render_night(night(), None, None)
    assert "There is no earlier night" in page
    assert "no exposure has been earned" in page
    assert "Not measured" in page
    assert "drift.html" not in page


def test_fault_29_a_full_page_is_small_needs_no_network_and_escapes() -> None:
    evil = '<script>alert("x")</script>'
    mover = Mover(
        policy_id=evil, coverage="liability", currency="EUR", before=100.0, now=150.0, change=0.5, why=evil, reasons=[evil]
    )
    full = night(
        previous=D - dt.timedelta(days=1), books=[book(mean_before=209.0)], movers=[mover] * 10, outcomes=[outcome()] * 40,
        shifts=[shift(kind=k) for k in ("feature", "daily", "reason") for _ in range(63)],
        sources=[source(source=evil, refused_files=2, refused={evil: evil})],
        quarantine={evil: 5}, warnings=[evil],
        models=[Model(name="m", version="7", frame="abcdef0123456789", features="v1")], seconds={"ingest": 3.21},
        moved={"5%": 9}, drift_report=True, data_docs=True, deadline="06:00 UTC", minutes_late=-12.4, vcpu_hours=4.0,
        dollars=0.244, alerts=[raised(text=evil, subject=evil, why=evil)],
        decisions=[Decision(coverage=evil, decision="refit", why=evil)],
        shadows=[shadow(model=evil), shadow(why_not=evil, moved={}, deviance_gain=3.5)],
    )  # fmt: skip
    page = render_night(full, D - dt.timedelta(days=1), D + dt.timedelta(days=1))
    assert len(page.encode()) < MAX_BYTES
    assert "<script" not in page
    assert "http://" not in page.replace("http-equiv", "") and "https://" not in page
    for link in (
        "drift.html",
        "../2026-03-01/index.html",
        "../2026-03-03/index.html",
        "../../data-docs/2026-03-02/site/index.html",
    ):
        assert f'href="{link}"' in page
    assert "+0.48%" in page  # 210 / 209
    assert "m version 7" in page
    assert "ingest 3.2" in page
    for section in ("Alerts", "Daily values", "What makes the prices", "Models"):
        assert f">{section}" in page
    assert "<strong>Not scored:</strong> &lt;script&gt;" in page and ">+3.5<" in page
    assert "12 min</b>before the deadline of 06:00 UTC" in page and "$0.24</b>for 4 vCPU-hours" in page


def test_a_segment_that_is_off_says_since_when() -> None:
    off = outcome(segment="fairness_group", value="older drivers", off_since=dt.date(2026, 2, 11))
    page = render_night(night(outcomes=[outcome(), off]), None, None)
    rows = [row for row in page.splitlines() if "<td>older drivers" in row or "<td>all<td>all" in row]
    assert [row.rsplit("<td>", 1)[1] for row in rows] == ["2026-02-11</tr>", "–</tr>"]
    assert " segments.</p>" not in page


def test_of_many_segments_those_that_are_off_are_shown_and_then_the_largest() -> None:
    # of the smallest one is off, the next is not: 38 others and the book come before it
    small = [outcome(segment="fairness_group", value=f"group {n}", car_years=float(n)) for n in range(1, 51)]
    small[0] = small[0].model_copy(update={"off_since": D})
    one = night(outcomes=[outcome(), *small])
    assert [o.value for o in one.shown_outcomes] == ["group 1", "all", *(f"group {n}" for n in range(50, 12, -1))]
    page = render_night(one, None, None)
    assert "<td>group 1<" in page and "<td>group 12<" not in page
    assert "of 51 segments." in page


def test_a_page_of_thousands_of_alerts_and_warnings_is_small_and_says_what_it_leaves_out() -> None:
    every = [raised(subject=f"x{n}", text=f"{n}:" + "<" * 497) for n in range(5000)]
    sources = [source(refused_files=5000, refused={f"{n}.gz": "truncated_gzip" for n in range(3)})]
    page = render_night(night(alerts=every, warnings=["w" * 500] * 999, sources=sources), None, None)
    assert len(page.encode()) < MAX_BYTES
    assert "199:&lt;" in page and "200:&lt;" not in page
    assert "And 4,800 more: <code>telematics alerts list --date 2026-03-02 --all --limit 5000</code>" in page
    assert "And 799 more." in page and "(truncated_gzip) and 4,997 more</li></ul>" in page


def test_the_data_of_an_older_page_are_read_and_drawn() -> None:
    older = night(sources=[source(refused_files=1)]).model_dump(exclude_defaults=True) | {"refused": {"a.gz": "truncated_gzip"}}
    assert "Refused of sim_phone: and 1 more" in render_night(Night(**older), None, None)


def test_the_list_has_the_newest_night_first() -> None:
    page = render_index([night(), night(date=D + dt.timedelta(days=1), missing=2)])
    assert page.index("2026-03-03") < page.index("2026-03-02")
    assert "2 of 90 covers" in page


def test_evidence_on_the_page_is_no_number_of_hundreds_of_digits() -> None:
    page = render_night(night(shadows=[shadow(evidence=1e300), shadow(evidence=1_000_000.0), shadow(evidence=3.25)]), None, None)
    assert [page.count(f'<td class="n">{x}<td class="n">20.00<') for x in ("over 1,000,000", "1,000,000", "3.25")] == [1, 1, 1]


def test_figures_for_people() -> None:
    assert [amount(x) for x in (0.012345, 12.3456, 1234.5, None, -2.0)] == ["0.0123", "12.35", "1,234", "–", "−2"]
    assert percent(-0.0512) == "−5.1%"


def shadow(**changes: Any) -> Shadow:
    row: dict[str, Any] = {
        "model": "pure-premium-liability", "version": "8", "champion": "7", "since": D, "scored": 90, "claims": 4,
        "evidence": 3.2, "wanted": 20.0, "mean_price_change": 0.01, "moved": {"5%": 0.2, "10%": 0.05},
    }  # fmt: skip
    return Shadow(**(row | changes))


def stopped(**changes: Any) -> Stopped:
    row: dict[str, Any] = {
        "date": D, "job": "score", "cause": "gold.policy_scores was not published: rows = 0 (at least 1)", "scored": 0,
        "is_scored_by_this_run": False, "last_published": D - dt.timedelta(days=1), "finished": ["reference"],
        "command": f"telematics nightly --date {D}", "drift_report": False, "data_docs": False,
    }  # fmt: skip
    return Stopped(**(row | changes))


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, "see the scores of the night of 2026-03-01, the last published whose scores stand, and none of this night."),
        ({"withdrawn": "wrong model."}, "and none of this night. Its own were withdrawn: wrong model."),
        ({"last_published": None}, "Readers see no scores: there is no published night whose scores stand."),
        ({"scored": 1234, "is_scored_by_this_run": True}, "Readers see this night's 1,234 scores: they passed their gate"),
        ({"scored": 7, "last_published": D}, "Readers see the 7 scores that an earlier run of this night published"),
    ],
)
def test_a_stopped_night_is_red_and_says_what_readers_see(changes: dict[str, Any], seen: str) -> None:
    found = verdict(stopped(**changes))
    assert found.light == "red"
    assert found.sentence.startswith("The night stopped in job score: gold.policy_scores was not published: rows = 0")
    assert seen in found.sentence


def test_the_page_of_a_stopped_night_escapes_and_stands_in_the_list() -> None:
    evil = '<script>alert("x")</script>'
    page = render_night(stopped(cause=evil, finished=[evil], command=evil), D - dt.timedelta(days=1), None)
    index = render_index([night(date=D - dt.timedelta(days=1)), stopped(cause=evil)])
    assert "<script" not in page + index and page.count("&lt;script&gt;") == 3
    assert "http://" not in page.replace("http-equiv", "") and "https://" not in page
    assert 'href="../2026-03-01/index.html"' in page
    assert index.index("The night stopped in job score") < index.index("All 90 prices are in place")
