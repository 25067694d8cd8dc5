"""From signals to alerts: persistence, what explains what, false discoveries, silences."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from jobs.silences import end, keep_silence, silences
from lake.conf import Conf
from lake.errors import InputError
from monitoring.alerting import Past, Rule, Signal, Silence, decide, significant

D = dt.date(2026, 3, 10)


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
