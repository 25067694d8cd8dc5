"""Scoring in Spark's workers: batches of covers with their features to rows of scores, of the champion and of those in shadow."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyspark import Broadcast

from lake.errors import GateFailed, ShadowFailed
from lake.tables import SCORES
from registry.store import CHAMPION
from training.reasons import DECIMALS
from training.scorer import OUTPUTS, Scorer
from transforms.exposure import COVER_KEY

NO_CONSENT, NO_TRIPS = "no_consent", "no_trips"
OBSERVED = {"km_365": "km_365", "days_driven_365": "days_observed", "completeness_365": "completeness"}
"""Features that are stated beside a score, and the columns of a score that they fill."""
FLAGS = ("fallback", "fallback_reason")
SHADOWED = ("frequency", "severity", "pure_premium", "relativity")
"""What a challenger states: no reasons, which are the slow part."""
MAX_SAID = 200
Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Scoring:
    """The files of a version that scores in a role, and its feature version where that is not the champion's."""

    role: str
    parts: dict[str, bytes]
    prefix: str = ""
    """Of the columns that hold its own feature version."""


def scored_ddl() -> str:
    """The columns of gold.policy_scores that workers make."""
    names = {*COVER_KEY, "role", *OUTPUTS, *OBSERVED.values(), *FLAGS}
    return ", ".join(f"{c.name} {c.type}" for c in SCORES.columns if c.name in names)


def in_worker(scorings: Broadcast[list[Scoring]]) -> Callable[[Iterable[pd.DataFrame]], Iterable[pd.DataFrame]]:
    """A task: the first scoring is the champion's, the others are in shadow of it."""

    def score(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        champion, *shadows = scorings.value
        scorer = Scorer.from_parts(champion.parts, threads=1)
        others = [(s, Scorer.from_parts(s.parts, threads=1)) for s in shadows]
        for batch in batches:
            rows = batch.reset_index(drop=True)
            yield score_batch(scorer, rows)
            for scoring, other in others:
                yield shadow_batch(scoring, other, rows)

    return score


def score_batch(scorer: Scorer, rows: pd.DataFrame) -> pd.DataFrame:
    """Score rows of COVER_KEY, consented and features; those without consent or driving get the declared fallback, and
    nothing observed is stated about those without consent."""
    rows = rows.reset_index(drop=True)
    why = fallback_reasons(rows)
    modelled = why == ""
    parts = [scorer.score(rows[modelled])] if modelled.any() else []
    others = rows.index[~modelled]
    if len(others):
        parts.append(pd.DataFrame([scorer.fallback()] * len(others), index=others))
    scored = pd.concat(parts).loc[rows.index] if parts else pd.DataFrame(index=rows.index)
    return _row(rows, scored, why, CHAMPION)


def shadow_batch(scoring: Scoring, scorer: Scorer, rows: pd.DataFrame) -> pd.DataFrame:
    """What a challenger says of the same rows, without reasons. Raises ShadowFailed naming it, whatever is wrong: prices do not
    hang on it."""
    try:
        return _shadowed(scoring, scorer, rows)
    except Exception as e:
        said = " ".join(str(e).split())[:MAX_SAID] or type(e).__name__
        # the failure it came from would be found first in what Spark says
        raise ShadowFailed(f"{scorer.spec.coverage}/{scoring.role}: {said}") from None


def _shadowed(scoring: Scoring, scorer: Scorer, rows: pd.DataFrame) -> pd.DataFrame:
    own = _own_features(scoring, rows)
    why = fallback_reasons(own)
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


def fallback_reasons(rows: pd.DataFrame) -> Texts:
    """Why each row gets the declared fallback, empty where the model scores it."""
    consented = rows["consented"].to_numpy(dtype=bool)
    driven = rows["km_365"].to_numpy(dtype=float, na_value=np.nan) > 0
    return np.select([~consented, ~driven], [NO_CONSENT, NO_TRIPS], default="")


def _row(rows: pd.DataFrame, scored: pd.DataFrame, why: Texts, role: str) -> pd.DataFrame:
    observed = rows[list(OBSERVED)].astype(float).round(DECIMALS).rename(columns=OBSERVED)
    observed.loc[why == NO_CONSENT] = np.nan
    observed["days_observed"] = observed["days_observed"].astype("Int32")
    flags = {"fallback": why != "", "fallback_reason": pd.Series(why, index=rows.index).replace("", None)}
    out = pd.concat([rows[list(COVER_KEY)], scored, observed], axis=1).assign(role=role, **flags)
    return out.assign(**{x: None for x in OUTPUTS if x not in out})
