"""Buhlmann-Straub credibility: its formulas, once, for the arrays of training and for a night's portfolio.

A vehicle's rate over km kilometres is an estimate of its true rate with variance s2 / km, true rates vary between vehicles with
variance t2, and the best linear estimate of the true rate is Z * rate + (1 - Z) * mean with Z = km / (km + k), k = s2 / t2
(Buhlmann, Straub 1970; Klugman, Panjer, Willmot, Loss Models, section "Empirical Bayes").
"""

import sys
from dataclasses import dataclass
from typing import Any

K_MAX_KM = 1e7
"""Taken where the data show no difference between vehicles (t2 <= 0): everybody is given the mean."""


@dataclass(frozen=True)
class Moments:
    """Of the vehicles observed: distance [km], its squares' sum, `spread` = sum km (rate - mean)^2 over vehicles, `within` = the
    same over a vehicle's periods around its own rate, and `repeats`, periods beyond each vehicle's first."""

    vehicles: int
    km: float
    squares: float
    mean: float
    spread: float
    within: float
    repeats: int


@dataclass(frozen=True)
class Estimate:
    """k [km], and the mean and the variance between vehicles of the true rates, in the rate's unit."""

    vehicles: int
    km: float
    mean: float
    variance_between: float
    k_km: float


def estimated(m: Moments) -> Estimate:
    """Method of moments: s2 = within / repeats, t2 = (spread - s2 (n - 1)) / (km - squares / km), k = s2 / t2, at least 1 km."""
    noise = m.within / max(m.repeats, 1)
    freedom = max(m.km - m.squares / m.km, sys.float_info.min)
    between = max((m.spread - noise * (m.vehicles - 1)) / freedom, 0.0)
    k = min(max(noise / between, 1.0), K_MAX_KM) if between > 0 else K_MAX_KM
    return Estimate(m.vehicles, m.km, m.mean, between, k)


def weight(km: Any, k_km: Any) -> Any:
    """Z = km / (km + k), of numbers, arrays and Columns alike."""
    return km / (km + k_km)


def shrunk_to(mean: Any, value: Any, km: Any, k_km: Any) -> Any:
    """Z * value + (1 - Z) * mean, of numbers, arrays and Columns alike."""
    return mean + weight(km, k_km) * (value - mean)
