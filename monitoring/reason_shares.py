"""How much of the prices each feature makes: its share of the mean absolute contribution, tonight against the frame."""

from math import sqrt

import numpy as np
import numpy.typing as npt
import pandas as pd

from monitoring.drift import Z_999, Drift, rounded

SHARE_EFFECT = 0.05
"""A shift of five points of the whole is large enough to matter; chance is held against it besides."""
METHOD = "share of the mean absolute contribution to ln price (exact SHAP), difference"
Floats = npt.NDArray[np.float64]


def reason_drifts(reference: dict[str, pd.DataFrame], current: dict[str, pd.DataFrame], scored: dict[str, int]) -> list[Drift]:
    """Drift of each feature's share, from contributions (rows x features, indexed by vehicle) by coverage.

    Coverages are weighted by what was `scored` tonight, in rows, on both sides, so that a change of their mix is no drift of
    reasons. Contributions come from samples; those of one vehicle count as one observation.
    """
    rows, book = sum(map(len, current.values())), sum(scored[c] for c in current)
    features = sorted({name for x in current.values() for name in x.columns})
    shares = {name: [0.0, 0.0, 0.0] for name in features}
    for coverage, now in current.items():
        weight = scored[coverage] / book
        for side, part in enumerate((reference[coverage], now)):
            for name, share, variance in _shares(part):
                shares[name][side] += weight * share
                shares[name][2] += weight**2 * variance
    seen = (sum(map(len, reference.values())), rows)
    return [_drift(name, before, after, variance, seen) for name, (before, after, variance) in shares.items()]


def _shares(contributions: pd.DataFrame) -> list[tuple[str, float, float]]:
    """(feature, share, variance of the share): a ratio of means, by its linearisation over vehicles (delta method)."""
    amounts = contributions.abs().groupby(level=0).sum()
    values: Floats = amounts.to_numpy(dtype=float)
    total = values.sum()
    if total <= 0:
        return [(str(name), 0.0, 0.0) for name in amounts.columns]
    share = values.sum(axis=0) / total
    influence = (values - share * values.sum(axis=1, keepdims=True)) / (total / len(values))
    variance = influence.var(axis=0, ddof=1) / len(values) if len(values) > 1 else np.zeros(len(share))
    return [(str(n), float(s), float(v)) for n, s, v in zip(amounts.columns, share, variance, strict=True)]


def _drift(name: str, before: float, after: float, variance: float, rows: tuple[int, int]) -> Drift:
    from scipy.stats import norm

    shift, error = after - before, sqrt(variance)
    statistic, threshold = abs(shift), max(SHARE_EFFECT, Z_999 * error)
    return Drift(
        column=name, kind="reason", unit="share", method=METHOD, statistic=rounded(statistic), threshold=rounded(threshold),
        drifted=rounded(statistic) >= rounded(threshold), reference_rows=rows[0], current_rows=rows[1],
        reference_mean=rounded(before), current_mean=rounded(after), shift=rounded(shift),
        shift_lower=rounded(shift - Z_999 * error), shift_upper=rounded(shift + Z_999 * error),
        p_value=float(2 * norm.sf(statistic / error)) if error > 0 else None,
    )  # fmt: skip
