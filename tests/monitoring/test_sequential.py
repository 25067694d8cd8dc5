"""Evidence under a right model exceeds 1 / alpha on no more than alpha of all paths, looked at every night."""

import math

import numpy as np
import pytest

from monitoring.decision import Band, Record
from monitoring.sequential import (
    PRIOR_CLAIMS,
    learned_levels,
    level_evidence,
    level_interval,
    off_evidence,
    pair_increment,
    shape_increment,
)

ALPHA = 0.05
PATHS = 600
NIGHTS = 150
AT_MOST = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / PATHS)
"""Three standard errors above alpha."""


def test_the_evidence_of_a_level_is_the_integral_over_the_prior() -> None:
    claims, expected, k = 7, 4.0, PRIOR_CLAIMS
    r = np.linspace(1e-6, 6, 200_001)
    prior = k**k / math.gamma(k) * r ** (k - 1) * np.exp(-k * r)
    value = float(np.trapezoid(r**claims * np.exp(-(r - 1) * expected) * prior, r))
    assert level_evidence(claims, expected) == pytest.approx(math.log(value), abs=1e-6)
    assert level_evidence(0, 0.0) == pytest.approx(0.0, abs=1e-9)


def test_the_interval_of_a_level_is_where_the_evidence_is_below_one_in_alpha() -> None:
    lower, upper = level_interval(120, 100.0, ALPHA)
    assert lower < 1.2 < upper
    for end in (lower, upper):
        assert level_evidence(120, end * 100.0) == pytest.approx(math.log(1 / ALPHA), abs=1e-6)
    assert level_interval(0, 3.0, ALPHA)[0] == 0.0
    assert level_interval(0, 0.0, ALPHA) == (0.0, math.inf)


def test_evidence_against_a_right_level_is_seldom_large_at_any_time() -> None:
    random = np.random.default_rng(1)
    claims = random.poisson(3.0, (PATHS, NIGHTS)).cumsum(axis=1)
    ever = [max(level_evidence(n, 3.0 * (t + 1)) for t, n in enumerate(path)) >= math.log(1 / ALPHA) for path in claims]
    assert np.mean(ever) <= AT_MOST


@pytest.mark.parametrize("level", [0.963, 1.05])
def test_evidence_that_a_level_is_off_is_seldom_large_where_it_is_off_by_less_than_asked_for(level: float) -> None:
    # 4,500 expected claims tell .963 from 1, and leave room for .95
    random = np.random.default_rng(3)
    claims = random.poisson(level * 30.0, (PATHS, NIGHTS)).cumsum(axis=1)
    ever = [max(off_evidence(n, 30.0 * (t + 1), 0.05) for t, n in enumerate(path)) >= math.log(1 / ALPHA) for path in claims]
    assert np.mean(ever) <= AT_MOST


def test_evidence_that_a_level_is_off_is_against_the_nearest_that_is_not() -> None:
    assert off_evidence(120, 100.0, 0.05) == level_evidence(120, 105.0)
    assert off_evidence(80, 100.0, 0.05) == level_evidence(80, 95.0)
    assert off_evidence(102, 100.0, 0.05) == level_evidence(102, 102.0) < 0
    assert off_evidence(0, 0.0, 0.05) == pytest.approx(0.0, abs=1e-9)


def test_evidence_against_a_right_shape_is_seldom_large_at_any_time_whatever_the_level() -> None:
    random, expected = np.random.default_rng(2), {b: 0.1 * (b + 1) for b in range(8)}
    ever = 0
    for _ in range(PATHS):
        record, largest = Record(), 0.0
        for _ in range(NIGHTS):
            new = {b: Band(1.0, e, int(random.poisson(1.4 * e))) for b, e in expected.items()}
            record = record.after(1, new, 60.0)
            largest = max(largest, record.log_shape)
        ever += largest >= math.log(1 / ALPHA)
    assert ever / PATHS <= AT_MOST


def test_the_shape_learns_from_what_came_before_only() -> None:
    new, expected = {0: 3, 1: 1}, {0: 2.0, 1: 2.0}
    assert shape_increment(new, expected, {}) == 0.0
    # bands of 30 and 10 claims, 20 expected each: (30 + 20) / (20 + 20) and (10 + 20) / (20 + 20)
    before = {0: (30, 20.0), 1: (10, 20.0)}
    assert learned_levels(before) == pytest.approx({0: 1.25, 1: 0.75})
    assert shape_increment(new, expected, before) == pytest.approx(3 * math.log(1.25) + math.log(0.75))
    assert shape_increment({}, expected, before) == 0.0


def paths_of_pairs(truth: str, seed: int) -> np.ndarray:
    """ln evidence of a challenger, paths x nights: 300 covers, 2 claims a night, by the champion's or the challenger's rates."""
    random = np.random.default_rng(seed)
    champion, challenger = (0.01 * random.gamma(4.0, 0.25, 300) for _ in range(2))
    rates = {"champion": champion, "challenger": 1.3 * challenger}[truth]
    found = np.zeros((PATHS, NIGHTS))
    for p in range(PATHS):
        fell = random.poisson(2 * rates / rates.sum(), (NIGHTS, len(rates)))
        for t, claims in enumerate(fell):
            ratios = float(claims @ np.log(challenger / champion))
            found[p, t] = pair_increment(claims.sum(), ratios, challenger.sum(), champion.sum())
    return found.cumsum(axis=1)


def test_evidence_for_a_challenger_of_a_right_champion_is_seldom_large_at_any_time() -> None:
    assert (paths_of_pairs("champion", 3).max(axis=1) >= math.log(1 / ALPHA)).mean() <= AT_MOST


def test_a_challenger_that_is_right_is_found_whatever_its_level() -> None:
    assert (paths_of_pairs("challenger", 4)[:, -1] >= math.log(1 / ALPHA)).mean() > 0.99


def test_twice_the_evidence_is_the_deviance_saved_at_the_claims_level() -> None:
    claims, exposure = np.array([2, 0, 1, 0]), np.array([0.5, 1.0, 1.0, 2.0])
    champion, challenger = np.array([0.1, 0.2, 0.1, 0.1]), np.array([0.4, 0.2, 0.1, 0.05])

    def deviance(frequency: np.ndarray) -> float:
        mu = frequency * exposure * claims.sum() / (frequency @ exposure)
        return float(2 * (np.where(claims > 0, claims * np.log(np.maximum(claims, 1) / mu), 0) - claims + mu).sum())

    ratios = float(claims @ np.log(challenger / champion))
    found = pair_increment(3, ratios, float(challenger @ exposure), float(champion @ exposure))
    assert 2 * found == pytest.approx(deviance(champion) - deviance(challenger))
