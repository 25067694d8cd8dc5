"""Measures boosters and GLMs on the policies that neither has seen."""

import json
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from lake.errors import TrainingRefused
from training import metrics as m
from training.data import Data
from training.glm import Glm, fit_gam, fit_glm
from training.metrics import Estimate
from training.scorer import Scorer
from training.tweedie import check, fit_tweedie

Floats = npt.NDArray[np.float64]

REASONED = 20_000
"""Held-out rows whose reasons are kept: some seconds of a training."""
SMALLEST_RATE = 1e-12


class Measured(TypedDict):
    """The part of Evidence that is made here."""

    metrics: dict[str, Estimate]
    test: pd.DataFrame
    lift: pd.DataFrame
    double_lift: pd.DataFrame
    lorenz: dict[str, pd.DataFrame]


def glms(data: Data, x: Floats) -> dict[str, Glm]:
    """What a reviewer knows, on the training part and the same features: a Poisson GLM of frequency with a coefficient a level
    of categories (`frequency`), the same with splines (`frequency_splines`), a gamma GLM of severity where there are amounts."""
    f, s = data.fitted, data.fitted & data.with_amount
    # an offset is in the weight: claims over expected claims
    e = data.exposure * np.exp(data.ln_offset)
    coded = np.array([c.kind == "category" for c in data.features])
    found = {
        "frequency": fit_glm("poisson", x[f], data.features, data.claims[f] / e[f], e[f]),
        "frequency_splines": fit_gam("poisson", x[f], coded, data.claims[f] / e[f], e[f]),
    }
    if data.capped is not None and s.any():
        found["severity"] = fit_glm("gamma", x[s], data.features, data.capped[s] / data.claims[s], data.claims[s])
    return found


def evaluate(data: Data, x: Floats, scorer: Scorer, references: dict[str, Glm], seed: int) -> Measured:
    """Metrics with intervals, the lift and Lorenz tables, and the test part's predictions."""
    predicted = scorer.predict(data.rows)
    frequency, severity = (predicted[c].to_numpy() for c in ("frequency", "severity"))
    held, relative = data.held, np.exp(data.ln_offset)
    claims, exposure = data.claims[held], data.exposure[held]
    if not claims.sum():
        raise TrainingRefused(f"the {int(held.sum())} rows held out have no claims: nothing can be measured")
    rates = {"model": frequency, "glm": references["frequency"].predict(x) * relative}
    rates["gam"] = references["frequency_splines"].predict(x) * relative
    expected = {name: (rate * data.exposure)[held] for name, rate in rates.items()}
    # over a base, what has nothing to say is the base, not the mean
    null = relative * data.claims[data.fitted].sum() / (data.exposure * relative)[data.fitted].sum() * data.exposure
    draws = m.policy_draws(data.groups[held], m.DRAWS, seed)
    test = _key(data).assign(
        exposure_years=exposure, claims=claims.astype(int), incurred=data.incurred[held], predicted=expected["model"],
        predicted_glm=expected["glm"], pure_premium=(frequency * severity)[held],
    )  # fmt: skip
    measured = _frequency_metrics(claims, exposure, expected, null[held], draws)
    if "severity" in references:
        measured |= _severity_metrics(data, severity, references["severity"].predict(x), seed)
    tweedie = fit_tweedie(data, x)
    if tweedie is not None:
        measured |= check(tweedie, data, x, frequency * severity, seed)
    measured |= _balance(data, frequency, severity, draws) | _decomposition(claims, exposure, expected["model"])
    return {
        "metrics": measured,
        "test": test.assign(reasons=_reasons(data, scorer, seed)).reset_index(drop=True),
        "lift": m.lift(claims, exposure, expected["model"]),
        "double_lift": m.double_lift(claims, exposure, expected["glm"] / exposure, expected["model"] / exposure),
        "lorenz": {name: m.lorenz(claims, exposure, e / exposure) for name, e in expected.items()},
    }


def _reasons(data: Data, scorer: Scorer, seed: int) -> pd.Series:
    """The texts of each held-out row's reasons as a JSON list, for who compares versions later; missing beyond REASONED rows."""
    rows = data.rows.loc[data.held]
    drawn = rows.sample(REASONED, random_state=seed) if len(rows) > REASONED else rows
    return scorer.score(drawn)["reasons"].map(lambda found: json.dumps([r["text"] for r in found])).reindex(rows.index)


def _key(data: Data) -> pd.DataFrame:
    """Who the held-out rows are of: policy, vehicle and date of the lake's frames; of other tables group, row and date."""
    found = pd.DataFrame({"policy_id": data.groups[data.held].to_numpy()}, index=data.rows.index[data.held])
    if "vehicle_id" in data.rows:
        found["vehicle_id"] = data.rows.loc[data.held, "vehicle_id"]
    else:
        found["row"] = found.index
    return found if data.times is None else found.assign(as_of_date=data.times[data.held])


