"""Drift of a column from two exact summaries: how far the distributions are apart, and the shift in original units."""

from dataclasses import dataclass
from functools import cache
from math import log, sqrt
from typing import Literal

from monitoring.binning import Bins, Summary

PSI_EFFECT = 0.10
"""Population stability index from which a change is large enough to matter: the usual rule of thumb. It is not evidence by
itself, for with few rows chance alone exceeds it, which is asked besides."""
CONFIDENCE = 0.999
Z_999 = 3.2905267314919255
"""Standard normal quantile of a two-sided 99.9 % interval."""
EMPTY_CELL = 0.5
"""Count put into an empty bin, so that the logarithm exists."""
DIGITS = 9
"""Significant digits kept: sums of doubles differ by partitioning beyond them, and a rerun must state the same."""
METHOD = "PSI over deciles of the reference, repeated and missing values each a bin of their own"

Kind = Literal["feature", "prediction", "daily", "reason"]


@dataclass(frozen=True)
class Monitored:
    """A column to watch."""

    name: str
    kind: Kind
    unit: str


@dataclass(frozen=True)
class Side:
    """One side of a comparison; `independent` is its number of vehicles, for rows of one vehicle tell the same story."""

    summary: Summary
    independent: int


@dataclass(frozen=True)
class Drift:
    """A row of gold.drift without its date."""

    column: str
    kind: Kind
    unit: str
    method: str
    statistic: float
    threshold: float
    drifted: bool
    reference_rows: int
    current_rows: int
    reference_mean: float | None
    current_mean: float | None
    shift: float | None
    shift_lower: float | None
    shift_upper: float | None
    p_value: float | None = None


def compare(column: Monitored, bins: Bins, reference: Side, current: Side) -> Drift:
    """PSI with its threshold, and the shift of the mean with its 99.9 % interval (unpaired, so conservative where the same
    vehicles are on both sides). Drifted: the index reaches its threshold, and chance makes as much in .1 % of cases at most."""
    statistic, cells = psi(reference.summary, current.summary)
    threshold = max(PSI_EFFECT, null_quantile(cells, reference.independent, current.independent))
    chance = p_value(reference, current)
    drifted = rounded(statistic) >= rounded(threshold) and chance is not None and chance <= 1 - CONFIDENCE
    before, after = reference.summary.mean(bins), current.summary.mean(bins)
    shift, lower, upper = _shift(before, after, reference, current)
    return Drift(
        column=column.name, kind=column.kind, unit=column.unit, method=METHOD, statistic=rounded(statistic),
        threshold=rounded(threshold), drifted=drifted, reference_rows=reference.summary.rows,
        current_rows=current.summary.rows, reference_mean=_maybe(before), current_mean=_maybe(after), shift=shift,
        shift_lower=lower, shift_upper=upper, p_value=chance,
    )  # fmt: skip


def psi(reference: Summary, current: Summary) -> tuple[float, int]:
    """(population stability index, number of cells that hold anything), missing values being one cell."""
    pairs = [(max(a, EMPTY_CELL), max(b, EMPTY_CELL)) for a, b in _cells(reference, current)]
    total_a, total_b = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    shares = [(a / total_a, b / total_b) for a, b in pairs]
    return sum((p - q) * log(p / q) for p, q in shares), len(shares)


def _cells(reference: Summary, current: Summary) -> list[tuple[float, float]]:
    counts = zip((*reference.histogram, reference.missing), (*current.histogram, current.missing), strict=True)
    return [(a, b) for a, b in counts if a or b]


def null_quantile(cells: int, reference_vehicles: int, current_vehicles: int) -> float:
    """99.9 % quantile of the PSI where nothing changed, among many vehicles: (1/N + 1/M) times chi-squared with cells - 1
    degrees of freedom, whose mean is (B - 1)(1/N + 1/M). Among few its tail is longer: `p_value` is asked besides."""
    if cells < 2 or not reference_vehicles or not current_vehicles:
        return 0.0
    return _chi2_quantile(cells - 1) * (1 / reference_vehicles + 1 / current_vehicles)


@cache
def _chi2_quantile(freedom: int) -> float:
    from scipy.stats import chi2

    return float(chi2.ppf(CONFIDENCE, freedom))


def p_value(reference: Side, current: Side) -> float | None:
    """Probability of distributions as far apart where nothing changed; None where there is nothing to compare.

    It is that of the likelihood ratio G of the sides' shares, each of as many vehicles as it has, with Williams' correction
    (Biometrika 63, 1976), by chi-squared with cells - 1 degrees of freedom. G is the PSI over 1/N + 1/M to the second order,
    but keeps to its chi-squared among few vehicles, where one in ten thousand of the PSI's is six to nine (N or M of 100).
    """
    n, m = reference.independent, current.independent
    pairs = _cells(reference.summary, current.summary)
    if len(pairs) < 2 or not n or not m:
        return None
    from scipy.special import chdtrc

    before, after = n / reference.summary.rows, m / current.summary.rows
    found = [(a * before, b * after) for a, b in pairs]
    return float(chdtrc(len(found) - 1, _likelihood_ratio(found, n, m) / _williams([a + b for a, b in found], n, m)))


def _likelihood_ratio(cells: list[tuple[float, float]], n: int, m: int) -> float:
    """G: twice the log-likelihood of each side by its own shares less that by the shares of both."""
    expected = ((a, (a + b) * n / (n + m)) for a, b in cells), ((b, (a + b) * m / (n + m)) for a, b in cells)
    return max(0.0, 2 * sum(seen * log(seen / mean) for side in expected for seen, mean in side if seen))


def _williams(totals: list[float], n: int, m: int) -> float:
    """What G is divided by, so that its mean is chi-squared's. A cell counts as one expected vehicle on the smaller side at
    least: a lone value that was never observed would otherwise hide what all the others say."""
    both, least = n + m, (n + m) / min(n, m)
    rarity = sum(both / max(t, least) for t in totals) - 1
    return 1 + (both / n + both / m - 1) * rarity / (6 * both * (len(totals) - 1))


def _shift(
    before: float | None, after: float | None, reference: Side, current: Side
) -> tuple[float | None, float | None, float | None]:
    """(shift, lower, upper)."""
    if before is None or after is None:
        return None, None, None
    half = Z_999 * sqrt(sum(s.summary.variance / max(min(s.independent, s.summary.seen), 1) for s in (reference, current)))
    shift = after - before
    return rounded(shift), rounded(shift - half), rounded(shift + half)


def _maybe(value: float | None) -> float | None:
    return None if value is None else rounded(value)


def rounded(value: float) -> float:
    """The value to DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")
