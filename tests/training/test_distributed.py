"""The same recipe through xgboost.spark and the native library."""

import numpy as np
import pytest
from pyspark.sql import SparkSession

from tests.training.test_table import spec, table
from training.boosting import FREQUENCY, Problem, fit, margins
from training.distributed import fit_distributed
from training.scorer_spec import design
from training.table import prepare_table

pytestmark = pytest.mark.slow
TREES = 60
TOLERANCE = 0.02
"""Largest difference of ln frequency that merged sketches make here, where bins of some thousand rows are coarse."""


def test_both_ways_of_training_give_the_same_model(spark: SparkSession) -> None:
    data = prepare_table(table(), spec())
    x = design(data.rows, data.features)
    problem = Problem(x, data.features, data.claims, np.log(0.3 * data.exposure))
    native, spread = fit(FREQUENCY, problem, TREES, 1), fit_distributed(FREQUENCY, problem, TREES, 1)
    assert spread.num_boosted_rounds() == native.num_boosted_rounds() == TREES
    found = [margins(b, x, data.features, np.log(0.3)) for b in (native, spread)]
    assert found[0].std() > 0.3
    assert np.abs(found[0] - found[1]).max() < TOLERANCE
