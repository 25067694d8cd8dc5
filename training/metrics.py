"""Measures of a model on claims, weighted by exposure, with intervals from a bootstrap that draws policies.

`weights` are (draws x rows) multiplicities; every statistic returns one value a draw, so an interval is two quantiles.
Sources: Wüthrich and Merz, Statistical Foundations of Actuarial Learning (deviance); Denuit, Sznajder and Trufin, "Model
selection based on Lorenz and concentration curves" (ordered Lorenz); Garwood 1936 (exact Poisson interval).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import xlogy
from scipy.stats import chi2

from lake.errors import TrainingRefused

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

LEVEL = 0.95
DRAWS = 200
BINS = 10
CELLS = 10_000_000
"""Multiplicities held at once by `resampled`: 80 MB."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; no ends where it is a plain fact of the fit."""

    value: float
    lower: float | None = None
    upper: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.4f}" + ("" if self.lower is None else f" [{self.lower:.4f}, {self.upper:.4f}]")


def policy_draws(policies: pd.Series, draws: int, seed: int) -> Floats:
    """(draws x rows) how often each row's policy was drawn, with replacement; rows of a policy go together."""
    codes, found = pd.factorize(policies)
    counts = np.random.default_rng(seed).multinomial(len(found), np.full(len(found), 1 / len(found)), size=draws)
    return np.asarray(counts[:, codes], dtype=float)


def estimated(statistic: Statistic, draws: Floats) -> Estimate:
    """The statistic on the data as they are, and its interval over the draws."""
    value = float(statistic(np.ones((1, draws.shape[1])))[0])
    lower, upper = np.quantile(statistic(draws), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(lower), float(upper))


