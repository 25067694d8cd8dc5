"""Exact reasons of one booster, and scores of a pair without reasons, against shap and XGBoost itself, on one thread each."""

import time
from collections.abc import Callable

import numpy as np
import shap
import xgboost as xgb

from benchmarks.measure import Row
from training.boosting import Problem, Recipe, fit
from training.explainer import Explainer
from training.scorer_spec import FeatureSpec, matrix

ROWS, FEATURES, TREES, DEPTH = 20_000, 40, 400, 5
SLOW_ROWS = 400
"""Of the peers that explain: their time does not depend on how many rows there are."""
REPEATS = 3
TOLERANCE = 1e-4


def run() -> list[Row]:
    """Microseconds a row; the contributions must be equal."""
    explainer, x = model()
    explainer.booster.set_param({"nthread": 1})
    ours = explainer.explained(x, -2.5)[1]
    few = x[:SLOW_ROWS]
    data = matrix(few, [f.name for f in explainer.features], -2.5, threads=1)
    theirs = explainer.booster.predict(data, pred_contribs=True)[:, :-1]
    peer = shap.TreeExplainer(explainer.booster)
    for name, found in (("XGBoost", theirs), ("shap", peer.shap_values(few))):
        if not np.allclose(ours[:SLOW_ROWS], found, atol=TOLERANCE):
            raise RuntimeError(f"contributions differ from {name}'s by {np.abs(ours[:SLOW_ROWS] - found).max():.2g}")
    what = f"exact reasons, {TREES} trees of depth {DEPTH}, {FEATURES} features"
    mine = timed(lambda: explainer.explained(x, -2.5), ROWS)
    small = x.astype(np.float32)
    plain = timed(lambda: explainer.booster.inplace_predict(small, base_margin=np.full(ROWS, -2.5, np.float32)), ROWS)
    by_shap, by_xgboost = (timed(work, SLOW_ROWS) for work in (
        lambda: peer.shap_values(few), lambda: explainer.booster.predict(data, pred_contribs=True),
    ))  # fmt: skip
    scored, version = timed(lambda: explainer.margin(x, -2.5), ROWS), f"XGBoost {xgb.__version__}"
    return [
        Row(f"{what}; peer: shap.TreeExplainer", mine, by_shap, "us a row", f"shap {shap.__version__}"),
        Row(f"{what}; peer: pred_contribs", mine, by_xgboost, "us a row", version),
        Row("score without reasons; peer: inplace_predict", scored, plain, "us a row", version),
    ]


def model() -> tuple[Explainer, np.ndarray]:
    """A Poisson booster with missing values in a twentieth of its features, and rows for it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2 * ROWS, FEATURES))
    x[rng.random(x.shape) < 0.05] = np.nan  # noqa: PLR2004
    seen = np.nan_to_num(x)
    y = rng.poisson(np.exp(-2.5 + 0.3 * seen[:, 0] + 0.2 * seen[:, 1] * seen[:, 2])).astype(float)
    features = tuple(FeatureSpec(name=f"f{j}", text="", unit="") for j in range(FEATURES))
    recipe = Recipe("frequency", {"objective": "count:poisson", "max_depth": DEPTH, "eta": 0.05, "tree_method": "hist"}, TREES)
    booster = fit(recipe, Problem(x, features, y, np.full(len(x), -2.5)), TREES, seed=1)
    return Explainer(booster, "frequency", features), x[:ROWS]


def timed(work: Callable[[], object], rows: int) -> float:
    """The best of REPEATS, in microseconds a row."""
    best = float("inf")
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return 1e6 * best / rows
