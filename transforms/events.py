"""Harsh events, speeding and phone use: maximal runs beyond a threshold, counted once, with their peak."""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake.sources import Source
from lake.tables import EVENTS, RUNGS
from transforms.steps import COVERED_STEP_MS, elapsed_ms
from transforms.trips import MS_PER_S, is_moving, is_speeding, over_limit_mps, per_source

HARSH_KINDS = ("brake", "accelerate", "corner")
_RUN = ("source", "device_id", "trip_id", "kind", "direction")


def trip_events(segmented: DataFrame, trips: DataFrame, sources: Mapping[str, Source]) -> DataFrame:
    """One row an event in the columns of silver.events, from transforms.trips.segment_trips and the trips of its points.

    A run is a sequence of points at or beyond rung 1 of the source's ladder (brake and accelerate by longitudinal, corner by
    lateral acceleration, left and right apart), above the posted limit by more than the tolerance, or with the phone in
    use while moving. Runs at most merge_gap_s apart are one; a gap of over 10 s in the points ends one. Harsh events need
    min_speed_mps: the largest speed from the point before the run to its end, so that a stop counts by the speed it
    began with and a start by the one it reached. known_from and start_date are those of the trip.
    """
    runs = _with_run(_beyond(segmented, sources), sources)
    events = _collapse(runs).where(_is_fast_enough(sources)).withColumn("rung", _rung(sources))
    of_trip = trips.select("trip_id", "start_date", "known_from")
    identity = F.concat_ws("|", "trip_id", "kind", F.unix_micros("start_ts").cast("string"))
    dated = events.join(of_trip, on="trip_id", how="inner").withColumns({
        "event_id": F.sha2(identity, 256),
        "duration_ms": elapsed_ms(F.col("start_ts"), F.col("end_ts")),
        "known_to": F.lit(None).cast("timestamp"),
    })  # fmt: skip
    have = set(dated.columns)
    return dated.select(*((F.col(x.name) if x.name in have else F.lit(None)).cast(x.type).alias(x.name) for x in EVENTS.columns))


def _beyond(segmented: DataFrame, sources: Mapping[str, Source]) -> DataFrame:
    """Points beyond a threshold, once for each kind: kind, direction, magnitude."""
    rung_1 = _threshold(RUNGS[0], sources)
    forward, lateral = F.col("accel_lon_mps2"), F.col("accel_lat_mps2")
    over = F.when(is_speeding(sources), over_limit_mps())
    nothing = F.lit(None).cast("double")
    flags = (
        _flag("brake", forward <= -rung_1, -forward),
        _flag("accelerate", forward >= rung_1, forward),
        _flag("corner", F.abs(lateral) >= rung_1, F.abs(lateral), F.when(lateral > 0, "right").otherwise("left")),
        _flag("speeding", over.isNotNull(), over),
        _flag("phone", is_moving() & F.col("phone_use"), nothing),
    )
    anything = F.filter(F.array(*flags), lambda flag: flag.isNotNull())
    carried = ("source", "device_id", "trip_id", "event_ts", "previous_ts", "motion_mps", "entry_speed_mps")
    return segmented.select(*carried, F.explode(anything).alias("flag")).select(*carried, "flag.*")


def _flag(kind: str, beyond: Column, magnitude: Column, direction: Column | None = None) -> Column:
    side = F.lit(None).cast("string") if direction is None else direction
    return F.when(beyond, F.struct(F.lit(kind).alias("kind"), side.alias("direction"), magnitude.alias("magnitude")))


def _with_run(beyond: DataFrame, sources: Mapping[str, Source]) -> DataFrame:
    """Add `run`, the number of the run within trip, kind and direction."""
    in_order = Window.partitionBy(*_RUN).orderBy("event_ts")
    last_ts = F.lag("event_ts").over(in_order)
    lagged = beyond.withColumn("last_ts", last_ts)
    apart_ms = elapsed_ms(F.col("last_ts"), F.col("event_ts"))
    merges = apart_ms <= per_source(sources, lambda s: s.events.merge_gap_s * MS_PER_S)
    adjoins = (F.col("last_ts") == F.col("previous_ts")) & (apart_ms <= COVERED_STEP_MS)
    begins = F.when(F.coalesce(merges | adjoins, F.lit(False)), 0).otherwise(1)
    return lagged.withColumn("run", F.sum(begins).over(in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)))


def _collapse(runs: DataFrame) -> DataFrame:
    fastest = F.greatest("entry_speed_mps", "motion_mps")
    return runs.groupBy(*_RUN, "run").agg(
        F.min("event_ts").alias("start_ts"),
        F.max("event_ts").alias("end_ts"),
        F.max("magnitude").alias("peak"),
        F.max(fastest).alias("fastest_mps"),
        F.min_by("entry_speed_mps", "event_ts").alias("start_speed_mps"),
    )


def _is_harsh() -> Column:
    return F.col("kind").isin(*HARSH_KINDS)


def _is_fast_enough(sources: Mapping[str, Source]) -> Column:
    min_speed = per_source(sources, lambda s: s.events.min_speed_mps)
    return ~_is_harsh() | F.coalesce(F.col("fastest_mps") >= min_speed, F.lit(False))


def _rung(sources: Mapping[str, Source]) -> Column:
    """Highest rung that the peak reaches, for harsh events."""
    reached = F.lit(0)
    for rung in RUNGS:
        reached = reached + F.when(F.col("peak") >= _threshold(rung, sources), 1).otherwise(0)
    return F.when(_is_harsh(), reached)


def _threshold(rung: int, sources: Mapping[str, Source]) -> Column:
    return per_source(sources, lambda s: s.events.ladder_mps2[rung - 1])
