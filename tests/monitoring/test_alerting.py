"""Which figures become alerts, in which state; the rules' file; silences."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs.silences import end, keep_silence, silences
from lake.conf import CONF_FOLDER, Conf
from lake.errors import ConfigError, InputError
from monitoring.alerting import Past, Rule, Signal, Silence, decide, significant
from monitoring.night import Decision, Night, Source
from monitoring.rules import load_rules
from monitoring.signals import MAX_TEXT, MEASURES, moved, signals
from tests.monitoring.test_page import book, night, outcome, shadow, shift, source, stopped

D = dt.date(2026, 3, 10)
SHIPPED = load_rules(CONF_FOLDER / "alerts.yaml")


def rule(**changes: Any) -> Rule:
    row: dict[str, Any] = {"name": "r", "measure": "m", "owner": "o", "severity": "warning", "runbook": "x"}
    return Rule(**(row | changes))


def signal(subject: str = "x", **changes: Any) -> Signal:
    row: dict[str, Any] = {"measure": "m", "subject": subject, "beyond": True, "text": "t"}
    return Signal(**(row | changes))


def days(*before: int) -> list[dt.date]:
    return [D - dt.timedelta(days=n) for n in before]


def states(
    rules: list[Rule],
    found: list[Signal],
    past: Sequence[Past] = (),
    quiet: Sequence[Silence] = (),
    published: Sequence[dt.date] = (),
) -> list[tuple[str, str]]:
    return [(a.subject, a.state) for a in decide(rules, found, past, quiet, D, published)]


def test_a_figure_within_its_limit_is_no_alert() -> None:
    assert states([rule()], [signal(beyond=False)]) == []
    assert states([rule()], [signal(measure="another")]) == []


@pytest.mark.parametrize(
    ("beyond", "published", "state"),
    [
        ((), (1, 2, 3, 4), "pending"),
        ((1,), (1, 2, 3, 4), "pending"),
        ((1, 4), (1, 2, 3, 4), "firing"),
        # five nights are tonight and four before it
        ((1, 5), (1, 2, 3, 4, 5), "pending"),
        # nights that never ran are not counted: those published are
        ((1, 9), (1, 3, 5, 9), "firing"),
    ],
)
def test_persistence_counts_published_nights(beyond: tuple[int, ...], published: tuple[int, ...], state: str) -> None:
    past = [Past(d, "r", "x") for d in days(*beyond)]
    assert states([rule(nights=3, of=5)], [signal()], past, published=days(*published)) == [("x", state)]


def test_past_of_another_column_does_not_count() -> None:
    past = [Past(d, "r", "y") for d in days(1, 2)]
    assert states([rule(nights=3, of=5)], [signal()], past, published=days(1, 2)) == [("x", "pending")]


def test_bad_data_silence_what_they_explain() -> None:
    rules = [rule(), rule(name="child", measure="c", suppressed_by=("r",))]
    both = [signal(explains=True), signal("y", measure="c")]
    assert states(rules, both) == [("x", "firing"), ("y", "suppressed")]
    assert states(rules, [both[1]]) == [("y", "firing")]
    assert decide(rules, both, [], [], D, [])[1].why == "explained by r"


def test_what_nobody_is_told_of_explains_nothing() -> None:
    child, both = rule(name="child", measure="c", suppressed_by=("r",)), [signal(explains=True), signal("y", measure="c")]
    quiet = [Silence("r", "x", D, "a box that is gone", "ann")]
    assert states([rule(), child], both, quiet=quiet) == [("y", "firing"), ("x", "silenced")]
    assert states([rule(nights=2, of=2), child], both) == [("y", "firing"), ("x", "pending")]
    # nor does what touches few of the records
    assert states([rule(), child], [signal(), both[1]]) == [("y", "firing"), ("x", "firing")]
    # of two, one of which is silenced, the other explains
    assert states([rule(), child], [*both, signal("z", explains=True)], quiet=quiet)[1:] == [
        ("x", "silenced"),
        ("y", "suppressed"),
    ]


def test_a_silence_covers_its_days_and_its_subject() -> None:
    def quiet(**changes: Any) -> Silence:
        row: dict[str, Any] = {"rule": "r", "subject": "", "until": D, "reason": "known", "by": "ann"}
        return Silence(**(row | changes))

    assert states([rule()], [signal()], quiet=[quiet()]) == [("x", "silenced")]
    assert states([rule()], [signal()], quiet=[quiet(subject="x")]) == [("x", "silenced")]
    for other in (quiet(subject="y"), quiet(rule="q"), quiet(until=D - dt.timedelta(days=1))):
        assert states([rule()], [signal()], quiet=[other]) == [("x", "firing")]
    assert decide([rule()], [signal()], [], [quiet()], D, [])[0].why == f"until {D} by ann: known"


def test_false_discoveries_are_held_down() -> None:
    """Benjamini and Hochberg at 5 % over four columns: .05 i / 4 is .0125, .025, .0375, .05."""
    p = {"a": 0.001, "b": 0.02, "c": 0.04, "d": 0.5}
    found = significant(rule(false_discovery_rate=0.05), [signal(x, p_value=v) for x, v in p.items()])
    assert [s.subject for s in found] == ["a", "b"]
    # a small effect is none, however sure; where there is no p-value the limit alone decides
    assert not significant(rule(false_discovery_rate=0.05), [signal(beyond=False, p_value=1e-9)])
    assert significant(rule(false_discovery_rate=0.05), [signal()])


def test_the_gravest_comes_first() -> None:
    rules = [
        rule(name="i", severity="info"),
        rule(name="c", severity="critical"),
        rule(name="p", severity="critical", nights=2, of=2),
    ]
    assert [a.rule for a in decide(rules, [signal()], [], [], D, [])] == ["c", "i", "p"]


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
        ("fallback_rise", {"books": [book(fallbacks={"no_trips": 44})]}, []),
        ("fallback_rise", fallen(149), [("liability EUR missing_feature", False)]),
        ("fallback_rise", fallen(150), [("liability EUR missing_feature", True)]),
        # nine covers are few, however small the book
        ("fallback_rise", fallen(9, scored=20, usual={}), [("liability EUR missing_feature", False)]),
        ("fallback_rise", fallen(10, scored=20, usual={}), [("liability EUR missing_feature", True)]),
        # 210 / 201 = 1.0448, 210 / 199 = 1.0553
        ("mean_price", {"books": [book(mean_before=201.0)]}, [("liability EUR", False)]),
        ("mean_price", {"books": [book(mean_before=199.0)]}, [("liability EUR", True)]),
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


DRIFTED: dict[str, Any] = {"watched": [shift(p_value=1e-9)], "books": [book(mean_before=105.0)]}


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


RULE = "{measure: late, owner: o, severity: info, runbook: x, %s}"
VOLUME = RULE.replace("late", "volume")
PLAIN = VOLUME % "of: 1"
LIMITS = "{bad_records: 0.01, volume: 0.5, fallback: 0.5, mean_change: 0.05}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("rules: [", "is not YAML"),
        ("rules: {}", "limits"),
        (f"limits: {LIMITS}\nrules: {{a: {{measure: lat, owner: o, severity: info, runbook: x}}}}", "unknown measure 'lat'"),
        (f"limits: {LIMITS}\nrules: {{a: {RULE % 'nights: 3'}}}", "nights is 3 of 1: it would never be told"),
        (
            f"limits: {LIMITS}\nrules: {{a: {RULE % 'suppressed_by: [a]'}}}",
            "rules.a.suppressed_by: a is no rule of volume or bad",
        ),
        (f"limits: {LIMITS}\nrules: {{a: {RULE % 'suppressed_by: [b]'}, b: {RULE % 'of: 1'}}}", "suppressed_by: b is no rule of"),
        (
            f"limits: {LIMITS}\nrules: {{a: {RULE.replace('info', 'critical') % 'suppressed_by: [b]'}}}",
            "is told whatever explains it",
        ),
        (
            f"limits: {LIMITS}\nrules: {{a: {RULE % 'suppressed_by: [b]'}, b: {VOLUME % 'suppressed_by: [c]'}, c: {PLAIN}}}",
            "suppressed_by: b is no rule of volume or bad_records that nothing suppresses",
        ),
        (f"limits: {LIMITS}\nrules: {{a: {RULE % 'nigths: 3'}}}", "nigths"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "alerts.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as e:
        load_rules(path)
    assert wrong in str(e.value) and str(path) in str(e.value)


def test_silences_are_kept_and_ended(conf: Conf) -> None:
    wanted = Silence("late", "", D, "holiday", "ann")
    assert [keep_silence(conf, wanted, D), keep_silence(conf, Silence("volume", "s", D, "move", "bob"), D)] == [1, 2]
    assert [(k.number, k.silence.rule) for k in silences(conf)] == [(1, "late"), (2, "volume")]
    assert end(conf, 1, "ann", "back early") == wanted
    assert [k.number for k in silences(conf)] == [2]
    with pytest.raises(InputError, match="no silence 1"):
        end(conf, 1, "ann", "again")


@pytest.mark.parametrize("until", [D - dt.timedelta(days=1), D + dt.timedelta(days=91)])
def test_a_silence_has_an_end_that_is_near(conf: Conf, until: dt.date) -> None:
    with pytest.raises(InputError, match="a silence ends between"):
        keep_silence(conf, Silence("late", "", until, "x", "ann"), D)