def resampled(units: Floats, weight: Floats, level: float, seed: int, draws: int = 4000) -> Estimate:
    """sum(units) / sum(weight) of independent rows, with the interval at `level` from a bootstrap whose multiplicities are
    Poisson (Hanley and MacGibbon 2006), drawn a few at a time, so that many rows fit in memory."""
    random, block = np.random.default_rng(seed), max(1, min(draws, CELLS // max(len(units), 1)))
    means = []
    for start in range(0, draws, block):
        w = random.poisson(1.0, (min(block, draws - start), len(units))).astype(float)
        means.append(w @ units / np.maximum(w @ weight, np.finfo(float).tiny))
    lower, upper = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(units.sum() / weight.sum()), float(lower), float(upper))


def poisson_unit_deviance(claims: Floats, expected: Floats) -> Floats:
    """2 (N ln(N / mu) - (N - mu)) a row. Raises TrainingRefused for a mean that is not positive."""
    _require_positive(expected, "expected claims")
    return np.asarray(2 * (xlogy(claims, claims / expected) - claims + expected))


def gamma_unit_deviance(amount: Floats, expected: Floats) -> Floats:
    """2 ((y - mu) / mu - ln(y / mu)) a row. Raises TrainingRefused for values that are not positive."""
    _require_positive(expected, "expected amounts")
    _require_positive(amount, "amounts")
    return np.asarray(2 * ((amount - expected) / expected - np.log(amount / expected)))


def mean_of(unit: Floats, weight: Floats) -> Statistic:
    """Statistic: sum(unit) / sum(weight), for instance deviance a car-year."""
    return lambda w: np.asarray((w @ unit) / (w @ weight))


def share_explained(unit: Floats, null: Floats) -> Statistic:
    """Statistic: 1 - deviance / null deviance."""
    return lambda w: np.asarray(1 - (w @ unit) / (w @ null))


def ratio_of(actual: Floats, expected: Floats) -> Statistic:
    """Statistic: actual over expected."""
    return lambda w: np.asarray((w @ actual) / (w @ expected))


def gini(claims: Floats, exposure: Floats, score: Floats) -> Statistic:
    """Statistic: 1 - 2 * area under the ordered Lorenz curve (share of claims against share of exposure, lowest score
    first). Rows with equal scores are one step of the curve, so their order does not matter. 0 is chance."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])

    def curve(w: Floats, amount: Floats) -> Floats:
        steps = np.add.reduceat((w * amount)[:, order], starts, axis=1)
        shares = np.cumsum(steps, axis=1) / steps.sum(axis=1, keepdims=True)
        return np.hstack([np.zeros((len(w), 1)), shares])

    def statistic(w: Floats) -> Floats:
        x, y = curve(w, exposure), curve(w, claims)
        return np.asarray(1 - (np.diff(x, axis=1) * (y[:, 1:] + y[:, :-1])).sum(axis=1))

    return statistic


def garwood(claims: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Exact interval of a Poisson mean: chi2(a/2; 2N) / 2 and chi2(1 - a/2; 2N + 2) / 2."""
    tail = (1 - level) / 2
    lower = np.where(claims > 0, chi2.ppf(tail, 2 * np.maximum(claims, 0.5)) / 2, 0.0)
    return lower, np.asarray(chi2.ppf(1 - tail, 2 * claims + 2) / 2)


def equal_exposure_bins(exposure: Floats, score: Floats, bins: int = BINS) -> npt.NDArray[np.int64]:
    """Bin 0 (lowest scores) to bins - 1 of each row, of equal exposure."""
    order = np.argsort(score, kind="stable")
    middle = np.cumsum(exposure[order]) - exposure[order] / 2
    bin_of = np.empty(len(score), dtype=np.int64)
    bin_of[order] = np.minimum((bins * middle / exposure.sum()).astype(np.int64), bins - 1)
    return bin_of


def lift(claims: Floats, exposure: Floats, expected: Floats) -> pd.DataFrame:
    """Ten bins of equal exposure by predicted frequency: exposure, claims, expected, A/E with its Garwood interval."""
    bins = equal_exposure_bins(exposure, expected / exposure)
    rows = pd.DataFrame({"bin": bins + 1, "exposure_years": exposure, "claims": claims, "expected": expected})
    out = rows.groupby("bin", as_index=False).sum()
    lower, upper = garwood(out["claims"].to_numpy(dtype=float))
    return out.assign(
        actual_over_expected=out["claims"] / out["expected"], lower=lower / out["expected"], upper=upper / out["expected"]
    )


def double_lift(claims: Floats, exposure: Floats, before: Floats, after: Floats, bins: int = BINS) -> pd.DataFrame:
    """Bins of equal exposure by the ratio of the two frequencies: claims a car-year as they were and as each expected them."""
    rows = pd.DataFrame({"bin": equal_exposure_bins(exposure, after / before, bins) + 1, "exposure_years": exposure})
    rows = rows.assign(claims=claims, before=before * exposure, after=after * exposure)
    out = rows.groupby("bin", as_index=False).sum()
    lower, upper = garwood(out["claims"].to_numpy(dtype=float))
    years = out["exposure_years"].to_numpy()
    rates = {"actual": out["claims"], "before": out["before"], "after": out["after"]}
    return out.assign(lower=lower / years, upper=upper / years, **{name: values / years for name, values in rates.items()})


def lorenz(claims: Floats, exposure: Floats, score: Floats, points: int = 200) -> pd.DataFrame:
    """The ordered Lorenz curve at `points` places, for a plot: exposure_share, claims_share."""
    order = np.argsort(score, kind="stable")
    x = np.r_[0, np.cumsum(exposure[order]) / exposure.sum()]
    y = np.r_[0, np.cumsum(claims[order]) / claims.sum()]
    at = np.linspace(0, 1, points)
    return pd.DataFrame({"exposure_share": at, "claims_share": np.interp(at, x, y)})


def _require_positive(values: Floats, what: str) -> None:
    bad = int((~(values > 0)).sum())
    if bad:
        raise TrainingRefused(f"{what}: {bad} of {len(values)} values are not positive, no deviance is defined")
