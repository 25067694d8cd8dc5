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
from monitoring.night import Decision, Night
from monitoring.rules import load_rules
from monitoring.signals import MEASURES, moved, signals
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
    both = [signal(), signal("y", measure="c")]
    assert states(rules, both) == [("x", "firing"), ("y", "suppressed")]
    assert states(rules, [both[1]]) == [("y", "firing")]
    assert decide(rules, both, [], [], D, [])[1].why == "explained by r"


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


@pytest.mark.parametrize(
    ("measure", "changes", "found"),
    [
        ("files_refused", {"refused": {"a.gz": "truncated_gzip"}}, [("a.gz", True)]),
        ("bad_records", {"sources": [source(quarantined=10)]}, [("all", False)]),
        ("bad_records", {"sources": [source(quarantined=11)]}, [("all", True)]),
        ("bad_records", {"sources": [source(quarantined=11)], "withheld": 1}, [("all", False)]),
        ("volume", {"sources": [source(read=600)], "usual_records": {"sim_phone": 1000.0}}, [("sim_phone", False)]),
        ("volume", {"sources": [source(read=599)], "usual_records": {"sim_phone": 1000.0}}, [("sim_phone", True)]),
        ("volume", {"usual_records": {"sim_phone": 1000.0}}, [("sim_phone", True)]),
        ("quality_warnings", {"warnings": ["gold.x: too few"]}, [("gold.x", True)]),
        ("covers_without_score", {"missing": 1}, [("all", True)]),
        ("fallback_share", {"fallbacks": {"no_trips": 45}}, [("all", False)]),
        ("fallback_share", {"fallbacks": {"no_trips": 46}}, [("all", True)]),
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


RULE = "{measure: late, owner: o, severity: info, runbook: x, %s}"
LIMITS = "{bad_records: 0.01, volume: 0.5, fallback: 0.5, mean_change: 0.05}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("rules: [", "is not YAML"),
        ("rules: {}", "limits"),
        (f"limits: {LIMITS}\nrules: {{a: {{measure: lat, owner: o, severity: info, runbook: x}}}}", "unknown measure 'lat'"),
        (f"limits: {LIMITS}\nrules: {{a: {RULE % 'nights: 3'}}}", "nights is 3 of 1: it would never be told"),
        (f"limits: {LIMITS}\nrules: {{a: {RULE % 'suppressed_by: [a]'}}}", "rules.a.suppressed_by: a is no other rule"),
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
