"""The same recipe through xgboost.spark and the native library."""

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from tests.training.test_table import spec, table
from training.boosting import FREQUENCY, Problem, fit, margins
from training.distributed import fit_distributed
from training.metrics import poisson_unit_deviance
from training.scorer_spec import design
from training.table import prepare_table

pytestmark = pytest.mark.slow
TREES = 60


def both(spark: SparkSession, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, float]:
    """ln frequency by the native library and by executors, and by how much the latter's deviance is the larger, relatively."""
    data = prepare_table(rows, spec())
    x = design(data.rows, data.features)
    problem = Problem(x, data.features, data.claims, np.log(0.3 * data.exposure))
    boosters = fit(FREQUENCY, problem, TREES, 1), fit_distributed(FREQUENCY, problem, TREES, 1)
    assert [b.num_boosted_rounds() for b in boosters] == [TREES, TREES]
    native, spread = (margins(b, x, data.features, np.log(0.3)) for b in boosters)
    deviances = [poisson_unit_deviance(data.claims, np.exp(f) * data.exposure).sum() for f in (native, spread)]
    return native, spread, float(deviances[1] / deviances[0] - 1)


def test_features_of_few_values_give_the_same_model(spark: SparkSession) -> None:
    """Each value has a bin of its own in both, so nothing but the order of sums differs."""
    rows = table().assign(age=lambda t: t["age"].round(), noise=lambda t: t["noise"].round(1))
    native, spread, _ = both(spark, rows)
    assert native.std() > 0.3
    assert np.abs(native - spread).max() < 1e-3


def test_continuous_features_give_models_as_good(spark: SparkSession) -> None:
    """Bins come from sketches that are merged between executors: thresholds move by a bin of some 16 rows here."""
    native, spread, worse = both(spark, table())
    assert np.abs(native - spread).mean() < 0.02
    assert abs(worse) < 1e-3
