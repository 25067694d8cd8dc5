"""Contributions from tables are XGBoost's own, whatever the trees look like."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xgboost as xgb

from lake.errors import LakeError
from training.treeshap import TreeTables

FEATURES = 6
MARGIN = -1.5
TOLERANCE = 1e-5


def rows(n: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Numbers with missing ones, whole numbers in column 2, codes of a category 0 to 6 in the last column."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, FEATURES)).astype(np.float32)
    x[:, 2] = np.round(x[:, 2])
    x[:, -1] = random.integers(0, 7, n)
    x[random.random(x.shape) < 0.1] = np.nan
    return x


def data(x: npt.NDArray[np.float32], y: npt.NDArray[np.float64] | None = None) -> xgb.DMatrix:
    types = ["q"] * (FEATURES - 1) + ["c"]
    return xgb.DMatrix(x, label=y, base_margin=np.full(len(x), MARGIN, np.float32), feature_types=types, enable_categorical=True)


def fitted(rounds: int, **params: Any) -> xgb.Booster:
    x = rows(4000)
    seen = np.nan_to_num(x)
    rate = np.exp(MARGIN + 0.4 * seen[:, 0] + 0.3 * seen[:, 1] * seen[:, 2] + 0.5 * (seen[:, -1] % 3 == 1))
    y = np.random.default_rng(1).poisson(rate).astype(float)
    return xgb.train({"objective": "count:poisson", "eta": 0.1, "nthread": 2, **params}, data(x, y), rounds)


@pytest.mark.parametrize(
    "params",
    [
        {"max_depth": 5},
        {"max_depth": 6, "min_child_weight": 0.1},
        {"max_depth": 1},
        {"max_depth": 4, "monotone_constraints": "(1,1,0,0,-1,0)"},
        {"max_depth": 3, "num_parallel_tree": 4, "subsample": 0.5, "colsample_bynode": 0.5},
        {"max_depth": 4, "max_cat_to_onehot": 10},
        {"max_depth": 0, "max_leaves": 20, "grow_policy": "lossguide"},
        {"max_depth": 4, "gamma": 1e9},
    ],
    ids=lambda p: ", ".join(f"{k} {v}" for k, v in p.items()),
)
def test_contributions_are_xgboosts(params: dict[str, Any]) -> None:
    booster, x = fitted(30, **params), rows(777, seed=3)
    tables = TreeTables.of(booster)
    assert tables is not None
    theirs = booster.predict(data(x), pred_contribs=True)
    np.testing.assert_allclose(tables.contributions(x), theirs[:, :-1], atol=TOLERANCE)
    np.testing.assert_allclose(tables.bias + MARGIN, theirs[:, -1], atol=TOLERANCE)


def test_no_trees_and_no_rows() -> None:
    tables = TreeTables.of(fitted(0))
    assert tables is not None
    assert (tables.contributions(rows(3)) == 0).all()
    assert tables.bias == 0
    one = TreeTables.of(fitted(3))
    assert one is not None
    assert one.contributions(rows(0)).shape == (0, FEATURES)


def test_trees_too_deep_have_no_tables() -> None:
    assert TreeTables.of(fitted(3, max_depth=9, min_child_weight=0.01)) is None


def test_other_boosters_are_refused() -> None:
    with pytest.raises(LakeError, match="dart"):
        TreeTables.of(fitted(3, booster="dart"))
