"""One truth at two levels: what is found in raw points is what was planned, and what the book would have drawn."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from simulator import book, cars, people, plans
from tests.simulator import contract

START, DAYS, DRIVERS, BOOK_DRAWS = dt.date(2026, 1, 5), 30, 40, 4
MIDDLE = dt.datetime(2026, 1, 20)
KEY = ["device_id", "local_date"]

# relative difference of totals, found in points against planned: the plan takes harsh ramps for gentle ones, a point is a
# whole second, positions have 3 m of noise
TOTALS = {
    "distance_mm": 0.005, "duration_ms": 0.01, "moving_ms": 0.01, "night_ms": 0.02, "rush_ms": 0.015, "speeding_ms": 0.02,
    "limit_known_ms": 0.01, "phone_ms": 0.02, "phone_known_ms": 0.01, "covered_ms": 0.01,
    "speeding_events": 0.01, "phone_events": 0.05,
    **{f"{kind}_r{k}": 0.02 for kind in ("brake", "accelerate", "corner") for k in (1, 2, 3)},
    **{f"{kind}_r{k}": 0.05 for kind in ("brake", "accelerate", "corner") for k in (4, 5, 6)},
}  # fmt: skip
KS_P = 1e-3
BOOTSTRAPS, LEVEL = 400, (0.05, 99.95)


@pytest.fixture(scope="module")
def drivers():
    people_ = people.fleet(np.random.default_rng(11), DRIVERS, MIDDLE)
    return people_[people_["case"] == ""].reset_index(drop=True)


@pytest.fixture(scope="module")
def found_and_planned(drivers):
    """Trips found in the points, and the plans these were rendered from, in the same order."""
    zones = dict(zip(drivers["device_id"], drivers["tz"], strict=True))
    points, planned = [], []
    for n in range(DAYS):
        made, plan, _ = cars.drive(np.random.default_rng([12, n]), drivers, START + dt.timedelta(days=n), MIDDLE)
        points.append(made[["device", "ts", "lat", "lon", "speed", "ax", "ay", "limit_kmh", "phone"]])
        planned.append(plan)
    found = contract.trips(pd.concat(points), zones)
    return found, pd.concat(planned).sort_values(["device_id", "start_ms"], ignore_index=True)


@pytest.fixture(scope="module")
def levels(drivers, found_and_planned):
    """Policy days from points, and those that the book draws for the same drivers and days (several times over)."""
    found, _ = found_and_planned
    day = np.tile(np.datetime64(START) + np.arange(DAYS), len(drivers))
    who = np.repeat(np.arange(len(drivers)), DAYS)
    drawn = []
    for n in range(BOOK_DRAWS):
        rows, sums = book.by_day(plans.draw(np.random.default_rng([13, n]), drivers, who, day))
        drawn.append(pd.DataFrame(sums, columns=list(plans.SUMS)).assign(device_id=drivers["device_id"].to_numpy()[who[rows]]))
    return found.groupby(KEY, as_index=False).sum(), pd.concat(drawn, ignore_index=True)


def test_every_planned_trip_is_found_on_its_local_day(found_and_planned):
    found, planned = found_and_planned
    assert len(found) == len(planned) > 1500
    assert (found["device_id"] == planned["device_id"]).all()
    assert (pd.to_datetime(found["local_date"]) == planned["local_date"]).all()


@pytest.mark.parametrize("column", list(TOTALS))
def test_points_hold_what_was_planned(found_and_planned, column):
    found, planned = found_and_planned
    assert planned[column].sum() > 0
    assert found[column].sum() / planned[column].sum() == pytest.approx(1.0, abs=TOTALS[column])


@pytest.mark.parametrize("column", [c for c in plans.SUMS if c not in ("phone_known_ms",)])
def test_days_from_points_and_days_of_the_book_are_alike(levels, column):
    raw, drawn = levels
    assert ks_2samp(raw[column], drawn[column]).pvalue > KS_P
    # ratio of a driver-day's means; the interval resamples drivers, the same ones on both levels
    a, b = (x.groupby("device_id")[column].agg(["sum", "size"]) for x in levels)
    pick = np.random.default_rng(14).integers(len(a), size=(BOOTSTRAPS, len(a)))
    a, b = a.to_numpy(float)[pick].sum(axis=1), b.to_numpy(float)[pick].sum(axis=1)
    low, high = np.percentile((a[:, 0] / a[:, 1]) / (b[:, 0] / b[:, 1]), LEVEL)
    assert low <= 1.0 <= high


def test_the_same_share_of_days_is_driven(levels, drivers):
    # 40 drivers x 30 days, a share near .6: standard error sqrt(.24 / 1200) = .014
    raw, drawn = levels
    candidates = len(drivers) * DAYS
    assert len(raw) / candidates == pytest.approx(len(drawn) / candidates / BOOK_DRAWS, abs=0.05)
