"""The days of an explanation: which contribute most, their trips and events, and the raw records or files they came from."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lake.conf import Conf
from lake.delta import Lake
from lake.errors import ConfigError
from lake.features import Feature
from lake.sources import Source, load_source
from transforms import lineage

if TYPE_CHECKING:
    from jobs.explaining import Asked

DAYS = "gold.policy_days"
_OF_TRIP = (
    "trip_id", "source", "device_id", "start_ts", "end_ts", "tz", "points", "distance_mm", "duration_ms", "moving_ms", "night_ms",
    "rush_ms", "speeding_ms", "phone_ms", "covered_ms", "quality", "segmentation_version", "rules_version",
)  # fmt: skip
_OF_EVENT = ("event_id", "kind", "direction", "rung", "peak", "start_ts", "end_ts", "duration_ms")
Term = tuple[Row, Row]
"""A policy day and its term of a feature."""


def contributing(days: DataFrame, features: Sequence[Feature], asked: "Asked") -> tuple[list[Row], list[Row]]:
    """The vehicle's days in the longest window, and those of them that are shown, in order of time."""
    rows = lineage.terms_of_days(days, features, asked.date).collect()
    dates = {day["local_date"] for f in features for day, _ in ordered(rows, f.name)[: asked.limit]}
    return rows, sorted((row for row in rows if row["local_date"] in dates), key=lambda row: str(row["local_date"]))


def ordered(rows: Sequence[Row], feature: str) -> list[Term]:
    """Days within a feature's window with what they add, those with most of the numerator first, then of the denominator."""
    pairs = [(row, t) for row in rows for t in row["terms"] if t["feature"] == feature]
    own = [(row, t) for row, t in pairs if t["numerator"] is not None or t["denominator"] is not None]
    return sorted(own, key=lambda x: (-(x[1]["numerator"] or 0), -(x[1]["denominator"] or 0), -x[0]["local_date"].toordinal()))


def detail(
    lake: Lake, conf: Conf, asked: "Asked", vehicle_id: str, features: Sequence[Feature], days: Sequence[Row]
) -> list[dict[str, Any]]:
    """Each day with its trips, or the files that an imported one may have come from."""
    imported = {row["source"]: _history(conf, row["source"]) for row in days}
    files = {
        name: _files(lake, source, vehicle_id, [x["local_date"] for x in days if x["source"] == name])
        for name, source in imported.items()
        if source is not None
    }
    derived = [x["local_date"] for x in days if imported[x["source"]] is None]
    trips = _trips(lake, asked, vehicle_id, features, derived) if derived else {}
    return [_day(row, files.get(row["source"]), trips.get(row["local_date"], []), asked.limit) for row in days]


def _day(row: Row, files: dict[dt.date | None, list[str]] | None, trips: list[dict[str, Any]], most: int) -> dict[str, Any]:
    facts = {name: row[name] for name in ("local_date", "source", "trips", "distance_mm", "known_from")}
    told = {f"day_{k}" if k == "trips" else k: v for k, v in facts.items()} | {"imported": files is not None}
    if files is not None:
        found = files.get(row["local_date"], [])
        return told | {"files": found or files[None], "file_is_certain": len(found) == 1, "trips": [], "trips_left_out": 0}
    # a second device in the car records the same driving
    counted = sum(t["distance_mm"] for t in trips if t["is_counted"])
    agrees = counted == row["distance_mm"]
    return told | {"trips_agree": agrees, "trips": trips[:most], "trips_left_out": max(len(trips) - most, 0)}


def _history(conf: Conf, name: str) -> Source | None:
    """The source, if it is one of imported days."""
    try:
        source = load_source(name, conf.sources_path)
    except ConfigError:
        return None
    return source if source.target == DAYS else None


def _files(lake: Lake, source: Source, vehicle_id: str, dates: list[dt.date]) -> dict[dt.date | None, list[str]]:
    """Files of the ledger that have the vehicle's day, by date; under None all that the source's days came from."""
    is_ours = (F.col("source") == source.name) & (F.col("target") == DAYS) & (F.col("status") == "ingested")
    paths = sorted(r[0] for r in lake.read("bronze.ledger").where(is_ours).select("source_file").distinct().collect())
    found: dict[dt.date | None, list[str]] = {None: paths}
    there = [x for x in paths if Path(x).is_file()]
    vehicle, date = (_column(source, x) for x in ("vehicle_id", "local_date"))
    if source.format.type != "parquet" or not there or vehicle is None or date is None:
        return found
    try:
        read = lake.spark.read.parquet(*there).where(F.col(vehicle) == vehicle_id)
        name = F.element_at(F.split("_metadata.file_path", "/"), -1).alias("file")
        rows = read.select(F.col(date).cast("date").alias("day"), name).where(F.col("day").isin(dates)).distinct().collect()
    except PySparkException:
        # a file has changed since: the ledger's names are all that can be said
        return found
    for row in rows:
        found.setdefault(row["day"], []).extend(x for x in there if Path(x).name == row["file"])
    return found


