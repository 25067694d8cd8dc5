"""Training: a frame in, evidence out. No files, no registry, no clock."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from lake.conf import Training
from lake.errors import TrainingRefused
from lake.features import DISPLAYED_RUNG, FEATURE_VERSION_1, WINDOWS_DAYS, Sign, model_features
from training.boosting import FREQUENCY, SEVERITY, Problem, Recipe, fit, rounds_by_early_stopping
from training.credibility import credibility
from training.data import Data, feature_specs, prepare
from training.evaluation import evaluate, glms
from training.evidence import Evidence, FrameFacts
from training.interval import REFITS, Fitted, spread
from training.metrics import policy_draws
from training.scorer import FeatureSpec, Scorer, ScorerSpec, design
from training.split import held_out

Floats = npt.NDArray[np.float64]

VALIDATION_SHARE = 0.25
CREDIBILITY_FEATURE = f"brake_per_100km_{max(WINDOWS_DAYS)}"
SHAP_SAMPLE_ROWS = 500


def train(frame: pd.DataFrame, spec: Training, version: str = FEATURE_VERSION_1) -> Evidence:
    """Fit frequency and severity on one coverage's frame (columns of lake.tables.FRAME) and measure them.

    The split is by policy: `spec.test_share` of the policies is never fitted on, nor used for early stopping, credibility or
    balance. Raises TrainingRefused with the count of what is missing or wrong.
    """
    data = prepare(frame, spec, version)
    features = feature_specs(data, version)
    x = design(data.rows, features)
    pair = _fit_pair(data, features, x, spec.seed, version)
    scorer = _scorer(data, features, x, pair, spec.seed, version)
    references = glms(data, x, scorer.spec.names)
    return Evidence(
        scorer=scorer,
        facts=_facts(data),
        params=_params(spec, pair, scorer),
        glm={name: g.coefficients for name, g in references.items()},
        sample=_sample(data.rows.loc[data.held, scorer.spec.inputs], spec.seed),
        **evaluate(data, x, scorer, references, spec.seed),
    )


def _sample(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    return rows.sample(min(SHAP_SAMPLE_ROWS, len(rows)), random_state=seed)


def _fit_pair(data: Data, features: tuple[FeatureSpec, ...], x: Floats, seed: int, version: str) -> tuple[Fitted, Fitted]:
    names, signs = [f.name for f in features], tuple(f.sign for f in model_features(version))
    rate = np.log(data.claims[data.fitted].sum() / data.exposure[data.fitted].sum())
    frequency = _Subset(data, x, names, signs, data.fitted, seed)
    priced = data.fitted & data.with_amount
    if not priced.any():
        raise TrainingRefused("no claim of the training part has a positive amount: no severity can be fitted")
    amount = np.log(data.capped[priced].sum() / data.claims[priced].sum())
    severity = _Subset(data, x, names, signs, priced, seed)
    return (
        frequency.fitted(FREQUENCY, data.claims, rate + np.log(data.exposure), None, float(rate)),
        severity.fitted(SEVERITY, data.capped / np.maximum(data.claims, 1), np.full(len(x), amount), data.claims, float(amount)),
    )


@dataclass(frozen=True)
class _Subset:
    """Rows that a booster is fitted on."""

    data: Data
    x: Floats
    names: list[str]
    signs: tuple[Sign, ...]
    rows: npt.NDArray[np.bool_]
    seed: int

    def fitted(self, recipe: Recipe, y: Floats, base_margin: Floats, weight: Floats | None, mean_margin: float) -> Fitted:
        """Rounds by early stopping on inner validation policies, then a fit on all of the rows."""
        r, policies = self.rows, self.data.rows["policy_id"][self.rows]
        problem = Problem(self.x[r], self.names, self.signs, y[r], base_margin[r], None if weight is None else weight[r])
        validation = held_out(policies, VALIDATION_SHARE, f"validation/{self.seed}")
        rounds = rounds_by_early_stopping(recipe, problem, validation, self.seed)
        booster: xgb.Booster = fit(recipe, problem, rounds, self.seed)
        draws = policy_draws(policies, REFITS, self.seed)
        return Fitted(recipe, problem, booster, rounds, mean_margin, draws)


def _scorer(
    data: Data, features: tuple[FeatureSpec, ...], x: Floats, pair: tuple[Fitted, Fitted], seed: int, version: str
) -> Scorer:
    """Balance on the training part, base and fallback on the whole frame (they read no claims), intervals."""
    ln_frequency, ln_severity = (f.margin(x) for f in pair)
    fitted, e = data.fitted, data.exposure
    alpha_frequency = float(data.claims[fitted].sum() / (e * np.exp(ln_frequency))[fitted].sum())
    # nil claims, recoveries and amounts over the cap all enter here: the cap shapes relativities, never the level
    alpha_severity = float(data.incurred[fitted].sum() / (data.claims * np.exp(ln_severity))[fitted].sum())
    if alpha_severity <= 0:
        raise TrainingRefused("claims of the training part cost nothing in total: no severity can be balanced")
    frequency = np.exp(ln_frequency) * alpha_frequency
    premium = frequency * np.exp(ln_severity) * alpha_severity
    km = np.column_stack([data.rows[f.shrinkage.km if f.shrinkage else "km_365"].to_numpy(float, na_value=0.0) for f in features])
    displayed = next(j for j, f in enumerate(features) if f.name == CREDIBILITY_FEATURE)
    by = features[displayed].shrinkage
    z = credibility(km[:, displayed], by.k_km) if by else np.ones(len(x))
    knots, sd = spread(pair, features, x, km, z, seed)
    mean_frequency = float(np.average(frequency, weights=e))
    return Scorer(
        ScorerSpec(
            coverage=data.coverage, currency=data.currency, feature_version=version, features=features,
            frequency_base_margin=pair[0].base_margin, severity_base_margin=pair[1].base_margin,
            alpha_frequency=alpha_frequency, alpha_severity=alpha_severity,
            base=float(np.average(ln_frequency + ln_severity, weights=e)),
            fallback_frequency=mean_frequency,
            fallback_severity=float(np.average(premium, weights=e)) / mean_frequency,
            fallback_sd=float(np.sqrt(np.cov(ln_frequency + ln_severity, aweights=e))),
            credibility_feature=CREDIBILITY_FEATURE, interval_credibility=knots, interval_sd=sd,
        ),
        pair[0].booster,
        pair[1].booster,
    )  # fmt: skip


def _facts(data: Data) -> FrameFacts:
    policies = data.rows["policy_id"]
    return FrameFacts(
        rows=len(data.rows),
        policies=policies.nunique(),
        test_policies=policies[data.held].nunique(),
        exposure_years=float(data.exposure.sum()),
        claims=int(data.claims.sum()),
        incurred=float(data.incurred.sum()),
        without_trips=data.without_trips,
        as_of_dates=tuple(sorted(data.rows["as_of_date"].unique())),
        maturity_days=int(data.rows["maturity_days"].min()),
    )


def _params(spec: Training, pair: tuple[Fitted, Fitted], scorer: Scorer) -> dict[str, str | int | float]:
    """Flat, for a tracking server: limits, XGBoost's parameters, trees, balance and every k."""
    out: dict[str, str | int | float] = dict(spec.model_dump())
    for f in pair:
        out |= {f"{f.recipe.name}.{k}": v for k, v in f.recipe.params.items()}
        out |= {f"{f.recipe.name}.trees": f.rounds, f"{f.recipe.name}.base_margin": f.base_margin}
    out |= {"alpha_frequency": scorer.spec.alpha_frequency, "alpha_severity": scorer.spec.alpha_severity}
    out |= {f"credibility_k_km.{f.name}": f.shrinkage.k_km for f in scorer.spec.features if f.shrinkage}
    return out | {"harsh_rung": DISPLAYED_RUNG, "validation_share": VALIDATION_SHARE}
