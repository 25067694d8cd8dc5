"""A pair of boosters out of data, and the scorer that they make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xgboost as xgb

from lake.errors import TrainingRefused
from training.boosting import FREQUENCY, SEVERITY, THREADS, Problem, Recipe, fit
from training.credibility import credibility
from training.data import Data, Floats, Mask
from training.interval import REFITS, Fitted, spread
from training.metrics import policy_draws
from training.scorer import Scorer
from training.scorer_spec import SCHEMA_VERSION, ScorerSpec, design
from training.search import Trial, folds, measured, out_of_fold, search

FOLDS = 4
KNOTS = 50


@dataclass(frozen=True)
class Settings:
    """How a pair is fitted; `stated` is what a tracking server is told besides."""

    seed: int
    calibration: Literal["balance", "isotonic"] = "balance"
    trials: int = 0
    folds: int = FOLDS
    refits: int = REFITS
    distributed_above_rows: int = 100_000_000
    threads: int = THREADS
    frequency: Recipe = FREQUENCY
    severity: Recipe = SEVERITY
    stated: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """Trials that are known from a search that was stopped, and who is told of new ones, both by name of the booster."""

    finished: Mapping[str, Mapping[int, Trial]] = field(default_factory=dict)
    done: Callable[[str, Trial], None] = lambda _what, _trial: None


@dataclass(frozen=True)
class Fit:
    """A fitted pair, the design (rows x features) it was fitted on, and the scorer."""

    x: Floats
    pair: tuple[Fitted, Fitted]
    scorer: Scorer


def fit_data(data: Data, settings: Settings, progress: Progress) -> Fit:
    """Recipes by search, trees by cross-validation over policies, then both boosters on all of the training part."""
    x = design(data.rows, data.features)
    pair = _frequency(data, x, settings, progress), _severity(data, x, settings, progress)
    return Fit(x, pair, _scorer(data, x, pair, settings))


def _frequency(data: Data, x: Floats, settings: Settings, progress: Progress) -> Fitted:
    f = data.fitted
    if not data.claims[f].sum():
        raise TrainingRefused(f"no claim among the {int(f.sum())} rows of the training part: no frequency can be fitted")
    expected = data.exposure * np.exp(data.ln_offset)
    rate = float(np.log(data.claims[f].sum() / expected[f].sum()))
    problem = Problem(x[f], data.features, data.claims[f], rate + np.log(expected[f]), threads=settings.threads)
    return _fitted(settings.frequency, problem, data, f, rate, settings, progress)


def _severity(data: Data, x: Floats, settings: Settings, progress: Progress) -> Fitted:
    s = data.fitted & data.with_amount
    if data.capped is None:
        return _no_trees(data, x, settings)
    if not s.any():
        raise TrainingRefused("no claim of the training part has a positive amount: no severity can be fitted")
    amount = float(np.log(data.capped[s].sum() / data.claims[s].sum()))
    base = np.full(int(s.sum()), amount)
    problem = Problem(x[s], data.features, data.capped[s] / data.claims[s], base, data.claims[s], settings.threads)
    return _fitted(settings.severity, problem, data, s, amount, settings, progress)


def _no_trees(data: Data, x: Floats, settings: Settings) -> Fitted:
    """Of a model without amounts: one claim a claim."""
    f = data.fitted
    problem = Problem(x[f], data.features, np.ones(int(f.sum())), np.zeros(int(f.sum())))
    booster = fit(settings.severity, problem, 0, settings.seed)
    return Fitted(settings.severity, problem, booster, 0, 0.0, policy_draws(data.groups[f], settings.refits, settings.seed))


def _fitted(
    recipe: Recipe, problem: Problem, data: Data, rows: Mask, mean_margin: float, settings: Settings, progress: Progress
) -> Fitted:  # fmt: skip
    groups, seed = data.groups[rows], settings.seed
    if settings.trials:
        in_time = folds(groups, None if data.times is None else data.times[rows], settings.folds, seed)
        known = progress.finished.get(recipe.name, {})
        recipe = search(recipe, problem, in_time, settings.trials, seed, known, lambda t: progress.done(recipe.name, t))
    rounds, _ = measured(recipe, problem, folds(groups, None, settings.folds, seed), seed)
    booster = _boosted(recipe, problem, rounds, settings)
    return Fitted(recipe, problem, booster, rounds, mean_margin, policy_draws(groups, settings.refits, seed))


def _boosted(recipe: Recipe, problem: Problem, rounds: int, settings: Settings) -> xgb.Booster:
    if len(problem.y) <= settings.distributed_above_rows:
        return fit(recipe, problem, rounds, settings.seed)
    from training.distributed import fit_distributed

    return fit_distributed(recipe, problem, rounds, settings.seed)


def _scorer(data: Data, x: Floats, pair: tuple[Fitted, Fitted], settings: Settings) -> Scorer:
    """Balance on the training part, base and fallback on the whole frame (they read no claims), intervals."""
    ln_frequency, ln_severity = (f.margin(x) for f in pair)
    e, offset = data.exposure, data.ln_offset
    alpha_frequency, recalibration = _calibrated(data, ln_frequency + offset, pair[0], settings)
    alpha_severity = _alpha_severity(data, ln_severity)
    knots, sd = _interval(data, x, pair, settings.seed)
    spec = ScorerSpec(
        schema_version=SCHEMA_VERSION, coverage=data.coverage, currency=data.currency, feature_version=data.version,
        features=data.features, frequency_base_margin=pair[0].base_margin, severity_base_margin=pair[1].base_margin,
        alpha_frequency=alpha_frequency, alpha_severity=alpha_severity, recalibration=recalibration,
        base=float(np.average(ln_frequency + ln_severity, weights=e)),
        offset=data.offset_column, offset_mean=data.offset_mean, fallback_frequency=1.0, fallback_severity=1.0,
        fallback_sd=float(np.sqrt(np.cov(ln_frequency + ln_severity, aweights=e))),
        credibility_feature=data.credibility_feature, interval_credibility=knots, interval_sd=sd,
    )  # fmt: skip
    return Scorer(_with_fallback(spec, data, ln_frequency + offset, ln_severity), pair[0].booster, pair[1].booster)


def _with_fallback(spec: ScorerSpec, data: Data, ln_frequency: Floats, ln_severity: Floats) -> ScorerSpec:
    ln_rate = ln_frequency + np.log(spec.alpha_frequency)
    frequency = np.exp(ln_rate + spec.recalibrated(ln_rate))
    premium = frequency * np.exp(ln_severity) * spec.alpha_severity
    mean = float(np.average(frequency, weights=data.exposure))
    severity = float(np.average(premium, weights=data.exposure)) / mean
    return spec.model_copy(update={"fallback_frequency": mean, "fallback_severity": severity})


def _alpha_severity(data: Data, ln_severity: Floats) -> float:
    """Nil claims, recoveries and amounts over the cap all enter here: the cap shapes relativities, never the level."""
    f = data.fitted
    alpha = float(data.incurred[f].sum() / (data.claims * np.exp(ln_severity))[f].sum())
    if alpha <= 0:
        raise TrainingRefused("claims of the training part cost nothing in total: no severity can be balanced")
    return alpha


Knots = tuple[tuple[float, ...], tuple[float, ...]]


def _calibrated(data: Data, ln_frequency: Floats, fitted: Fitted, settings: Settings) -> tuple[float, Knots | None]:
    """Balance, after isotonic recalibration where it is asked for; its knots are of ln balanced frequency."""
    f = data.fitted
    rate = np.exp(ln_frequency[f]) * data.exposure[f]
    alpha = float(data.claims[f].sum() / rate.sum())
    if settings.calibration == "balance":
        return alpha, None
    at, added = _isotonic(data, fitted, settings, np.log(alpha))
    balanced = ln_frequency[f] + np.log(alpha)
    after = np.exp(balanced + np.interp(balanced, at, added)) * data.exposure[f]
    level = float(np.log(data.claims[f].sum() / after.sum()))
    return alpha, (tuple(at.tolist()), tuple((added + level).tolist()))


def _isotonic(data: Data, fitted: Fitted, settings: Settings, ln_alpha: float) -> tuple[Floats, Floats]:
    """Knots of ln frequency and what isotonic regression adds there, of margins whose boosters have not seen the row's policy."""
    from sklearn.isotonic import IsotonicRegression

    f = data.fitted
    parts = folds(data.groups[f], None, settings.folds, settings.seed)
    e = data.exposure[f]
    ln_rate = out_of_fold(fitted.recipe, fitted.problem, parts, fitted.rounds, settings.seed) - np.log(e) + ln_alpha
    found = IsotonicRegression(out_of_bounds="clip").fit(np.exp(ln_rate), data.claims[f] / e, sample_weight=e)
    at = np.unique(np.quantile(ln_rate, np.linspace(0.005, 0.995, KNOTS)))
    # a first block without claims would price at nothing
    level = np.maximum(found.predict(np.exp(at)), np.exp(at) / 10)
    return at, np.log(level) - at


def _interval(data: Data, x: Floats, pair: tuple[Fitted, Fitted], seed: int) -> Knots:
    km = np.column_stack([_km(data, f.shrinkage.km if f.shrinkage else None) for f in data.features])
    shown = next((j for j, f in enumerate(data.features) if f.name == data.credibility_feature and f.shrinkage), None)
    by = None if shown is None else data.features[shown].shrinkage
    z = credibility(km[:, shown], by.k_km) if by is not None and shown is not None else np.ones(len(x))
    return spread(pair, data.features, x, km, z, seed)


def _km(data: Data, column: str | None) -> Floats:
    return np.zeros(len(data.rows)) if column is None else data.rows[column].to_numpy(float, na_value=0.0)
