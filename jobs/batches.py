"""How many rows a Python worker gets at once: as many as its memory holds, so that a small executor does not run out and a large
one does not hand over row by row."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from jobs.context import cores

ROWS_A_BATCH = "spark.sql.execution.arrow.maxRecordsPerBatch"
FEWEST, MOST = 1_000, 50_000
"""Below a thousand rows the call costs more than the rows; above fifty thousand nothing gets faster."""
SHARE = 0.25
"""Of a worker's memory for the batch it works on; the rest is for the interpreter, libraries, models and Arrow's buffers."""
BYTES_A_ROW, BYTES_A_COLUMN = 2_000, 60
"""Measured by tracemalloc over `score_batch` with reasons: 3,140 bytes a row at the peak with 20 columns (12 features)."""
COPIES = 2
"""Rows are there once as Arrow's and once as pandas', on both sides."""
OVERHEAD_SHARE, LEAST_OVERHEAD = "0.1", "384m"
"""Spark's own memory overhead of an executor, where the configuration does not say: Python lives in it."""
MIB = 2**20
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def rows_a_batch(memory_bytes: float, columns: int) -> int:
    """Rows whose scoring takes SHARE of a worker's memory, within FEWEST and MOST."""
    row = COPIES * (BYTES_A_ROW + BYTES_A_COLUMN * columns)
    return int(min(MOST, max(FEWEST, SHARE * memory_bytes / row)))


def worker_bytes(spark: SparkSession) -> float:
    """Memory of one Python worker: of an executor what Spark gives Python, by its cores; on one machine what the JVM leaves."""
    conf = spark.sparkContext.getConf()
    if conf.get("spark.master", "local").startswith("local"):
        return max(0.0, machine_bytes() - bytes_of(conf.get("spark.driver.memory", "1g"))) / cores(spark)
    memory = bytes_of(conf.get("spark.executor.memory", "1g"))
    share = float(conf.get("spark.executor.memoryOverheadFactor", OVERHEAD_SHARE))
    overhead = max(share * memory, bytes_of(LEAST_OVERHEAD))
    given = conf.get("spark.executor.pyspark.memory") or conf.get("spark.executor.memoryOverhead")
    return (bytes_of(given) if given else overhead) / int(conf.get("spark.executor.cores", "1"))


def machine_bytes() -> float:
    """Memory of this machine, or of the container if that is less."""
    physical = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    limit = _CGROUP.read_text().strip() if _CGROUP.is_file() else "max"
    return physical if limit == "max" else min(physical, float(limit))


def bytes_of(text: str) -> float:
    """Spark's notation: 512m, 14g; without a unit MiB."""
    plain = text.strip().lower().removesuffix("b").removesuffix("i")
    unit = _UNITS.get(plain[-1:])
    return float(plain[:-1]) * unit if unit else float(plain) * MIB


@contextmanager
def batches_of(spark: SparkSession, rows: int) -> Iterator[None]:
    """Plans that begin to run in the body hand workers so many rows at once."""
    before = spark.conf.get(ROWS_A_BATCH)
    spark.conf.set(ROWS_A_BATCH, str(rows))
    try:
        yield
    finally:
        spark.conf.set(ROWS_A_BATCH, str(before))
