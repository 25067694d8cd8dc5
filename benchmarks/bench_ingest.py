"""Raw files to bronze: the real load against a script for DuckDB, many small files, a second run, and a lake's age."""

import datetime as dt
import os
import tempfile
import uuid
from functools import partial
from pathlib import Path

import duckdb
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks import raw, raw_peer
from benchmarks.measure import Row, cpu_seconds
from jobs.loading import LoadResult, listed, load
from lake.conf import Conf, load_conf
from lake.delta import Lake
from lake.session import spark_session
from lake.sources import load_source

LINES = int(os.environ.get("TELEMATICS_BENCH_LINES", "2500000"))
FILES = 24
MANY_LINES = int(os.environ.get("TELEMATICS_BENCH_SMALL_FILE_LINES", "1000000"))
MANY_FILES, FEW_FILES = int(os.environ.get("TELEMATICS_BENCH_SMALL_FILES", "2000")), 16
DAY_LINES = int(os.environ.get("TELEMATICS_BENCH_DAY_LINES", "200000"))
LONG_DAYS, SHORT_DAYS, DAYS_A_COMMIT = 90, 2, 10
WARM_UP_POINTS = 100_000
THREADS = 2
DAY = dt.date(2026, 1, 5)
BYTES_PER_TB = 1e12


def run() -> list[Row]:
    """The rows of every comparison."""
    conf = _conf()
    spark = spark_session(conf, "benchmark")
    with tempfile.TemporaryDirectory() as work:
        warm = Path(work) / "warm"
        raw.write_raw(warm, WARM_UP_POINTS, FILES, DAY)
        _load(conf, _lake(spark, Path(work) / "warm_lake", raw.trips_of(WARM_UP_POINTS)), warm)
        return [
            *_against_duckdb(conf, spark, Path(work)),
            _many_small_files(conf, spark, Path(work)),
            _old_lake(conf, spark, Path(work)),
        ]


def _against_duckdb(conf: Conf, spark: SparkSession, work: Path) -> list[Row]:
    files = work / "raw"
    size = raw.write_raw(files, LINES, FILES, DAY)
    stored = sum(p.stat().st_size for p in files.rglob("*.gz"))
    lake = _lake(spark, work / "lake", raw.trips_of(LINES))
    result, ours_s = cpu_seconds(lambda: _load(conf, lake, files))
    again, again_s = cpu_seconds(lambda: _load(conf, lake, files))
    if again.accepted != result.accepted:
        raise RuntimeError(f"the second run says otherwise: {again.describe()}, after {result.describe()}")
    references = _as_parquet(lake, work / "references")
    _, peer_s = cpu_seconds(lambda: raw_peer.load(f"{files}/*/*/*.gz", references, work / "peer", THREADS))
    ours = raw_peer.digest(str(DeltaTable(lake.path("bronze.points")).file_uris()))
    peer = raw_peer.digest(f"'{work}/peer/points/*/*.parquet'")
    if ours != peer:
        raise RuntimeError(f"accepted rows differ: {ours} of ours, {peer} of the peer; {result.describe()}")
    versions = f"Spark {spark.version}, DuckDB {duckdb.__version__}"
    what = f"{result.read / 1e6:.1f} M JSON lines, {size / 1e6:,.0f} MB ({stored / 1e6:,.0f} MB gzipped) to bronze"
    hours = BYTES_PER_TB / size / 3600
    return [
        Row(what, ours_s, peer_s, "CPU s", versions),
        Row("the same load for the same date again (peer: the first)", again_s, ours_s, "CPU s", versions),
        Row("the same, for each TB of raw JSON", ours_s * hours, peer_s * hours, "vCPU-hours", versions),
        Row("the same, raw JSON read by one vCPU", size / 1e6 / ours_s, size / 1e6 / peer_s, "MB/s", versions),
    ]


