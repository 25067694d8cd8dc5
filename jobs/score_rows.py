"""Scoring in Spark's workers: batches of covers with their features to rows of scores, of the champion and of those in shadow."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyspark import Broadcast

from lake.errors import GateFailed, ShadowFailed
from lake.masking import said
from lake.tables import SCORES
from registry.store import CHAMPION
from training.artefacts import digest
from training.reasons import DECIMALS
from training.scorer import OUTPUTS, Scorer
from training.scorer_spec import ScorerSpec
from transforms.exposure import COVER_KEY

NO_CONSENT, NO_TRIPS, STALE_DEVICE, MISSING_FEATURE = "no_consent", "no_trips", "stale_device", "missing_feature"
FALLBACKS = (NO_CONSENT, NO_TRIPS, STALE_DEVICE, MISSING_FEATURE)
"""Why a cover gets the declared fallback; the first that holds is stated."""
OBSERVED = {"km_365": "km_365", "days_driven_365": "days_observed", "completeness_365": "completeness"}
"""Features that are stated beside a score, and the columns of a score that they fill."""
FLAGS = ("fallback", "fallback_reason")
SHADOWED = ("frequency", "severity", "pure_premium", "relativity")
"""What a challenger states: no reasons, which are the slow part."""
Texts = npt.NDArray[np.str_]


MODELS_KEPT = 8
"""Of a worker: a night's champions and challengers; the oldest goes first."""
_loaded: dict[str, Scorer] = {}


@dataclass(frozen=True)
class Scoring:
    """The files of a version that scores in a role, and its feature version where that is not the champion's."""

    role: str
    coverage: str
    parts: dict[str, bytes]
    prefix: str = ""
    """Of the columns that hold its own feature version."""

    @cached_property
    def key(self) -> str:
        """Of the files."""
        return digest(self.parts)


def loaded(scoring: Scoring) -> Scorer:
    """The scorer of these files, made once in a worker however many tasks it runs: boosters, and the tables of their reasons."""
    found = _loaded.get(scoring.key)
    if found is None:
        while len(_loaded) >= MODELS_KEPT:
            del _loaded[next(iter(_loaded))]
        found = _loaded[scoring.key] = Scorer.from_parts(scoring.parts, threads=1)
    return found


def scored_ddl() -> str:
    """The columns of gold.policy_scores that workers make."""
    names = {*COVER_KEY, "role", *OUTPUTS, *OBSERVED.values(), *FLAGS}
    return ", ".join(f"{c.name} {c.type}" for c in SCORES.columns if c.name in names)


def in_worker(
    scorings: Broadcast[list[Scoring]], stale_days: int | None = None
) -> Callable[[Iterable[pd.DataFrame]], Iterable[pd.DataFrame]]:
    """A task: the first scoring is the champion's, the others are in shadow of it."""

    def score(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        champion, *shadows = scorings.value
        scorer = loaded(champion)
        for batch in batches:
            rows = batch.reset_index(drop=True)
            yield score_batch(scorer, rows, stale_days)
            for scoring in shadows:
                yield shadow_batch(scoring, rows, stale_days)

    return score


def score_batch(scorer: Scorer, rows: pd.DataFrame, stale_days: int | None = None) -> pd.DataFrame:
    """Score rows of COVER_KEY, consented and features; those of which one of FALLBACKS holds get the declared fallback, and
    nothing observed is stated about those without consent."""
    rows = rows.reset_index(drop=True)
    why = fallback_reasons(scorer.spec, rows, stale_days)
    modelled = why == ""
    parts = [scorer.score(rows[modelled])] if modelled.any() else []
    others = rows.index[~modelled]
    if len(others):
        parts.append(pd.DataFrame([scorer.fallback()] * len(others), index=others))
    scored = pd.concat(parts).loc[rows.index] if parts else pd.DataFrame(index=rows.index)
    return _row(rows, scored, why, CHAMPION)


def shadow_batch(scoring: Scoring, rows: pd.DataFrame, stale_days: int | None = None) -> pd.DataFrame:
    """What a challenger says of the same rows, without reasons. Raises ShadowFailed naming it, whatever is wrong: prices do not
    hang on it."""
    try:
        return _shadowed(scoring, loaded(scoring), rows, stale_days)
    except Exception as e:
        # the failure it came from would be found first in what Spark says
        raise ShadowFailed(f"{scoring.coverage}/{scoring.role}: {said(e)}") from None


def _shadowed(scoring: Scoring, scorer: Scorer, rows: pd.DataFrame, stale_days: int | None) -> pd.DataFrame:
    own = _own_features(scoring, rows)
    why = fallback_reasons(scorer.spec, own, stale_days)
    modelled = why == ""
    scored = pd.DataFrame({x: scorer.fallback()[x] for x in SHADOWED}, index=own.index)
    if modelled.any():
        scored.loc[modelled, list(SHADOWED)] = scorer.predict(own[modelled])[list(SHADOWED)]
    bad = int((~(scored["pure_premium"] > 0)).sum())
    if bad:
        raise GateFailed(f"{bad} of {len(scored)} pure premiums are not positive")
    return _row(own, scored, why, scoring.role)


def _own_features(scoring: Scoring, rows: pd.DataFrame) -> pd.DataFrame:
    if not scoring.prefix:
        return rows
    own = {c: c.removeprefix(scoring.prefix) for c in map(str, rows.columns) if c.startswith(scoring.prefix)}
    kept = rows.drop(columns=[c for c in own.values() if c in rows])
    return kept.rename(columns=own)


def fallback_reasons(spec: ScorerSpec, rows: pd.DataFrame, stale_days: int | None = None) -> Texts:
    """Why each row gets the declared fallback, empty where the model scores it. `stale_days`: a window of the distance; without
    any in it the device is stale."""
    consented = rows["consented"].to_numpy(dtype=bool)
    driven = _distance(rows, "km_365") > 0
    stale = np.zeros(len(rows), dtype=bool) if stale_days is None else ~(_distance(rows, f"km_{stale_days}") > 0)
    return np.select([~consented, ~driven, stale, spec.unlearned(rows)], FALLBACKS, default="")


def _distance(rows: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    return rows[name].to_numpy(dtype=float, na_value=np.nan)


def _row(rows: pd.DataFrame, scored: pd.DataFrame, why: Texts, role: str) -> pd.DataFrame:
    observed = rows[list(OBSERVED)].astype(float).round(DECIMALS).rename(columns=OBSERVED)
    observed.loc[why == NO_CONSENT] = np.nan
    observed["days_observed"] = observed["days_observed"].astype("Int32")
    flags = {"fallback": why != "", "fallback_reason": pd.Series(why, index=rows.index).replace("", None)}
    out = pd.concat([rows[list(COVER_KEY)], scored, observed], axis=1).assign(role=role, **flags)
    return out.assign(**{x: None for x in OUTPUTS if x not in out})
