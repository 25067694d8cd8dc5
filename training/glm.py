"""Generalised linear models on the boosters' features: the reference a reviewer knows, logged and compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

CONSTANT_BELOW = 1e-12
"""A feature whose standard deviation is below this carries nothing, and would make the normal equations singular."""


@dataclass(frozen=True)
class Glm:
    """A fitted log-link GLM; features are standardised by `mean` and `sd`, so a coefficient is the effect of one sd."""

    model: Any
    mean: Floats
    sd: Floats
    kept: npt.NDArray[np.bool_]
    coefficients: pd.DataFrame

    def predict(self, x: Floats) -> Floats:
        """Expected value a row (claims a car-year, or currency units a claim)."""
        return np.asarray(self.model.predict(self._standardised(x)), dtype=float)

    def _standardised(self, x: Floats) -> Floats:
        filled = np.where(np.isfinite(x), x, self.mean)
        return np.asarray((filled - self.mean)[:, self.kept] / self.sd[self.kept])


def fit_glm(family: str, x: Floats, names: list[str], y: Floats, weight: Floats) -> Glm:
    """Poisson: y = claims / exposure, weight = exposure. Gamma: y = amount a claim, weight = claims. Unpenalised.

    `coefficients` has feature, coef, se (robust), p_value and the 95 % interval, intercept first.
    """
    from glum import GeneralizedLinearRegressor

    known = np.isfinite(x)
    mean = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    sd = np.where(known, x, mean).std(axis=0)
    kept = sd > CONSTANT_BELOW
    glm = Glm(GeneralizedLinearRegressor(family=family, link="log", alpha=0.0), mean, sd, kept, pd.DataFrame())
    z = pd.DataFrame(glm._standardised(x), columns=[n for n, k in zip(names, kept, strict=True) if k])
    glm.model.fit(z, y, sample_weight=weight)
    table = glm.model.coef_table(X=z, y=y, sample_weight=weight).rename_axis("feature").reset_index()
    return Glm(glm.model, mean, sd, kept, table)
