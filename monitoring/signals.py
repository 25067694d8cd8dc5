"""The figures of a night that rules watch, from what is on its page: one place says when each is beyond its limit."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from monitoring.alerting import Signal
from monitoring.night import FEW_COVERS, SOME, Book, Night, Shift
from monitoring.stopped import Stopped
from monitoring.without_model import ALL, without_model

if TYPE_CHECKING:
    from monitoring.rules import Limits

COVERAGE = "coverage"
MAX_TEXT = 500
COVERS_OF_A_MEAN = 100
"""Below, one cover that came anew at five times the mean moves it by more than the limit of .05 that is shipped."""
MUCH_EVIDENCE = 1_000_000
"""To one; how much more there is tells nobody anything."""


def _refused(night: Night, limits: "Limits") -> Iterable[Signal]:
    """One a file, so that a file that will never come right can be silenced by its name; one a source where there are many."""
    for s in night.sources:
        if s.refused_files > len(s.refused):
            some = ", ".join(f"{name} ({why})" for name, why in s.refused.items())
            text = f"{s.refused_files:,} of {s.files:,} files of {s.source} were refused, among them {some}"
            yield Signal("files_refused", s.source, True, text, float(s.refused_files), 0.0)
        else:
            yield from (Signal("files_refused", name, True, f"file {name} was refused: {why}") for name, why in s.refused.items())


def _bad_records(night: Night, limits: "Limits") -> Iterable[Signal]:
    read, held = (sum(getattr(s, x) for s in night.sources) for x in ("read", "quarantined"))
    share = (held - night.withheld) / read if read else 0.0
    text = f"{share:.1%} of {read:,} records read are bad and in quarantine (at most {limits.bad_records:.1%})"
    explains = share >= limits.explains
    yield Signal("bad_records", ALL, share > limits.bad_records, text, share, limits.bad_records, explains=explains)


def _volume(night: Night, limits: "Limits") -> Iterable[Signal]:
    brought, every = {s.source: s.read for s in night.sources}, sum(night.usual_records.values())
    for source, usual in night.usual_records.items():
        share = brought.get(source, 0) / usual
        wont = "some" if usual == SOME else f"{usual:,.0f}"
        text = f"{source} brought {brought.get(source, 0):,} records, usually {wont}"
        explains = (1 - share) * usual >= limits.explains * every
        yield Signal("volume", source, share < limits.volume, text, share, limits.volume, explains=explains)


def _quality(night: Night, limits: "Limits") -> Iterable[Signal]:
    by_table: dict[str, list[str]] = {}
    for warning in night.warnings:
        table, _, found = warning.partition(": ")
        by_table.setdefault(table, []).append(found)
    yield from (Signal("quality_warnings", table, True, f"{table}: {'; '.join(found)}") for table, found in by_table.items())


def _unscored(night: Night, limits: "Limits") -> Iterable[Signal]:
    text = f"{night.missing:,} of {night.in_force:,} covers in force have no score"
    yield Signal("covers_without_score", ALL, night.missing > 0, text, float(night.missing), 0.0)


def _fallback(night: Night, limits: "Limits") -> Iterable[Signal]:
    for book in night.books:
        share, beyond = book.fallback / book.scored, book.fallback >= max(limits.fallback * book.scored, FEW_COVERS)
        text = f"{share:.0%} of the scores of {book.coverage} in {book.currency} are the fallback's (limit {limits.fallback:.0%})"
        yield Signal("fallback_share", f"{book.coverage} {book.currency}", beyond, text, share, limits.fallback)


def _without_model(night: Night, limits: "Limits") -> Iterable[Signal]:
    yield from (Signal("no_model_price", subject, True, text) for subject, text in without_model(night).items())


def _fallback_rise(night: Night, limits: "Limits") -> Iterable[Signal]:
    for book in night.books:
        if book.usual_fallbacks is not None:
            for reason, n in book.fallbacks.items():
                yield _rise(book, reason, n, book.usual_fallbacks.get(reason, 0.0), limits.fallback_rise)


def _rise(book: Book, reason: str, n: int, usual: float, limit: float) -> Signal:
    scores = f"{n:,} of {book.scored:,} scores of {book.coverage} in {book.currency}"
    text = f"{scores} are the fallback's for {reason.replace('_', ' ')}: {n / book.scored:.0%}, lately {usual:.0%}"
    more = n - usual * book.scored
    beyond = more >= max(limit * book.scored, FEW_COVERS)
    return Signal("fallback_rise", f"{book.coverage} {book.currency} {reason}", beyond, text, more / book.scored, limit)


def _mean_price(night: Night, limits: "Limits") -> Iterable[Signal]:
    for book in night.books:
        if book.change is not None:
            text = f"the mean price of {book.coverage} in {book.currency} moved by {book.change:+.1%} in a night"
            # of a few covers, one whose price moved or that came anew moves the mean
            beyond = abs(book.change) > limits.mean_change and book.scored >= COVERS_OF_A_MEAN
            yield Signal("mean_price", f"{book.coverage} {book.currency}", beyond, text, book.change, limits.mean_change)


def _drift(kind: str, measure: str) -> "Measure":
    def signals(night: Night, limits: "Limits") -> Iterable[Signal]:
        for s in night.watched:
            if s.kind == kind:
                yield Signal(measure, s.column, s.drifted, moved(s), s.statistic, s.threshold, s.p_value)

    return signals


def moved(s: Shift) -> str:
    """A column's shift in its unit."""
    if s.shift is None or s.before is None or s.now is None:
        return f"{s.column}: not observed on one side"
    interval = f" ({_figure(s.lower, '+')} to {_figure(s.upper, '+')})" if s.lower is not None and s.upper is not None else ""
    means = f"{s.column}: mean {_figure(s.before)} to {_figure(s.now)} {s.unit}".rstrip()
    return f"{means}, shift {_figure(s.shift, '+')}{interval}"


