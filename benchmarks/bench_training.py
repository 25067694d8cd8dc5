"""Fitting a frequency to many rows: CPU seconds against XGBoost on a QuantileDMatrix of the same rows, and the peak of memory."""

import os
import resource

import numpy as np
import xgboost as xgb

from benchmarks.measure import Row, cpu_seconds
from training.boosting import FREQUENCY, Problem, fit, params_of
from training.scorer_spec import FeatureSpec

ROWS = int(os.environ.get("TELEMATICS_BENCH_ROWS", "1000000"))
FEATURES, TREES = 40, 100
KB_A_GB = 1024**2


def run() -> list[Row]:
    """CPU seconds of both, and the process's peak of memory after ours [GB] beside the rows' own size."""
    problem = _problem()
    _, ours = cpu_seconds(lambda: fit(FREQUENCY, problem, TREES, seed=1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KB_A_GB
    _, peer = cpu_seconds(lambda: _peer(problem))
    what = f"{ROWS / 1e6:g} M rows x {FEATURES} features, {TREES} trees of depth 3"
    version = f"XGBoost {xgb.__version__}"
    return [
        Row(f"{what}; peer: QuantileDMatrix", ours, peer, "CPU s", version),
        Row(f"{what}: peak of memory; peer: the rows themselves", peak, problem.x.nbytes / 1024**3, "GB", version),
    ]


def _problem() -> Problem:
    random = np.random.default_rng(0)
    x = random.standard_normal((ROWS, FEATURES), dtype=np.float32)
    y = random.poisson(0.08 * np.exp(0.3 * x[:, 0])).astype(float)
    features = tuple(FeatureSpec(name=f"f{j}", text="", unit="") for j in range(FEATURES))
    return Problem(x, features, y, np.full(ROWS, np.log(0.08)))  # type: ignore[arg-type]


def _peer(problem: Problem) -> xgb.Booster:
    data = xgb.QuantileDMatrix(problem.x, label=problem.y, base_margin=problem.base_margin)
    return xgb.train(params_of(FREQUENCY, problem, 1), data, TREES)
