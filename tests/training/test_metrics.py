import numpy as np
import pandas as pd
import pytest

from lake.errors import TrainingRefused
from training import metrics as m

ONE = np.ones((1, 4))


def test_gini_by_hand() -> None:
    claims, exposure = np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4)
    # perfect order: claims' shares 0, 0, .5, 1 at exposure .25, .5, .75, 1; area = .25 * (.25 + .75) = .25; 1 - 2 * .25
    assert m.gini(claims, exposure, np.array([1.0, 2, 3, 4]))(ONE)[0] == pytest.approx(0.5)
    # reversed: shares .5, 1, 1, 1; area = .25 * (.25 + .75 + 1 + 1) = .75; 1 - 1.5
    assert m.gini(claims, exposure, np.array([4.0, 3, 2, 1]))(ONE)[0] == pytest.approx(-0.5)
    # all tied: the diagonal, in whatever order the rows come
    assert m.gini(claims, exposure, np.full(4, 7.0))(ONE)[0] == pytest.approx(0.0)


def test_gini_is_weighted_by_exposure() -> None:
    # one row with exposure 2 is two rows with exposure 1 and half the claims
    split = m.gini(np.array([0.0, 1, 1, 2]), np.ones(4), np.array([1.0, 2, 2, 3]))(ONE)[0]
    whole = m.gini(np.array([0.0, 2, 2]), np.array([1.0, 2, 1]), np.array([1.0, 2, 3]))(np.ones((1, 3)))[0]
    assert split == pytest.approx(whole)
    # a row drawn twice is the row twice
    twice = m.gini(np.array([0.0, 1, 2]), np.ones(3), np.array([1.0, 2, 3]))(np.array([[1.0, 2, 1]]))[0]
    assert twice == pytest.approx(split)


def test_poisson_deviance_by_hand() -> None:
    # N = 0, mu = .5: 2 * .5 = 1; N = 2, mu = 1: 2 * (2 ln 2 - 1) = 0.7725887
    unit = m.poisson_unit_deviance(np.array([0.0, 2]), np.array([0.5, 1]))
    assert unit == pytest.approx([1.0, 0.7725887], abs=1e-6)
    with pytest.raises(TrainingRefused, match="1 of 2 values are not positive"):
        m.poisson_unit_deviance(np.array([0.0, 2]), np.array([0.5, 0.0]))


def test_gamma_deviance_by_hand() -> None:
    # y = 2, mu = 1: 2 * (1 - ln 2) = 0.6137056
    assert m.gamma_unit_deviance(np.array([2.0]), np.array([1.0])) == pytest.approx([0.6137056], abs=1e-6)


def test_garwood_against_tables() -> None:
    # 0 claims: [0, 3.689]; 10 claims: [4.795, 18.390] (Garwood 1936)
    lower, upper = m.garwood(np.array([0.0, 10]))
    assert lower == pytest.approx([0, 4.795], abs=1e-3)
    assert upper == pytest.approx([3.689, 18.390], abs=1e-3)


def test_bins_have_equal_exposure() -> None:
    exposure = np.array([1.0, 1, 2, 4, 2, 1, 1])
    # 12 car-years in three bins of 4; the row of 4 lies in the middle
    assert m.equal_exposure_bins(exposure, np.arange(7.0), 3).tolist() == [0, 0, 0, 1, 2, 2, 2]


def test_bootstrap_draws_policies_and_covers() -> None:
    policies = pd.Series(["a", "a", "b", "c"])
    draws = m.policy_draws(policies, 50, seed=1)
    assert (draws[:, 0] == draws[:, 1]).all()
    # three policies are drawn each time
    assert (draws[:, 1:].sum(axis=1) == 3).all()
    assert (m.policy_draws(policies, 50, seed=1) == draws).all()

    # 95 % intervals of a mean of 200 normals hold the truth 0 in about 95 of 100 samples; under 85 has odds of 1 : 10,000
    held = 0
    for seed in range(100):
        x = np.random.default_rng(seed).normal(size=200)
        e = m.estimated(m.mean_of(x, np.ones(200)), m.policy_draws(pd.Series(np.arange(200)), 200, seed))
        assert e.lower is not None and e.upper is not None
        held += e.lower <= 0 <= e.upper
    assert held >= 85
