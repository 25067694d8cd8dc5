import math

import numpy as np
import pytest

from monitoring.binning import Bins, Summary, bins_of, summarise
from monitoring.drift import PSI_EFFECT, Monitored, Side, compare, null_quantile, psi

KM = Monitored("km_28", "feature", "km")


def summary(*histogram: int, missing: int = 0) -> Summary:
    return Summary(sum(histogram) + missing, missing, 0.0, 0.0, histogram)


def test_psi_by_hand() -> None:
    # shares .5 .5 against .8 .2: .3 ln 1.6 + (-.3) ln .4 = .141001 + .274887
    found, cells = psi(summary(50, 50), summary(80, 20))
    assert found == pytest.approx(0.3 * math.log(1.6) + 0.3 * math.log(2.5))
    assert cells == 2


def test_an_empty_cell_counts_half_and_one_empty_on_both_sides_not_at_all() -> None:
    # 99.5 with .5 against 50 and 50; third cell empty on both sides
    found, cells = psi(summary(99, 0, 0), summary(50, 50, 0))
    p, q = (99 / 99.5, 0.5 / 99.5), (0.5, 0.5)
    assert found == pytest.approx(sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True)))
    assert cells == 2


def test_missing_values_are_a_cell() -> None:
    assert psi(summary(100), summary(50, missing=50))[0] > 1


def test_few_rows_need_more_than_the_rule_of_thumb() -> None:
    # chi-squared(9) has its 99.9 % quantile at 27.877: 27.877 x (1/200 + 1/200) = .279; with 20,000 rows .0028
    assert null_quantile(10, 200, 200) == pytest.approx(0.27877, abs=1e-4)
    assert null_quantile(10, 20_000, 20_000) < PSI_EFFECT
    assert null_quantile(1, 200, 200) == 0.0


def test_the_null_stays_quiet_and_a_shift_is_found_in_its_unit() -> None:
    rng = np.random.default_rng(7)
    fired = 0
    for _ in range(300):
        reference, current = rng.gamma(2, 100, 300), rng.gamma(2, 100, 300)
        bins = bins_of(reference)
        fired += compare(KM, bins, Side(summarise(reference, bins), 300), Side(summarise(current, bins), 300)).drifted
    # a rate of .1 % fires at most twice in 300 with probability .9964
    assert fired <= 2

    reference = rng.normal(100, 10, 5000)
    bins = bins_of(reference)
    found = compare(KM, bins, Side(summarise(reference, bins), 5000), Side(summarise(reference + 10, bins), 5000))
    assert found.drifted
    assert found.shift == pytest.approx(10.0)
    # 3.29 x 10 x sqrt(2 / 5000) = .658
    assert (found.shift_upper or 0) - 10 == pytest.approx(0.658, rel=0.05)
    assert found.unit == "km"


def mostly(value: float, share: float, others: np.ndarray) -> np.ndarray:
    """The value in the place of the first of the others."""
    return np.where(np.arange(len(others)) < share * len(others), value, others)


BEYOND = np.random.default_rng(5).permutation(np.linspace(1, 2, 20_000))


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (mostly(0.0, 0.97, BEYOND), mostly(0.0, 0.65, BEYOND)),  # nights of whom hardly anybody drove at night, told in UTC
        (mostly(0.0, 0.93, BEYOND), np.full(20_000, 0.9)),
        (mostly(0.0, 0.6, BEYOND), mostly(0.5, 0.6, BEYOND)),
        (mostly(3.0, 0.92, BEYOND), mostly(2.5, 0.92, BEYOND)),
        (np.zeros(20_000), np.full(20_000, 5.0)),
        (mostly(0.0, 0.86, BEYOND), mostly(0.0, 0.86, BEYOND + 2)),  # as many, and all of them further
        (mostly(0.0, 0.97, BEYOND), mostly(0.0, 0.97, BEYOND + 2)),
        (np.full(20_000, 0.7), np.full(20_000, 0.2)),
    ],
)
def test_a_value_that_most_have_is_missed_when_it_goes(reference: np.ndarray, current: np.ndarray) -> None:
    bins = bins_of(reference)
    before, now, same = (Side(summarise(x, bins), 20_000) for x in (reference, current, reference[::-1]))
    found = compare(KM, bins, before, now)
    assert found.drifted and found.shift == pytest.approx(current.mean() - reference.mean())
    assert not compare(KM, bins, before, same).drifted


@pytest.mark.parametrize(("reference", "current"), [(100, 100), (20_000, 100), (50, 50)])
@pytest.mark.parametrize("shares", [np.full(10, 0.1), np.array([0.9, 0.1]), np.array([0.0005, 0.9, 0.0995])])
def test_chance_among_few_vehicles_is_as_rare_as_is_said(shares: np.ndarray, reference: int, current: int) -> None:
    random, bins = np.random.default_rng(11), Bins(tuple(range(len(shares) - 1)), 0.0)
    draws = (random.multinomial(n, shares, size=20_000).tolist() for n in (reference, current))
    sides = [[Side(summary(*x), sum(x)) for x in draw] for draw in draws]
    found = [compare(KM, bins, a, b).p_value or 0.0 for a, b in zip(*sides, strict=True)]
    # .1 % of 20,000 are 20; by chi-squared of the index itself it is 52 to 80
    assert sum(p <= 0.001 for p in found) <= 36


def test_one_value_that_was_missing_once_hides_no_shift() -> None:
    # tonight's shares are 1.6 and .4 times the reference's in half of the cells each: G is about 40, its 99.9 % quantile 29.6
    before, after = summary(*[2_000] * 10, missing=1), summary(*[16] * 5, *[4] * 5)
    p = compare(KM, Bins(tuple(range(9)), 0.0), Side(before, 20_000), Side(after, 100)).p_value
    assert p is not None and p < 1e-4


def test_chance_counts_vehicles_and_not_rows() -> None:
    bins, few, many = Bins((0.0,), 0.0), (summary(50, 50), summary(30, 70)), (summary(500, 500), summary(300, 700))
    by_hand, by_rows = (compare(KM, bins, *(Side(s, 100) for s in sides)).p_value for sides in (few, many))
    assert by_rows == pytest.approx(by_hand)
    # G = 2 (50 ln 50/40 + 50 ln 50/60 + 30 ln 30/40 + 70 ln 70/60) = 8.40155; Williams: 1 + 3 (200/80 + 200/120 - 1) / 1200
    # = 1.0079167; chi-squared(1) exceeds 8.3356 with probability .003887
    assert by_hand == pytest.approx(0.003887, abs=2e-6)
    assert not compare(KM, bins, *(Side(s, 100) for s in few)).drifted


def test_fewer_vehicles_than_rows_widen_the_interval() -> None:
    values = np.random.default_rng(3).normal(0, 1, 1000)
    bins = bins_of(values)
    many, few = (compare(KM, bins, Side(summarise(values, bins), n), Side(summarise(values, bins), n)) for n in (1000, 250))
    # a quarter of the independent rows: twice the width
    assert few.shift_upper == pytest.approx(2 * (many.shift_upper or 0))


def test_a_column_never_observed_has_no_means_and_no_drift() -> None:
    nothing = Side(Summary(5, 5, 0.0, 0.0, (0,)), 5)
    found = compare(KM, Bins((), 0.0), nothing, nothing)
    assert (found.statistic, found.drifted, found.reference_mean, found.shift) == (0.0, False, None, None)
