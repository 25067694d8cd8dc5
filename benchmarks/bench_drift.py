"""Alerts on drift where nothing changed, and where something did: histograms are drawn, everything after them is the product's.

Nights hang together as features of 28 days do: each vehicle's value is drawn anew with probability 1/28 a night. A champion's
reference is drawn once, and looked at for NIGHTS_A_CHAMPION nights after those that persistence needs, so that the luck of a
reference is in the figures. Nights of one champion are no independent trials: the limit is over champions.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, norm

from benchmarks.measure import Row
from lake.conf import CONF_FOLDER
from monitoring.alerting import Alert, Past, Rule, Signal, decide
from monitoring.binning import Bins, Summary
from monitoring.drift import Drift, Monitored, Side, compare
from monitoring.rules import load_rules

FEATURES, CELLS, WINDOW_DAYS = 60, 10, 28
NIGHTS, NIGHTS_A_CHAMPION = 5_000, 10
DRAWS = 10_000
SIZES = (200, 2_000, 20_000)
"""Vehicles: below 558 the null's quantile is the larger threshold, above it the effect of .10."""
SHIFT_SD, RUNS, BY_NIGHT, WEEKS = 0.5, 400, 5, 8
START = dt.date(2026, 1, 1)
BINS = Bins(tuple(norm.ppf(np.arange(1, CELLS) / CELLS)), 0.0)
Counts = npt.NDArray[np.int64]
EVEN = np.full(CELLS, 1 / CELLS)


def run() -> list[Row]:
    """Nights with an alert though nothing changed, by their upper 95 % limit, and shifts found in time."""
    rules = load_rules(CONF_FOLDER / "alerts.yaml").each()
    rows = []
    for size in SIZES:
        alarmed = _quiet(next(r for r in rules if r.name == "feature_drift"), size)
        limit = upper_limit(alarmed, size)
        champions = f"{sum(n > 0 for n in alarmed)} of {len(alarmed)} champions"
        print(f"  {size:,} vehicles: {sum(alarmed)} of {NIGHTS:,} nights with an alert, of {champions}")
        what = f"{NIGHTS:,} nights without change, {FEATURES} features, {size:,} vehicles: upper limit; peer: 1 %"
        rows.append(Row(what, 100 * limit, 1.0, "%", ""))
    found = sum(_found(next(r for r in rules if r.name == "daily_drift"), seed) for seed in range(RUNS))
    what = f"daily values of 20,000 policies shifted by half a standard deviation: told by night {BY_NIGHT}; peer: 95 %"
    return [*rows, Row(what, 100 * found / RUNS, 95.0, "%", "")]


def upper_limit(alarmed: list[int], seed: int) -> float:
    """The upper 95 % limit of the share of nights with an alert, from the alarmed nights of each champion: a bootstrap over
    champions where some have any; where none has, Clopper and Pearson's for champions, none of whose nights was alarmed."""
    if not any(alarmed):
        return float(beta.ppf(0.95, 1, len(alarmed)))
    draws = np.random.default_rng(seed).choice(alarmed, (DRAWS, len(alarmed)))
    return float(np.quantile(draws.mean(axis=1), 0.95)) / NIGHTS_A_CHAMPION


def _quiet(rule: Rule, size: int) -> list[int]:
    """Alarmed nights of each champion, of NIGHTS_A_CHAMPION without change."""
    random, alarmed = np.random.default_rng(size), []
    for _ in range(NIGHTS // NIGHTS_A_CHAMPION):
        reference = random.multinomial(size, EVEN, size=FEATURES)
        nights = (_signals(rule, reference, x, size, size) for x in _moving_on(random, size, rule.of - 1 + NIGHTS_A_CHAMPION))
        told = [any(a.state == "firing" for a in alerts) for alerts in _told(rule, nights)]
        alarmed.append(sum(told[-NIGHTS_A_CHAMPION:]))
    return alarmed


def _moving_on(random: np.random.Generator, size: int, nights: int) -> Iterator[Counts]:
    counts = random.multinomial(size, EVEN, size=FEATURES)
    for _ in range(nights):
        yield counts
        leaving = random.binomial(counts, 1 / WINDOW_DAYS)
        counts = counts - leaving + np.array([random.multinomial(n, EVEN) for n in leaving.sum(axis=1)])


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
    return any(a.state == "firing" and a.subject == "x0" for told in _told(rule, iter(nights)) for a in told)


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


def _told(rule: Rule, nights: Iterator[list[Signal]]) -> Iterator[list[Alert]]:
    """Alerts of night after night, as gold.alerts would carry them on."""
    past: list[Past] = []
    published: list[dt.date] = []
    for n, signals in enumerate(nights):
        date = START + dt.timedelta(days=n)
        alerts = decide([rule], signals, past, [], date, published)
        past += [Past(date, a.rule, a.subject) for a in alerts]
        published.append(date)
        yield alerts
