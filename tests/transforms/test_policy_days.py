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
    row |= {
        "end_ts": start + dt.timedelta(milliseconds=2 * covered_ms),
        "start_date": start.date(),
        "tz": "UTC",
        "local_date": start.date(),
        "distance_mm": 1_000,
    }
    row |= {"duration_ms": 2 * covered_ms, "covered_ms": covered_ms, "known_from": KNOWN, **given}
    return tuple(row[name] for name in TRIPS.names)


def va(**places: int) -> list[int]:
    """Time in ms at the places given, as p<place>."""
    return [places.get(f"p{n}", 0) for n in range(117)]


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
        trip("a", "long", 9, 60_000), trip("b", "short", 9, 30_000), trip("c", "overlap", 9),
        trip("r", "short", 15, 20_000),
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


def test_fault_26_a_device_that_moves_takes_its_trips_along_from_then_on(days: dict[str, Row]) -> None:
    day = days["v2 2026-01-05"]
    # the mapping became known a day after the trip
    assert (day["trips"], day["brake_r1"], day["known_from"]) == (1, 0, KNOWN + dt.timedelta(days=1))


def test_fault_26_of_two_devices_on_one_drive_the_one_with_the_longest_cover_counts(days: dict[str, Row]) -> None:
    # at 9 both record, at 15 one alone: a device that replaces another in the course of a day loses nothing
    assert (days["v3 2026-01-05"]["trips"], days["v3 2026-01-05"]["covered_ms"]) == (2, 80_000)


def test_of_overlapping_mappings_the_one_that_began_last_holds(days: dict[str, Row]) -> None:
    assert "v5 2026-01-05" in days


def test_a_trip_belongs_to_the_local_day_it_began_and_without_vehicle_to_none(days: dict[str, Row]) -> None:
    assert sorted(days) == ["v1 2026-01-05", "v2 2026-01-05", "v3 2026-01-04", "v3 2026-01-05", "v5 2026-01-05"]


def one_day(spark: SparkSession, *trips: tuple[Any, ...]) -> Row:
    """The only policy day of vehicle v1, whose devices are d and e."""
    mapped = devices(spark, ("d", "v1", START, None, START), ("e", "v1", START, None, START))
    [found] = policy_days(spark.createDataFrame(trips, TRIPS.schema), spark.createDataFrame([], EVENTS.schema), mapped).collect()
    return found


def test_what_is_known_of_some_trips_adds_up_and_what_is_known_of_none_is_null(spark: SparkSession) -> None:
    known = {"idle_ms": 5_000, "weekend_ms": 7, "holiday_ms": 8, "harsh_known_mm": 0, "quality": 0.75, "va_ms": va(p0=3, p116=4)}
    unknown = {
        x.name: None for x in TRIPS.columns if x.name in ("idle_ms", "weekend_ms", "holiday_ms", "harsh_known_mm", "va_ms")
    }
    roads = {"motorway_mm": None, "main_mm": None, "local_mm": None, "wet_ms": None, "weather_known_ms": None}
    day = one_day(
        spark,
        trip("a", "d", 9, **known | roads),
        trip("b", "d", 10, **known | roads | {"quality": 0.5, "distance_mm": 501, "va_ms": va(p0=10)}),
        trip("c", "d", 11, **unknown | roads),
    )
    assert (day["idle_ms"], day["weekend_ms"], day["holiday_ms"]) == (10_000, 14, 16)
    # of a and b nothing was measured by calibrated rules; of c nobody says so, so all of its 1,000 mm was
    assert day["harsh_known_mm"] == 1_000
    # .75 x 1,000 and .5 x 501 = 250.5, rounded up
    assert day["quality_mm"] == 750 + 251
    assert day["va_ms"] == va(p0=13, p116=4)
    assert [day[name] for name in roads] == [None] * 5
    assert one_day(spark, trip("c", "d", 11, **unknown | roads))["va_ms"] is None


def test_starts_are_counted_by_the_clock_of_the_place(spark: SparkSession) -> None:
    """01:30 UTC of Monday 5 January is Sunday 4 January, 20:30, in New York: slot 20 of the weekend."""
    local = {"tz": "America/New_York", "local_date": dt.date(2026, 1, 4)}
    day = one_day(
        spark,
        trip("a", "d", 1, start_ts=dt.datetime(2026, 1, 5, 1, 30), **local),
        # 23:59 and, on the day itself, 20:00
        trip("b", "d", 4, start_ts=dt.datetime(2026, 1, 5, 4, 59), **local),
        trip("c", "d", 12, start_ts=dt.datetime(2026, 1, 4, 12, 0), **local),
    )
    starts = {name: day[name] for name in day.asDict() if name.startswith("starts_") and day[name]}
    # noon UTC is 07:00
    assert starts == {"starts_weekend_20": 2, "starts_weekend_04": 1}
    monday = one_day(spark, trip("a", "d", 0))
    assert monday["starts_weekday_00"] == 1


def test_trips_on_foot_make_no_day_and_no_device_count(spark: SparkSession) -> None:
    """Device e is carried on a long walk; d, which drove, is the one that counts."""
    walk = trip("w", "e", 9, 90_000, mode="on_foot")
    day = one_day(spark, walk, trip("a", "d", 10, mode="driving"), trip("b", "d", 11))
    assert (day["trips"], day["covered_ms"]) == (2, 120_000)
