"""Generalised linear models on the boosters' features: the reference a reviewer knows, logged and compared."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.scorer_spec import FeatureSpec

Floats = npt.NDArray[np.float64]

CONSTANT_BELOW = 1e-12
"""A feature whose standard deviation is below this carries nothing, and would make the normal equations singular."""
LEVELS = 40
"""Levels of a category with a coefficient each: those of the largest weight; the others stand with the reference."""
MISSING = -1.0
"""Code of a level that is not known."""
KNOTS = 5
RIDGE = 1e-4
"""Penalty on a spline's coefficients: enough to make a basis without data solvable."""


@dataclass(frozen=True)
class Dummy:
    """One level of a category, 1 where a row has it; its coefficient is over the category's reference, the heaviest level."""

    column: int
    code: float
    name: str

    def of(self, x: Floats) -> Floats:
        """The column (rows) of a design matrix."""
        return np.asarray(np.nan_to_num(x[:, self.column], nan=MISSING) == self.code, dtype=float)


@dataclass(frozen=True)
class Glm:
    """A fitted log-link GLM. Numbers are standardised by `mean` and `sd`, so a coefficient is the effect of one sd; `dummies` are
    levels of categories, which are not among `kept`."""

    model: Any
    mean: Floats
    sd: Floats
    kept: npt.NDArray[np.bool_]
    coefficients: pd.DataFrame
    splines: Any = None
    dummies: tuple[Dummy, ...] = ()

    def predict(self, x: Floats) -> Floats:
        """Expected value a row (claims a car-year, or currency units a claim)."""
        return np.asarray(self.model.predict(self._basis(x)), dtype=float)

    def _basis(self, x: Floats) -> Floats:
        z = self._standardised(x)
        if self.splines is not None:
            return np.asarray(self.splines.transform(z))
        return np.column_stack([z, *(d.of(x) for d in self.dummies)])

    def _standardised(self, x: Floats) -> Floats:
        filled = np.where(np.isfinite(x), x, self.mean)
        return np.asarray((filled - self.mean)[:, self.kept] / self.sd[self.kept])


def fit_glm(family: Any, x: Floats, features: tuple[FeatureSpec, ...], y: Floats, weight: Floats) -> Glm:
    """Poisson: y = claims / exposure, weight = exposure. Gamma: y = amount a claim, weight = claims. Unpenalised.

    A number is linear on the log scale, a category has a coefficient a level (what is missing is one), over its heaviest level.
    `coefficients` has feature, coef, se (robust), p_value and the 95 % interval, intercept first.
    """
    from glum import GeneralizedLinearRegressor

    mean, sd, kept = _scale(x)
    numbers = kept & np.array([f.kind == "number" for f in features])
    model = GeneralizedLinearRegressor(family=family, link="log", alpha=0.0)
    glm = Glm(model, mean, sd, numbers, pd.DataFrame(), dummies=_dummies(x, features, y, weight))
    names = [*(f.name for f, k in zip(features, numbers, strict=True) if k), *(d.name for d in glm.dummies)]
    z = pd.DataFrame(glm._basis(x), columns=names)
    model.fit(z, y, sample_weight=weight)
    table = model.coef_table(X=z, y=y, sample_weight=weight).rename_axis("feature").reset_index()
    return replace(glm, coefficients=table)


def _dummies(x: Floats, features: tuple[FeatureSpec, ...], y: Floats, weight: Floats) -> tuple[Dummy, ...]:
    """Levels of every category but its reference. One where all y are 0 has no finite coefficient and stands with the reference;
    one that marks the same rows as another before it would make the normal equations singular."""
    found: dict[bytes, Dummy] = {}
    for j, feature in enumerate(features):
        if feature.kind == "number":
            continue
        code = pd.Series(np.nan_to_num(x[:, j], nan=MISSING))
        by = pd.DataFrame({"weight": weight, "y": y * weight}).groupby(code.to_numpy()).sum()
        rest = by.sort_values("weight", ascending=False, kind="stable").iloc[1:]
        for level in rest.index[rest["y"] > 0][:LEVELS]:
            dummy = Dummy(j, float(level), f"{feature.name}={_level(feature, level)}")
            found.setdefault(hashlib.sha256(dummy.of(x).tobytes()).digest(), dummy)
    return tuple(found.values())


def _level(feature: FeatureSpec, code: float) -> str:
    return "not known" if code == MISSING else feature.levels[int(code)]


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


def _scale(x: Floats) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Mean and standard deviation of each feature where it is known, and whether it varies."""
    known = np.isfinite(x)
    mean = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    sd = np.where(known, x, mean).std(axis=0)
    return mean, sd, sd > CONSTANT_BELOW
