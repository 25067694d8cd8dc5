"""From the facts of a night to signals, and what the rules that are shipped make of them."""

import datetime as dt
from typing import Any

import pytest

from lake.conf import CONF_FOLDER
from monitoring.alerting import Silence, decide
from monitoring.night import Decision, Night, Raised, Source
from monitoring.rules import load_rules
from monitoring.sequential import to_one
from monitoring.signals import MAX_TEXT, MEASURES, moved, signals
from monitoring.verdict import verdict
from tests.monitoring.test_page import book, night, outcome, shadow, shift, source, stopped

D = dt.date(2026, 3, 10)
SHIPPED = load_rules(CONF_FOLDER / "alerts.yaml")


def seen(one: Night, measure: str) -> list[tuple[str, bool]]:
    return [(s.subject, s.beyond) for s in signals(one, SHIPPED.limits) if s.measure == measure]


OFF = outcome(segment="coverage", value="liability", evidence=99.0, off_since=D)
KEEP, UNDECIDED = (Decision(coverage="liability", decision=x, why="x") for x in ("keep", "undecided"))
LATE = {"deadline": "06:00 UTC", "minutes_late": 3.0}


def refusing(n: int, **changes: Any) -> Source:
    return source(refused_files=n, files=9, refused={f"{x}.gz": "truncated_gzip" for x in range(min(n, 3))}, **changes)


def fallen(n: int, scored: int = 1000, usual: dict[str, float] | None = None) -> dict[str, Any]:
    lately = {"missing_feature": 0.1} if usual is None else usual
    return {"books": [book(scored=scored, fallbacks={"missing_feature": n}, usual_fallbacks=lately)]}


@pytest.mark.parametrize(
    ("measure", "changes", "found"),
    [
        ("files_refused", {"sources": [refusing(2)]}, [("0.gz", True), ("1.gz", True)]),
        ("files_refused", {"sources": [refusing(3)]}, [(f"{n}.gz", True) for n in range(3)]),
        # many are one alert, and a file that two sources take for theirs is one
        ("files_refused", {"sources": [refusing(4)]}, [("sim_phone", True)]),
        ("files_refused", {"sources": [refusing(1), refusing(1, source="b")]}, [("0.gz", True)]),
        ("bad_records", {"sources": [source(quarantined=10)]}, [("all", False)]),
        ("bad_records", {"sources": [source(quarantined=11)]}, [("all", True)]),
        ("bad_records", {"sources": [source(quarantined=11)], "withheld": 1}, [("all", False)]),
        ("volume", {"sources": [source(read=600)], "usual_records": {"sim_phone": 1000.0}}, [("sim_phone", False)]),
        ("volume", {"sources": [source(read=599)], "usual_records": {"sim_phone": 1000.0}}, [("sim_phone", True)]),
        ("volume", {"usual_records": {"sim_phone": 1000.0}}, [("sim_phone", True)]),
        ("quality_warnings", {"warnings": ["gold.x: too few", "gold.x: too old"]}, [("gold.x", True)]),
        ("covers_without_score", {"missing": 1}, [("all", True)]),
        ("fallback_share", {"books": [book(fallbacks={"no_trips": 40, "no_consent": 4})]}, [("liability EUR", False)]),
        ("fallback_share", {"books": [book(fallbacks={"no_trips": 40, "no_consent": 5})]}, [("liability EUR", True)]),
        ("fallback_share", {"books": [book(scored=9, fallbacks={"no_trips": 9})]}, [("liability EUR", False)]),
        ("no_model_price", {}, []),
        ("no_model_price", {"books": [book(fallbacks={"no_trips": 89})]}, []),
        ("no_model_price", {"books": [book(), book(coverage="theft", fallbacks={"no_trips": 90})]}, [("theft EUR", True)]),
        ("no_model_price", {"fallbacks": {"no_trips": 90}, "books": [book(fallbacks={"no_trips": 90})]}, [("all", True)]),
        # two covers of a coverage that has a price of the model are few
        ("no_model_price", {"books": [book(), book(currency="CZK", scored=2, fallbacks={"no_trips": 2})]}, []),
        ("fallback_rise", {"books": [book(fallbacks={"no_trips": 44})]}, []),
        ("fallback_rise", fallen(149), [("liability EUR missing_feature", False)]),
        ("fallback_rise", fallen(150), [("liability EUR missing_feature", True)]),
        # nine covers are few, however small the book
        ("fallback_rise", fallen(9, scored=20, usual={}), [("liability EUR missing_feature", False)]),
        ("fallback_rise", fallen(10, scored=20, usual={}), [("liability EUR missing_feature", True)]),
        # 210 / 201 = 1.0448, 210 / 199 = 1.0553
        ("mean_price", {"books": [book(scored=100, mean_before=201.0)]}, [("liability EUR", False)]),
        ("mean_price", {"books": [book(scored=100, mean_before=199.0)]}, [("liability EUR", True)]),
        ("mean_price", {"books": [book(scored=99, mean_before=100.0)]}, [("liability EUR", False)]),
        ("mean_price", {"books": [book(scored=100, mean_before=100.0)]}, [("liability EUR", True)]),
        ("feature_drift", {"watched": [shift(), shift(kind="daily")]}, [("brake_per_100km_28", True)]),
        ("daily_drift", {"watched": [shift(kind="daily", drifted=False)]}, [("brake_per_100km_28", False)]),
        ("prediction_drift", {"watched": [shift(kind="prediction", column="frequency")]}, [("frequency", True)]),
        ("reason_drift", {"watched": [shift(kind="reason")]}, [("brake_per_100km_28", True)]),
        ("segment_bias", {"outcomes": [outcome(segment="fairness_group", value="g", evidence=21.0, off_since=D)]},
         [("fairness_group g", True)]),
        ("segment_bias", {"outcomes": [outcome(segment="territory_band", value="3", evidence=0.7)]},
         [("territory_band 3", False)]),
        # the book is its coverages; the level of a coverage is the decision's, once it decides
        ("segment_bias", {"outcomes": [outcome(evidence=99.0, off_since=D)]}, []),
        ("segment_bias", {"outcomes": [OFF], "decisions": [UNDECIDED]}, [("coverage liability", True)]),
        ("segment_bias", {"outcomes": [OFF], "decisions": [KEEP]}, []),
        ("challenger", {"shadows": [shadow(evidence=19.9)]}, [("pure-premium-liability 8", False)]),
        ("challenger", {"shadows": [shadow(evidence=20.0)]}, [("pure-premium-liability 8", True)]),
        ("decision", {"decisions": [Decision(coverage="liability", decision="refit", why="x")]}, [("liability", True)]),
        ("decision", {"decisions": [KEEP]}, [("liability", False)]),
        ("decision", {"decisions": [UNDECIDED]}, [("liability", False)]),
        ("decision", {"decisions": [Decision(coverage="liability", decision="recalibrate", why="x")]}, [("liability", True)]),
        ("registry_down", {"cached_models": ["m version 7"]}, [("all", True)]),
        ("late", LATE, [("all", True)]),
        ("late", LATE | {"minutes_late": -3.0}, [("all", False)]),
        ("late", {}, []),
        ("stopped", {}, []),
    ],
)  # fmt: skip
def test_when_a_figure_is_beyond_its_limit(measure: str, changes: dict[str, Any], found: list[tuple[str, bool]]) -> None:
    assert seen(night(**changes), measure) == found


