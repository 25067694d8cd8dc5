"""Whether the price moves as the signs say: each feature swept over its values, everything else as it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.scorer import Scorer

Floats = npt.NDArray[np.float64]

POINTS = 20
SAMPLE_ROWS = 300
TOLERANCE = 1e-6
"""Of ln price; XGBoost's margins are single precision."""


@dataclass(frozen=True)
class Sweep:
    """One feature: the values it is put to, and ln pure premium (rows x values) relative to each row's first."""

    feature: str
    sign: int
    values: Floats
    ice: Floats

    @property
    def violation(self) -> float:
        """The largest step against the sign, in log units; 0 for a feature without one."""
        steps = np.diff(self.ice, axis=1)
        return float(np.maximum(-self.sign * steps, 0.0).max()) if self.sign and steps.size else 0.0

    @property
    def span(self) -> float:
        """Mean over rows of the largest price over the smallest."""
        return float(np.exp(self.ice.max(axis=1) - self.ice.min(axis=1)).mean())


def sweeps(scorer: Scorer, x: Floats, seed: int) -> list[Sweep]:
    """A sweep of every feature over its quantiles (codes of a category) on rows of the design that are drawn, strongest first."""
    rows = x[np.random.default_rng(seed).permutation(len(x))[:SAMPLE_ROWS]]
    found = [_sweep(scorer, rows, x[:, j], j) for j in range(x.shape[1])]
    return sorted(found, key=lambda s: -s.span)


def _sweep(scorer: Scorer, rows: Floats, column: Floats, j: int) -> Sweep:
    feature, known = scorer.spec.features[j], column[np.isfinite(column)]
    values = np.unique(np.quantile(known, np.linspace(0, 1, POINTS), method="nearest")) if len(known) else np.zeros(1)
    put = np.repeat(rows, len(values), axis=0)
    put[:, j] = np.tile(values, len(rows))
    price = sum(e.margin(put, 0.0) for e in scorer.explainers)
    curves = np.asarray(price, dtype=float).reshape(len(rows), len(values))
    return Sweep(feature.name, feature.sign, values, curves - curves[:, :1])


def stated(found: list[Sweep]) -> dict[str, Any]:
    """Artefact 6: the largest violation of all, and a line a feature."""
    lines = [
        {"feature": s.feature, "sign": s.sign, "values": len(s.values), "largest_violation": s.violation, "span": s.span}
        for s in found
    ]
    constrained = [s for s in found if s.sign]
    return {
        "constrained_features": len(constrained),
        "rows_swept": SAMPLE_ROWS,
        "largest_violation": max((s.violation for s in constrained), default=0.0),
        "tolerance": TOLERANCE,
        "features": lines,
        "ice": {s.feature: {"values": s.values.tolist(), "mean": s.ice.mean(axis=0).tolist()} for s in found[:6]},
    }
