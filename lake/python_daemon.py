"""Spark's daemon of Python workers, with what every worker needs loaded once before they are forked from it.

Set as spark.python.daemon.module; otherwise each worker of each session imports pandas, and xgboost where it scores, for
itself, for seconds.
"""

import pandas  # noqa: F401
import pyarrow  # noqa: F401
import xgboost  # noqa: F401
from pyspark.daemon import manager

if __name__ == "__main__":
    manager()  # type: ignore[no-untyped-call]