def _figure(value: float, sign: str = "") -> str:
    """Enough digits to see a difference, and no exponent where it is a plain number."""
    return f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}.3g}"


def _bias(night: Night, limits: "Limits") -> Iterable[Signal]:
    # the level of a coverage is the decision's once there is one: it waits for hundreds of claims, which clear evidence does not
    decided = {d.coverage for d in night.decisions if d.decision != "undecided"}
    for o in night.outcomes:
        if o.evidence is not None and o.segment != ALL and not (o.segment == COVERAGE and o.value in decided):
            ratio = o.mature_claims / o.mature_expected if o.mature_expected else None
            text = (
                f"prices of {o.segment} {o.value} are off since {o.off_since}: {o.mature_claims:,} claims on mature exposure, "
                f"{o.mature_expected:,.1f} expected, evidence {odds(o.evidence)} to 1"
            )
            p_value = 1 / max(1.0, o.evidence)
            yield Signal("segment_bias", f"{o.segment} {o.value}", o.off_since is not None, text, ratio, 1.0, p_value)


def odds(evidence: float) -> str:
    """How many to one, as long as that says something."""
    return f"over {MUCH_EVIDENCE:,}" if evidence > MUCH_EVIDENCE else f"{evidence:,.0f}"


def _cached(night: Night, limits: "Limits") -> Iterable[Signal]:
    if night.cached_models:
        text = f"MLflow did not answer: scored with the cached {', '.join(night.cached_models)}"
        yield Signal("registry_down", ALL, True, text)


def _late(night: Night, limits: "Limits") -> Iterable[Signal]:
    if night.minutes_late is not None:
        text = f"the scores of the night came {night.minutes_late:.0f} minutes after {night.deadline}"
        yield Signal("late", ALL, night.minutes_late > limits.late_minutes, text, night.minutes_late, limits.late_minutes)


def _shadow(night: Night, limits: "Limits") -> Iterable[Signal]:
    for s in night.shadows:
        better = f"{s.model} version {s.version} foretells claims better than version {s.champion}"
        text = f"{better}: evidence {odds(s.evidence)} to 1"
        yield Signal("challenger", f"{s.model} {s.version}", s.evidence >= s.wanted, text, s.evidence, s.wanted)


def _decision(night: Night, limits: "Limits") -> Iterable[Signal]:
    for d in night.decisions:
        asks = d.decision in ("recalibrate", "refit")
        yield Signal("decision", d.coverage, asks, f"{d.coverage}: {d.decision}, for {d.why}")


STOPPED = "stopped"
Measure = Callable[[Night, "Limits"], Iterable[Signal]]
MEASURES: dict[str, Measure] = {
    "files_refused": _refused,
    "bad_records": _bad_records,
    "volume": _volume,
    "quality_warnings": _quality,
    "covers_without_score": _unscored,
    "fallback_share": _fallback,
    "no_model_price": _without_model,
    "fallback_rise": _fallback_rise,
    "mean_price": _mean_price,
    "feature_drift": _drift("feature", "feature_drift"),
    "daily_drift": _drift("daily", "daily_drift"),
    "prediction_drift": _drift("prediction", "prediction_drift"),
    "reason_drift": _drift("reason", "reason_drift"),
    "segment_bias": _bias,
    "challenger": _shadow,
    "decision": _decision,
    "registry_down": _cached,
    "late": _late,
    STOPPED: lambda night, limits: (),
}
"""What a rule may watch. Of a night that stopped there is nothing else to watch."""
EXPLAINING = ("volume", "bad_records")
"""Measures whose signals may explain those of others. Not refused files: what they hold back is in the volume of their source,
and one that stays in the landing is refused night after night."""


def signals(night: Night | Stopped, limits: "Limits") -> list[Signal]:
    """All signals of a night."""
    if isinstance(night, Stopped):
        again = f" Run `{night.command}`." if night.command else ""
        return [Signal(STOPPED, ALL, True, f"{night.sentence}{again}")]
    found: dict[tuple[str, str], Signal] = {}
    for signal in (s for measure in MEASURES.values() for s in measure(night, limits)):
        # a file that two sources take for theirs is one subject
        found.setdefault((signal.measure, signal.subject), signal)
    return [replace(s, text=cut(s.text)) for s in found.values()]


def cut(text: str) -> str:
    """Names of files and what was observed may be of any length, and hundreds of alerts stand on one page."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
