"""A bias that lasts, told apart from nights that repeat each other."""

import datetime as dt

import numpy as np
import pytest

from lake.conf import CONF_FOLDER
from monitoring.alerting import Signal, significant
from monitoring.decision import Limits
from monitoring.rules import load_rules
from monitoring.segment_bias import Mature
from monitoring.signals import signals
from tests.monitoring.test_page import night, outcome
from training.metrics import garwood

D = dt.date(2026, 3, 10)
LIMITS = Limits(384, 0.05, 0.05)
SHIPPED = load_rules(CONF_FOLDER / "alerts.yaml")
(RULE,) = [r for r in SHIPPED.each() if r.measure == "segment_bias"]
BOOKS, SEGMENTS, NIGHTS, EXPECTED_A_NIGHT = 200, 9, 90, 2.0


def on(n: int) -> dt.date:
    return D + dt.timedelta(days=n)


def test_since_is_the_first_night_without_a_break() -> None:
    # 100 claims of 50 expected speak against prices at once, a night on which nothing comes of age changes nothing, 150 of 150
    # are right, and 280 of 200 (4.8 standard deviations beyond the 210 that are kept) begin anew
    steps = [Mature(100, 50.0), Mature(), Mature(50, 100.0), Mature(130, 50.0)]
    found, seen = Mature(), []
    for n, new in enumerate(steps):
        found = found.after(on(n), new, LIMITS)
        seen.append(found.off_since)
    assert seen == [on(0), on(0), None, on(3)]


def test_a_small_difference_is_none_however_certain() -> None:
    assert Mature().after(D, Mature(1_040_000, 1_000_000.0), LIMITS).off_since is None
    assert Mature().after(D, Mature(1_060_000, 1_000_000.0), LIMITS).off_since == D


def told(book: list[Mature]) -> list[Signal]:
    """What the shipped rule tells of a night with these segments."""
    rows = [
        outcome(segment="territory_band", value=str(i), evidence=float(np.exp(m.log_evidence)), off_since=m.off_since,
                mature_claims=m.claims, mature_expected=m.expected)
        for i, m in enumerate(book)
    ]  # fmt: skip
    watched = [s for s in signals(night(outcomes=rows), SHIPPED.limits) if s.measure == RULE.measure]
    return significant(RULE, watched)


def played(levels: np.ndarray, rng: np.random.Generator) -> tuple[set[str], bool]:
    """(segments that the rule ever told of, whether a segment was ever outside its interval on three nights in a row)."""
    book, ever, streak, is_streak = [Mature()] * SEGMENTS, set[str](), np.zeros(SEGMENTS), False
    for n in range(NIGHTS):
        new = rng.poisson(levels * EXPECTED_A_NIGHT)
        book = [m.after(on(n), Mature(int(c), EXPECTED_A_NIGHT), LIMITS) for m, c in zip(book, new, strict=True)]
        if any(m.off_since for m in book):
            ever |= {s.subject for s in told(book)}
        lower, upper = garwood(np.array([m.claims for m in book], dtype=float))
        total = book[0].expected
        streak = np.where((lower > total) | (upper < total), streak + 1, 0)
        is_streak |= bool((streak >= 3).any())
    return ever, is_streak


def test_right_prices_are_seldom_named_on_ninety_nights_and_wrong_ones_always() -> None:
    rng = np.random.default_rng(7)
    right = [played(np.ones(SEGMENTS), rng) for _ in range(BOOKS)]
    # at most 5 % of books in the mean; 20 of 200 is 3.2 standard deviations beyond. Three nights in a row outside the interval of
    # the night are no evidence: most right books have them
    assert sum(bool(names) for names, _ in right) <= 20
    assert sum(streak for _, streak in right) > BOOKS / 2
    wrong = np.where(np.arange(SEGMENTS) == 3, 1.6, 1.0)
    assert all("territory_band 3" in played(wrong, rng)[0] for _ in range(20))


@pytest.mark.parametrize(("evidence", "names"), [(170.0, []), (190.0, ["territory_band 0"])])
def test_evidence_is_asked_for_by_the_number_of_segments(evidence: float, names: list[str]) -> None:
    # one of nine segments: nine times 1 / .05 = 180
    rows = [outcome(segment="territory_band", value=str(i), evidence=evidence if i == 0 else 1.0, off_since=D) for i in range(9)]
    watched = [s for s in signals(night(outcomes=rows), SHIPPED.limits) if s.measure == RULE.measure]
    assert [s.subject for s in significant(RULE, watched)] == names
