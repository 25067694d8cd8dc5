"""Training over Spark's executors, for frames that one machine should not hold: the same recipe through xgboost.spark."""

import numpy as np
import pandas as pd
import xgboost as xgb

from training.boosting import Problem, Recipe, params_of
from training.scorer_spec import types_of

FEATURES, LABEL, MARGIN, WEIGHT = "features", "label", "margin", "weight"


def fit_distributed(recipe: Recipe, problem: Problem, rounds: int, seed: int) -> xgb.Booster:
    """Fit on all rows of the problem, each executor on its share.

    Bins of the histogram come from sketches merged between the workers, so trees differ from the native library's in their
    thresholds: docs/models.md says by how much.
    """
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F
    from xgboost.spark import SparkXGBRegressor

    spark = SparkSession.builder.getOrCreate()
    weight = np.ones(len(problem.y)) if problem.weight is None else problem.weight
    rows = pd.DataFrame({LABEL: problem.y, MARGIN: problem.base_margin, WEIGHT: weight})
    rows[FEATURES] = list(problem.x)
    given = spark.createDataFrame(rows)
    params = params_of(recipe, problem, seed)
    renamed = {"eta": "learning_rate", "lambda": "reg_lambda", "seed": "random_state"}
    passed = {renamed.get(k, k): v for k, v in params.items() if k not in {"nthread", "eval_metric"}}
    estimator = SparkXGBRegressor(
        features_col=FEATURES, label_col=LABEL, base_margin_col=MARGIN, weight_col=WEIGHT, n_estimators=rounds,
        num_workers=spark.sparkContext.defaultParallelism, missing=float("nan"), feature_types=types_of(problem.features),
        **passed,
    )  # fmt: skip
    booster: xgb.Booster = estimator.fit(given.withColumn(FEATURES, array_to_vector(F.col(FEATURES)))).get_booster()
    booster.feature_names = [f.name for f in problem.features]
    return booster
