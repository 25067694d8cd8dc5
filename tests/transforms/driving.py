"""Points, devices and source rules to drive with in tests: a base row and what differs from it."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lake.conf import CONF_FOLDER
from lake.driving import DrivingRules, driving_rules
from lake.sources import Source
from lake.tables import DEVICES, POINTS
from transforms.drives import drives
from transforms.trips import events_of, trips_of

NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
"""A Monday."""
MM_PER_MILLIDEGREE = 111_195
"""0.001 degrees of longitude on the equator: 6,371,008.8 m x pi / 180 / 1000 = 111.195 m."""


def source(name: str = "gps", **given: Any) -> Source:
    """Rules of a source, by default 300 s and haversine."""
    columns = {"device_id": {"column": "id"}, "event_ts": {"time": {"columns": ["at"], "format": "iso"}}}
    return Source.model_validate({"name": name, "description": "test", "format": {"type": "jsonl"}, "columns": columns, **given})


def rules(name: str = "gps", **given: Any) -> DrivingRules:
    """A source with the rules that it names among those shipped."""
    return driving_rules(source(name, **given), CONF_FOLDER / "rules")


SOURCES = {"gps": rules(), "obd": rules("obd", distance_method="speed", trip_gap_s=120)}


def point(seconds: float, device: str = "d", *, start: dt.datetime = NOON, **given: Any) -> dict[str, Any]:
    """A point so many seconds after `start`, received an hour after it, without any measurement but those given."""
    at = start + dt.timedelta(seconds=seconds)
    payload = "-".join(f"{k}={v}" for k, v in sorted(given.items()))
    base = {
        "record_id": hashlib.sha256(f"{device}/{at.timestamp()}/{payload}".encode()).hexdigest(),
        "source": "gps", "device_id": device, "event_ts": at,
        "event_date": at.date(), "received_ts": at + dt.timedelta(hours=1),
        "source_file": "f", "source_line": 1, "content_sha256": "c",
    }  # fmt: skip
    return {**base, **given}


def points(spark: SparkSession, rows: Sequence[dict[str, Any]]) -> DataFrame:
    """bronze.points."""
    return spark.createDataFrame([tuple(row.get(name) for name in POINTS.names) for row in rows], POINTS.schema)


def devices(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    """reference.devices: (device, vehicle, valid_from, valid_to, known_from[, known_to])."""
    return spark.createDataFrame([(*row, None, None, None)[: len(DEVICES.names)] for row in rows], DEVICES.schema)


def drive(
    spark: SparkSession, rows: Sequence[dict[str, Any]], sources: dict[str, DrivingRules] = SOURCES
) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Trips and events of the points as rows by device, in order of time."""
    trips = trips_of(drives(points(spark, rows), sources)).persist()
    return _by_device(trips.drop("events")), _by_device(events_of(trips))


def _by_device(df: DataFrame) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in df.orderBy("device_id", "start_ts", *(["kind"] if "kind" in df.columns else [])).collect():
        found.setdefault(row["device_id"], []).append(row)
    return found
