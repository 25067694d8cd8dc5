"""Which of a night's signals are alerts: effect and significance, persistence, suppression, silence. Pure: data in, data out.

A signal is one watched figure of a night. It is *beyond* its limit or not; a rule says for how many of the last nights it must
have been so before anybody is told, who is told, and which other rules' alerts already explain it.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Severity = Literal["info", "warning", "critical"]
State = Literal["firing", "pending", "suppressed", "silenced", "over"]
OVER: State = "over"
"""Of an alert of another night or run that PagerDuty is to resolve: it is none of tonight's."""
EVERYTHING = ""
"""The subject of a silence that covers a rule as a whole."""


@dataclass(frozen=True)
class Rule:
    """How the signals of a measure become alerts.

    `nights` of the last `of` published nights must be beyond. With `false_discovery_rate`, of the signals that have a p-value
    only those count that survive Benjamini and Hochberg (1995) at that rate. While somebody is told of a signal of a rule in
    `suppressed_by` that `explains` others, this one's tell nobody anything new.
    """

    name: str
    measure: str
    owner: str
    severity: Severity
    runbook: str
    nights: int = 1
    of: int = 1
    false_discovery_rate: float | None = None
    suppressed_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signal:
    """A figure of tonight: `subject` is the column, source or segment it is of; `text` says it in original units. `explains`:
    it touches so many of the night's records that what other rules see may come of it."""

    measure: str
    subject: str
    beyond: bool
    text: str
    value: float | None = None
    limit: float | None = None
    p_value: float | None = None
    explains: bool = False


@dataclass(frozen=True)
class Past:
    """That a rule's subject was beyond on an earlier night. A night on which it was suppressed is none: its data were bad."""

    date: dt.date
    rule: str
    subject: str


@dataclass(frozen=True)
class Silence:
    """Nobody is told of a rule's alerts until a day, inclusive; `subject` EVERYTHING covers all of them."""

    rule: str
    subject: str
    until: dt.date
    reason: str
    by: str

    def covers(self, rule: str, subject: str, date: dt.date) -> bool:
        """Whether it holds for an alert of a night."""
        return rule == self.rule and self.subject in (EVERYTHING, subject) and date <= self.until

    def describe(self) -> str:
        """For people."""
        return f"{self.rule}{f' of {self.subject}' if self.subject else ''} until {self.until} by {self.by}: {self.reason}"


@dataclass(frozen=True)
class Alert:
    """A signal beyond its limit under a rule. Only `firing` ones are sent; `nights` counts tonight; `why` is of other states;
    `owed` are the channels that it is still to be sent to."""

    rule: str
    subject: str
    severity: Severity
    owner: str
    runbook: str
    state: State
    text: str
    nights: int
    value: float | None
    limit: float | None
    why: str = ""
    owed: tuple[str, ...] = ()


def decide(
    rules: Iterable[Rule], signals: Iterable[Signal], past: Iterable[Past], silences: Iterable[Silence], date: dt.date,
    published: Iterable[dt.date],
) -> list[Alert]:  # fmt: skip
    """The alerts of a night, the gravest first.

    `published` are the nights before it that were published, `past` what was beyond on them.
    """
    rules, signals, silences, before = list(rules), list(signals), list(silences), sorted(published, reverse=True)
    seen = {(p.rule, p.subject, p.date) for p in past}
    found = []
    for rule in rules:
        for signal in significant(rule, [s for s in signals if s.measure == rule.measure]):
            nights = 1 + sum((rule.name, signal.subject, d) in seen for d in before[: rule.of - 1])
            silence = next((s for s in silences if s.covers(rule.name, signal.subject, date)), None)
            found.append((rule, signal, _alert(rule, signal, nights, silence)))
    # what nobody is told of explains nothing to anybody
    causes = {a.rule for _, signal, a in found if signal.explains and a.state == "firing"}
    alerts = (_unless_explained(a, [x for x in rule.suppressed_by if x in causes]) for rule, _, a in found)
    return sorted(alerts, key=_gravity)


def significant(rule: Rule, signals: list[Signal]) -> list[Signal]:
    """The signals that are beyond their limit and, where the rule asks for it, not to be expected by chance among so many."""
    if rule.false_discovery_rate is None:
        return [s for s in signals if s.beyond]
    tested = sorted(s.p_value for s in signals if s.p_value is not None)
    passing = [p for i, p in enumerate(tested, 1) if p <= rule.false_discovery_rate * i / len(tested)]
    limit = passing[-1] if passing else -1.0
    return [s for s in signals if s.beyond and (s.p_value is None or s.p_value <= limit)]


def _alert(rule: Rule, signal: Signal, nights: int, silence: Silence | None) -> Alert:
    state, why = _state(rule, nights, silence)
    return Alert(
        rule.name, signal.subject, rule.severity, rule.owner, rule.runbook, state, signal.text, nights, signal.value,
        signal.limit, why,
    )  # fmt: skip


def _state(rule: Rule, nights: int, silence: Silence | None) -> tuple[State, str]:
    if silence is not None:
        return "silenced", f"until {silence.until} by {silence.by}: {silence.reason}"
    if nights < rule.nights:
        return "pending", f"{nights} of {rule.nights} nights that it takes"
    return "firing", ""


def _unless_explained(alert: Alert, causes: list[str]) -> Alert:
    return replace(alert, state="suppressed", why=f"explained by {', '.join(causes)}") if causes else alert


def _gravity(alert: Alert) -> tuple[int, int, str, str]:
    states, severities = ("firing", "pending", "silenced", "suppressed"), ("critical", "warning", "info")
    return states.index(alert.state), severities.index(alert.severity), alert.rule, alert.subject
