"""Claims of real policies (be_mtpl97), in five folds: the mean, a GLM, a spline GAM, XGBoost as it comes, and ours.

Ours is what `telematics train --table` fits by conf/models/be_mtpl97.yml: the number of trees from the training folds alone.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb
from sklearn.model_selection import KFold

from benchmarks.measure import Row
from lake.conf import CONF_FOLDER
from training import metrics as m
from training.boosting import SEVERITY, TABLE_FREQUENCY, THREADS, Problem, fit, margins
from training.data import Data
from training.glm import fit_gam, fit_glm
from training.scorer_spec import design
from training.search import folds, measured
from training.spec import load_spec
from training.table import prepare_table

FOLDS, SEED = 5, 1
PLAIN = {"objective": "count:poisson", "tree_method": "hist", "max_depth": 4, "eta": 0.05, "nthread": THREADS}
PLAIN_TREES = 200
Floats = npt.NDArray[np.float64]


def data_folder() -> Path:
    """Where the public data are. Raises FileNotFoundError where they are not."""
    found = Path(os.environ.get("TELEMATICS_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (found / "be_mtpl97").is_dir():
        raise FileNotFoundError(f"no be_mtpl97 in {found}: set TELEMATICS_DATA")
    return found


def run() -> list[Row]:
    """Mean Poisson deviance a car-year over the folds, ours against each of the others."""
    spec = load_spec(CONF_FOLDER / "models" / "be_mtpl97.yml")
    table = pd.read_parquet(data_folder() / "be_mtpl97" / "policies_dev.parquet")
    data = prepare_table(table, spec)
    x, n, e = design(data.rows, data.features), data.claims, data.exposure
    coded = np.array([f.kind == "category" for f in data.features])
    found: dict[str, list[tuple[float, float, float]]] = {}
    for fitted, unseen in KFold(FOLDS, shuffle=True, random_state=SEED).split(x):
        rate = n[fitted].sum() / e[fitted].sum()
        base = float(np.log(rate))
        problem = Problem(x[fitted], data.features, n[fitted], base + np.log(e[fitted]))
        rounds, _ = measured(TABLE_FREQUENCY, problem, folds(data.groups.iloc[fitted], None, 4, spec.seed), spec.seed)
        rates: dict[str, Floats] = {
            "null": np.full(len(unseen), rate),
            "GLM": fit_glm("poisson", x[fitted], data.features, n[fitted] / e[fitted], e[fitted]).predict(x[unseen]),
            "spline GAM": fit_gam("poisson", x[fitted], coded, n[fitted] / e[fitted], e[fitted]).predict(x[unseen]),
            "plain XGBoost": _plain(problem).predict(xgb.DMatrix(x[unseen], base_margin=np.full(len(unseen), base))),
            "ours": np.exp(margins(fit(TABLE_FREQUENCY, problem, rounds, spec.seed), x[unseen], data.features, base)),
        }
        for name, rate_ in rates.items():
            found.setdefault(name, []).append(_measured(n[unseen], e[unseen], rate_))
    mean = {name: np.mean(values, axis=0) for name, values in found.items()}
    for name, (deviance, gini, ratio) in mean.items():
        print(f"  {name}: deviance {deviance:.5f}, Gini {gini:.4f}, actual/expected {ratio:.3f}")
    version = f"XGBoost {xgb.__version__}"
    ours = float(mean["ours"][0])
    rows = [Row(f"be_mtpl97, {FOLDS} folds; peer: {k}", ours, float(v[0]), "deviance", version) for k, v in mean.items()]
    return [row for row in rows if not row.work.endswith("ours")] + _severity(data, x, version)


def _severity(data: Data, x: Floats, version: str) -> list[Row]:
    """Gamma deviance a claim of capped mean amounts, in the same folds of the rows that have one."""
    some = np.flatnonzero(data.with_amount)
    capped = np.zeros(len(x)) if data.capped is None else data.capped
    amount, n = capped[some] / data.claims[some], data.claims[some]
    found: dict[str, list[float]] = {}
    for fitted, unseen in KFold(FOLDS, shuffle=True, random_state=SEED).split(some):
        mean = (amount * n)[fitted].sum() / n[fitted].sum()
        base, seen = float(np.log(mean)), some[fitted]
        problem = Problem(x[seen], data.features, amount[fitted], np.full(len(seen), base), n[fitted])
        rounds, _ = measured(SEVERITY, problem, folds(data.groups.iloc[seen], None, 4, SEED), SEED)
        glm = fit_glm("gamma", x[seen], data.features, amount[fitted], n[fitted])
        for name, expected in {
            "the mean": np.full(len(unseen), mean),
            "GLM": glm.predict(x[some[unseen]]),
            "ours": np.exp(margins(fit(SEVERITY, problem, rounds, SEED), x[some[unseen]], data.features, base)),
        }.items():
            unit = n[unseen] * m.gamma_unit_deviance(amount[unseen], np.asarray(expected, dtype=float))
            found.setdefault(name, []).append(float(unit.sum() / n[unseen].sum()))
    mean_ = {k: float(np.mean(v)) for k, v in found.items()}
    return [Row(f"the same, severity; peer: {k}", mean_["ours"], v, "deviance", version) for k, v in mean_.items() if k != "ours"]


def _plain(problem: Problem) -> xgb.Booster:
    return xgb.train(PLAIN, xgb.DMatrix(problem.x, label=problem.y, base_margin=problem.base_margin), PLAIN_TREES)


def _measured(claims: Floats, exposure: Floats, rate: Floats) -> tuple[float, float, float]:
    expected = np.asarray(rate, dtype=float) * exposure
    deviance = m.poisson_unit_deviance(claims, expected).sum() / exposure.sum()
    gini = m.gini(claims, exposure, rate)(np.ones((1, len(claims))))[0]
    return float(deviance), float(gini), float(claims.sum() / expected.sum())
