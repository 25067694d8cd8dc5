import datetime as dt
import hashlib
import random
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from tests.transforms.driving import MM_PER_MILLIDEGREE, NOON, SOURCES, drive, point, points
from transforms.drives import drives

Rows = dict[str, list[Any]]


LON = 8.0


def eastward(device: str, millidegrees: list[float], step_s: float = 10, **given: Any) -> list[dict[str, Any]]:
    """Points along the equator, off Gabon, a step apart."""
    return [point(i * step_s, device, lat=0.0, lon=LON + m / 1000, **given) for i, m in enumerate(millidegrees)]


ROWS = [
    *eastward("straight", [0, 1, 2], source="obd"),
    *eastward("outlier", [0, 1, 1000, 3]),
    *eastward("moved", [0, 1, 1000, 1001, 1002]),
    *[point(i, "no_position", speed_mps=10.0) for i in range(11)],
    *[point(i, "parked", lat=0.0, lon=LON + i / 1e5, speed_mps=0.0) for i in range(10)],
    point(0, "one"),
    *[point(s, "paused", speed_mps=10.0, source="gps") for s in (0, 5, 305, 606)],
    *[point(s, "hidden", lat=0.0, lon=LON + lon, speed_mps=10.0) for s, lon in ((0, 0.0), (60, 0.006))],
    *[
        point(s, "conflict", speed_mps=v, record_id=r)
        for s, v, r in ((0, 10.0, "a"), (1, 30.0, "f"), (1, 10.0, "b"), (2, 10.0, "c"))
    ],
    *[point(i, "fault", speed_mps=v) for i, v in enumerate([10.0, 10.0, 99.0, 10.0])],
    *[
        point(i, "rules", speed_mps=20.0, posted_limit_mps=15.0 if i < 3 else None, phone_use=(None, True, True, False, False)[i])
        for i in range(5)
    ],
    *[point(s, "gap120", source="obd", speed_mps=1.0) for s in (0, 120, 241)],
]


@pytest.fixture(scope="module")
def trips(spark: SparkSession) -> Rows:
    """Every drive of ROWS, shuffled, in one Spark run."""
    return drive(spark, random.Random(1).sample(ROWS, len(ROWS)))[0]


def test_distance_is_the_sum_of_great_circle_steps(trips: Rows) -> None:
    # two steps of 0.001 degrees; no speed, so the source's own method cannot serve
    (trip,) = trips["straight"]
    assert (trip["distance_mm"], trip["distance_method"]) == (2 * MM_PER_MILLIDEGREE, "haversine")
    assert trip["distance_speed_mm"] is None
    # 111 m in 10 s is motion although no speed was measured
    assert trip["moving_ms"] == trip["duration_ms"] == trip["covered_ms"] == 20_000


def test_an_outlier_is_left_out_and_its_successor_is_not(trips: Rows) -> None:
    # 0 -> 1 -> 3 millidegrees: the point at one degree counts for nothing
    (trip,) = trips["outlier"]
    assert (trip["jump_points"], trip["points"]) == (1, 4)
    assert trip["distance_haversine_mm"] == MM_PER_MILLIDEGREE + 222_390
    assert trip["end_lon"] == LON + 0.003


def test_after_a_displacement_the_second_position_is_accepted_without_the_leap(trips: Rows) -> None:
    # 0 -> 1, then 1001 -> 1002; neither 1 -> 1000 nor 1 -> 1001 (111 km) counts
    (trip,) = trips["moved"]
    assert trip["distance_haversine_mm"] == 2 * MM_PER_MILLIDEGREE
    assert trip["jump_points"] == 1


def test_without_position_speed_is_integrated_and_the_zone_is_utc(trips: Rows) -> None:
    # 10 m/s for 10 s = 100 m
    (trip,) = trips["no_position"]
    assert (trip["distance_mm"], trip["distance_method"], trip["tz"]) == (100_000, "speed", "UTC")
    assert trip["distance_haversine_mm"] is None and trip["start_lat"] is None


def test_drift_of_a_parked_car_is_no_distance(trips: Rows) -> None:
    (trip,) = trips["parked"]
    assert (trip["distance_mm"], trip["moving_ms"], trip["duration_ms"]) == (0, 0, 9_000)


def test_one_point_is_a_trip(trips: Rows) -> None:
    (trip,) = trips["one"]
    assert (trip["points"], trip["duration_ms"], trip["distance_mm"], trip["distance_method"]) == (1, 0, 0, None)
    assert trip["start_ts"] == trip["end_ts"] and trip["known_from"] == NOON.replace(tzinfo=None) + dt.timedelta(hours=1)


def test_a_pause_longer_than_the_gap_ends_a_trip(trips: Rows) -> None:
    # 300 s is no longer than the gap of 300 s, 301 s is; only the first 5 s are without a gap in the points
    first, second = trips["paused"]
    assert (first["points"], first["duration_ms"], first["covered_ms"], first["distance_speed_mm"]) == (3, 305_000, 5_000, 50_000)
    assert second["points"] == 1
    assert [t["points"] for t in trips["gap120"]] == [2, 1]
    assert {t["segmentation_version"] for t in trips["gap120"]} == {"gap120-v1"}


def test_distance_counts_across_a_gap_in_the_points_but_time_does_not(trips: Rows) -> None:
    # 6 millidegrees in 60 s: 667,170 mm; no speed is integrated over 60 s
    (trip,) = trips["hidden"]
    assert (trip["distance_mm"], trip["covered_ms"], trip["moving_ms"]) == (667_170, 0, 0)
    assert trip["distance_speed_mm"] == 0


def test_of_two_points_at_one_instant_the_smallest_record_id_wins(trips: Rows) -> None:
    # with record b 10 m/s throughout: 20 m; with record f it would be 40 m
    (trip,) = trips["conflict"]
    assert (trip["points"], trip["distance_speed_mm"], trip["max_speed_mps"]) == (3, 20_000, 10.0)


def test_an_impossible_speed_is_not_accepted(trips: Rows) -> None:
    # the hole that 99 m/s leaves is bridged by the speeds beside it
    (trip,) = trips["fault"]
    assert (trip["max_speed_mps"], trip["distance_speed_mm"]) == (10.0, 30_000)


def test_a_step_counts_under_the_state_of_its_later_point(trips: Rows) -> None:
    # limit known at points 1 and 2, 20 m/s is over 15 + 1.39; phone known at points 1 to 4, in use at 1 and 2
    (trip,) = trips["rules"]
    assert (trip["limit_known_ms"], trip["speeding_ms"]) == (2_000, 2_000)
    assert (trip["phone_known_ms"], trip["phone_ms"]) == (4_000, 2_000)


def test_the_trip_id_is_a_function_of_device_start_and_version(trips: Rows) -> None:
    start = int(NOON.timestamp()) * 1_000_000
    assert trips["one"][0]["trip_id"] == hashlib.sha256(f"gps|one|{start}|gap300-v1".encode()).hexdigest()


def test_a_source_without_rules_is_an_error_that_names_it(spark: SparkSession) -> None:
    rows = points(spark, [point(0, source="unheard_of")])
    with pytest.raises(PySparkException, match="no rules for source unheard_of"):
        drives(rows, SOURCES).collect()


def test_raw_points_are_shuffled_once(spark: SparkSession) -> None:
    plan = drives(points(spark, [point(0)]), SOURCES)._jdf.queryExecution().executedPlan().toString()
    assert plan.count("Exchange hashpartitioning") == 1
    assert plan.count("Sort [") == 1
