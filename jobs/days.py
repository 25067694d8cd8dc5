"""Trips to policy days, restating those whose trips, events or devices' vehicles came to be known otherwise."""

import datetime as dt
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.context import JobContext, JobResult
from jobs.restating import Restated, measure
from lake.sources import load_source
from lake.tables import TABLES
from transforms import bitemporal
from transforms.policy_days import daily_sums, driven, with_counted_device, with_vehicle

TABLE = "gold.policy_days"
DAY = ("vehicle_id", "local_date")
_CHANGED_TRIP = ("device_id", "start_ts", "local_date", "known_from", "known_to")


def run(ctx: JobContext) -> JobResult:
    """Restate gold.policy_days for trips, events and mappings that changed in [since, cutoff).

    Raises GateFailed before anything is committed.
    """
    changes = _changes(ctx).persist()
    try:
        dates = F.collect_set(F.when(F.col("vehicle_id").isNotNull(), F.col("local_date")))
        homeless = F.count_if(F.col("vehicle_id").isNull() & F.col("known_to").isNull())
        facts = changes.agg(dates.alias("dates"), homeless.alias("homeless")).collect()[0]
        notes = _note(facts["homeless"], "trips of devices without a vehicle")
        if not facts["dates"]:
            return JobResult(0, "; ".join(["nothing new", *notes]))
        days, left = _restated(ctx, _affected(ctx, changes), sorted(facts["dates"]))
    finally:
        changes.unpersist()
    return _commit(ctx, days, [*notes, *left])


def _note(count: int, what: str) -> list[str]:
    return [f"{count} {what}"] if count else []


def _in_night(ctx: JobContext, name: str) -> Column:
    return (F.col(name) >= F.lit(ctx.since)) & (F.col(name) < F.lit(ctx.cutoff))


def _versions(ctx: JobContext, name: str) -> DataFrame:
    """Every version of a row known before the cutoff, with known_to only where that was known by then too."""
    known_to = F.when(F.col("known_to") < F.lit(ctx.cutoff), F.col("known_to"))
    return ctx.lake.read(name).where(F.col("known_from") < F.lit(ctx.cutoff)).withColumn("known_to", known_to)


def _changes(ctx: JobContext) -> DataFrame:
    """Trip versions of the night and trips of remapped devices, with each vehicle they were ever mapped to (null: none),
    known_to of the trip, and change_ts, the last time at which trip or mapping came to be known otherwise."""
    devices = _versions(ctx, "reference.devices").withColumnsRenamed({"known_from": "mapped_ts", "known_to": "unmapped_ts"})
    columns = ("vehicle_id", "valid_from", "valid_to", "mapped_ts", "unmapped_ts")
    mapping = devices.select(F.col("device_id").alias("_device"), *columns)
    sat_in = (F.col("start_ts") >= F.col("valid_from")) & (F.col("valid_to").isNull() | (F.col("start_ts") < F.col("valid_to")))
    on = (F.col("device_id") == F.col("_device")) & sat_in
    changed = F.greatest("known_from", "known_to", "mapped_ts", "unmapped_ts")
    # a mapping to another car also changes the day of the car that it takes the trip from
    changed = F.max(changed).over(Window.partitionBy("device_id", "start_ts"))
    joined = _changed_trips(ctx).join(mapping, on=on, how="left")
    return joined.select("vehicle_id", "local_date", "known_to", changed.alias("change_ts"))


def _changed_trips(ctx: JobContext) -> DataFrame:
    """Trip versions of the night, and trips that stay but for their device's vehicle or for an event."""
    trips = _versions(ctx, "silver.trips")
    of_night = _in_night(ctx, "known_from") | _in_night(ctx, "known_to")
    remapped = ctx.lake.read("reference.devices").where(of_night).groupBy("device_id").agg(F.min("valid_from").alias("from_ts"))
    events = _versions(ctx, "silver.events").where(of_night).groupBy("trip_id", "start_date")
    restated = events.agg(F.max(F.greatest("known_from", "known_to")).alias("restated_ts")).localCheckpoint(eager=False)
    first, dates = _reach(remapped, restated)
    changed = [trips.where(of_night)]
    # not `~of_night`, which is null where known_to is
    others = trips.where(F.col("known_to").isNull() & ~_in_night(ctx, "known_from"))
    if first is not None:
        since = others.where(F.col("start_ts") >= F.lit(first.replace(tzinfo=dt.UTC)))
        changed.append(since.join(F.broadcast(remapped.select("device_id")), on="device_id", how="left_semi"))
    if dates:
        held = others.where(F.col("start_date").isin(dates)).join(
            F.broadcast(restated), on=["trip_id", "start_date"], how="inner"
        )
        changed.append(held.withColumn("known_from", F.greatest("known_from", "restated_ts")))
    return reduce(DataFrame.unionByName, (x.select(*_CHANGED_TRIP) for x in changed))