def _column(source: Source, name: str) -> str | None:
    field = source.columns[name]
    return field.column if field.time is None else next(iter(field.time.columns), None)


def _trips(
    lake: Lake, asked: "Asked", vehicle_id: str, features: Sequence[Feature], dates: list[dt.date]
) -> dict[dt.date, list[dict[str, Any]]]:
    """The days' trips as known at the cutoff, those that tell most of the features first, with events and raw records."""
    silver, devices = (lake.read_known(x, asked.cutoff) for x in ("silver.trips", "reference.devices"))
    trips = lineage.trips_of_days(silver, devices, vehicle_id, dates).localCheckpoint()
    found = trips.collect()
    events = _events(lake, asked, found)
    by_trip = _by(events.orderBy("start_ts", "event_id").collect(), "trip_id")
    told = [(row, _told(features, by_trip[row["trip_id"]])) for row in found]
    by_day: dict[dt.date, list[tuple[Row, list[Row]]]] = defaultdict(list)
    for row, own in sorted(told, key=lambda x: _weight(features, *x)):
        by_day[row["local_date"]].append((row, own))
    shown = [(row, own[: asked.limit]) for day in by_day.values() for row, own in day[: asked.limit]]
    records = _records(lake, asked, trips, events, shown)
    return {date: [_trip(row, own, records, asked.limit) for row, own in day] for date, day in by_day.items()}


def _events(lake: Lake, asked: "Asked", trips: Sequence[Row]) -> DataFrame:
    """Events of the trips as known at the cutoff, from the partitions of the trips' dates."""
    begun, ids = sorted({row["start_date"] for row in trips}), [row["trip_id"] for row in trips]
    known = lake.read_known("silver.events", asked.cutoff).where(F.col("start_date").isin(begun))
    return known.where(F.col("trip_id").isin(ids)).localCheckpoint()


def _by(rows: Sequence[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found


def _is_told(features: Sequence[Feature], event: Row) -> bool:
    return any(lineage.tells_of(f, event["kind"], event["rung"]) for f in features)


def _told(features: Sequence[Feature], events: list[Row]) -> list[Row]:
    """Events that the features count first, the strongest of them first."""
    return sorted(events, key=lambda e: (not _is_told(features, e), -(e["rung"] or 0), -e["duration_ms"], e["event_id"]))


def _weight(features: Sequence[Feature], trip: Row, events: list[Row]) -> tuple[float, ...]:
    """Trips with most of what the features count first, then with most of their other numerators."""
    names = [f.numerator for f in features if f.numerator in trip]
    return -sum(_is_told(features, e) for e in events), *(-(trip[x] or 0) for x in names), trip["start_ts"].timestamp()


def _records(
    lake: Lake, asked: "Asked", trips: DataFrame, events: DataFrame, shown: Sequence[tuple[Row, list[Row]]]
) -> dict[str, list[Row]]:
    """Raw records by span, read from the partitions of the spans' dates alone."""
    event_ids = [e["event_id"] for _, own in shown for e in own]
    bare = [row["trip_id"] for row, own in shown if not own]
    spans = lineage.spans_of(trips.where(F.col("trip_id").isin(bare)), events.where(F.col("event_id").isin(event_ids)))
    spans = spans.localCheckpoint()
    ends = spans.select("source", "first_date", "last_date").distinct().collect()
    if not ends:
        return {}
    dates = sorted(
        {x["first_date"] + dt.timedelta(days=n) for x in ends for n in range((x["last_date"] - x["first_date"]).days + 1)}
    )
    points = lake.read("bronze.points").where(F.col("event_date").isin(dates))
    of_sources = points.where(F.col("source").isin(sorted({x["source"] for x in ends})))
    return _by(lineage.records_of(of_sources, spans, asked.cutoff, asked.limit).orderBy("span", "event_ts").collect(), "span")


def _trip(row: Row, events: list[Row], records: dict[str, list[Row]], most: int) -> dict[str, Any]:
    ends = [x for end in lineage.FIRST_AND_LAST for x in records.get(f"{row['trip_id']}/{end}", [])]
    told = [{n: e[n] for n in _OF_EVENT} | _of_span(records.get(e["event_id"], [])) for e in events[:most]]
    return {n: row[n] for n in _OF_TRIP} | {
        "is_counted": row["is_counted"], "events": told, "events_left_out": len(events) - len(told),
        "first_and_last": [_record(x) for x in ends] if not events else [],
    }  # fmt: skip


def _of_span(rows: list[Row]) -> dict[str, Any]:
    return {"records": [_record(x) for x in rows], "records_left_out": (rows[0]["records"] if rows else 0) - len(rows)}


def _record(row: Row) -> dict[str, Any]:
    return {k: v for k, v in row.asDict().items() if k not in ("span", "records")}
