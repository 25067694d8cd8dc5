"""How much a version depends on chance: the same training on other policies, other seeds, and fold by fold."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training import metrics as m
from training.boosting import fit
from training.data import Data
from training.fitting import Fit, Settings
from training.interval import Fitted
from training.search import folds, out_of_fold

Floats = npt.NDArray[np.float64]

REFITS = 3
MOVED = (0.05, 0.10, 0.25)
"""Shares by which a price is counted as moved."""


def moved(before: Floats, after: Floats, exposure: Floats) -> dict[str, float]:
    """Exposure share of rows whose value moves by more than 5, 10 and 25 %, either way."""
    ratio = np.abs(np.asarray(after) / np.asarray(before) - 1)
    return {f"moved_over_{round(100 * by)}_percent": float(np.average(ratio > by, weights=exposure)) for by in MOVED}


def stability(data: Data, found: Fit, settings: Settings) -> dict[str, Any]:
    """Artefact 5: fold by fold on the training part; the test part's frequency by refits on other policies, with other seeds."""
    frequency = found.pair[0]
    return {
        "folds": _by_fold(data, frequency, settings),
        "refits_on_drawn_policies": [_refitted(data, found, n, settings.seed) for n in range(REFITS)],
        "other_seeds": [_reseeded(data, found, settings.seed + n) for n in (1, 2)],
    }


def _by_fold(data: Data, frequency: Fitted, settings: Settings) -> list[dict[str, float]]:
    f = data.fitted
    parts = folds(data.groups[f], None, settings.folds, settings.seed)
    margin = out_of_fold(frequency.recipe, frequency.problem, parts, frequency.rounds, settings.seed)
    out = []
    for number, (_, rows) in enumerate(parts):
        claims, e, mu = data.claims[f][rows], data.exposure[f][rows], np.exp(margin[rows])
        deviance = float(m.poisson_unit_deviance(claims, mu).sum() / e.sum())
        figures = {"fold": number, "claims": float(claims.sum()), "deviance": deviance}
        if claims.sum():
            figures |= {"gini": _gini(claims, e, mu / e), "actual_over_expected": float(claims.sum() / mu.sum())}
        out.append(figures)
    return out


def _refitted(data: Data, found: Fit, number: int, seed: int) -> dict[str, float]:
    frequency = found.pair[0]
    draw = frequency.draws[number % len(frequency.draws)]
    booster = fit(frequency.recipe, frequency.problem.part(draw > 0, draw), frequency.rounds, seed)
    return {"refit": number} | _against(data, found, Fitted(**{**vars(frequency), "booster": booster}))


def _reseeded(data: Data, found: Fit, seed: int) -> dict[str, float]:
    frequency = found.pair[0]
    booster = fit(frequency.recipe, frequency.problem, frequency.rounds, seed)
    return {"seed": seed} | _against(data, found, Fitted(**{**vars(frequency), "booster": booster}))


def _against(data: Data, found: Fit, other: Fitted) -> dict[str, float]:
    held, x = data.held, found.x[data.held]
    relative = np.exp(data.ln_offset[held])
    before, after = (np.exp(f.margin(x)) * relative for f in (found.pair[0], other))
    e, claims = data.exposure[held], data.claims[held]
    level = claims.sum() / (after * e).sum() if claims.sum() else 1.0
    out = moved(before, after, e) | {"rank_correlation": float(pd.Series(before).corr(pd.Series(after), method="spearman"))}
    if claims.sum():
        deviance = float(m.poisson_unit_deviance(claims, after * e * level).sum() / e.sum())
        out |= {"gini": _gini(claims, e, after), "deviance": deviance}
    return out


def _gini(claims: Floats, exposure: Floats, score: Floats) -> float:
    return float(m.gini(claims, exposure, score)(np.ones((1, len(claims))))[0])
