"""Trips and events as silver keeps them, from what transforms.drives found in the points."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.tables import EVENTS, TRIPS, Table
from transforms.local_time import local_date, night_ms, rush_ms, weekend_ms

MODE_DRIVING = "driving"


def trips_of(driven: DataFrame) -> DataFrame:
    """One row a trip in the columns of silver.trips, with `events` (and `cells`) besides, from transforms.drives.drives.

    known_from is the largest received_ts of the trip's points. A covered step counts towards the time sums, under the state of
    its later point.
    """
    identity = F.concat_ws("|", "source", "device_id", F.col("start_us").cast("string"), "segmentation_version")
    times = {
        name: F.timestamp_micros(us) for name, us in (("start_ts", "start_us"), ("end_ts", "end_us"), ("known_from", "known_us"))
    }
    timed = driven.withColumns({**times, "trip_id": F.sha2(identity, 256)})
    whole = timed.withColumns({**_local(), **_others()})
    nested = [x for x in ("events", "cells") if x in whole.columns]
    return whole.select(*_columns(TRIPS, whole), *nested)


def _columns(table: Table, have: DataFrame) -> list[Column]:
    """The table's columns; those that nothing fills (lookups that are not configured) are null."""
    names = set(have.columns)
    return [(F.col(x.name) if x.name in names else F.lit(None)).cast(x.type).alias(x.name) for x in table.columns]


def _local() -> dict[str, Column]:
    tz, quarters = F.col("tz"), F.col("quarters")
    return {
        "start_date": F.to_date("start_ts"),
        "local_date": local_date(F.col("start_ts"), tz),
        "night_ms": night_ms(quarters, tz),
        "rush_ms": rush_ms(quarters, tz),
        "weekend_ms": weekend_ms(quarters, tz),
        "holiday_ms": F.when(F.col("is_holiday"), F.col("moving_ms")).otherwise(0),
        "duration_ms": F.unix_millis("end_ts") - F.unix_millis("start_ts"),
    }


def _others() -> dict[str, Column]:
    """Both distances, null where there is nothing to measure them by, and what a new version of a trip leaves open."""
    return {
        "distance_haversine_mm": F.when(F.col("positions") > 0, F.col("haversine_mm")),
        "distance_speed_mm": F.when(F.col("speeds") > 0, F.col("integral_mm")),
        "superseded_by": F.lit(None).cast("string"),
        "known_to": F.lit(None).cast("timestamp"),
    }


def events_of(trips: DataFrame) -> DataFrame:
    """One row an event in the columns of silver.events, from trips with `events`; known_from and start_date are the trip's."""
    of_trip = ("trip_id", "source", "device_id", "start_date", "known_from", "rules_version")
    each = trips.select(*of_trip, F.explode("events").alias("event")).select(*of_trip, "event.*")
    identity = F.concat_ws("|", "trip_id", "kind", F.col("start_us").cast("string"))
    timed = each.withColumns({
        "event_id": F.sha2(identity, 256),
        "start_ts": F.timestamp_micros("start_us"),
        "end_ts": F.timestamp_micros("end_us"),
    })  # fmt: skip
    dated = timed.withColumns({
        "duration_ms": F.unix_millis("end_ts") - F.unix_millis("start_ts"),
        "known_to": F.lit(None).cast("timestamp"),
    })  # fmt: skip
    return dated.select(*_columns(EVENTS, dated))
