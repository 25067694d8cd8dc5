"""Books with a known answer: what is told after some months of them, and how often a right model is told to be changed."""

import math

import numpy as np
import pytest

from monitoring.decision import Band, Limits, Record, decide, slope_of, spread_of

LIMITS = Limits(least_claims=384.0, effect=0.05, false_alarm=0.05)
SD = 0.35
"""Of ln frequency between cars, about what a telematics model tells apart."""
BANDS = np.arange(-6, 7)
CAR_YEARS = 200 * np.exp(-0.5 * (((BANDS + 0.5) / 4 * math.log(2) + SD**2 / 2) / SD) ** 2)
PREDICTED = 0.1 * 2 ** ((BANDS + 0.5) / 4)


def played(factor: np.ndarray | float, nights: int = 100, seed: int = 1, a_night: float = 20.0) -> Record:
    """`nights` of `a_night` expected claims each, whose true frequencies are the predicted ones times the factor by band."""
    random, size = np.random.default_rng(seed), a_night / (PREDICTED @ CAR_YEARS)
    record = Record()
    for _ in range(nights):
        claims = random.poisson(PREDICTED * CAR_YEARS * size * factor)
        cells = zip(BANDS, CAR_YEARS * size, PREDICTED * CAR_YEARS * size, claims, strict=True)
        record = record.after(1, {int(b): Band(float(y), float(e), int(n)) for b, y, e, n in cells}, 60.0)
    return record


FLAT = (PREDICTED @ CAR_YEARS) / CAR_YEARS.sum() / PREDICTED


@pytest.mark.parametrize(
    ("factor", "said"),
    [(1.0, "keep"), (1.2, "recalibrate"), (0.8, "recalibrate"), (1.02, "keep"), (FLAT, "refit"), (1.2 * FLAT, "refit")],
)
def test_known_answers(factor: np.ndarray | float, said: str) -> None:
    found = decide(played(factor), LIMITS)
    assert found.decision == said, found.why
    assert found.lower < found.ratio < found.upper  # type: ignore[operator]


def test_a_difference_in_one_band_alone_is_for_refitting() -> None:
    assert decide(played(np.where(BANDS == 1, 2.0, 1.0), nights=200), LIMITS).decision == "refit"


@pytest.mark.parametrize("factor", [1.0, 1.5, FLAT])
def test_immature_experience_decides_nothing(factor: np.ndarray | float) -> None:
    found = decide(played(factor, nights=19), LIMITS)
    assert (found.decision, found.lower) == ("undecided", None)
    assert "380 expected: fewer than 384 say nothing" in found.why
    assert decide(Record(), LIMITS).decision == "undecided"


def test_what_is_said_is_in_figures() -> None:
    found = decide(played(1.2), LIMITS)
    assert found.why.startswith(
        f"actual over expected is {found.ratio:.2f} ({found.lower:.2f} to {found.upper:.2f}) on 2,392 claims"
    )
    bent = decide(played(FLAT), LIMITS)
    assert "bands of risk are off by" in bent.why
    assert abs(bent.slope or 0.0) < 0.15


def test_a_right_model_is_seldom_ever_told_to_be_changed() -> None:
    told = 0
    for seed in range(150):
        random, record = np.random.default_rng(seed), Record()
        size = 20.0 / (PREDICTED @ CAR_YEARS)
        for _ in range(120):
            claims = random.poisson(PREDICTED * CAR_YEARS * size)
            cells = zip(BANDS, CAR_YEARS * size, PREDICTED * CAR_YEARS * size, claims, strict=True)
            record = record.after(1, {int(b): Band(float(y), float(e), int(n)) for b, y, e, n in cells}, 60.0)
            if decide(record, LIMITS).decision in ("recalibrate", "refit"):
                told += 1
                break
    # at most 5 % of 150, with three standard errors
    assert told <= 15


def test_slope_and_spread_by_hand() -> None:
    # frequencies .1 and .2 predicted; claims as predicted, all the same, and the other way round
    def bands(low: int, high: int) -> dict[int, Band]:
        return {0: Band(1000.0, 100.0, low), 1: Band(1000.0, 200.0, high)}

    assert slope_of(bands(100, 200)) == pytest.approx(1.0)
    assert slope_of(bands(150, 150)) == pytest.approx(0.0, abs=1e-9)
    assert slope_of(bands(200, 100)) == pytest.approx(-1.0)
    assert spread_of(bands(100, 200)) == 0.0
    # A/E 1.5 and .75 around 1, weights 1/3 and 2/3: 1/12 + 1/24 less 2/300
    assert spread_of(bands(150, 150)) == pytest.approx(math.sqrt(0.25 / 3 + 0.0625 * 2 / 3 - 2 / 300))
    assert slope_of({0: Band(10.0, 1.0, 3)}) == 1.0


def test_age_is_weighted_with_exposure() -> None:
    record = Record().after(1, {0: Band(3.0, 0.3, 0)}, 60.0).after(2, {0: Band(1.0, 0.1, 1)}, 50.0)
    # 3 car-years of 62 days and 1 of 50
    assert record.maturity_days == pytest.approx((3 * 62 + 50) / 4)
    assert record.whole == Band(4.0, pytest.approx(0.4), 1)