def _reach(remapped: DataFrame, restated: DataFrame) -> tuple[dt.datetime | None, list[dt.date]]:
    """From when trips can have got another vehicle, and the dates of trips whose events changed."""
    dates = restated.agg(F.collect_set("start_date").alias("dates"))
    row = remapped.agg(F.min("from_ts").alias("first")).crossJoin(dates).collect()[0]
    return row["first"], sorted(row["dates"])


def _affected(ctx: JobContext, changes: DataFrame) -> DataFrame:
    """Vehicle days (vehicle_id, local_date) to compute again, with change_ts, from when the result is known."""
    by_day = changes.where(F.col("vehicle_id").isNotNull()).groupBy(*DAY)
    return by_day.agg(F.greatest(F.max("change_ts"), F.lit(ctx.since)).alias("change_ts"))


def _restated(ctx: JobContext, affected: DataFrame, dates: list[dt.date]) -> tuple[Restated, list[str]]:
    """What changes in gold.policy_days, and notes of what was left alone."""
    current = _current(ctx, affected, dates).persist()
    trips = _trips(ctx, affected, current, dates).persist()
    try:
        facts = trips.agg(*_counts()).collect()[0]
        notes = _note(facts["imported"], "days left as imported")
        notes += _note(facts["second"], "days of a second device in a car left out")
        computed = daily_sums(trips.where("is_counted AND NOT is_imported"), _events(ctx, dates)).drop("known_from")
        dated = computed.join(affected.withColumnRenamed("change_ts", "known_from"), on=list(DAY), how="inner")
        derived = current.where(~F.col("is_imported")).drop("is_imported")
        content = [x for x in TABLES[TABLE].names if x not in (*DAY, "known_from", "known_to")]
        return measure(ctx, {TABLE: bitemporal.changes(derived, dated, DAY, content)})[0], notes
    finally:
        current.unpersist()
        trips.unpersist()


def _counts() -> tuple[Column, Column]:
    days = F.struct(*DAY)
    device_days = F.struct(*DAY, "source", "device_id")
    return (
        F.count_distinct(F.when(F.col("is_imported"), days)).alias("imported"),
        F.count_distinct(F.when(~F.col("is_counted"), device_days)).alias("second"),
    )


def _current(ctx: JobContext, affected: DataFrame, dates: list[dt.date]) -> DataFrame:
    """Policy days as known of the affected vehicle days, with gone_ts and whether they were imported as history."""
    months = sorted({f"{date:%Y-%m}" for date in dates})
    known = ctx.lake.read_known(TABLE, ctx.cutoff).where(F.col("local_month").isin(months) & F.col("local_date").isin(dates))
    of_days = known.join(affected.withColumnRenamed("change_ts", "gone_ts"), on=list(DAY), how="inner")
    return of_days.withColumn("is_imported", F.col("source").isin(history_sources(ctx)))


def history_sources(ctx: JobContext) -> list[str]:
    """Sources whose files hold policy days: those were not made from points here."""
    folder = ctx.conf.sources_path
    return [path.stem for path in sorted(folder.glob("*.yml")) if load_source(path.stem, folder).target == TABLE]


def _trips(ctx: JobContext, affected: DataFrame, current: DataFrame, dates: list[dt.date]) -> DataFrame:
    """Trips as known that began on the affected vehicle days, but those on foot, with vehicle_id, is_counted and
    is_imported (their day)."""
    devices = ctx.lake.read_known("reference.devices", ctx.cutoff)
    known = ctx.lake.read_known("silver.trips", ctx.cutoff).where(F.col("start_date").isin(_utc_dates(dates)))
    mapped = with_vehicle(driven(known).where(F.col("local_date").isin(dates)), devices)
    of_days = mapped.join(affected.select(*DAY), on=list(DAY), how="left_semi")
    imported = current.select(*DAY, "is_imported")
    marked = with_counted_device(of_days).join(imported, on=list(DAY), how="left")
    return marked.withColumn("is_imported", F.coalesce("is_imported", F.lit(False)))


def _utc_dates(dates: list[dt.date]) -> list[dt.date]:
    """UTC dates on which a trip of these local days can begin."""
    return sorted({date + dt.timedelta(days=offset) for date in dates for offset in (-1, 0, 1)})


def _events(ctx: JobContext, dates: list[dt.date]) -> DataFrame:
    return ctx.lake.read_known("silver.events", ctx.cutoff).where(F.col("start_date").isin(_utc_dates(dates)))


def _commit(ctx: JobContext, days: Restated, notes: list[str]) -> JobResult:
    if not days.rows:
        return JobResult(0, "; ".join(["nothing new", *notes]))
    ctx.gate(TABLE, days.adds)
    days.commit(ctx, "days")
    return JobResult(days.rows, "; ".join([f"{days.added} days added, {days.closed} closed", *notes]))
