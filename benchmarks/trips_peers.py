"""The same trips (start, end, points, distance) by hand for other engines: DuckDB, Polars, Spark's window functions."""

import os
from pathlib import Path

import duckdb
from pyspark.sql import Column, SparkSession, Window
from pyspark.sql import functions as F

THREADS = 2
# before polars is first imported, which reads it then
os.environ.setdefault("POLARS_MAX_THREADS", str(THREADS))

Trips = list[tuple[int, int, int, int]]
RADIUS_M = 6_371_008.8
MAX_MPS = 70.0
COVERED_MS = 10_000

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


def duckdb_trips(path: Path, gap_ms: int) -> Trips:
    """In SQL, with window functions."""
    with duckdb.connect() as db:
        db.execute(f"SET threads = {THREADS}")
        for macro in MACROS:
            db.execute(macro)
        found: Trips = db.execute(TRIPS_SQL.format(path=path, gap_ms=gap_ms)).fetchall()
    return found


def polars_trips(path: Path, gap_ms: int) -> Trips:
    """Sorted once, then shifts over the whole column, with a comparison of devices instead of a window each."""
    import polars as pl

    def metres(a: pl.Expr, b: pl.Expr, c: pl.Expr, d: pl.Expr) -> pl.Expr:
        north, east = ((c - a).radians() / 2).sin(), ((d - b).radians() / 2).sin()
        return 2 * RADIUS_M * (north * north + a.radians().cos() * c.radians().cos() * east * east).sqrt().arcsin()

    def far(lat: str, lon: str, ms: str) -> pl.Expr:
        moved = metres(pl.col(lat), pl.col(lon), pl.col("lat"), pl.col("lon"))
        return moved > MAX_MPS * ((pl.col("ms") - pl.col(ms)) / 1000.0)

    us = pl.col("event_ts").dt.epoch("us")
    speed = pl.when(pl.col("speed_mps").is_between(0, MAX_MPS)).then("speed_mps")
    device, previous_ms = pl.col("device_id"), pl.col("ms").shift(1)
    same = (pl.col("trip") == pl.col("trip").shift(1)).fill_null(value=False)
    same_2 = (pl.col("trip") == pl.col("trip").shift(2)).fill_null(value=False)
    kept = pl.when(~pl.col("jump"))
    stands = (pl.col("speed") == 0) & (pl.col("speed").shift(1) == 0) & same & (pl.col("ms") - previous_ms <= COVERED_MS)
    steps = (
        pl.scan_parquet(f"{path}/*.parquet")
        .select("source", "device_id", "record_id", "lat", "lon", us=us, ms=us // 1000, speed=speed)
        .sort("source", "device_id", "us", "record_id")
        .filter(~((device == device.shift(1)) & (pl.col("us") == pl.col("us").shift(1))).fill_null(value=False))
        .with_columns(trip=((device != device.shift(1)) | (pl.col("ms") - previous_ms > gap_ms)).fill_null(value=True).cum_sum())
        .with_columns(*(pl.col(x).shift(k).alias(f"{x}_{k}") for x in ("lat", "lon", "ms") for k in (1, 2)))
        .with_columns(jump=same & far("lat_1", "lon_1", "ms_1") & (~same_2 | far("lat_2", "lon_2", "ms_2")))
        .with_columns(*(kept.then(pl.col(x)).forward_fill().shift(1).alias(f"{x}_o") for x in ("lat", "lon", "ms", "trip")))
        .with_columns(
            counts=~pl.col("jump")
            & (pl.col("trip_o") == pl.col("trip"))
            & ~far("lat_o", "lon_o", "ms_o")
            & ~stands.fill_null(value=False)
        )
        .with_columns(
            mm=pl.when("counts").then((metres(*map(pl.col, ("lat_o", "lon_o", "lat", "lon"))) * 1000).round().cast(pl.Int64))
        )
    )
    trips = steps.group_by("trip").agg(first=pl.col("us").min(), last=pl.col("us").max(), n=pl.len(), mm=pl.col("mm").sum())
    return [tuple(map(int, row)) for row in trips.select("first", "last", "n", "mm").collect().rows()]  # type: ignore[misc]


def window_trips(spark: SparkSession, path: Path, gap_ms: int) -> Trips:
    """With Spark's window functions: all over one partitioning and order, so one shuffle and one sort."""
    over = Window.partitionBy("source", "device_id").orderBy("event_ts", "record_id")
    history = over.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    ms = F.unix_millis("event_ts")
    speed = F.when(F.col("speed_mps").between(0, MAX_MPS), F.col("speed_mps"))
    points = spark.read.parquet(str(path)).select(
        "source", "device_id", "event_ts", "record_id", "lat", "lon", speed.alias("speed")
    )
    seen = points.withColumn("ms", ms).withColumn("instant", F.lag("event_ts").over(over))
    one = seen.where(~F.col("event_ts").eqNullSafe(F.col("instant"))).withColumn("place", F.struct("ms", "lat", "lon"))
    lagged = one.withColumns({
        "previous_ms": F.lag("ms").over(over), "previous_speed": F.lag("speed").over(over),
        "p1": F.lag("place", 1).over(over), "p2": F.lag("place", 2).over(over),
    })  # fmt: skip
    starts = F.coalesce(F.col("ms") - F.col("previous_ms") > gap_ms, F.lit(True))
    started = lagged.withColumn("starts", starts).withColumn(
        "trip_ms", F.last(F.when(F.col("starts"), F.col("ms")), ignorenulls=True).over(history)
    )
    is_jump = F.coalesce(_far("p1") & F.coalesce(_far("p2"), F.lit(True)), F.lit(False))
    origin = F.last(F.when(~F.col("jump"), F.col("place")), ignorenulls=True).over(
        over.rowsBetween(Window.unboundedPreceding, -1)
    )
    placed = started.withColumn("jump", is_jump).withColumn("o", origin)
    close = ~F.col("starts") & (F.col("ms") - F.col("previous_ms") <= COVERED_MS)
    stands = F.coalesce((F.col("speed") == 0) & (F.col("previous_speed") == 0) & close, F.lit(False))
    mm = F.when(~F.col("jump") & ~_far("o") & ~stands, F.round(_metres("o") * 1000).cast("bigint"))
    trips = placed.withColumn("mm", mm).groupBy("source", "device_id", "trip_ms").agg(
        F.unix_micros(F.min("event_ts")), F.unix_micros(F.max("event_ts")), F.count(F.lit(1)), F.coalesce(F.sum("mm"), F.lit(0))
    )  # fmt: skip
    return [tuple(map(int, row[3:])) for row in trips.collect()]  # type: ignore[misc]


def _metres(start: str) -> Column:
    a, b, c, d = F.col(f"{start}.lat"), F.col(f"{start}.lon"), F.col("lat"), F.col("lon")
    north, east = F.sin(F.radians(c - a) / 2), F.sin(F.radians(d - b) / 2)
    return 2 * RADIUS_M * F.asin(F.sqrt(north * north + F.cos(F.radians(a)) * F.cos(F.radians(c)) * east * east))


def _far(start: str) -> Column:
    seconds = (F.col("ms") - F.col(f"{start}.ms")) / 1000.0
    return F.when(F.col(f"{start}.ms") >= F.col("trip_ms"), _metres(start) > MAX_MPS * seconds)
