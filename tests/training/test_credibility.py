import numpy as np
import pandas as pd
import pytest

from tests.training.given import trained
from tests.training.synthetic import BRAKES_PER_100KM, SHAPE
from training.credibility import K_MAX_KM, Shrinkage, credibility, estimate, periods, shrunk

BY = Shrinkage(km="km_365", k_km=100.0, mean=4.0, variance_between=8.0)


def test_shrinks_by_hand() -> None:
    # Z = 300 / 400 = .75: .75 * 8 + .25 * 4 = 7; nothing driven, or nothing known: the mean
    values, km = np.array([8.0, 8.0, np.nan, 8.0]), np.array([300.0, 0.0, 300.0, np.nan])
    assert shrunk(values, km, BY) == pytest.approx([7.0, 4.0, 4.0, 4.0])
    assert credibility(km, 100.0) == pytest.approx([0.75, 0.0, 0.75, 0.0])


def test_buhlmann_straub_by_hand() -> None:
    # two vehicles, two periods of 1 km each: means 2 and 6, overall 4
    # within: ((1-2)2 + (3-2)2 + (5-6)2 + (7-6)2) / 2 = 2
    # spread: 2 * 4 + 2 * 4 = 16; between = (16 - 2 * 1) / (4 - 8 / 4) = 7; k = 2 / 7, below the floor of 1 km
    x, km = np.array([[1.0, 3.0], [5.0, 7.0]]), np.ones((2, 2))
    found = estimate(x, km, "km_365")
    assert found is not None
    assert (found.mean, found.variance_between, found.k_km) == pytest.approx((4.0, 7.0, 1.0))
    # the same with 100 km each: within = 200, spread 1600, between = (1600 - 200) / (400 - 200) = 7; k = 200 / 7
    found = estimate(x, 100 * km, "km_365")
    assert found is not None
    assert found.k_km == pytest.approx(200 / 7)


def test_no_difference_between_vehicles_gives_everybody_the_mean() -> None:
    found = estimate(np.array([[1.0, 3.0], [3.0, 1.0]]), np.ones((2, 2)), "km_365")
    assert found is not None
    assert found.k_km == K_MAX_KM
    assert estimate(np.full((2, 2), np.nan), np.ones((2, 2)), "km_365") is None


def test_periods_are_what_windows_hold_beyond_shorter_ones() -> None:
    # 10 km at 2 within 50 km at 4: the other 40 km have (200 - 20) / 40 = 4.5
    rows = pd.DataFrame({"km_7": [10.0, 0.0], "km_28": [50.0, 20.0], "brake_7": [2.0, np.nan], "brake_28": [4.0, 3.0]})
    values, km = periods(rows, "brake", (7, 28))
    np.testing.assert_allclose(values, [[2.0, 4.5], [np.nan, 3.0]])
    np.testing.assert_allclose(km, [[10, 40], [0, 20]])


def test_training_finds_the_k_that_the_frame_was_drawn_with() -> None:
    # a Poisson count at rate r per 100 km: variance of the rate over km is 100 r / km, so k = 100 * 4 / (4^2 / 2) = 50 km
    by = next(f.shrinkage for f in trained().scorer.spec.features if f.name == "brake_per_100km_365")
    assert by is not None
    assert by.k_km == pytest.approx(100 * BRAKES_PER_100KM / (BRAKES_PER_100KM**2 / SHAPE), rel=0.15)