def _many_small_files(conf: Conf, spark: SparkSession, work: Path) -> Row:
    """The same lines in many files and in a few."""
    spent = {}
    for files in (FEW_FILES, MANY_FILES):
        folder, lake = work / f"raw{files}", _lake(spark, work / f"lake{files}", MANY_FILES)
        raw.write_raw(folder, MANY_LINES, files, DAY, trips=MANY_FILES)
        result, spent[files] = cpu_seconds(partial(_load, conf, lake, folder))
        lake.remove(lake.root)
    what = f"{result.read / 1e6:.1f} M JSON lines in {MANY_FILES:,} files (peer: the same in {FEW_FILES})"
    return Row(what, spent[MANY_FILES], spent[FEW_FILES], "CPU s", f"Spark {spark.version}")


def _old_lake(conf: Conf, spark: SparkSession, work: Path) -> Row:
    """One more day into a lake of many days and into one of few."""
    seed = _lake(spark, work / "seed", raw.trips_of(DAY_LINES))
    raw.write_raw(work / "seed_raw", DAY_LINES, FILES, DAY)
    _load(conf, seed, work / "seed_raw")
    day = seed.read("bronze.points").persist()
    new = DAY + dt.timedelta(days=LONG_DAYS + 1)
    raw.write_raw(work / "new_raw", DAY_LINES, FILES, new)
    spent = {}
    for days in (SHORT_DAYS, LONG_DAYS):
        lake = _lake(spark, work / f"lake_of_{days}", raw.trips_of(DAY_LINES))
        for first in range(LONG_DAYS - days, LONG_DAYS, DAYS_A_COMMIT):
            ages = F.explode(F.sequence(F.lit(first), F.lit(min(first + DAYS_A_COMMIT, LONG_DAYS) - 1))).alias("age")
            lake.append_once("bronze.points", _shifted(day.select("*", ages)), str(first))
        _, spent[days] = cpu_seconds(partial(_load, conf, lake, work / "new_raw", new))
    day.unpersist()
    what = f"one day of {DAY_LINES / 1e6:.1f} M lines into bronze of {LONG_DAYS} days (peer: of {SHORT_DAYS})"
    return Row(what, spent[LONG_DAYS], spent[SHORT_DAYS], "CPU s", f"Spark {spark.version}")


def _shifted(points: DataFrame) -> DataFrame:
    """Points some days later (`age`), as records of their own."""
    by = F.make_dt_interval("age")
    later = points.withColumns({x: F.col(x) + by for x in ("event_ts", "received_ts")})
    later = later.withColumn("event_date", F.to_date("event_ts"))
    return later.withColumn("record_id", F.sha2(F.concat("record_id", F.col("age").cast("string")), 256)).drop("age")


def _conf() -> Conf:
    conf = load_conf("local")
    return conf.model_copy(update={"spark": {**conf.spark, "spark.master": f"local[{THREADS}]"}})


def _lake(spark: SparkSession, root: Path, trips: int) -> Lake:
    """A lake that knows the devices of these trips."""
    lake = Lake(spark, str(root))
    for name, rows in raw.reference_rows(trips).items():
        lake.append_once(name, spark.createDataFrame(rows, lake.table(name).schema), name)
    return lake


def _load(conf: Conf, lake: Lake, files: Path, date: dt.date = DAY) -> LoadResult:
    source = load_source("sim_phone", conf.sources_path)
    inputs, run_id = listed([f"{files}/date=*/hour=*/*.gz"]), uuid.uuid4().hex
    return load(lake, conf, source, inputs, date=date, received_at=None, run_id=run_id, floor=None)


def _as_parquet(lake: Lake, folder: Path) -> Path:
    """The reference tables as plain Parquet files, for the peer."""
    folder.mkdir()
    for name in ("devices", "policies", "consents"):
        lake.read(f"reference.{name}").toPandas().to_parquet(folder / f"{name}.parquet", coerce_timestamps="us")
    return folder
