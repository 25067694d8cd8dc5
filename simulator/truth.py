"""The truth: what drives claims, how much of it telematics can see, and how it shows in driving."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

MEAN_FREQUENCY = 0.08
"""Claims a car-year, averaged over drivers."""
TARGET_GINI = 0.28
"""Gini of the true rate on its own claims; a lognormal rate with standard deviation s has erf(s / 2)."""
SIGMA_LN_RATE = 2.0**0.5 * NormalDist().inv_cdf((1.0 + TARGET_GINI) / 2.0)
HIDDEN_SHARE = 0.1
"""Share of the variance of ln(rate) that telematics cannot see: a driver's own term, independent of all behaviour."""

LATENTS = ("mileage", "harshness", "speeding", "night", "phone")
DIRECTION = np.array([1.0, 1.0, 0.85, 0.65, 0.75])
"""Relative weight of a standard deviation of each latent in ln(rate); all up, as the signs of the feature catalogue."""
CORRELATION = np.array(
    [
        [1.0, 0.0, 0.1, 0.0, 0.1],
        [0.0, 1.0, 0.3, 0.1, 0.2],
        [0.1, 0.3, 1.0, 0.2, 0.2],
        [0.0, 0.1, 0.2, 1.0, 0.1],
        [0.1, 0.2, 0.2, 0.1, 1.0],
    ]
)
_VISIBLE_VARIANCE = (1.0 - HIDDEN_SHARE) * SIGMA_LN_RATE**2
BETA: Floats = DIRECTION * np.sqrt(_VISIBLE_VARIANCE / (DIRECTION @ CORRELATION @ DIRECTION))
"""Coefficients of ln(rate), scaled so that what is visible has exactly its share of the variance."""

MEAN_SEVERITY = 3500.0
"""Currency units a claim."""
SEVERITY_SHAPE = 1.2
SEVERITY_BETA_SPEEDING = 0.15

_AGE_EDGES = (-1.3, -0.3, 1.1)
_AGE_BANDS = ("17-24", "25-39", "40-64", "65+")
_AGE_RELATIVITY = (1.6, 1.1, 1.0, 1.05)
_AGE_ON_HARSHNESS = -0.2
_VEHICLE_BANDS = ("g1", "g2", "g3", "g4", "g5")
_VEHICLE_RELATIVITY = (0.85, 0.95, 1.0, 1.1, 1.25)
_TERRITORY_BANDS = ("urban", "suburban", "rural")
_TERRITORY_RELATIVITY = (1.15, 1.0, 0.9)
_BASE_PREMIUM_MINOR = 36_000.0
_WHOLE_UNITS = 100


def draw_drivers(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """n drivers, one a row: latents (standard normal), `hidden` (its share of ln rate), `annual_frequency` (claims a
    car-year), `mean_severity` (currency units a claim), behaviour (see `behaviour`) and rating bands."""
    z = rng.standard_normal((n, len(LATENTS))) @ np.linalg.cholesky(CORRELATION).T
    drivers = pd.DataFrame(dict(zip(LATENTS, z.T, strict=True)))
    drivers["hidden"] = rng.normal(0.0, SIGMA_LN_RATE * np.sqrt(HIDDEN_SHARE), n)
    drivers["annual_frequency"] = MEAN_FREQUENCY * np.exp(z @ BETA + drivers["hidden"] - SIGMA_LN_RATE**2 / 2)
    severity = SEVERITY_BETA_SPEEDING * drivers["speeding"] - SEVERITY_BETA_SPEEDING**2 / 2
    drivers["mean_severity"] = MEAN_SEVERITY * np.exp(severity)
    return pd.concat([drivers, behaviour(drivers), _bands(rng, drivers)], axis=1)


def behaviour(latents: pd.DataFrame) -> pd.DataFrame:
    """What a day plan is drawn from: the chance to drive on a day, ln of the distance factor, the chance of a harsh
    event per stop or turn, of a leg over the limit, of a night trip, and of a phone stretch per trip."""
    mileage, harsh, speeding = latents["mileage"], latents["harshness"], latents["speeding"]
    columns = {
        "active_p": 1.0 / (1.0 + np.exp(-(0.65 + 0.45 * mileage))),
        "ln_distance": 0.30 * mileage,
        "brake_p": np.minimum(0.085 * np.exp(0.65 * harsh), 0.7),
        "accelerate_p": np.minimum(0.045 * np.exp(0.65 * harsh), 0.7),
        "corner_p": np.minimum(0.055 * np.exp(0.60 * harsh), 0.7),
        "speeding_p": np.minimum(0.07 * np.exp(0.80 * speeding), 0.6),
        "night_p": np.minimum(0.015 * np.exp(1.0 * latents["night"]), 0.4),
        "phone_p": np.minimum(0.12 * np.exp(0.75 * latents["phone"]), 0.8),
    }
    return pd.DataFrame(columns)


def _bands(rng: np.random.Generator, drivers: pd.DataFrame) -> pd.DataFrame:
    """Rating bands and the annual premium they give, in minor units; age alone leans on a latent, and mildly."""
    n = len(drivers)
    noise = rng.standard_normal(n) * np.sqrt(1.0 - _AGE_ON_HARSHNESS**2)
    age = np.digitize(_AGE_ON_HARSHNESS * drivers["harshness"] + noise, _AGE_EDGES)
    vehicle = rng.integers(len(_VEHICLE_BANDS), size=n)
    territory = rng.choice(len(_TERRITORY_BANDS), size=n, p=(0.4, 0.4, 0.2))
    relativity = np.take(_AGE_RELATIVITY, age) * np.take(_VEHICLE_RELATIVITY, vehicle) * np.take(_TERRITORY_RELATIVITY, territory)
    premium = (_BASE_PREMIUM_MINOR * relativity / _WHOLE_UNITS).round().astype(np.int64) * _WHOLE_UNITS
    columns = {
        "driver_age_band": np.take(_AGE_BANDS, age),
        "vehicle_group_band": np.take(_VEHICLE_BANDS, vehicle),
        "territory_band": np.take(_TERRITORY_BANDS, territory),
        "base_premium_minor": premium,
    }
    return pd.DataFrame(columns)
