"""Points to trips: our transforms on Spark against SQL written by hand for DuckDB, CPU seconds for the same trips.

DuckDB works in one process, vectorised, on a single machine: the ratio is the price of code that also runs on a cluster.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import duckdb
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from benchmarks.fleet import write_points
from benchmarks.measure import Row, cpu_seconds
from lake.conf import load_conf
from lake.session import spark_session
from lake.sources import load_source

POINTS = int(os.environ.get("TELEMATICS_BENCH_POINTS", "3000000"))
WARM_UP_POINTS = 100_000
THREADS = 2
COMPARED = ("start_us", "end_us", "points", "distance_mm")
Trips = list[tuple[int, int, int, int]]

TRIPS_SQL = """
WITH seen AS (
  SELECT source, device_id, event_ts, lat, lon, epoch_us(event_ts) AS us,
    CASE WHEN speed_mps BETWEEN 0 AND 70 THEN speed_mps END AS speed
  FROM read_parquet('{path}/*.parquet')
  QUALIFY row_number() OVER (PARTITION BY source, device_id, event_ts ORDER BY record_id) = 1
), before AS (
  SELECT *, lag(us) OVER w AS previous_us, lag(speed) OVER w AS previous_speed,
    lag({{us: us, lat: lat, lon: lon}}, 1) OVER w AS p1, lag({{us: us, lat: lat, lon: lon}}, 2) OVER w AS p2
  FROM seen WINDOW w AS (PARTITION BY source, device_id ORDER BY us)
), started AS (
  SELECT *, previous_us IS NULL OR (us // 1000 - previous_us // 1000) > {gap_ms} AS starts FROM before
), numbered AS (
  SELECT *, max(CASE WHEN starts THEN us END) OVER (PARTITION BY source, device_id ORDER BY us) AS trip_us FROM started
), jumps AS (
  SELECT *, coalesce(far(p1.us, p1.lat, p1.lon, us, lat, lon, trip_us)
    AND coalesce(far(p2.us, p2.lat, p2.lon, us, lat, lon, trip_us), true), false) AS is_jump FROM numbered
), origins AS (
  SELECT *, last_value(CASE WHEN NOT is_jump THEN {{us: us, lat: lat, lon: lon}} END IGNORE NULLS) OVER (
    PARTITION BY source, device_id ORDER BY us ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS o FROM jumps
), steps AS (
  SELECT source, device_id, trip_us, us, CASE
    WHEN NOT is_jump AND NOT far(o.us, o.lat, o.lon, us, lat, lon, trip_us)
      AND NOT coalesce(speed = 0 AND previous_speed = 0 AND NOT starts AND us // 1000 - previous_us // 1000 <= 10000, false)
    THEN round(metres(o.lat, o.lon, lat, lon) * 1000)::BIGINT END AS mm
  FROM origins
)
SELECT min(us), max(us), count(*), coalesce(sum(mm), 0)::BIGINT FROM steps GROUP BY source, device_id, trip_us
"""
MACROS = (
    """CREATE MACRO metres(a, b, c, d) AS 2 * 6371008.8 * asin(sqrt(
        pow(sin(radians(c - a) / 2), 2) + cos(radians(a)) * cos(radians(c)) * pow(sin(radians(d - b) / 2), 2)))""",
    """CREATE MACRO far(since, a, b, us, c, d, trip_us) AS
        CASE WHEN since >= trip_us THEN metres(a, b, c, d) > 70.0 * ((us // 1000 - since // 1000) / 1000.0) END""",
)


def run() -> list[Row]:
    """Two rows: the four compared columns, and every column of silver.trips against the same peer."""
    with tempfile.TemporaryDirectory() as work:
        small = write_points(Path(work) / "small", WARM_UP_POINTS, seed=2)
        large = write_points(Path(work) / "large", POINTS)
        spark = _session()
        _ours(spark, small, every_column=True)
        ours, ours_s = cpu_seconds(lambda: _ours(spark, large, every_column=False))
        full, full_s = cpu_seconds(lambda: _ours(spark, large, every_column=True))
        _peer(small)
        peer, peer_s = cpu_seconds(lambda: _peer(large))
    for found in (ours, full):
        if digest(found) != digest(peer):
            raise RuntimeError(f"the trips differ: {len(found)} of ours, {len(peer)} of the peer")
    versions = f"Spark {spark.version}, DuckDB {duckdb.__version__}"
    what = f"{POINTS / 1e6:.1f} M points to {len(peer):,} trips"
    return [
        Row(f"{what}: start, end, points, distance", ours_s, peer_s, "CPU s", versions),
        Row(f"{what}: every column (the peer: those four)", full_s, peer_s, "CPU s", versions),
    ]


def digest(trips: Trips) -> str:
    """Hash of the trips, whatever their order."""
    return hashlib.sha256(repr(sorted(trips)).encode()).hexdigest()


def _session() -> SparkSession:
    conf = load_conf("local")
    threads = {"spark.master": f"local[{THREADS}]"}
    return spark_session(conf.model_copy(update={"spark": {**conf.spark, **threads}}), "benchmark")


def _ours(spark: SparkSession, path: Path, *, every_column: bool) -> Trips:
    # its windows are built at import, which needs a session
    from transforms.trips import segment_trips, summarise_trips

    sources = {"sim_phone": load_source("sim_phone", load_conf("local").sources_path)}
    trips = summarise_trips(segment_trips(spark.read.parquet(str(path)), sources), sources)
    timed = trips.withColumns({"start_us": F.unix_micros("start_ts"), "end_us": F.unix_micros("end_ts")})
    found = (timed if every_column else timed.select(*COMPARED)).toPandas()
    return [tuple(map(int, row)) for row in found[list(COMPARED)].itertuples(index=False)]  # type: ignore[misc]


def _peer(path: Path) -> Trips:
    gap_ms = load_source("sim_phone", load_conf("local").sources_path).trip_gap_s * 1000
    with duckdb.connect() as db:
        db.execute(f"SET threads = {THREADS}")
        for macro in MACROS:
            db.execute(macro)
        found: Trips = db.execute(TRIPS_SQL.format(path=path, gap_ms=gap_ms)).fetchall()
    return found
