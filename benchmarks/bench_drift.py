"""Alerts on drift where nothing changed, and where something did: histograms are drawn, everything after them is the product's.

Nights hang together as features of 28 days do: each vehicle's value is drawn anew with probability 1/28 a night. Of a champion
one night is looked at, with the nights before it that persistence asks for, so trials are independent, the luck of a reference is
in each, and Clopper and Pearson's limit of a share is exact.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, norm

from benchmarks.measure import Row
from lake.conf import CONF_FOLDER
from monitoring.alerting import Alert, Past, Rule, Signal, decide, significant
from monitoring.binning import Bins, Summary
from monitoring.drift import Drift, Monitored, Side, compare
from monitoring.rules import load_rules

FEATURES, CELLS, WINDOW_DAYS = 60, 10, 28
NIGHTS = 5_000
SIZES = ((50, 50), (100, 100), (100, 20_000), (200, 200), (2_000, 2_000), (20_000, 20_000))
"""Vehicles of the night and of the frame: with less than 558 on both sides chance is the larger threshold, with more the effect
of .10."""
SHIFT_SD, RUNS, BY_NIGHT, WEEKS = 0.5, 400, 5, 8
START = dt.date(2026, 1, 1)
BINS = Bins(tuple(norm.ppf(np.arange(1, CELLS) / CELLS)), 0.0)
Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]
EVEN = np.full(CELLS, 1 / CELLS)
MOSTLY_ZERO = np.array([0.0005, 0.88, 0.04, 0.04, 0.0395])
"""A value that most have, cells for what is above it, and hardly anything below."""


def run() -> list[Row]:
    """Nights with an alert though nothing changed, by their upper 95 % limit, and shifts found in time."""
    rules = load_rules(CONF_FOLDER / "alerts.yaml").each()
    rows = []
    watched = next(r for r in rules if r.name == "feature_drift")
    for (night, frame), (shape, shares) in product(SIZES, (("deciles", EVEN), ("mostly zero", MOSTLY_ZERO))):
        alarmed = sum(_quiet(watched, night, frame, shares))
        print(f"  {shape}, {night:,} vehicles, {frame:,} in the frame: {alarmed} of {NIGHTS:,} nights with an alert")
        what = f"{NIGHTS:,} nights without change, {FEATURES} features ({shape}), {night:,} vehicles, {frame:,} in the frame"
        rows.append(Row(f"{what}: upper limit; peer: 1 %", 100 * upper_limit(alarmed, NIGHTS), 1.0, "%", ""))
    found = sum(_found(next(r for r in rules if r.name == "daily_drift"), seed) for seed in range(RUNS))
    what = f"daily values of 20,000 policies shifted by half a standard deviation: told by night {BY_NIGHT}; peer: 95 %"
    return [*rows, Row(what, 100 * found / RUNS, 95.0, "%", "")]


def upper_limit(alarmed: int, nights: int) -> float:
    """The exact upper 95 % limit of a share (Clopper and Pearson 1934)."""
    return float(beta.ppf(0.95, alarmed + 1, nights - alarmed))


def _quiet(rule: Rule, night: int, frame: int, shares: Shares) -> Iterator[bool]:
    """Whether somebody is told on a night without change, of each of as many champions."""
    random = np.random.default_rng((night, frame))
    for _ in range(NIGHTS):
        reference = random.multinomial(frame, shares, size=FEATURES)
        nights = list(_moving_on(random, night, rule.of, shares))
        seen = partial(_signals, rule, reference, before=frame, now=night)
        # nobody is told of a night on which nothing is beyond, whatever the nights before it were
        yield bool(significant(rule, seen(nights[-1]))) and _firing(rule, map(seen, nights))


def _firing(rule: Rule, nights: Iterator[list[Signal]]) -> bool:
    *_, last = told(rule, nights)
    return any(a.state == "firing" for a in last)


def _moving_on(random: np.random.Generator, size: int, nights: int, shares: Shares) -> Iterator[Counts]:
    counts = random.multinomial(size, shares, size=FEATURES)
    for _ in range(nights):
        yield counts
        leaving = random.binomial(counts, 1 / WINDOW_DAYS)
        counts = counts - leaving + random.multinomial(leaving.sum(axis=1), shares)


def _found(rule: Rule, seed: int) -> bool:
    """Whether one of FEATURES values, all of the same weekday's weeks before, is told of by night BY_NIGHT of its shift."""
    random, size = np.random.default_rng(seed), 20_000
    reference = random.multinomial(WEEKS * size, EVEN, size=FEATURES)
    shifted = np.diff(norm.cdf(np.r_[-np.inf, BINS.edges, np.inf], loc=SHIFT_SD))
    nights = []
    for _ in range(BY_NIGHT):
        counts = random.multinomial(size, EVEN, size=FEATURES)
        counts[0] = random.multinomial(size, shifted)
        nights.append(_signals(rule, reference, counts, size, size))
    return any(a.state == "firing" and a.subject == "x0" for alerts in told(rule, iter(nights)) for a in alerts)


@dataclass(frozen=True)
class _Column:
    name: str
    before: Counts
    now: Counts


def _signals(rule: Rule, reference: Counts, current: Counts, before: int, now: int) -> list[Signal]:
    columns = [_Column(f"x{n}", reference[n], current[n]) for n in range(FEATURES)]
    found = [(c.name, _compared(c, before, now)) for c in columns]
    return [Signal(rule.measure, name, d.drifted, "", d.statistic, d.threshold, d.p_value) for name, d in found]


def _compared(column: _Column, before: int, now: int) -> Drift:
    sides = [
        Side(Summary(int(x.sum()), 0, 0.0, float(x.sum()), tuple(x.tolist())), n)
        for x, n in ((column.before, before), (column.now, now))
    ]
    return compare(Monitored(column.name, "feature", ""), BINS, *sides)


def told(rule: Rule, nights: Iterator[list[Signal]]) -> Iterator[list[Alert]]:
    """Alerts of night after night, as gold.alerts would carry them on."""
    past: list[Past] = []
    published: list[dt.date] = []
    for n, signals in enumerate(nights):
        date = START + dt.timedelta(days=n)
        alerts = decide([rule], signals, past, [], date, published)
        past += [Past(date, a.rule, a.subject) for a in alerts]
        published.append(date)
        yield alerts
