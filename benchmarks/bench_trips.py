"""Points to trips: our transforms against the same by hand in DuckDB, Polars and Spark's window functions, in CPU seconds.

DuckDB and Polars work in one process, vectorised, on a single machine: the ratio is the price of code that also runs on a
cluster. Ours gives every column of silver.trips and all events, the peers four columns of the same trips.
"""

import hashlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from benchmarks.fleet import write_points
from benchmarks.measure import Row, cpu_seconds
from benchmarks.trips_peers import THREADS, Trips, duckdb_trips, polars_trips, window_trips
from lake.conf import load_conf
from lake.driving import DrivingRules, load_driving
from lake.session import spark_session

POINTS = int(os.environ.get("TELEMATICS_BENCH_POINTS", "10000000"))
GROWTH = 10
"""The same work on a tenth of the points: what they cost each should not depend on how many there are."""
COMPARED = ("start_us", "end_us", "points", "distance_mm")


def run() -> list[Row]:
    """Ours against each peer, for the same trips by hash; then the growth from a tenth of the points, and what it costs to tell
    walking from driving besides, which no peer does: the device is taken as fixed in the car for the comparisons."""
    fixed, carried = _driving(carried=False), _driving(carried=True)
    gap_ms = 1000 * fixed["sim_phone"].source.trip_gap_s
    with tempfile.TemporaryDirectory() as work:
        small = write_points(Path(work) / "small", POINTS // GROWTH, seed=2)
        large = write_points(Path(work) / "large", POINTS)
        # the others first: Python workers that end while they idle would be taken off whoever runs then
        peers = {
            f"DuckDB {duckdb.__version__}": cpu_seconds(lambda: duckdb_trips(large, gap_ms)),
            f"Polars {pl.__version__}": cpu_seconds(lambda: polars_trips(large, gap_ms)),
        }
        spark = _session()
        window_trips(spark, small, gap_ms)
        peers[f"window functions of Spark {spark.version}"] = cpu_seconds(lambda: window_trips(spark, large, gap_ms))
        _ours(spark, small, fixed)
        _, small_s = cpu_seconds(lambda: _ours(spark, small, fixed))
        ours, ours_s = cpu_seconds(lambda: _ours(spark, large, fixed))
        _, carried_s = cpu_seconds(lambda: _ours(spark, large, carried))
    what = f"{POINTS / 1e6:.0f} M points to {len(ours):,} trips"
    rows = []
    for name, (found, seconds) in peers.items():
        if digest(found) != digest(ours):
            raise RuntimeError(f"the trips differ: {len(ours)} of ours, {len(found)} of {name}")
        rows.append(Row(f"{what}; peer: {name}", ours_s, seconds, "CPU s", f"Spark {spark.version}, {name}"))
    grown = f"{what}; peer: {GROWTH} times the cost of {POINTS / GROWTH / 1e6:.0f} M"
    walking = f"{what}, walking told apart; peer: without"
    growth = Row(grown, ours_s, GROWTH * small_s, "CPU s", f"Spark {spark.version}")
    return [*rows, growth, Row(walking, carried_s, ours_s, "CPU s", f"Spark {spark.version}")]


def digest(trips: Trips) -> str:
    """Hash of the trips, whatever their order."""
    return hashlib.sha256(repr(sorted(trips)).encode()).hexdigest()


def _session() -> SparkSession:
    conf = load_conf("local")
    threads = {"spark.master": f"local[{THREADS}]"}
    return spark_session(conf.model_copy(update={"spark": {**conf.spark, **threads}}), "benchmark")


def _driving(carried: bool) -> dict[str, DrivingRules]:
    """The phone's rules, with the device carried by its owner or fixed in the car."""
    conf = load_conf("local")
    found = load_driving(["sim_phone"], conf.sources_path, conf.rules_path)
    return {name: replace(x, source=x.source.model_copy(update={"carried": carried})) for name, x in found.items()}


def _ours(spark: SparkSession, path: Path, sources: dict[str, DrivingRules]) -> Trips:
    from transforms.drives import drives
    from transforms.trips import trips_of

    trips = trips_of(drives(spark.read.parquet(str(path)), sources))
    timed = trips.withColumns({"start_us": F.unix_micros("start_ts"), "end_us": F.unix_micros("end_ts")})
    found = timed.toPandas()
    return [tuple(map(int, row)) for row in found[list(COMPARED)].itertuples(index=False)]  # type: ignore[misc]
