"""The traffic light and its sentence: what an actuary has to know before reading on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from monitoring.night import Night, Raised
from monitoring.stopped import Stopped
from monitoring.without_model import without_model

Light = Literal["green", "amber", "red"]
LISTED = 3
"""Subjects named of a rule with several alerts."""


@dataclass(frozen=True)
class Verdict:
    """`causes` are full phrases, the gravest first."""

    light: Light
    sentence: str
    causes: tuple[str, ...]


def verdict(night: Night | Stopped) -> Verdict:
    """Red where the night stopped or its prices should not be used unseen, amber where somebody is told to look, else green."""
    if isinstance(night, Stopped):
        return Verdict("red", f"{night.sentence} {night.readers_see}", ())
    grave = _grave(night)
    mild = _told(a for a in night.firing if a.text not in grave)
    causes = (*grave, *mild)
    if grave:
        return Verdict("red", _sentence("Do not use this night's scores before looking", causes), causes)
    if mild:
        return Verdict("amber", _sentence("The prices are in place; please look", causes), causes)
    return Verdict("green", f"All {night.scored:,} prices are in place and nothing needs attention.", ())


def _sentence(opening: str, causes: tuple[str, ...]) -> str:
    more = f" (and {len(causes) - 2} more)" if len(causes) > 2 else ""
    return f"{opening}: {'; '.join(causes[:2])}{more}."


def _grave(night: Night) -> list[str]:
    causes = []
    if night.withdrawn:
        causes.append(f"the scores were withdrawn: {night.withdrawn.rstrip('.')}")
    if not night.scored:
        causes.append("no policy was scored")
    if night.missing:
        causes.append(f"{night.missing:,} of {night.in_force:,} covers in force have no score")
    return [*causes, *without_model(night).values()]


def _told(alerts: Iterable[Raised]) -> list[str]:
    """A phrase a rule, for what is more than for information."""
    by_rule: dict[str, list[Raised]] = {}
    for alert in alerts:
        if alert.severity != "info":
            by_rule.setdefault(alert.rule, []).append(alert)
    return [_phrase(rule, found) for rule, found in by_rule.items()]


def _phrase(rule: str, found: list[Raised]) -> str:
    if len(found) == 1:
        return found[0].text
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return f"{len(found)} alerts of {rule.replace('_', ' ')}: {', '.join(a.subject for a in found[:LISTED])}{more}"
