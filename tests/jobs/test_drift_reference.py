"""The reference side of drift: which rows of a frame, and how much of each coverage."""

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.drift_reference import Model, Reference, modelled, reference_of
from lake.delta import Lake
from lake.errors import LakeError
from monitoring.binning import Bins
from tests.training.given import the_frame, trained

KEY = ("policy_id", "vehicle_id", "coverage", "as_of_date")
EVEN_BOOK = {"liability": 0.5, "own_damage": 0.5}


def frame(lake: Lake, rows: pd.DataFrame) -> DataFrame:
    return lake.spark.createDataFrame(rows.dropna(axis=1, how="all"))


def kept(lake: Lake, rows: pd.DataFrame, stale_days: int | None) -> list[str]:
    found = modelled(frame(lake, rows), trained().scorer.spec, stale_days).select("vehicle_id").collect()
    return sorted(r["vehicle_id"] for r in found)


def test_what_the_fallback_scores_is_on_neither_side(lake: Lake) -> None:
    rows = the_frame().head(5).reset_index(drop=True)
    rows["vehicle_id"] = ["driven", "never", "stale", "unlearned", "unmeasured"]
    rows.loc[1, ["km_365", "km_90"]] = 0.0
    rows.loc[2, "km_90"] = 0.0
    rows.loc[3, "mean_trip_km_365"] = np.nan
    # a rate with credibility may be missing: it is drawn to its mean
    rows.loc[4, next(f.name for f in trained().scorer.spec.features if f.shrinkage is not None)] = np.nan
    assert kept(lake, rows, 90) == ["driven", "unmeasured"]
    # a night that was scored without a rule for stale devices has them on its own side too
    assert kept(lake, rows, None) == ["driven", "stale", "unmeasured"]


def two_coverages(lake: Lake) -> Reference:
    """70 rows of liability with a value of 1, 30 of own damage with one of 3; tonight half of the scores are of each."""
    rows = pd.DataFrame({"coverage": ["liability"] * 70 + ["own_damage"] * 30, "x": [1.0] * 70 + [3.0] * 30})
    keys = {"policy_id": [f"p{n}" for n in range(100)], "vehicle_id": [f"v{n}" for n in range(100)], "as_of_date": "2026-01-01"}
    return Reference(lake.spark.createDataFrame(rows.assign(**keys)).repartitionByRange(2, "coverage"),
                     {"liability": 70, "own_damage": 30}, EVEN_BOOK)  # fmt: skip


def test_each_coverage_counts_as_much_as_tonight(lake: Lake) -> None:
    reference, bins = two_coverages(lake), Bins((2.0,), 2.0)
    found = reference.summaries({"x": bins})["x"]
    assert (found.rows, found.histogram, found.mean(bins)) == (100, pytest.approx((50.0, 50.0)), pytest.approx(2.0))
    # 70 : 30 as 50 : 50: 1 / (.25 / 70 + .25 / 30) = 84 of 100 rows tell as much
    assert reference.independent(100) == 84
    # the most that both can fill, half and half, without a weight that Evidently would not see
    drawn = reference.drawn(KEY, F.lit(1.0))
    assert drawn["coverage"].value_counts().to_dict() == {"liability": 30, "own_damage": 30}


def test_frames_that_hold_nobody_are_named(lake: Lake) -> None:
    rows = the_frame().head(5).assign(km_365=0.0, km_90=0.0)
    models = {Model("liability", "m", "1", "run", "v1", "ab", 5): frame(lake, rows)}
    with pytest.raises(LakeError, match="frames ab hold no vehicle that the model would score"):
        reference_of(models, {"liability": trained().scorer.spec}, 90)
