"""The one place that builds a Spark session."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from lake.conf import Conf
from lake.jars import DELTA_JARS, S3_JARS, ensure_jars
from lake.java import use_java
from lake.s3 import session_settings

FILE_BYTES = 128 * 2**20
"""Of a table's data file (docs/decisions/0005-layout-of-points.md): Delta's own would be 1 GB for OPTIMIZE, 512 MB for writes."""
FILES = {
    "spark.databricks.delta.optimize.maxFileSize": str(FILE_BYTES),
    # a file of three quarters of it is good enough, or each night would write the last one again
    "spark.databricks.delta.optimize.minFileSize": str(FILE_BYTES * 3 // 4),
    "spark.databricks.delta.autoCompact.maxFileSize": str(FILE_BYTES),
    "spark.databricks.delta.optimizeWrite.binSize": f"{FILE_BYTES}b",
}
BASE = {
    **FILES,
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # half a gzip must never be read in silence (FAULTS 13)
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # Athena and Redshift Spectrum cannot read deletion vectors
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # every function of a column would look through Python's stack and ask the JVM five times more for where it was called
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    # inferring filters takes exponential time over structs of many columns, and a checkpoint keeps what was inferred;
    # what a scan must skip is given to it as literals
    "spark.sql.constraintPropagation.enabled": "false",
}
OWN_MACHINE = {
    # on EMR executors reach the driver over the network, and people reach the UI through EMR
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # a few cores and small logs; a cluster has the defaults
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
}
"""What suits a Spark that this process starts itself, and would be wrong where a platform has started it."""
JAVA_OPTIONS = "spark.driver.extraJavaOptions"
LOG_SETTINGS = Path(__file__).parent / "log4j2.properties"


def spark_session(conf: Conf, app: str = "telematics", jvm_log: Path | None = None, *, s3: bool = False) -> SparkSession:
    """A session with Delta, ANSI SQL and UTC, and with `s3` also the means to reach S3; what the JVM prints goes to
    `jvm_log`, or where this process prints.

    Raises EnvironmentProblem where Java or a jar is missing. Python workers run the driver's interpreter; otherwise users
    meet "No module named pandas".
    """
    builder = SparkSession.builder.appName(app)
    if conf.jars is not None:
        use_java()
        jars = ensure_jars(Path(conf.jars).expanduser(), DELTA_JARS + (S3_JARS if s3 else ()))
        os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        # with spark.jars every session would copy them, 650 MB with those of S3
        builder = builder.config("spark.driver.extraClassPath", os.pathsep.join(map(str, jars)))
    # naive datetimes that Spark hands to Python are in the process's zone
    os.environ["TZ"] = "UTC"
    time.tzset()
    for key, value in settings(conf, s3=s3).items():
        builder = builder.config(key, value)
    with _stderr_to(jvm_log):
        spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    # it would print the whole JVM stack of a user's mistake beside the line that names it
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL)
    return spark


def settings(conf: Conf, *, s3: bool) -> dict[str, str]:
    """What the session sets, the configuration's own last; with `jars` null a platform has started Spark, and knows better."""
    own_jars = conf.jars is not None
    reach = session_settings(conf.s3, own_jars=own_jars) if s3 else {}
    return {**BASE, **(OWN_MACHINE if own_jars else {}), **reach, **conf.spark, **_java_options(conf)}


def _java_options(conf: Conf) -> dict[str, str]:
    """The configuration's own JVM options, and ours for the log; a platform that brings its jars brings its log too."""
    own = conf.spark.get(JAVA_OPTIONS, "")
    log = "" if conf.jars is None else f"-Dlog4j2.configurationFile={LOG_SETTINGS.as_uri()}"
    options = f"{own} {log}".strip()
    return {JAVA_OPTIONS: options} if options else {}


@contextmanager
def _stderr_to(file: Path | None) -> Iterator[None]:
    """A child started in here inherits the file as its standard error, and keeps it."""
    try:
        target = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if file is not None else None
    except OSError:
        target = None
    if target is None:
        yield
        return
    sys.stderr.flush()
    own = os.dup(2)
    os.dup2(target, 2)
    try:
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)
        os.close(target)
