"""How many trees, and which hyperparameters: by cross-validation over policies, ordered in time where rows have dates.

A trial is a function of (seed, number), so a search that was stopped goes on where it was: results of trials that are known are
taken as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from lake.errors import TrainingRefused
from training.boosting import Floats, Mask, Problem, Recipe, params_of
from training.split import folds_of

Fold = tuple[Mask, Mask]

TREES_TIMES_ETA = 20.0
"""Bounds the trees of a trial: at a learning rate of 0.05 no more than 400."""
PATIENCE = 60
"""Trees that a fold is given to get better again."""
SPACE: dict[str, tuple[float, ...]] = {
    "max_depth": (2, 3, 4, 5),
    "eta": (0.02, 0.03, 0.05),
    "min_child_weight": (20.0, 40.0, 80.0, 160.0),
    "subsample": (0.5, 0.7, 0.85, 1.0),
    "colsample_bytree": (0.4, 0.6, 0.8, 1.0),
    "lambda": (1.0, 5.0, 20.0),
}


@dataclass(frozen=True)
class Trial:
    """One set of parameters with what it reached: trees, and mean loss of the folds' validation rows."""

    number: int
    params: dict[str, Any]
    rounds: int
    loss: float


def folds(groups: pd.Series, times: pd.Series | None, count: int, seed: int) -> list[Fold]:
    """(fitted, validation) rows of each fold. Policies of one are not in the other; with several dates a fold is fitted on rows
    before the date that it is validated on, dates taking turns."""
    fold = folds_of(groups, count, f"folds/{seed}")
    dates = [] if times is None else sorted(pd.unique(times))
    if len(dates) < 2:
        return [(fold != k, fold == k) for k in range(count)]
    # many dates are taken together in as many blocks as folds can use
    blocks = min(len(dates), count + 1)
    at = pd.Series(times).map({d: i * blocks // len(dates) for i, d in enumerate(dates)}).to_numpy()
    turns = [1 + k % (blocks - 1) for k in range(count)]
    return [((fold != k) & (at < turn), (fold == k) & (at == turn)) for k, turn in enumerate(turns)]


def curve(recipe: Recipe, problem: Problem, parts: list[Fold], seed: int) -> Floats:
    """Loss by number of trees, the mean over the folds' validation rows. Raises TrainingRefused for a fold without rows."""
    total: Floats = np.zeros(recipe.max_rounds)
    rows = 0
    metric = str(recipe.params["eval_metric"])
    for fitted, validation in parts:
        if not fitted.any() or not validation.any():
            raise TrainingRefused(f"{recipe.name}: no policies to validate on among {len(problem.y)} rows in {len(parts)} folds")
        seen: dict[str, dict[str, list[float]]] = {}
        xgb.train(
            params_of(recipe, problem, seed), problem.data(fitted), recipe.max_rounds,
            evals=[(problem.data(validation), "v")], evals_result=seen, verbose_eval=False, early_stopping_rounds=PATIENCE,
        )  # fmt: skip
        losses = seen["v"][metric]
        # a fold that has stopped getting better stays where it was
        total += np.array(losses + losses[-1:] * (recipe.max_rounds - len(losses))) * validation.sum()
        rows += int(validation.sum())
    return total / rows


def measured(recipe: Recipe, problem: Problem, parts: list[Fold], seed: int) -> tuple[int, float]:
    """The number of trees with the smallest loss, and that loss."""
    losses = curve(recipe, problem, parts, seed)
    best = int(losses.argmin())
    return best + 1, float(losses[best])


def proposed(recipe: Recipe, number: int, seed: int) -> Recipe:
    """Trial `number`: 0 is the recipe itself, others are drawn from SPACE."""
    if number == 0:
        return recipe
    rng = np.random.default_rng([seed, number])
    params = {name: rng.choice(np.array(values)).item() for name, values in SPACE.items()}
    params["max_depth"] = int(params["max_depth"])
    return recipe.changed(params, round(TREES_TIMES_ETA / params["eta"]))


def search(
    recipe: Recipe, problem: Problem, parts: list[Fold], trials: int, seed: int,
    finished: Mapping[int, Trial], done: Callable[[Trial], None],
) -> Recipe:  # fmt: skip
    """The recipe of the best of trials 0 to `trials`; `finished` are taken as they are, `done` is told of each new one."""
    found = []
    for number in range(trials + 1):
        if number not in finished:
            tried = proposed(recipe, number, seed)
            rounds, loss = measured(tried, problem, parts, seed)
            done(trial := Trial(number, tried.params, rounds, loss))
            found.append(trial)
        else:
            found.append(finished[number])
    return proposed(recipe, min(found, key=lambda t: t.loss).number, seed)


def out_of_fold(recipe: Recipe, problem: Problem, parts: list[Fold], rounds: int, seed: int) -> Floats:
    """Margin a row of boosters that have not seen its policy; NaN for rows that are in no fold's validation."""
    out: npt.NDArray[np.float64] = np.full(len(problem.y), np.nan)
    for fitted, validation in parts:
        booster = xgb.train(params_of(recipe, problem, seed), problem.data(fitted), rounds)
        out[validation] = booster.predict(problem.data(validation), output_margin=True)
    return out
