"""Drift of a column from two exact summaries: how far the distributions are apart, and the shift in original units."""

from dataclasses import dataclass
from functools import cache
from math import log, sqrt
from typing import Literal

from monitoring.binning import Bins, Summary

PSI_EFFECT = 0.10
"""Population stability index from which a change is large enough to matter: the usual rule of thumb. It is not evidence by
itself, for with few rows chance alone exceeds it; the null's quantile is asked for besides."""
CONFIDENCE = 0.999
Z_999 = 3.2905267314919255
"""Standard normal quantile of a two-sided 99.9 % interval."""
EMPTY_CELL = 0.5
"""Count put into an empty bin, so that the logarithm exists."""
DIGITS = 9
"""Significant digits kept: sums of doubles differ by partitioning beyond them, and a rerun must state the same."""
METHOD = "PSI over deciles of the reference, missing values as a bin of their own"

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
    vehicles are on both sides)."""
    statistic, cells = psi(reference.summary, current.summary)
    threshold = max(PSI_EFFECT, null_quantile(cells, reference.independent, current.independent))
    before, after = reference.summary.mean(bins), current.summary.mean(bins)
    shift, lower, upper = _shift(before, after, reference, current)
    return Drift(
        column=column.name, kind=column.kind, unit=column.unit, method=METHOD, statistic=rounded(statistic),
        threshold=rounded(threshold), drifted=rounded(statistic) >= rounded(threshold),
        reference_rows=reference.summary.rows, current_rows=current.summary.rows,
        reference_mean=_maybe(before), current_mean=_maybe(after), shift=shift, shift_lower=lower, shift_upper=upper,
        p_value=p_value(statistic, cells, reference.independent, current.independent),
    )  # fmt: skip


def psi(reference: Summary, current: Summary) -> tuple[float, int]:
    """(population stability index, number of cells that hold anything), missing values being one cell."""
    counts = zip((*reference.histogram, reference.missing), (*current.histogram, current.missing), strict=True)
    pairs = [(max(float(a), EMPTY_CELL), max(float(b), EMPTY_CELL)) for a, b in counts if a or b]
    total_a, total_b = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    shares = [(a / total_a, b / total_b) for a, b in pairs]
    return sum((p - q) * log(p / q) for p, q in shares), len(shares)


def null_quantile(cells: int, reference_rows: int, current_rows: int) -> float:
    """99.9 % quantile of the PSI where nothing changed: (1/N + 1/M) times chi-squared with cells - 1 degrees of freedom,
    whose mean is (B - 1)(1/N + 1/M)."""
    if cells < 2 or not reference_rows or not current_rows:
        return 0.0
    return _chi2_quantile(cells - 1) * (1 / reference_rows + 1 / current_rows)


@cache
def _chi2_quantile(freedom: int) -> float:
    from scipy.stats import chi2

    return float(chi2.ppf(CONFIDENCE, freedom))


def p_value(statistic: float, cells: int, reference_rows: int, current_rows: int) -> float | None:
    """Probability of as large a PSI where nothing changed, by the distribution of `null_quantile`; None where it has none."""
    if cells < 2 or not reference_rows or not current_rows:
        return None
    from scipy.special import chdtrc

    return float(chdtrc(cells - 1, statistic / (1 / reference_rows + 1 / current_rows)))


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
