"""The self-test's job: run by spark-submit from an unpacked archive. Its last line says what it found, as JSON."""

import importlib.metadata
import json
import os
import pkgutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

HERE = Path.cwd()
PACKAGES = ("lake", "transforms", "expectations", "training", "registry", "monitoring", "jobs", "simulator", "emr")


def modules() -> list[str]:
    """Every module of the platform, imported from the archive and nowhere else."""
    names = []
    for package in PACKAGES:
        top = import_module(package)
        for found in pkgutil.iter_modules(top.__path__, f"{package}."):
            if not found.name.endswith("python_daemon"):  # a program, not a module to import
                names.append(found.name)
                where = Path(str(import_module(found.name).__file__)).resolve()
                if not where.is_relative_to(HERE / "environment"):
                    raise SystemExit(f"{found.name} is not from the archive but from {where}")
    return names


@F.pandas_udf(StringType())  # type: ignore[attr-defined,untyped-decorator]
def on_a_worker(n: pd.Series) -> pd.Series:
    """Which Python a worker runs, with the compiled libraries that scoring needs."""
    import numba
    import pyarrow
    import xgboost

    import lake

    booster = xgboost.train({"max_depth": 1}, xgboost.DMatrix(n.to_frame(), label=n), num_boost_round=1)
    if booster.num_boosted_rounds() != 1 or numba.njit(lambda x: x + 1)(1) != 2:
        raise RuntimeError("xgboost or numba does not work in this environment")
    return pd.Series([f"{sys.prefix} {lake.__file__} {pyarrow.__version__}"] * len(n))


def main() -> None:
    """Import everything, run Python on workers, write and read a Delta table, run a command of the platform."""
    found = modules()
    spark = SparkSession.builder.appName("self-test").getOrCreate()
    said = {row[0] for row in spark.range(100, numPartitions=2).select(on_a_worker(F.col("id").cast("double"))).collect()}
    for line in said:
        for where in line.split()[:2]:
            if not Path(where).resolve().is_relative_to(HERE / "environment"):
                raise SystemExit(f"a worker runs {where}, which is not from the archive")
    folder = tempfile.mkdtemp(dir=HERE)
    spark.range(10).write.format("delta").save(f"{folder}/table")
    rows = spark.read.format("delta").load(f"{folder}/table").count()
    names = sorted(x.metadata["Name"].lower() for x in importlib.metadata.distributions())
    print(json.dumps({
        "modules": len(found), "rows": rows, "python": sys.version.split()[0], "prefix_is_archive":
        Path(sys.prefix).resolve().is_relative_to(HERE), "pyspark": import_module("pyspark").__version__,
        "delta_from": str(import_module("delta").__file__).rsplit(os.sep, 3)[-3],
        "forbidden": [x for x in names if x in ("pyspark", "delta-spark", "xgboost", "nvidia-nccl-cu12")],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
