"""The two boosters: claim frequency (Poisson, offset ln exposure) and severity (gamma, weight claims).

Both get a base margin, ln of the mean, in training and in scoring: XGBoost estimates a base_score even where a margin is
given and silently uses it where the margin is left out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from lake.errors import TrainingRefused
from lake.features import Sign
from training.scorer import matrix

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

EARLY_STOPPING_ROUNDS = 25
THREADS = 2
_COMMON: dict[str, Any] = {"tree_method": "hist", "nthread": THREADS, "eta": 0.05, "lambda": 1.0}


@dataclass(frozen=True)
class Recipe:
    """How one booster is fitted. Shallow trees keep exact SHAP fast; `params` go to XGBoost as they are."""

    name: str
    params: dict[str, Any]
    max_rounds: int


FREQUENCY = Recipe(
    "frequency",
    # a leaf's Hessian is exp(0.7) = 2.01 times its expected claims: 40 is 20 claims a leaf
    {**_COMMON, "objective": "count:poisson", "eval_metric": "poisson-nloglik", "max_depth": 3, "min_child_weight": 40},
    max_rounds=200,
)
SEVERITY = Recipe(
    "severity",
    # some hundred claims carry little about amounts: stumps of two levels, 60 claims a leaf, strong shrinkage
    {**_COMMON, "objective": "reg:gamma", "eval_metric": "gamma-nloglik", "max_depth": 2, "min_child_weight": 60, "lambda": 20.0,
     "eta": 0.03},
    max_rounds=100,
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """What a booster is fitted to: features x, label y, base margin and weight a row."""

    x: Floats
    names: list[str]
    signs: tuple[Sign, ...]
    y: Floats
    base_margin: Floats
    weight: Floats | None = None

    def data(self, rows: Mask | None = None, weight: Floats | None = None) -> xgb.DMatrix:
        """The rows as a DMatrix; `weight` takes the place of the problem's own."""
        chosen = slice(None) if rows is None else rows
        out = matrix(self.x[chosen], self.names, self.base_margin[chosen], THREADS)
        out.set_label(self.y[chosen])
        used = self.weight if weight is None else weight
        if used is not None:
            out.set_weight(used[chosen])
        return out


def params_of(recipe: Recipe, problem: Problem, seed: int) -> dict[str, Any]:
    """XGBoost's parameters with monotone constraints and seed."""
    constraints = "(" + ",".join(str(s) for s in problem.signs) + ")"
    return {**recipe.params, "monotone_constraints": constraints, "seed": seed}


def rounds_by_early_stopping(recipe: Recipe, problem: Problem, validation: Mask, seed: int) -> int:
    """Number of trees with the best deviance on `validation` (policies of the training part, never of the test part)."""
    if validation.all() or not validation.any():
        raise TrainingRefused(f"{recipe.name}: no policies to validate on among {len(validation)} rows")
    booster = xgb.train(
        params_of(recipe, problem, seed), problem.data(~validation), recipe.max_rounds,
        evals=[(problem.data(validation), "validation")], early_stopping_rounds=EARLY_STOPPING_ROUNDS, verbose_eval=False,
    )  # fmt: skip
    return int(booster.best_iteration) + 1


def fit(recipe: Recipe, problem: Problem, rounds: int, seed: int, weight: Floats | None = None) -> xgb.Booster:
    """Fit on all rows of the problem. Deterministic for one seed and thread count."""
    return xgb.train(params_of(recipe, problem, seed), problem.data(weight=weight), rounds)


def margins(booster: xgb.Booster, x: Floats, names: list[str], base_margin: float) -> Floats:
    """Raw ln prediction a row at exposure 1."""
    return np.asarray(booster.predict(matrix(x, names, base_margin, THREADS), output_margin=True), dtype=float)
