"""Fitting a frequency to many rows: CPU seconds against XGBoost on a QuantileDMatrix of the same rows, and the peak of memory.
And a whole candidate (both models, cross-validation, refits, references, all evidence) against one such fit a row."""

import os
import resource

import numpy as np
import xgboost as xgb

from benchmarks.measure import Row, cpu_seconds, memory_gb
from benchmarks.priced import risks, spec
from training.boosting import FREQUENCY, Problem, fit, params_of
from training.pipeline import train_table
from training.scorer_spec import FeatureSpec

ROWS = int(os.environ.get("TELEMATICS_BENCH_ROWS", "1000000"))
CANDIDATE_ROWS = int(os.environ.get("TELEMATICS_BENCH_CANDIDATE_ROWS", "200000"))
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
        *_candidate(ours / ROWS, version),
    ]


def _candidate(fit_cpu_s_per_row: float, version: str) -> list[Row]:
    """CPU time and memory of a candidate as `telematics train` makes one, above what the table itself takes."""
    table = risks(CANDIDATE_ROWS, seed=1)
    with memory_gb() as memory:
        _, cpu_s = cpu_seconds(lambda: train_table(table, spec()))
    what = f"a candidate with its evidence, {CANDIDATE_ROWS / 1e6:g} M rows x {FEATURES} features"
    size = table.memory_usage(deep=True).sum() / 1024**3
    micro = 1e6
    return [
        Row(f"{what}; peer: one fit", micro * cpu_s / CANDIDATE_ROWS, micro * fit_cpu_s_per_row, "CPU us a row", version),
        Row(f"{what}: memory it adds; peer: the table", max(memory) - memory[0], size, "GB", version),
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
