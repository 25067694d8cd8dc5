"""Training: a frame or a table in, evidence out. No files, no registry, no clock."""

import pandas as pd

from lake.conf import Training
from lake.features import FEATURE_VERSION_1
from training.data import Data
from training.evaluation import evaluate, glms
from training.evidence import Evidence, FrameFacts
from training.fitting import Fit, Progress, Settings, fit_data
from training.frame import prepare
from training.spec import ModelSpec
from training.table import prepare_table

SHAP_SAMPLE_ROWS = 500


def train(frame: pd.DataFrame, spec: Training, version: str = FEATURE_VERSION_1, progress: Progress | None = None) -> Evidence:
    """Fit frequency and severity on one coverage's frame (columns of lake.tables.FRAME) and measure them.

    The split is by policy: `spec.test_share` of the policies is never fitted on, nor used for the number of trees, credibility or
    balance. Raises TrainingRefused with the count of what is missing or wrong.
    """
    settings = Settings(
        seed=spec.seed, calibration=spec.calibration, trials=spec.search_trials,
        distributed_above_rows=spec.distributed_above_rows, stated=spec.model_dump(),
    )  # fmt: skip
    return _evidence(prepare(frame, spec, version), settings, progress)


def train_table(table: pd.DataFrame, spec: ModelSpec, progress: Progress | None = None) -> Evidence:
    """The same for any table, by its spec."""
    settings = Settings(
        seed=spec.seed, calibration=spec.calibration, trials=spec.search.trials, folds=spec.search.folds,
        distributed_above_rows=spec.distributed_above_rows, stated=spec.model_dump(exclude={"features"}),
    )  # fmt: skip
    return _evidence(prepare_table(table, spec), settings, progress)


def _evidence(data: Data, settings: Settings, progress: Progress | None) -> Evidence:
    fit = fit_data(data, settings, progress or Progress())
    references = glms(data, fit.x)
    return Evidence(
        scorer=fit.scorer,
        facts=_facts(data),
        params=_params(settings, fit),
        glm={name: g.coefficients for name, g in references.items() if not g.coefficients.empty},
        sample=_sample(data.rows.loc[data.held, fit.scorer.spec.inputs], settings.seed),
        **evaluate(data, fit.x, fit.scorer, references, settings.seed),
    )


def _sample(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    return rows.sample(min(SHAP_SAMPLE_ROWS, len(rows)), random_state=seed)


def _facts(data: Data) -> FrameFacts:
    return FrameFacts(
        rows=len(data.rows),
        policies=data.groups.nunique(),
        test_policies=data.groups[data.held].nunique(),
        exposure_years=float(data.exposure.sum()),
        claims=int(data.claims.sum()),
        incurred=float(data.incurred.sum()),
        without_trips=data.without_trips,
        as_of_dates=() if data.times is None else tuple(sorted(pd.unique(data.times))),
        maturity_days=data.maturity_days,
        notes=data.notes,
    )


def _params(settings: Settings, fit: Fit) -> dict[str, str | int | float]:
    """Flat, for a tracking server: limits, XGBoost's parameters, trees, balance and every k."""
    out: dict[str, str | int | float] = {k: v if isinstance(v, int | float) else str(v) for k, v in settings.stated.items()}
    spec = fit.scorer.spec
    for f in fit.pair:
        out |= {f"{f.recipe.name}.{k}": v for k, v in f.recipe.params.items()}
        out |= {f"{f.recipe.name}.trees": f.rounds, f"{f.recipe.name}.base_margin": f.base_margin}
    out |= {"alpha_frequency": spec.alpha_frequency, "alpha_severity": spec.alpha_severity}
    return out | {f"credibility_k_km.{f.name}": f.shrinkage.k_km for f in spec.features if f.shrinkage}
