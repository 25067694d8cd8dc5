"""Frames with a known truth: per-vehicle rates, driving observed with Poisson noise, claims from the true rates."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from lake.features import WINDOWS_DAYS, feature_columns

T0 = (dt.date(2025, 1, 1), dt.date(2025, 7, 1))
BRAKES_PER_100KM = 4.0
"""Mean true rate; between-vehicle gamma with shape SHAPE, so variance mean^2 / SHAPE."""
SHAPE = 2.0
CLAIMS_A_YEAR = 0.35


def frame(policies: int = 3000, seed: int = 1, claims_a_year: float = CLAIMS_A_YEAR) -> pd.DataFrame:
    """A frame with two dates: harsh braking and night driving raise the frequency, nothing else does."""
    rng = np.random.default_rng(seed)
    brake = rng.gamma(SHAPE, BRAKES_PER_100KM / SHAPE, policies)
    night = rng.beta(1, 20, policies)
    a_day = rng.gamma(4, 8, policies)
    return pd.concat([_date(t0, brake, night, a_day, claims_a_year, rng) for t0 in T0], ignore_index=True)


def _date(t0: dt.date, brake: Any, night: Any, a_day: Any, claims_a_year: float, rng: np.random.Generator) -> pd.DataFrame:
    n = len(brake)
    rate = claims_a_year * (brake / BRAKES_PER_100KM) ** 0.6 * np.exp(4 * (night - 1 / 21)) * (a_day / 32) ** 0.3
    exposure = rng.uniform(0.1, 0.49, n)
    claims = rng.poisson(rate * exposure)
    incurred = np.round(100 * rng.gamma(0.8, 2500, n) * claims)
    ids = np.arange(n)
    values: dict[str, Any] = {c.name: np.nan for c in feature_columns()}
    values |= _driving(brake, night, a_day, rng)
    return pd.DataFrame(
        {
            "policy_id": [f"p{i:05d}" for i in ids], "vehicle_id": [f"v{i:05d}" for i in ids], "coverage": "liability",
            "as_of_date": t0, "exposure_years": exposure, "claims": claims, "incurred_minor": incurred.astype("int64"),
            "currency": "EUR", "base_premium_minor": 40_000, "maturity_days": 60, **values,
        }
    )  # fmt: skip


def _driving(brake: Any, night: Any, a_day: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Nested windows out of disjoint periods, as policy days would give them."""
    out: dict[str, Any] = {}
    n, km, counts, night_km, before = len(brake), 0.0, 0.0, 0.0, 0
    for w in WINDOWS_DAYS:
        driven = a_day * (w - before)
        km = km + driven
        counts = counts + rng.poisson(brake * driven / 100)
        night_km = night_km + driven * np.clip(night + rng.normal(0, 0.3, n) / np.sqrt(driven), 0, 1)
        before = w
        out |= {
            f"km_{w}": km, f"days_driven_{w}": float(w), f"log_km_per_day_{w}": np.log1p(km / w),
            f"brake_per_100km_{w}": 100 * counts / km, f"night_share_{w}": night_km / km,
            f"accelerate_per_100km_{w}": rng.gamma(2, 1, n), f"corner_per_100km_{w}": rng.gamma(2, 1, n),
            f"rush_share_{w}": rng.beta(2, 6, n), f"mean_trip_km_{w}": rng.gamma(4, 3, n),
            f"mean_speed_kmh_{w}": rng.normal(45, 8, n), f"completeness_{w}": 0.95,
        }  # fmt: skip
    return out
