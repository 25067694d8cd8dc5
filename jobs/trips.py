"""Points to trips and events, restating what late data changed.

Events are committed before trips. What is affected follows from bronze and from the trips as known, so a run that was killed
between the two commits finds the same trips to make, sees that their events are there already, and commits the trips.
"""

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.context import JobContext, JobResult
from jobs.lookups import Lookups
from jobs.restating import Restated, measure
from lake.driving import DrivingRules, load_driving
from lake.tables import TABLES
from transforms import bitemporal
from transforms.drives import drives
from transforms.trips import events_of, trips_of

NEIGHBOUR_DAYS = 1
"""A late point can only touch trips that begin or end within this of its date: no source's trip gap is longer than an hour."""
_NOT_CONTENT = ("known_from", "known_to", "superseded_by")
_DEVICE_DAY = ("source", "device_id", "event_date")


def run(ctx: JobContext) -> JobResult:
    """Restate silver.events and silver.trips for the points received in [since, cutoff).

    Raises ConfigError for points of a source without a file, and GateFailed before anything is committed.
    """
    affected = _affected(ctx).persist()
    try:
        facts = affected.agg(F.collect_set("event_date").alias("dates"), F.collect_set("source").alias("sources")).first()
        if facts is None or not facts["dates"]:
            return JobResult(0, "nothing new")
        sources = load_driving(sorted(facts["sources"]), ctx.conf.sources_path, ctx.conf.rules_path)
        events, trips = _restated(ctx, affected, sorted(facts["dates"]), sources)
    finally:
        affected.unpersist()
    return _commit(ctx, events, trips)


def _affected(ctx: JobContext) -> DataFrame:
    """Device days (source, device_id, event_date) with points received in [since, cutoff)."""
    received = F.col("received_ts")
    is_new = (received >= F.lit(ctx.since)) & (received < F.lit(ctx.cutoff))
    return ctx.lake.read("bronze.points").where(is_new).select(*_DEVICE_DAY).distinct()


def _restated(ctx: JobContext, affected: DataFrame, dates: list[dt.date], sources: dict[str, DrivingRules]) -> list[Restated]:
    """What changes in silver.events and in silver.trips."""
    known = _neighbours(ctx, affected, dates).persist()
    days, read_dates = _days_to_read(affected, known)
    lookups = Lookups.of(ctx.lake.spark, ctx.conf)
    found = lookups.add_to(trips_of(drives(_points(ctx, days, read_dates), sources, cells=lookups.any)))
    floored = found.withColumn("known_from", F.greatest("known_from", F.lit(ctx.since)))
    trips = _on_affected_days(floored, affected).persist()
    try:
        known_events = _known_events(ctx, trips, read_dates)
        events = bitemporal.changes(known_events, events_of(trips), ("event_id",), _content("silver.events"))
        bare = trips.drop("events")
        trips_restated = bitemporal.changes(bitemporal.held_by(known, bare), bare, ("trip_id",), _content("silver.trips"))
        return measure(ctx, {"silver.events": events, "silver.trips": trips_restated})
    finally:
        for kept in (known, trips):
            kept.unpersist()


def _neighbours(ctx: JobContext, affected: DataFrame, dates: list[dt.date]) -> DataFrame:
    """Trips as known of the affected devices that begin or end within a day of an affected date."""
    margin = dt.timedelta(days=NEIGHBOUR_DAYS)
    trips = ctx.lake.read_known("silver.trips", ctx.cutoff).where(_touches(dates, margin))
    near = F.date_add(F.col("start_date"), -NEIGHBOUR_DAYS) <= F.col("event_date")
    near &= F.date_add(F.to_date("end_ts"), NEIGHBOUR_DAYS) >= F.col("event_date")
    on = [*(F.col(f"t.{x}") == F.col(f"a.{x}") for x in ("source", "device_id")), near]
    return trips.alias("t").join(F.broadcast(affected.alias("a")), on=on, how="left_semi")


def _touches(dates: list[dt.date], margin: dt.timedelta) -> Column:
    """Literal intervals, so that Delta reads only files of those days: begins by the last and ends from the first of each."""
    touching = F.lit(False)
    for first, last in _intervals(dates):
        lower = dt.datetime.combine(first - margin, dt.time(), dt.UTC)
        touching |= (F.col("start_date") <= F.lit(last + margin)) & (F.col("end_ts") >= F.lit(lower))
    return touching


def _intervals(dates: list[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Runs of consecutive dates as (first, last), from sorted dates."""
    runs: list[tuple[dt.date, dt.date]] = []
    for date in dates:
        if runs and date - runs[-1][1] <= dt.timedelta(days=1):
            runs[-1] = (runs[-1][0], date)
        else:
            runs.append((date, date))
    return runs


def _days_to_read(affected: DataFrame, known: DataFrame) -> tuple[DataFrame, list[dt.date]]:
    """Device days to segment, the affected ones and those of the neighbouring trips, and their dates."""
    dates = F.explode(F.sequence(F.col("start_date"), F.to_date("end_ts")))
    days = affected.unionByName(known.select("source", "device_id", dates.alias("event_date"))).distinct()
    return days, sorted(row[0] for row in days.select("event_date").distinct().collect())


def _points(ctx: JobContext, days: DataFrame, dates: list[dt.date]) -> DataFrame:
    """Points of the device days known before the cutoff; the literal dates are Delta partitions."""
    is_known = F.col("event_date").isin(dates) & (F.col("received_ts") < F.lit(ctx.cutoff))
    return ctx.lake.read("bronze.points").where(is_known).join(F.broadcast(days), on=list(_DEVICE_DAY), how="left_semi")


def _on_affected_days(trips: DataFrame, affected: DataFrame) -> DataFrame:
    """Trips with a point on an affected day; no gap within a trip is as long as a day."""
    within = F.col("a.event_date").between(F.col("t.start_date"), F.to_date(F.col("t.end_ts")))
    on = [*(F.col(f"t.{x}") == F.col(f"a.{x}") for x in ("source", "device_id")), within]
    return trips.alias("t").join(F.broadcast(affected.alias("a")), on=on, how="left_semi")


def _known_events(ctx: JobContext, trips: DataFrame, dates: list[dt.date]) -> DataFrame:
    """Events as known within these trips, whatever trip they then belonged to."""
    known = ctx.lake.read_known("silver.events", ctx.cutoff).where(F.col("start_date").isin(dates))
    return bitemporal.held_by(known, trips).drop("superseded_by")


def _content(name: str) -> tuple[str, ...]:
    table = TABLES[name]
    return tuple(x for x in table.names if x not in (*_NOT_CONTENT, *table.key))


def _commit(ctx: JobContext, events: Restated, trips: Restated) -> JobResult:
    if not events.rows + trips.rows:
        return JobResult(0, "nothing new")
    ctx.gate("silver.events", events.adds)
    ctx.gate("silver.trips", trips.adds)
    events.commit(ctx, "trips")
    trips.commit(ctx, "trips")
    message = f"{trips.added} trips and {events.added} events added, {trips.closed} trips and {events.closed} events closed"
    return JobResult(trips.rows + events.rows, message)
