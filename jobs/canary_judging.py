"""What the book says of a canary: claims of the policies it scores, against what it and the champion expected of them."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from pyspark import Broadcast
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.clock import cutoff
from lake.delta import Lake
from lake.errors import InputError
from registry.canary import LOOKS, Verdict, verdict
from registry.champion import Registered
from registry.store import CHAMPION
from training.metrics import Estimate, poisson_unit_deviance, resampled
from training.scorer import Scorer
from transforms.claims import claims_in, match_claims
from transforms.exposure import COVER_KEY, earned_exposure

LEVEL = 1 - 0.05 / LOOKS
FEWEST_CLAIMS = 10
"""Below it the rule says nothing: an interval of so few claims is not to be believed."""
_PREDICTED = "policy_id string, vehicle_id string, coverage string, score_date date, frequency double, champion double"


@dataclass(frozen=True)
class Judged:
    """`gain` is the Poisson deviance a car-year that the canary saves, with its interval at LEVEL."""

    verdict: Verdict
    nights: int
    car_years: float
    claims: int
    expected: float
    expected_by_champion: float
    gain: Estimate

    def describe(self) -> str:
        """For people."""
        if self.claims < FEWEST_CLAIMS:
            interval = f"fewer than {FEWEST_CLAIMS} claims say nothing"
        else:
            interval = f"deviance gain {self.gain} a car-year at level {LEVEL:.4f}"
        return (
            f"{self.verdict}: {self.claims} claims in {self.car_years:,.1f} car-years of {self.nights} nights, the canary "
            f"expected {self.expected:.1f}, the champion {self.expected_by_champion:.1f}; {interval}"
        )


def judge(book: pd.DataFrame, nights: int, seed: int) -> Judged:
    """By a row a policy: exposure_years, claims, canary and champion [expected claims]."""
    e, claims, canary, champion = (book[x].to_numpy(dtype=float) for x in ("exposure_years", "claims", "canary", "champion"))
    saved = poisson_unit_deviance(claims, champion) - poisson_unit_deviance(claims, canary)
    gain = resampled(saved, e, LEVEL, seed)
    enough = claims.sum() >= FEWEST_CLAIMS and gain.lower is not None and gain.upper is not None
    found = verdict(gain.lower, gain.upper) if enough else "hold"  # type: ignore[arg-type]
    return Judged(found, nights, float(e.sum()), int(claims.sum()), float(canary.sum()), float(champion.sum()), gain)


def experience(lake: Lake, canary: Registered, champion: Registered) -> tuple[pd.DataFrame, int]:
    """(a row a policy for `judge`, number of nights) of all nights that the canary's version scored and the next one closed.

    Raises InputError where there is none.
    """
    dates = _scored(lake, canary)
    ends = dict(pairwise(dates))
    if not ends:
        raise InputError(
            f"{canary.model} version {canary.version} has scored {len(dates)} night(s): two are the least to judge by"
        )
    known = cutoff(dates[-1])
    policies, claims = (lake.read_known(f"reference.{x}", known) for x in ("policies", "claims"))
    spans = _spans(_predicted(lake, canary, champion, list(ends)), ends)
    priced = claims_in(earned_exposure(policies, spans), match_claims(claims, policies)).where("exposure_years > 0")
    sums = [F.sum(x).alias(x) for x in ("exposure_years", "claims")]
    sums += [F.sum(F.col(x) * F.col("exposure_years")).alias(y) for x, y in (("frequency", "canary"), ("champion", "champion"))]
    return priced.groupBy("policy_id").agg(*sums).orderBy("policy_id").toPandas(), len(ends)


def _canarys(lake: Lake, canary: Registered) -> DataFrame:
    made = (F.col("lineage.model_name") == canary.model) & (F.col("lineage.model_version") == canary.version)
    return lake.read("gold.policy_scores").where(made & (F.col("role") == CHAMPION) & ~F.col("fallback"))


def _scored(lake: Lake, canary: Registered) -> list[dt.date]:
    rows = _canarys(lake, canary).select("score_date").distinct().collect()
    return sorted(r["score_date"] for r in rows)


def _predicted(lake: Lake, canary: Registered, champion: Registered, dates: list[dt.date]) -> DataFrame:
    """Frequencies that were published by the canary, and what the champion would have said of the same features."""
    spec = champion.scorer.spec
    scores = (
        _canarys(lake, canary).where(F.col("score_date").isin(dates)).select(*COVER_KEY, "score_date", "currency", "frequency")
    )
    of_dates = F.col("as_of_date").isin(dates) & (F.col("feature_version") == spec.feature_version)
    features = lake.read("gold.policy_features").where(of_dates).withColumnRenamed("as_of_date", "score_date")
    rows = scores.join(features.select("vehicle_id", "score_date", *spec.inputs), on=["vehicle_id", "score_date"], how="inner")
    parts = lake.spark.sparkContext.broadcast(champion.scorer.parts())
    return rows.mapInPandas(_in_worker(parts), f"{_PREDICTED}, currency string")


def _in_worker(parts: Broadcast[dict[str, bytes]]) -> Callable[[Iterable[pd.DataFrame]], Iterable[pd.DataFrame]]:
    def predict(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        scorer = Scorer.from_parts(parts.value, threads=1)
        kept = [*COVER_KEY, "score_date", "frequency", "currency"]
        return (batch[kept].assign(champion=scorer.predict(batch)["frequency"].to_numpy()) for batch in batches)

    return predict


def _spans(predicted: DataFrame, ends: dict[dt.date, dt.date]) -> DataFrame:
    """Each score's cover runs from its night's cutoff to the next night's."""
    stops = F.create_map(*(F.lit(x) for pair in ((d, cutoff(end)) for d, end in ends.items()) for x in pair))
    starts = F.create_map(*(F.lit(x) for pair in ((d, cutoff(d)) for d in ends) for x in pair))
    return predicted.withColumns({"start_ts": starts[F.col("score_date")], "end_ts": stops[F.col("score_date")]})


def widened(share: float, largest: float) -> float:
    """The share that `widen` asks for: twice as many, up to the largest that a canary may have."""
    return float(np.minimum(2 * share, largest))
