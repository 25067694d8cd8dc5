"""The traffic light and its sentence: what an actuary has to know before reading on."""

from dataclasses import dataclass
from typing import Literal

from monitoring.night import Night
from monitoring.stopped import Stopped

Light = Literal["green", "amber", "red"]

MAX_BAD = 0.01
"""Share of records read from which bad ones are worth a look: single ones are everyday life. Records without a policy or
consent are not bad."""
MAX_FALLBACK = 0.5
"""Share of the book without a model's price from which somebody should look."""
MAX_MEAN_CHANGE = 0.05
"""A mean premium that moves by more overnight changes the income of the book; windows of 28 days move by 1/28 a night."""

MATURE_DAYS = 60.0
"""Mean age below which exposure lacks claims still to be reported, so that fewer than expected say nothing; more do."""


@dataclass(frozen=True)
class Verdict:
    """`causes` are full phrases, the gravest first."""

    light: Light
    sentence: str
    causes: tuple[str, ...]


def verdict(night: Night | Stopped) -> Verdict:
    """Red where the night stopped or its prices should not be used unseen, amber where somebody should look, else green."""
    if isinstance(night, Stopped):
        return Verdict("red", f"{night.sentence} {night.readers_see}", ())
    grave, mild = _grave(night), _mild(night)
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
    if not night.scored:
        causes.append("no policy was scored")
    if night.missing:
        causes.append(f"{night.missing:,} of {night.in_force:,} covers in force have no score")
    if night.scored and night.fallback == night.scored:
        causes.append("every score is the fallback's, none the model's")
    return causes


def _mild(night: Night) -> list[str]:
    return [*_data(night), *_prices(night), *_model(night)]


def _data(night: Night) -> list[str]:
    read, quarantined = (sum(getattr(s, x) for s in night.sources) for x in ("read", "quarantined"))
    bad = quarantined - night.withheld
    causes = []
    if night.refused:
        causes.append(f"{len(night.refused)} file(s) were refused")
    if read and bad / read > MAX_BAD:
        causes.append(f"{bad / read:.1%} of the records read are bad and in quarantine")
    if night.warnings:
        causes.append(f"{len(night.warnings)} quality warning(s)")
    return causes


def _prices(night: Night) -> list[str]:
    causes = [
        f"the mean price of {b.coverage} moved by {b.change:+.1%} in a night"
        for b in night.books
        if b.change is not None and abs(b.change) > MAX_MEAN_CHANGE
    ]
    if night.scored and MAX_FALLBACK < night.fallback / night.scored < 1:
        causes.append(f"{night.fallback / night.scored:.0%} of the scores are the fallback's")
    return causes


def _model(night: Night) -> list[str]:
    causes = [f"{len(night.drifted)} of {night.columns_watched} watched columns drifted"] if night.drifted else []
    for o in night.outcomes:
        is_mature = o.maturity_days is not None and o.maturity_days >= MATURE_DAYS
        too_few = is_mature and o.upper is not None and o.upper < 1
        too_many = o.lower is not None and o.lower > 1
        if o.segment == "all" and (too_few or too_many):
            causes.append(f"actual over expected claims is {o.ratio:.2f}, its interval leaves out 1")
    return causes
