"""What features and predictions of a night are held against: rows of the champions' frames that the model would have scored,
each coverage as much of them as it is of tonight's scores."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.drift_sums import sample, summaries
from jobs.score_rows import fallback_reasons
from lake.delta import Lake
from lake.errors import LakeError
from monitoring.binning import Bins, Summary, effective_share, weighted
from monitoring.evidently_report import SAMPLE_ROWS
from training.scorer_spec import ScorerSpec


@dataclass(frozen=True)
class Model:
    """A champion that scored the night: one per coverage."""

    coverage: str
    model_name: str
    model_version: str
    mlflow_run_id: str
    feature_version: str
    frame_hash: str
    scored: int
    """Rows of the night."""


@dataclass(frozen=True)
class Reference:
    """Rows of the frames together, how many of each coverage, and the share of tonight's scores that each coverage has."""

    rows: DataFrame
    counts: dict[str, int]
    shares: dict[str, float]

    def drawn(self, key: tuple[str, ...], weight: Column) -> pd.DataFrame:
        """A sample in tonight's mix of coverages, as large as the frames of all can fill: who reads it has no weights."""
        most = min(SAMPLE_ROWS, *(self.counts[c] / share for c, share in self.shares.items()))
        of = {c: max(1, round(most * share)) for c, share in self.shares.items()}
        parts = [sample(self.rows.where(F.col("coverage") == c), key, weight, n) for c, n in of.items()]
        return pd.concat(parts, ignore_index=True)

    def summaries(self, bins: dict[str, Bins]) -> dict[str, Summary]:
        """Exact, of all rows, in tonight's mix of coverages."""
        found = summaries(self.rows.select(F.col("coverage").alias("side"), *bins), bins)
        return {name: weighted([(found[c, name], share) for c, share in self.shares.items()]) for name in bins}

    def independent(self, vehicles: int) -> int:
        """Vehicles that tell as much without weights as these do with them."""
        return round(vehicles * effective_share([(self.counts[c], share) for c, share in self.shares.items()]))


def frame_of(lake: Lake, model: Model) -> DataFrame:
    """The champion's frame, its coverage only. Raises LakeError where it is gone."""
    name = f"frames.{model.frame_hash}"
    if not lake.exists(name):
        who = f"{model.model_name} version {model.model_version}"
        raise LakeError(f"{name}, the frame of {who}, is not in the lake at {lake.root}")
    return lake.read(name).where(F.col("coverage") == model.coverage)


def reference_of(frames: dict[Model, DataFrame], specs: dict[str, ScorerSpec], stale_days: int | None) -> Reference:
    """The frames without what tonight's fallback scores. Raises LakeError where that leaves nothing to hold a night against."""
    parts = [modelled(frame, specs[m.coverage], stale_days) for m, frame in frames.items()]
    # champions of two feature versions
    rows = reduce(lambda a, b: a.unionByName(b, allowMissingColumns=True), parts)
    counts = {r["coverage"]: r["count"] for r in rows.groupBy("coverage").count().collect()}
    if not counts:
        raise LakeError(f"frames {', '.join(m.frame_hash[:12] for m in frames)} hold no vehicle that the model would score")
    return Reference(rows, counts, _shares(m for m in frames if m.coverage in counts))


def _shares(models: Iterable[Model]) -> dict[str, float]:
    scored: dict[str, int] = {}
    for m in models:
        scored[m.coverage] = scored.get(m.coverage, 0) + m.scored
    return {c: n / sum(scored.values()) for c, n in scored.items()}


def modelled(frame: DataFrame, spec: ScorerSpec, stale_days: int | None) -> DataFrame:
    """Rows that would be scored by the model and not by the fallback, by the rule of scoring itself. Who has not consented has
    no distance in a frame."""
    names = {"km_365", *spec.always_observed} | ({f"km_{stale_days}"} if stale_days else set())

    def is_modelled(rows: pd.DataFrame) -> pd.Series:
        return pd.Series(fallback_reasons(spec, rows.assign(consented=True), stale_days) == "")

    asked = F.struct(*(name for name in frame.columns if name in names))
    return frame.where(F.pandas_udf(is_modelled, "boolean")(asked))  # type: ignore[attr-defined]
