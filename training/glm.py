"""Generalised linear models on the boosters' features: the reference a reviewer knows, logged and compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

CONSTANT_BELOW = 1e-12
"""A feature whose standard deviation is below this carries nothing, and would make the normal equations singular."""


KNOTS = 5
RIDGE = 1e-4
"""Penalty on a spline's coefficients: enough to make a basis without data solvable."""


@dataclass(frozen=True)
class Glm:
    """A fitted log-link GLM; features are standardised by `mean` and `sd`, so a coefficient is the effect of one sd."""

    model: Any
    mean: Floats
    sd: Floats
    kept: npt.NDArray[np.bool_]
    coefficients: pd.DataFrame
    splines: Any = None

    def predict(self, x: Floats) -> Floats:
        """Expected value a row (claims a car-year, or currency units a claim)."""
        return np.asarray(self.model.predict(self._basis(x)), dtype=float)

    def _basis(self, x: Floats) -> Floats:
        z = self._standardised(x)
        return z if self.splines is None else np.asarray(self.splines.transform(z))

    def _standardised(self, x: Floats) -> Floats:
        filled = np.where(np.isfinite(x), x, self.mean)
        return np.asarray((filled - self.mean)[:, self.kept] / self.sd[self.kept])


def fit_glm(family: Any, x: Floats, names: list[str], y: Floats, weight: Floats) -> Glm:
    """Poisson: y = claims / exposure, weight = exposure. Gamma: y = amount a claim, weight = claims. Unpenalised.

    `coefficients` has feature, coef, se (robust), p_value and the 95 % interval, intercept first.
    """
    from glum import GeneralizedLinearRegressor

    mean, sd, kept = _scale(x)
    glm = Glm(GeneralizedLinearRegressor(family=family, link="log", alpha=0.0), mean, sd, kept, pd.DataFrame())
    z = pd.DataFrame(glm._standardised(x), columns=[n for n, k in zip(names, kept, strict=True) if k])
    glm.model.fit(z, y, sample_weight=weight)
    table = glm.model.coef_table(X=z, y=y, sample_weight=weight).rename_axis("feature").reset_index()
    return Glm(glm.model, mean, sd, kept, table)


def fit_gam(family: Any, x: Floats, categories: npt.NDArray[np.bool_], y: Floats, weight: Floats) -> Glm:
    """The same with a cubic spline of each number, on KNOTS quantiles, and a level each of `categories` (features of x)."""
    from glum import GeneralizedLinearRegressor
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder, SplineTransformer

    mean, sd, kept = _scale(x)
    z = Glm(None, mean, sd, kept, pd.DataFrame())._standardised(x)
    coded = np.flatnonzero(categories[kept])
    numbers = np.flatnonzero(~categories[kept])
    splines = ColumnTransformer(
        [
            ("spline", SplineTransformer(KNOTS, knots="quantile", include_bias=False, extrapolation="linear"), numbers),
            ("level", OneHotEncoder(drop="first", handle_unknown="ignore", sparse_output=False), coded),
        ]
    )
    basis = np.asarray(splines.fit_transform(z))
    model = GeneralizedLinearRegressor(family=family, link="log", alpha=RIDGE).fit(basis, y, sample_weight=weight)
    return Glm(model, mean, sd, kept, pd.DataFrame(), splines)


def quasi_poisson(model: Any, design: pd.DataFrame, y: Floats, weight: Floats) -> tuple[float, float, float]:
    """(null deviance, residual deviance, dispersion) of a Poisson GLM; dispersion is Pearson's chi-squared over degrees of
    freedom, what a quasi-Poisson's standard errors are scaled by (McCullagh, Nelder 1989, section 4.5)."""
    from training.metrics import poisson_unit_deviance

    claims, expected = y * weight, np.asarray(model.predict(design), dtype=float) * weight
    null = claims.sum() / weight.sum() * weight
    pearson = float(((claims - expected) ** 2 / expected).sum())
    residual = float(poisson_unit_deviance(claims, expected).sum())
    return float(poisson_unit_deviance(claims, null).sum()), residual, pearson / (len(y) - design.shape[1] - 1)


def _scale(x: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Mean and standard deviation of each feature where it is known, and whether it varies."""
    known = np.isfinite(x)
    mean = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    sd = np.where(known, x, mean).std(axis=0)
    return mean, sd, sd > CONSTANT_BELOW
