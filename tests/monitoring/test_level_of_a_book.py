"""What the shipped rules tell of a book whose claims are reported late, night by night: nothing where its prices are right, and
the decision where their level is off."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from lake.conf import CONF_FOLDER
from monitoring.alerting import decide
from monitoring.decision import Band, Limits, Record
from monitoring.decision import decide as asked
from monitoring.night import Decision, Night
from monitoring.rules import load_rules
from monitoring.segment_bias import Mature
from monitoring.sequential import to_one
from monitoring.signals import signals
from tests.monitoring.test_page import night, outcome
from training.metrics import garwood

D = dt.date(2026, 3, 10)
LIMITS = Limits(least_claims=384.0, effect=0.05, false_alarm=0.05)
SHIPPED = load_rules(CONF_FOLDER / "alerts.yaml")
POLICIES, FREQUENCY, NIGHTS, BOOKS, MATURE_DAYS = 20_000, 0.06, 400, 30, 60
REPORT_MEDIAN_D, REPORT_SIGMA = 10.0, 1.0
"""Of the simulator. One claim in 27 is reported after it counts as mature; the book expects it nevertheless."""
SD, LEVELS = 0.35, 5


class Book:
    """Policies of five territories, five ages and bands of predicted frequency, with the claims that fall on them."""

    def __init__(self, seed: int, level: float = 1.0) -> None:
        random = np.random.default_rng(seed)
        a_year = FREQUENCY * np.exp(SD * random.standard_normal(POLICIES) - SD**2 / 2)
        self.a_night = a_year / 365.25
        on = random.choice(POLICIES, random.poisson(level * self.a_night.sum() * NIGHTS), p=a_year / a_year.sum())
        occurred = random.uniform(0, NIGHTS, len(on))
        reported = occurred + REPORT_MEDIAN_D * np.exp(REPORT_SIGMA * random.standard_normal(len(on)))
        closed = np.floor(occurred) + 1
        self.night_reported = np.ceil(reported).astype(int)
        # by the night at which the exposure comes of age; 0 where the claim was not known then
        self.night_mature = np.where(reported <= closed + MATURE_DAYS, closed + MATURE_DAYS, 0).astype(int)
        self.cuts = {
            "all": np.zeros(POLICIES, int), "coverage": np.zeros(POLICIES, int),
            "territory_band": random.integers(LEVELS, size=POLICIES), "driver_age_band": random.integers(LEVELS, size=POLICIES),
        }  # fmt: skip
        self.band = np.floor(np.log2(a_year / FREQUENCY) * 4).clip(-8, 7).astype(int)
        self.on = on

    def counts(self, cut: np.ndarray, nights: np.ndarray) -> np.ndarray:
        """Claims by night and level of a cut."""
        found = np.zeros((NIGHTS + MATURE_DAYS + 2, cut.max() + 1), int)
        is_seen = (nights > 0) & (nights <= NIGHTS)
        np.add.at(found, (nights[is_seen], cut[self.on][is_seen]), 1)
        return found


def on(n: int) -> dt.date:
    return D + dt.timedelta(days=n)


def pages(book: Book) -> Iterator[Night]:
    """The night's facts, from the first on that has claims to look at."""
    keys = [(name, level) for name, cut in book.cuts.items() for level in range(cut.max() + 1)]
    expected = np.array([book.a_night[book.cuts[name] == level].sum() for name, level in keys])
    reported, came = (
        np.hstack([book.counts(cut, nights) for cut in book.cuts.values()]) for nights in (book.night_reported, book.night_mature)
    )
    to_date, bands = reported.cumsum(axis=0), book.band - book.band.min()
    lower, upper = garwood(to_date.astype(float))
    by_band = book.counts(bands, book.night_mature)
    size = [(int((bands == b).sum()) / 365.25, float(book.a_night[bands == b].sum())) for b in range(by_band.shape[1])]
    mature, record = [Mature()] * len(keys), Record()
    for n in range(1, NIGHTS + 1):
        if n > MATURE_DAYS:
            new = [Mature(int(c), e) for c, e in zip(came[n], expected, strict=True)]
            mature = [m.after(on(n), x, LIMITS) for m, x in zip(mature, new, strict=True)]
            record = record.after(1, {b: Band(y, e, int(by_band[n, b])) for b, (y, e) in enumerate(size)}, MATURE_DAYS)
        found, total = asked(record, LIMITS), n * expected
        rows = [
            outcome(segment=name, value=f"{level}", ratio=to_date[n, i] / total[i], lower=lower[n, i] / total[i],
                    upper=upper[n, i] / total[i], maturity_days=n / 2, mature_claims=m.claims,
                    mature_expected=m.expected, evidence=to_one(m.log_evidence), off_since=m.off_since)
            for i, ((name, level), m) in enumerate(zip(keys, mature, strict=True))
        ]  # fmt: skip
        yield night(date=on(n), outcomes=rows, decisions=[Decision(coverage="0", decision=found.decision, why=found.why)])


def fired(page: Night) -> list[tuple[str, str]]:
    """Rule and subject of what somebody is told of."""
    found = decide(SHIPPED.each(), signals(page, SHIPPED.limits), [], [], page.date, [])
    return [(a.rule, a.subject) for a in found if a.state == "firing"]


def told(book: Book) -> Counter[tuple[str, str]]:
    """On how many nights each rule and subject fires."""
    return Counter(x for page in pages(book) for x in fired(page))


def test_a_right_book_is_told_of_on_no_night_of_four_hundred() -> None:
    found = [told(Book(seed)) for seed in range(BOOKS)]
    assert sum(not x for x in found) >= BOOKS - 1, found


@pytest.mark.parametrize("level", [0.75, 1.25])
def test_a_level_that_is_off_is_the_decisions(level: float) -> None:
    assert told(Book(7, level))["decision", "0"] > 0


def test_twice_the_claims_are_told_of_long_before_there_is_enough_for_a_decision() -> None:
    # of age are 3.3 expected claims a night from the 61st night on, so 384 on the 177th
    first: dict[str, dt.date] = {}
    for page in pages(Book(7, 2.0)):
        for rule, _ in fired(page):
            first.setdefault(rule, page.date)
    assert first["segment_bias"] < on(80) < on(170) < first["decision"]
