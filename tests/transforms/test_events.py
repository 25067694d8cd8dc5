import datetime as dt
import hashlib
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.transforms.driving import NOON, drive, point

Rows = dict[str, list[Any]]


def each_second(device: str, values: list[Any], column: str = "accel_lon_mps2", **given: Any) -> list[dict[str, Any]]:
    rules = {"speed_mps": 20.0, **given}
    return [point(i, device, **{**rules, column: value}) for i, value in enumerate(values)]


ROWS = [
    *each_second("stop", [20.0, 20.0, 15.0, 10.0, 10.0], "speed_mps"),
    *each_second("go", [0.0, 3.0, 6.5, 6.5], "speed_mps"),
    *each_second("merged", [0.0, -3.0, 0.0, -4.0, 0.0]),
    *each_second("apart", [0.0, -3.0, 0.0, 0.0, -4.0]),
    *each_second("slow", [0.0, -4.0, -4.0], speed_mps=2.0),
    *each_second("last_metres", [3.0, 0.0, 0.0], "speed_mps"),
    *each_second("threshold", [0.0, -2.67, 0.0, 0.0, 0.0, -2.68]),
    *each_second("bend", [0.0, 3.0, 3.2, -5.0, 0.0], "accel_lat_mps2"),
    *[point(5 * i, "fast", speed_mps=v, posted_limit_mps=10.0) for i, v in enumerate([10.0, 12.0, 12.5, 12.0, 11.3, 10.0])],
    *[point(s, "fast_gap", speed_mps=12.0, posted_limit_mps=10.0) for s in (0, 5, 20, 25)],
    *each_second("phone", [False, True, True, None, True], "phone_use"),
    *each_second("phone_parked", [True, True], "phone_use", speed_mps=0.0),
    *each_second("nothing", [None, None], speed_mps=None),
    *[point(s, "sparse", speed_mps=v) for s, v in ((0, 20.0), (5, 0.0))],
]


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> Rows:
    return drive(spark, ROWS)[1]


def shape(rows: list[Any]) -> list[tuple[Any, ...]]:
    start = NOON.replace(tzinfo=None)
    return [(r["kind"], (r["start_ts"] - start).seconds, (r["end_ts"] - start).seconds, r["peak"], r["rung"]) for r in rows]


def test_one_stop_is_one_event_with_its_peak_and_the_speed_it_began_with(events: Rows) -> None:
    # 20 -> 15 -> 10 m/s: 5 m/s2 twice, over rung 4 (4.47) and below rung 5 (5.36)
    assert shape(events["stop"]) == [("brake", 2, 3, 5.0, 4)]
    assert (events["stop"][0]["start_speed_mps"], events["stop"][0]["duration_ms"]) == (20.0, 1_000)


def test_acceleration_from_standstill_counts_by_the_speed_reached(events: Rows) -> None:
    # 0 -> 3 -> 6.5 m/s: 3.0 and 3.5 m/s2, rung 2 (3.13)
    assert shape(events["go"]) == [("accelerate", 1, 2, 3.5, 2)]


def test_runs_up_to_two_seconds_apart_are_one(events: Rows) -> None:
    assert shape(events["merged"]) == [("brake", 1, 3, 4.0, 3)]
    assert shape(events["apart"]) == [("brake", 1, 1, 3.0, 1), ("brake", 4, 4, 4.0, 3)]


def test_below_ten_kmh_is_no_event_unless_it_began_faster(events: Rows) -> None:
    # 10 km/h is 2.78 m/s: braking from 3 m/s to 0 counts although its only point has speed 0
    assert "slow" not in events
    assert shape(events["last_metres"]) == [("brake", 1, 1, 3.0, 1)]


def test_a_threshold_is_reached_at_its_value(events: Rows) -> None:
    assert shape(events["threshold"]) == [("brake", 5, 5, 2.68, 1)]


def test_left_and_right_are_two_corners(events: Rows) -> None:
    assert shape(events["bend"]) == [("corner", 1, 2, 3.2, 2), ("corner", 3, 3, 5.0, 4)]
    assert [e["direction"] for e in events["bend"]] == ["right", "left"]


def test_speeding_is_a_run_of_consecutive_points_above_limit_and_tolerance(events: Rows) -> None:
    # limit 10, tolerance 5 km/h = 1.39 m/s: 11.3 is within; peak is the speed over the limit; the gap of 15 s parts two runs
    assert shape(events["fast"]) == [("speeding", 5, 15, 2.5, None)]
    assert [(s, e) for _, s, e, _, _ in shape(events["fast_gap"])] == [(0, 5), (20, 25)]


def test_phone_use_counts_while_moving(events: Rows) -> None:
    # unknown for one second between two uses: 2 s apart, one event
    assert shape(events["phone"]) == [("phone", 1, 4, None, None)]
    assert "phone_parked" not in events


def test_nothing_measured_or_speeds_too_far_apart_give_no_event(events: Rows) -> None:
    # 20 m/s within 5 s would be 4 m/s2, but speeds over 2 s apart give no acceleration
    assert "nothing" not in events and "sparse" not in events


def test_an_event_carries_its_trip(events: Rows) -> None:
    event = events["stop"][0]
    start = int((NOON + dt.timedelta(seconds=2)).timestamp()) * 1_000_000
    assert event["event_id"] == hashlib.sha256(f"{event['trip_id']}|brake|{start}".encode()).hexdigest()
    last_received = (NOON + dt.timedelta(hours=1, seconds=4)).replace(tzinfo=None)
    assert (event["start_date"], event["known_from"]) == (NOON.date(), last_received)
