"""Training: a frame or a table in, evidence out. No files, no registry, no clock."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lake.conf_sections import Training
from lake.features import FEATURE_VERSION_1
from training.assessment import assess, performance
from training.boosting import TABLE_FREQUENCY
from training.data import Data
from training.evaluation import evaluate, glms
from training.evidence import Evidence, FrameFacts
from training.fitting import Fit, Progress, Settings, fit_data
from training.frame import prepare
from training.monotonicity import sweeps
from training.scorer import Scorer
from training.spec import ModelSpec
from training.table import prepare_table

SHAP_SAMPLE_ROWS = 500


@dataclass(frozen=True)
class Around:
    """What a training is told besides its rows: trials that are known, groups for fairness, the champion to compare with, and
    factors by age that develop amounts."""

    progress: Progress = field(default_factory=Progress)
    groups: pd.DataFrame | None = None
    champion: Scorer | None = None
    development: dict[int, float] | None = None


def train(frame: pd.DataFrame, spec: Training, version: str = FEATURE_VERSION_1, around: Around | None = None) -> Evidence:
    """Fit frequency and severity on one coverage's frame (columns of lake.tables.FRAME) and measure them.

    The split is by policy: `spec.test_share` of the policies is never fitted on, nor used for the number of trees, credibility or
    balance. Raises TrainingRefused with the count of what is missing or wrong.
    """
    settings = Settings(
        seed=spec.seed, calibration=spec.calibration, trials=spec.search_trials,
        distributed_above_rows=spec.distributed_above_rows, threads=spec.threads, stated=spec.model_dump(),
    )  # fmt: skip
    around = around or Around()
    return _evidence(prepare(frame, spec, version, around.development), settings, around)


def train_table(table: pd.DataFrame, spec: ModelSpec, around: Around | None = None) -> Evidence:
    """The same for any table, by its spec."""
    return _evidence(prepare_table(table, spec), settings_of(spec), around or Around())


def settings_of(spec: ModelSpec) -> Settings:
    """How the models of a table are fitted."""
    return Settings(
        seed=spec.seed, calibration=spec.calibration, trials=spec.search.trials, folds=spec.search.folds,
        distributed_above_rows=spec.distributed_above_rows, threads=spec.threads, frequency=TABLE_FREQUENCY,
        stated=spec.model_dump(exclude={"features"}),
    )  # fmt: skip


def _evidence(data: Data, settings: Settings, around: Around) -> Evidence:
    fit = fit_data(data, settings, around.progress)
    references = glms(data, fit.x)
    measured = evaluate(data, fit.x, fit.scorer, references, settings.seed)
    swept = sweeps(fit.scorer, fit.x, settings.seed)
    sample = _sample(data.rows.loc[data.held, fit.scorer.spec.inputs], settings.seed)
    return Evidence(
        scorer=fit.scorer,
        facts=_facts(data),
        params=_params(settings, fit),
        glm={name: g.coefficients for name, g in references.items() if not g.coefficients.empty},
        sample=sample,
        performance=performance(data, measured),
        assessed=assess(data, fit, settings, measured["test"], swept, sample, around.groups, around.champion),
        swept=swept,
        data_hash=_hash(data, fit),
        **measured,
    )


def _hash(data: Data, fit: Fit) -> str:
    """SHA-256 of labels and design, in their order."""
    found = hashlib.sha256()
    for part in (fit.x, data.exposure, data.claims, data.incurred, data.held):
        found.update(np.ascontiguousarray(part).tobytes())
    return found.hexdigest()


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