def test_a_shift_is_said_in_its_unit() -> None:
    km = {"column": "km_365", "unit": "km", "before": 5427.1, "now": 7646.0, "shift": 2218.9, "lower": 2070.4, "upper": 2370.0}
    assert moved(shift(**km)) == "km_365: mean 5,427 to 7,646 km, shift +2,219 (+2,070 to +2,370)"
    assert moved(shift(unit="")) == "brake_per_100km_28: mean 3.1 to 4, shift +0.9 (+0.7 to +1.1)"
    assert moved(shift(shift=None)) == "brake_per_100km_28: not observed on one side"


def test_every_measure_has_a_rule_and_a_case_here() -> None:
    assert {r.measure for r in SHIPPED.rules.values()} == set(MEASURES)
    (cases,) = [m.args[1] for m in test_when_a_figure_is_beyond_its_limit.pytestmark]  # type: ignore[attr-defined]
    assert {case[0] for case in cases} == set(MEASURES)


def test_a_stopped_night_is_told_whatever_else() -> None:
    (alert,) = decide(SHIPPED.each(), signals(stopped(), SHIPPED.limits), [], [], D, [])
    assert (alert.rule, alert.state, alert.severity) == ("stopped", "firing", "critical")
    assert "in job score" in alert.text and "telematics nightly" in alert.text


def test_half_the_files_explain_the_drift_that_follows() -> None:
    one = night(sources=[source(read=500)], usual_records={"sim_phone": 1000.0}, watched=[shift(p_value=1e-9)])
    found = {a.rule: a.state for a in decide(SHIPPED.each(), signals(one, SHIPPED.limits), [], [], D, [])}
    assert found == {"volume": "firing", "feature_drift": "suppressed"}


