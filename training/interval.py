"""How far a pure premium may be off: the standard deviation of its logarithm, by credibility.

Two sources are added as variances. The fit: boosters refitted on policies drawn with replacement. The driver: what is not
yet known of the true rates, whose variance given the observed ones is t2 (1 - Z) (Bühlmann), drawn and scored.
The limits of this are in docs/models.md.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from training.boosting import Problem, Recipe, fit, margins
from training.credibility import credibility
from training.scorer_spec import FeatureSpec

Floats = npt.NDArray[np.float64]

REFITS = 8
FEATURE_DRAWS = 10
SAMPLE_ROWS = 3000
BANDS = 8


@dataclass(frozen=True)
class Fitted:
    """A booster with what it was fitted to and how often each row's policy is drawn in each refit (refits x rows)."""

    recipe: Recipe
    problem: Problem
    booster: xgb.Booster
    rounds: int
    base_margin: float
    draws: Floats

    def refits(self, x: Floats, seed: int) -> Floats:
        """Margins (refits x rows) of boosters fitted on drawn policies."""
        return np.stack([self._refit(draw, x, seed) for draw in self.draws])

    def margin(self, x: Floats) -> Floats:
        """Margin of the booster itself."""
        return margins(self.booster, x, self.problem.features, self.base_margin)

    def _refit(self, draw: Floats, x: Floats, seed: int) -> Floats:
        part = self.problem.part(draw > 0, draw)
        return margins(fit(self.recipe, part, self.rounds, seed), x, part.features, self.base_margin)


def spread(pair: tuple[Fitted, Fitted], features: tuple[FeatureSpec, ...], x: Floats, km: Floats, z: Floats, seed: int) -> tuple[
    tuple[float, ...], tuple[float, ...]
]:  # fmt: skip
    """Knots (credibility, sd of ln pure premium) for linear interpolation.

    `x` (rows x features) after credibility, `km` (rows x features) the distance behind each, `z` (rows) displayed credibility.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(x))[:SAMPLE_ROWS]
    x, km, z = x[chosen], km[chosen], z[chosen]
    variance = (pair[0].refits(x, seed) + pair[1].refits(x, seed)).var(axis=0, ddof=1)
    if any(f.shrinkage for f in features):
        drawn = [_drawn(x, km, features, rng) for _ in range(FEATURE_DRAWS)]
        variance = variance + np.stack([pair[0].margin(d) + pair[1].margin(d) for d in drawn]).var(axis=0, ddof=1)
    # without credibility all rows are one band
    bands = np.array_split(np.argsort(z, kind="stable"), min(BANDS, len(np.unique(z))))
    knots = [(float(z[b].mean()), float(np.sqrt(variance[b].mean()))) for b in bands]
    return tuple(k for k, _ in knots), tuple(sd for _, sd in knots)


def _drawn(x: Floats, km: Floats, features: tuple[FeatureSpec, ...], rng: np.random.Generator) -> Floats:
    out = x.copy()
    for j, f in enumerate(features):
        if f.shrinkage is not None:
            unknown = f.shrinkage.variance_between * (1 - credibility(km[:, j], f.shrinkage.k_km))
            out[:, j] = np.maximum(x[:, j] + rng.normal(size=len(x)) * np.sqrt(unknown), 0.0)
    return out
