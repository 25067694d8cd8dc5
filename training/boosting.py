"""The two boosters: claim frequency (Poisson, offset ln exposure) and severity (gamma, weight claims).

Both get a base margin, ln of the mean, in training and in scoring: XGBoost estimates a base_score even where a margin is
given and silently uses it where the margin is left out.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from training.scorer_spec import FeatureSpec, matrix, types_of

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

THREADS = 2
"""Unless stated otherwise: sums of gradients are added up thread by thread, so another number may change a model's last bits."""
_COMMON: dict[str, Any] = {"tree_method": "hist", "eta": 0.05, "lambda": 1.0}


@dataclass(frozen=True)
class Recipe:
    """How one booster is fitted. Shallow trees keep exact SHAP fast; `params` go to XGBoost as they are."""

    name: str
    params: dict[str, Any]
    max_rounds: int

    def changed(self, params: dict[str, Any], max_rounds: int) -> "Recipe":
        """With other parameters on top of its own."""
        return replace(self, params={**self.params, **params}, max_rounds=max_rounds)


FREQUENCY = Recipe(
    "frequency",
    # a leaf's Hessian is exp(0.7) = 2.01 times its expected claims: 40 is 20 claims a leaf
    {**_COMMON, "objective": "count:poisson", "eval_metric": "poisson-nloglik", "max_depth": 3, "min_child_weight": 40},
    max_rounds=200,
)
TABLE_FREQUENCY = FREQUENCY.changed({"eta": 0.03, "max_depth": 4, "subsample": 0.7, "colsample_bytree": 0.5}, max_rounds=900)
"""Of tables without credibility, where columns are known for what they are: deeper, and drawn for the noise of claims."""
SEVERITY = Recipe(
    "severity",
    # some hundred claims carry little about amounts: stumps of two levels, 60 claims a leaf, strong shrinkage
    {**_COMMON, "objective": "reg:gamma", "eval_metric": "gamma-nloglik", "max_depth": 2, "min_child_weight": 60, "lambda": 20.0,
     "eta": 0.03},
    max_rounds=100,
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """What a booster is fitted to: design x of `features`, label y, base margin and weight a row."""

    x: Floats
    features: tuple[FeatureSpec, ...]
    y: Floats
    base_margin: Floats
    weight: Floats | None = None
    threads: int = THREADS

    def data(self, rows: Mask | None = None, weight: Floats | None = None) -> xgb.DMatrix:
        """The rows as a DMatrix; `weight` takes the place of the problem's own."""
        chosen = slice(None) if rows is None else rows
        names, types = [f.name for f in self.features], types_of(self.features)
        out = matrix(self.x[chosen], names, self.base_margin[chosen], self.threads, types)
        out.set_label(self.y[chosen])
        used = self.weight if weight is None else weight
        if used is not None:
            out.set_weight(used[chosen])
        return out

    def part(self, rows: Mask, times: Floats) -> "Problem":
        """The rows, each with its weight times `times`."""
        own = np.ones(len(self.y)) if self.weight is None else self.weight
        return Problem(self.x[rows], self.features, self.y[rows], self.base_margin[rows], (own * times)[rows], self.threads)


def params_of(recipe: Recipe, problem: Problem, seed: int) -> dict[str, Any]:
    """XGBoost's parameters with monotone constraints, seed and threads."""
    constraints = "(" + ",".join(str(f.sign) for f in problem.features) + ")"
    return {**recipe.params, "monotone_constraints": constraints, "seed": seed, "nthread": problem.threads}


def fit(recipe: Recipe, problem: Problem, rounds: int, seed: int, weight: Floats | None = None) -> xgb.Booster:
    """Fit on all rows of the problem. Deterministic for one seed and thread count."""
    return xgb.train(params_of(recipe, problem, seed), problem.data(weight=weight), rounds)


def margins(booster: xgb.Booster, x: Floats, features: tuple[FeatureSpec, ...], base_margin: float | Floats) -> Floats:
    """Raw ln prediction a row at exposure 1."""
    data = matrix(x, [f.name for f in features], base_margin, types=types_of(features))
    return np.asarray(booster.predict(data, output_margin=True), dtype=float)