def told(one: Night, *quiet: Silence) -> dict[str, str]:
    return {a.rule: a.state for a in decide(SHIPPED.each(), signals(one, SHIPPED.limits), [], quiet, D, [])}


DRIFTED: dict[str, Any] = {"watched": [shift(p_value=1e-9)], "books": [book(scored=100, mean_before=105.0)]}


def test_a_box_that_is_gone_hides_neither_a_price_that_doubled_nor_drift() -> None:
    one = night(sources=[source(read=900)], usual_records={"old": 50.0, "sim_phone": 1000.0}, **DRIFTED)
    assert told(one) == {"volume": "firing", "mean_price": "firing", "feature_drift": "pending"}
    silenced = told(one, Silence("volume", "old", D, "retired", "ann"))
    assert silenced == {"mean_price": "firing", "feature_drift": "pending", "volume": "silenced"}


def test_a_price_is_told_whatever_the_data_and_its_drift_only_where_they_do_not_explain_it() -> None:
    few = night(sources=[source(read=500)], usual_records={"sim_phone": 1000.0}, **DRIFTED)
    assert told(few) == {"volume": "firing", "mean_price": "firing", "feature_drift": "suppressed"}
    for bad, state in ((99, "pending"), (100, "suppressed")):
        held = told(night(sources=[source(quarantined=bad)], **DRIFTED))
        assert held == {"bad_records": "firing", "mean_price": "firing", "feature_drift": state}


def test_a_rise_of_the_fallback_says_of_whom_and_why() -> None:
    (one,) = [s for s in signals(night(**fallen(490)), SHIPPED.limits) if s.measure == "fallback_rise"]
    assert one.text == "490 of 1,000 scores of liability in EUR are the fallback's for missing feature: 49%, lately 10%"
    assert (one.value, one.limit) == (pytest.approx(0.39), 0.05)
    # volume explains neither: what a price is made of is told
    assert told(night(usual_records={"sim_phone": 1000.0}, **fallen(490))) == {"volume": "firing", "fallback_rise": "firing"}


def test_evidence_beyond_a_million_is_said_so() -> None:
    def texts(evidence: float) -> list[str]:
        off = outcome(segment="fairness_group", value="g", evidence=evidence, off_since=D)
        found = signals(night(outcomes=[off], shadows=[shadow(evidence=evidence)]), SHIPPED.limits)
        return [s.text.rpartition("evidence ")[2] for s in found if s.measure in ("segment_bias", "challenger")]

    assert texts(1234.5) == ["1,234 to 1"] * 2
    # as large as to_one states it
    assert texts(to_one(1e9)) == ["over 1,000,000 to 1"] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"fallbacks": {"missing_feature": 5000}, "books": [book(scored=5000, fallbacks={"missing_feature": 5000})]},
        {"books": [book(), *(book(coverage=x, fallbacks={"no_trips": 90}) for x in ("theft", "collision"))]},
    ],
)
def test_what_is_red_for_want_of_the_models_prices_wakes_somebody_and_is_said_once(changes: dict[str, Any]) -> None:
    one = night(**changes)
    alerts = [a for a in decide(SHIPPED.each(), signals(one, SHIPPED.limits), [], [], D, []) if a.severity == "critical"]
    assert {(a.rule, a.state) for a in alerts} == {("no_model_price", "firing")}
    raised = [Raised(**{k: v for k, v in vars(a).items() if k in Raised.model_fields}) for a in alerts]
    found = verdict(one.model_copy(update={"alerts": raised}))
    assert (found.light, sorted(found.causes)) == ("red", sorted(a.text for a in alerts))


def test_a_file_that_is_refused_every_night_does_not_hide_drift() -> None:
    assert told(night(sources=[refusing(1)], **DRIFTED))["feature_drift"] == "pending"


def test_what_is_refused_and_what_is_warned_of_is_said_in_one_text_that_has_an_end() -> None:
    def text(measure: str, **changes: Any) -> str:
        (found,) = [s.text for s in signals(night(**changes), SHIPPED.limits) if s.measure == measure]
        return found

    names = ", ".join(f"{n}.gz (truncated_gzip)" for n in range(3))
    assert text("files_refused", sources=[refusing(5000)]) == f"5,000 of 9 files of sim_phone were refused, among them {names}"
    assert text("quality_warnings", warnings=["gold.x: too few", "gold.x: old: 9"]) == "gold.x: too few; old: 9"
    assert text("quality_warnings", warnings=["gold.x: " + "x" * 9999]) == f"gold.x: {'x' * (MAX_TEXT - 9)}…"
