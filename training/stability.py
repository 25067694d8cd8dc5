"""How much a version depends on chance: the same training on other policies, other seeds, and fold by fold."""

from dataclasses import replace
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
    """Artefact 5: fold by fold on the training part; on the test part, pairs refitted on other policies and with other seeds: the
    prices that move, and the frequency's order and deviance (at the test part's own level)."""
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
    def again(f: Fitted) -> Fitted:
        draw = f.draws[number % len(f.draws)]
        return replace(f, booster=fit(f.recipe, f.problem.part(draw > 0, draw), f.rounds, seed))

    return {"refit": number} | _against(data, found, (again(found.pair[0]), again(found.pair[1])))


def _reseeded(data: Data, found: Fit, seed: int) -> dict[str, float]:
    frequency, severity = (replace(f, booster=fit(f.recipe, f.problem, f.rounds, seed)) for f in found.pair)
    return {"seed": seed} | _against(data, found, (frequency, severity))


def _against(data: Data, found: Fit, other: tuple[Fitted, Fitted]) -> dict[str, float]:
    held = data.held
    e, claims = data.exposure[held], data.claims[held]
    (_, before), (frequency, after) = (_rates(data, found.x[held], pair) for pair in (found.pair, other))
    correlation = pd.Series(before).corr(pd.Series(after), method="spearman")
    out = moved(before, after, e) | {"rank_correlation": float(correlation)}
    if claims.sum():
        level = claims.sum() / (frequency * e).sum()
        deviance = float(m.poisson_unit_deviance(claims, frequency * e * level).sum() / e.sum())
        out |= {"gini": _gini(claims, e, frequency), "deviance": deviance}
    return out


def _rates(data: Data, x: Floats, pair: tuple[Fitted, Fitted]) -> tuple[Floats, Floats]:
    """Frequency and pure premium of the test part, before balance."""
    ln_frequency = pair[0].margin(x) + data.ln_offset[data.held]
    return np.exp(ln_frequency), np.exp(ln_frequency + pair[1].margin(x))


def _gini(claims: Floats, exposure: Floats, score: Floats) -> float:
    return float(m.gini(claims, exposure, score)(np.ones((1, len(claims))))[0])
