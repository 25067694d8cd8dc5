"""A published night computed again by the code at hand, with the models it was scored with, and compared row by row. Nothing
is written to the lake.

What the night knew is read as known at its cutoff, so late data changes nothing here: what differs, the code made differ.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs import windows
from jobs.expected import Expected
from jobs.features import features_as_of, with_portfolio
from jobs.nights import champion_of_record
from jobs.score import covers_in_force, divided, scores_of
from jobs.score_models import recorded_canaries
from lake.clock import cutoff
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import NightRefused
from lake.features import CREDIBLE, FEATURES, check_version
from registry.champion import load
from registry.store import CHAMPION
from transforms.differences import feature_differences, score_differences
from transforms.exposure import COVER_KEY

TOLERANCE = 1e-6
"""A millionth: a hundredth of a cent on a price of 100. Boosters add float32, which differs by less between processors."""
FEATURES_TABLE, SCORES_TABLE = "gold.policy_features", "gold.policy_scores"


@dataclass(frozen=True)
class Counted:
    """Rows of a kind (scores, features) and feature version: compared, different, and different without an explanation."""

    kind: str
    feature_version: str
    rows: int
    changed: int
    unexplained: int
    largest_change: float | None
    """Of a price, either way, as a share."""


@dataclass(frozen=True)
class Checked:
    """The comparison; `scores` and `features` are the rows with the largest changes, those without an explanation first."""

    date: dt.date
    counted: list[Counted]
    scores: list[Row]
    features: list[Row]
    unused: list[Expected]
    """What explained nothing."""

    @property
    def unexplained(self) -> int:
        """Rows that stop a release."""
        return sum(x.unexplained for x in self.counted)


@dataclass(frozen=True)
class Again:
    """The night as the code at hand computes it, and as it was published, by feature version."""

    features: dict[str, DataFrame]
    scores: DataFrame


def check(
    lake: Lake, conf: Conf, date: dt.date, expected: Sequence[Expected], tolerance: float = TOLERANCE, in_full: bool = False,
    limit: int = 20,
) -> Checked:  # fmt: skip
    """Compare night `date` with what the code at hand makes of it. Raises NightRefused for a night without scores."""
    again = compute(lake, conf, date, in_full)
    published = lake.read(SCORES_TABLE).where((F.col("score_date") == F.lit(date)) & (F.col("role") == CHAMPION))
    scores = _judged(score_differences(published, again.scores, tolerance), [x.of_score() for x in expected])
    then = lake.read(FEATURES_TABLE).where(windows.of_date(date))
    features = reduce(
        DataFrame.unionByName,
        [
            feature_differences(then.where(F.col("feature_version") == v), now, _names(v), tolerance)
            .withColumn("feature_version", F.lit(v))
            for v, now in again.features.items()
        ],
    )  # fmt: skip
    features = _judged(features, [x.of_feature() for x in expected])
    counted = [*_counted("scores", scores, F.abs("change")), *_counted("features", features, F.lit(None).cast("double"))]
    used = _used(scores) | _used(features)
    unused = [x for n, x in enumerate(expected) if n not in used]
    by_change = F.desc_nulls_first(F.abs("change"))
    return Checked(
        date, counted, _largest(scores, [by_change, *COVER_KEY], limit),
        _largest(features, [F.desc(F.size("columns")), F.col("vehicle_id")], limit), unused,
    )  # fmt: skip


def compute(lake: Lake, conf: Conf, date: dt.date, in_full: bool) -> Again:
    """Every feature version that the night published, and its scores by the models of record and these features."""
    record = champion_of_record(lake, date)
    if not record.get("models"):
        raise NightRefused(f"night {date} has no scores to compare with: `telematics nights` lists those that do")
    published = lake.read(FEATURES_TABLE).where(windows.of_date(date)).select("feature_version").distinct().collect()
    if not published:
        raise NightRefused(f"night {date} has no features to compare with any more: retention has taken them")
    sums = windows.sums_again(lake, date, in_full).persist()
    features = {v: _features(lake, date, v, sums).persist() for v in sorted(r[0] for r in published)}
    at = cutoff(date)
    policies, consents = (lake.read_known(f"reference.{x}", at) for x in ("policies", "consents"))
    covers = covers_in_force(policies, consents, at)
    models, canaries = {c: load(conf, *m) for c, m in record["models"].items()}, recorded_canaries(conf, record)
    parts = [
        scores_of(mine, features, model, date, stale_days=record.get("stale_device_days"))
        for c in sorted(models)
        for mine, model in divided(covers, models[c], canaries.get(c))
    ]
    return Again(features, reduce(DataFrame.unionByName, parts))


def _features(lake: Lake, date: dt.date, version: str, sums: DataFrame) -> DataFrame:
    check_version(version)
    return with_portfolio(features_as_of(lake, date, version, sums), version)[0]


def _names(version: str) -> list[str]:
    return [f.name for f in (*FEATURES[version], *CREDIBLE[version])]


def _judged(differences: DataFrame, explains: Sequence[Column]) -> DataFrame:
    """With `by`, the numbers of the explanations that hold, and `explained`."""
    by = F.array_compact(F.array(*(F.when(x, F.lit(n)) for n, x in enumerate(explains))).cast("array<int>"))
    judged = differences.withColumn("by", F.when(F.size("columns") > 0, by).otherwise(F.array().cast("array<int>")))
    return judged.withColumn("explained", F.size("by") > 0).persist()


def _counted(kind: str, judged: DataFrame, change: Column) -> list[Counted]:
    changed = F.size("columns") > 0
    rows = judged.groupBy("feature_version").agg(
        F.count(F.lit(1)), F.count_if(changed), F.count_if(changed & ~F.col("explained")), F.max(F.when(changed, change))
    )
    return [Counted(kind, *row) for row in sorted(rows.collect())]


def _used(judged: DataFrame) -> set[int]:
    return {row[0] for row in judged.select(F.explode("by")).distinct().collect()}


def _largest(judged: DataFrame, order: Sequence[Any], limit: int) -> list[Row]:
    return judged.where(F.size("columns") > 0).orderBy("explained", *order).limit(limit).collect()
