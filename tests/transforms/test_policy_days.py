import datetime as dt
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from lake.tables import EVENTS, TRIPS
from tests.transforms.driving import devices
from transforms.policy_days import policy_days

DAY = dt.datetime(2026, 1, 5, 12)
START, MOVE = dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 5, 13)
KNOWN = dt.datetime(2026, 1, 6)


def trip(trip_id: str, device: str, hour: int, covered_ms: int = 60_000, **given: Any) -> tuple[Any, ...]:
    start = DAY.replace(hour=hour)
    row = {x.name: 0 if x.type == "bigint" else None for x in TRIPS.columns}
    row |= {"trip_id": trip_id, "source": "gps", "device_id": device, "segmentation_version": "gap300-v1", "start_ts": start}
    row |= {"end_ts": start, "start_date": start.date(), "tz": "UTC", "local_date": start.date(), "distance_mm": 1_000}
    row |= {"duration_ms": 2 * covered_ms, "covered_ms": covered_ms, "known_from": KNOWN, **given}
    return tuple(row[name] for name in TRIPS.names)


def event(trip_id: str, kind: str, rung: int | None, second: int) -> tuple[Any, ...]:
    at = DAY + dt.timedelta(seconds=second)
    row: dict[str, Any] = {"event_id": f"{trip_id}{kind}{second}", "trip_id": trip_id, "source": "gps", "device_id": "d"}
    row |= {"kind": kind, "rung": rung}
    row |= {"start_ts": at, "end_ts": at, "start_date": at.date(), "duration_ms": 0, "known_from": KNOWN}
    return tuple(row.get(name) for name in EVENTS.names)


@pytest.fixture(scope="module")
def days(spark: SparkSession) -> dict[str, Row]:
    trips = [
        trip("t1", "moves", 12), trip("t2", "moves", 12, distance_mm=500), trip("t3", "moves", 13), trip("t4", "nowhere", 12),
        trip("a", "long", 9, 60_000), trip("b", "short", 9, 59_000), trip("c", "overlap", 9),
        trip("n", "long", 0, local_date=dt.date(2026, 1, 4)),
    ]  # fmt: skip
    brakes = [event("t1", "brake", 4, 1), event("t1", "brake", 1, 9)]
    events = [*brakes, event("t1", "corner", 6, 2), event("t2", "speeding", None, 3)]
    mapped = devices(
        spark, ("moves", "v1", START, MOVE, START), ("moves", "v2", MOVE, None, KNOWN + dt.timedelta(days=1)),
        ("long", "v3", START, None, START), ("short", "v3", START, None, START),
        ("overlap", "v4", START, None, START), ("overlap", "v5", START + dt.timedelta(days=1), None, START),
    )  # fmt: skip
    found = policy_days(spark.createDataFrame(trips, TRIPS.schema), spark.createDataFrame(events, EVENTS.schema), mapped)
    return {f"{row['vehicle_id']} {row['local_date']}": row for row in found.collect()}


def test_sums_and_cumulative_ladder(days: dict[str, Row]) -> None:
    day = days["v1 2026-01-05"]
    assert (day["trips"], day["distance_mm"], day["covered_ms"], day["local_month"]) == (2, 1_500, 120_000, "2026-01")
    # brakes at rungs 4 and 1, a corner at rung 6
    assert [day[f"brake_r{r}"] for r in range(1, 7)] == [2, 1, 1, 1, 0, 0]
    assert [day[f"corner_r{r}"] for r in (1, 6)] == [1, 1]
    assert (day["speeding_events"], day["phone_events"], day["accelerate_r1"]) == (1, 0, 0)


def test_a_device_that_moves_takes_its_trips_along_from_then_on(days: dict[str, Row]) -> None:
    day = days["v2 2026-01-05"]
    # the mapping became known a day after the trip
    assert (day["trips"], day["brake_r1"], day["known_from"]) == (1, 0, KNOWN + dt.timedelta(days=1))


def test_of_two_devices_in_a_car_the_one_with_the_longest_cover_counts(days: dict[str, Row]) -> None:
    assert (days["v3 2026-01-05"]["trips"], days["v3 2026-01-05"]["covered_ms"]) == (1, 60_000)


def test_of_overlapping_mappings_the_one_that_began_last_holds(days: dict[str, Row]) -> None:
    assert "v5 2026-01-05" in days


def test_a_trip_belongs_to_the_local_day_it_began_and_without_vehicle_to_none(days: dict[str, Row]) -> None:
    assert sorted(days) == ["v1 2026-01-05", "v2 2026-01-05", "v3 2026-01-04", "v3 2026-01-05", "v5 2026-01-05"]
