"""A Tweedie GLM of the pure premium as a check: one model of amounts a car-year beside the pair's two.

Its power is the one of POWERS with the largest log-likelihood (Jorgensen 1997: between 1 and 2, counts with gamma amounts).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from training import metrics as m
from training.data import Data
from training.glm import Glm, fit_glm
from training.metrics import Estimate

Floats = npt.NDArray[np.float64]

POWERS = (1.3, 1.4, 1.5, 1.6, 1.7, 1.8)


@dataclass(frozen=True)
class Tweedie:
    """The fitted check."""

    power: float
    glm: Glm


def fit_tweedie(data: Data, x: Floats) -> Tweedie | None:
    """Fit on the training part; None where there are no amounts."""
    from glum import TweedieDistribution

    if data.capped is None:
        return None
    f, relative = data.fitted, np.exp(data.ln_offset)
    y, weight = losses(data)[f] / data.exposure[f], data.exposure[f]
    best: tuple[float, Tweedie] | None = None
    for power in POWERS:
        family = TweedieDistribution(power)
        # deviance of (y, offset * mu) with weight w is that of (y / offset, mu) with weight w * offset^(2 - power)
        glm = fit_glm(family, x[f], data.features, y / relative[f], weight * relative[f] ** (2 - power))
        mu = glm.predict(x[f]) * relative[f]
        likelihood = float(family.log_likelihood(y, mu, weight, dispersion=family.dispersion(y, mu, weight)))
        if best is None or likelihood > best[0]:
            best = likelihood, Tweedie(power, glm)
    return best[1] if best else None


def check(found: Tweedie, data: Data, x: Floats, premium: Floats, seed: int) -> dict[str, Estimate]:
    """On test rows, against the pair's `premium` (rows, currency units a car-year): power, deviance of both (each balanced to the
    rows), its difference with an interval, the share of the mean's that the pair explains (over a base, of the base's), A/E of
    the check, and how alike the two rank."""
    held = data.held
    y, e, relative = losses(data)[held] / data.exposure[held], data.exposure[held], np.exp(data.ln_offset)[held]
    mu = found.glm.predict(x[held]) * relative
    null = relative * (y * e).sum() / (relative * e).sum()
    own = premium[held] * (y * e).sum() / (premium[held] * e).sum()
    draws = m.policy_draws(data.groups[held], m.DRAWS, seed)
    units = [e * unit_deviance(y, p, found.power) for p in (own, mu * (y * e).sum() / (mu * e).sum(), null)]
    return {
        "tweedie_power": Estimate(found.power),
        "tweedie_pair_deviance": m.estimated(m.mean_of(units[0], e), draws),
        "tweedie_pair_explained": m.estimated(m.share_explained(units[0], units[2]), draws),
        "tweedie_glm_deviance": m.estimated(m.mean_of(units[1], e), draws),
        "tweedie_deviance_gain_of_pair": m.estimated(m.mean_of(units[1] - units[0], e), draws),
        "tweedie_glm_actual_over_expected": m.estimated(m.ratio_of(y * e, mu * e), draws),
        "tweedie_rank_correlation": Estimate(float(pd.Series(own).corr(pd.Series(mu), method="spearman"))),
    }


def losses(data: Data) -> Floats:
    """Capped incurred amounts; recoveries are no loss here."""
    return np.maximum(np.zeros(len(data.claims)) if data.capped is None else data.capped, 0.0)


def unit_deviance(y: Floats, mu: Floats, power: float) -> Floats:
    """Unit deviance for a power between 1 and 2."""
    p = power
    return np.asarray(2 * (y ** (2 - p) / ((1 - p) * (2 - p)) - y * mu ** (1 - p) / (1 - p) + mu ** (2 - p) / (2 - p)))
