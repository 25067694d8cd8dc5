"""Spark's daemon of Python workers on one machine, with what every worker needs loaded once before they are forked from it.

Set as spark.python.daemon.module; otherwise each worker of each session imports pandas, and xgboost where it scores, for
itself, for seconds.
"""

# ruff: noqa: E402 - the path is set before the imports that it is for
import gc
import sys

# Spark puts its zipped pyspark before the installed one, and at every task a worker lists each zip that it has loaded from anew
sys.path[:] = [x for x in sys.path if not x.endswith(".zip")]

import numba  # noqa: F401
import pandas  # noqa: F401
import pyarrow  # noqa: F401
import xgboost  # noqa: F401
from pyspark.daemon import manager

if __name__ == "__main__":
    # after each task a worker collects garbage, among all that was loaded here too, where there never is any
    gc.freeze()
    manager()  # type: ignore[no-untyped-call]
