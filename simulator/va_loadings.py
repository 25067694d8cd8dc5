"""`python -m simulator.va_loadings`: fit the principal components of acceleration given speed into lake/va_loadings_v2.json.

Wuthrich 2017, "Covariate selection from telematics car driving data": each car's time by speed and acceleration, normalised
within each speed bucket, is a point; two principal components carry most of what differs between cars. They are fitted once,
on simulated cars, because a feature's formula must not move with the fleet: the file is part of feature version v2.
"""

import datetime as dt
import json

import numpy as np
import numpy.typing as npt
import pandas as pd

from lake.event_rules import KMH_PER_MPS
from lake.va import ACCEL_EDGES_MPS2, FILE, SPEED_EDGES_KMH
from simulator import cars, people
from simulator.run import START

SEED, CARS, DAYS = 20260101, 400, 30
COMPONENTS = 2
MIN_BUCKET_S = 60
"""Below it a speed bucket counts as the mean does: the shares of a few seconds are noise, which would be the first component."""
MOVING_MPS = 1.0
DECIMALS = 9
_MS = 1000
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def heat_maps(seed: int, n: int, days: int) -> tuple[Floats, int]:
    """Seconds by speed and acceleration of each of n simulated cars, cars x 13 x 9, and how many trips they made."""
    rng = np.random.default_rng(seed)
    middle = dt.datetime.combine(START, dt.time()) + dt.timedelta(days=days)
    fleet = people.fleet(rng, n, middle)
    fleet = fleet[fleet["case"] == ""].reset_index(drop=True)
    maps, trips = np.zeros((len(fleet), len(SPEED_EDGES_KMH) - 1, len(ACCEL_EDGES_MPS2) - 1)), 0
    places = {device: row for row, device in enumerate(fleet["device_id"])}
    for day in range(days):
        points, planned, _ = cars.drive(rng, fleet, START + dt.timedelta(days=day), middle)
        trips += len(planned)
        np.add.at(maps, _places(points, places), 1.0)
    return maps, trips


def _places(points: pd.DataFrame, cars_: dict[str, int]) -> tuple[Ints, ...]:
    """Car, speed bucket and acceleration bucket of every second in motion."""
    is_step = (points["trip"].diff() == 0) & (points["ts"].diff() == _MS)
    accel = points["speed"].diff()
    kept = points[is_step & (points["speed"] >= MOVING_MPS)]
    speed = np.digitize(kept["speed"] * KMH_PER_MPS, SPEED_EDGES_KMH[1:-1])
    places = (kept["device"].map(cars_), speed, np.digitize(accel[kept.index], ACCEL_EDGES_MPS2[1:-1]))
    return tuple(np.asarray(x, dtype=np.int64) for x in places)


def normalised(maps: Floats) -> Floats:
    """Shares within each speed bucket, cars x places; a bucket that a car was hardly in is as in the mean of the others."""
    seconds = maps.sum(axis=2, keepdims=True)
    shares = np.divide(maps, seconds, out=np.full_like(maps, np.nan), where=seconds >= MIN_BUCKET_S)
    mean = np.nan_to_num(np.nanmean(shares, axis=0))
    filled: Floats = np.where(np.isnan(shares), mean, shares)
    return filled.reshape(len(maps), -1)


def components(shares: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """Mean, loadings (count x places, of length 1, the largest one of each positive) and explained shares of variance."""
    mean = shares.mean(axis=0)
    _, sizes, loadings = np.linalg.svd(shares - mean, full_matrices=False)
    found = loadings[:count]
    signs = np.sign(found[np.arange(count), np.abs(found).argmax(axis=1)])
    return mean, found * signs[:, None], (sizes**2 / (sizes**2).sum())[:count]


def main() -> None:
    """Write the file."""
    maps, trips = heat_maps(SEED, CARS, DAYS)
    mean, loadings, explained = components(normalised(maps), COMPONENTS)
    found = {
        "made_by": "python -m simulator.va_loadings", "cars": len(maps), "trips": trips, "min_bucket_ms": MIN_BUCKET_S * _MS,
        "explained": np.round(explained, 4).tolist(), "mean": np.round(mean, DECIMALS).tolist(),
        "components": np.round(loadings, DECIMALS).tolist(),
    }  # fmt: skip
    FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    import warnings

    # a speed bucket that no car was ever in has no mean
    warnings.simplefilter("ignore", RuntimeWarning)
    main()