def _frequency_metrics(
    claims: Floats, exposure: Floats, expected: dict[str, Floats], of_null: Floats, draws: Floats
) -> dict[str, Estimate]:
    null = m.poisson_unit_deviance(claims, of_null)
    out = {"frequency_null_deviance": m.estimated(m.mean_of(null, exposure), draws)}
    units = {name: m.poisson_unit_deviance(claims, mu) for name, mu in expected.items()}
    for name, mu in expected.items():
        out |= {
            f"frequency_{name}_deviance": m.estimated(m.mean_of(units[name], exposure), draws),
            f"frequency_{name}_explained": m.estimated(m.share_explained(units[name], null), draws),
            f"frequency_{name}_gini": m.estimated(m.gini(claims, exposure, mu / exposure), draws),
            f"frequency_{name}_actual_over_expected": m.estimated(m.ratio_of(claims, mu), draws),
        }
    gains = {f"frequency_deviance_gain_over_{n}": m.mean_of(units[n] - units["model"], exposure) for n in units if n != "model"}
    return out | {name: m.estimated(gain, draws) for name, gain in gains.items()}


def _severity_metrics(data: Data, severity: Floats, glm: Floats, seed: int) -> dict[str, Estimate]:
    """On the capped mean amount of the test part's claims; predictions are scaled to it, for alpha carries the cap's load."""
    rows = data.held & data.with_amount
    if not rows.any():
        return {}
    fitted = data.fitted & data.with_amount
    if data.capped is None:
        return {}
    y, claims = data.capped[rows] / data.claims[rows], data.claims[rows]
    scale = data.capped[fitted].sum() / (data.claims * severity)[fitted].sum()
    null_amount = np.full(len(y), data.capped[fitted].sum() / data.claims[fitted].sum())
    null = claims * m.gamma_unit_deviance(y, null_amount)
    draws = m.policy_draws(data.groups[rows], m.DRAWS, seed)
    out = {"severity_null_deviance": m.estimated(m.mean_of(null, claims), draws)}
    for name, mu in {"model": severity[rows] * scale, "glm": glm[rows]}.items():
        unit = claims * m.gamma_unit_deviance(y, mu)
        out |= {
            f"severity_{name}_deviance": m.estimated(m.mean_of(unit, claims), draws),
            f"severity_{name}_explained": m.estimated(m.share_explained(unit, null), draws),
            f"severity_{name}_actual_over_expected": m.estimated(m.ratio_of(claims * y, claims * mu), draws),
        }
    return out


def _balance(data: Data, frequency: Floats, severity: Floats, draws: Floats) -> dict[str, Estimate]:
    """Pure premium's actual over expected and Gini on the test part, and frequency's balance on the training part."""
    held, fitted = data.held, data.fitted
    premium = frequency * severity * data.exposure
    train = float(data.claims[fitted].sum() / (frequency * data.exposure)[fitted].sum())
    out = {
        "pure_premium_actual_over_expected": m.estimated(m.ratio_of(data.incurred[held], premium[held]), draws),
        "train_frequency_actual_over_expected": Estimate(train),
    }
    losses = np.maximum(data.incurred[held], 0.0)
    if losses.sum() > 0:
        rate = (frequency * severity)[held]
        out["pure_premium_gini"] = m.estimated(m.gini(losses, data.exposure[held], rate), draws)
    return out


def _decomposition(claims: Floats, exposure: Floats, expected: Floats) -> dict[str, Estimate]:
    """Murphy: deviance = uncertainty - discrimination + miscalibration, after isotonic recalibration; points only."""
    from sklearn.isotonic import IsotonicRegression

    # clip: rates that many rows share differ by a rounding, and the ends would be out of bounds
    isotonic = IsotonicRegression(out_of_bounds="clip")
    order = isotonic.fit_transform(expected / exposure, claims / exposure, sample_weight=exposure)
    # a block without claims is recalibrated to 0, where the deviance is 0 as a limit
    recalibrated = np.maximum(order, SMALLEST_RATE) * exposure
    mean = claims.sum() / exposure.sum() * exposure
    deviances = [m.poisson_unit_deviance(claims, mu).sum() / exposure.sum() for mu in (expected, recalibrated, mean)]
    model, best, uncertainty = map(float, deviances)
    balanced = float(m.poisson_unit_deviance(claims, expected * claims.sum() / expected.sum()).sum() / exposure.sum())
    return {
        "frequency_miscalibration": Estimate(model - best),
        "frequency_miscalibration_global": Estimate(model - balanced),
        "frequency_miscalibration_local": Estimate(balanced - best),
        "frequency_discrimination": Estimate(uncertainty - best),
        "frequency_uncertainty": Estimate(uncertainty),
    }
