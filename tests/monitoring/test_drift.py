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
