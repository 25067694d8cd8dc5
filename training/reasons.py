"""Reasons of a price in plain words: at most four, strongest first."""

from typing import Any

import numpy as np
import numpy.typing as npt

from lake.price import MAX_REASONS
from training.scorer_spec import FeatureSpec

Floats = npt.NDArray[np.float64]

MIN_REASON = 0.005
"""Contributions below half a percent of the price are not worth a sentence; they stay in `others`."""
DECIMALS = 9
"""Doubles are rounded once, here, so that a rerun states the same figures."""


def reasons_of(
    features: tuple[FeatureSpec, ...], values: Floats, contributions: Floats
) -> tuple[Floats, list[list[dict[str, Any]]]]:
    """Sum of the listed contributions per row, and the reasons, strongest first; both arguments are rows x features."""
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :MAX_REASONS]
    top = np.take_along_axis(contributions, order, axis=1)
    kept = np.abs(top) >= MIN_REASON
    observed = np.take_along_axis(values, order, axis=1)
    reasons = [
        [reason(features[j], v, c) for j, v, c, k in zip(*row, strict=True) if k]
        for row in zip(order.tolist(), observed.tolist(), top.tolist(), kept.tolist(), strict=True)
    ]
    return np.where(kept, top, 0.0).sum(axis=1), reasons


def reason(feature: FeatureSpec, value: float, contribution: float) -> dict[str, Any]:
    """One reason: the feature, a sentence with its value, the average and the direction, and its share of ln price."""
    change = 100 * (np.exp(contribution) - 1)
    effect = f"{'raises' if change > 0 else 'lowers'} the price by {abs(change):.1f} %"
    window = f", last {feature.window_days} days" if feature.window_days else ""
    stated = round(value, DECIMALS) if np.isfinite(value) else None
    text = f"{feature.text}{window}: {_seen(feature, value)}; {effect}"
    return {"feature": feature.name, "text": text, "value": stated, "contribution": contribution}


def _seen(feature: FeatureSpec, value: float) -> str:
    if feature.kind == "category":
        return feature.levels[int(value)] if np.isfinite(value) else "not known"
    if not np.isfinite(value):
        return "not known, average taken"
    return f"{amount(feature, value)}, average {amount(feature, feature.mean)}"


def amount(feature: FeatureSpec, value: float) -> str:
    """A value of the feature with its unit."""
    if feature.log:
        return f"{np.expm1(value):.3g} {feature.unit.removeprefix('ln ')}"
    if feature.unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.3g} {feature.unit}".rstrip()
