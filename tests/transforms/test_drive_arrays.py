"""Cleaning, segmentation, calibration and event rules on arrays, by hand-made points of one source."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lake.conf import CONF_FOLDER
from lake.driving import DrivingRules
from lake.event_rules import EventRules, load_rules
from tests.transforms.driving import rules as shipped
from tests.transforms.tracks import START_US, track
from transforms.drive_rows import track_of
from transforms.drives import whole_devices
from transforms.runs import ACCELERATE, BRAKE, CORNER, LEFT, RIGHT
from transforms.segments import MODES
from transforms.trip_sums import VA_ACCELS, Drives, drives_of

M_PER_DEG = 111_195.08
RULES = CONF_FOLDER / "rules"
FIRMWARE = {
    "device_id": {"column": "id"}, "event_ts": {"time": {"columns": ["at"], "format": "iso"}}, "firmware": {"column": "fw"}
}  # fmt: skip


def drives(rules: DrivingRules, seconds: Any, firmwares: list[str | None] | None = None, **given: Any) -> Drives:
    return drives_of(track(seconds, **given), firmwares or [], rules)


def northward(speeds: Any) -> np.ndarray:
    """Latitudes of a car that goes north at these speeds, a second each."""
    return 45.0 + np.cumsum(np.asarray(speeds, float)) / M_PER_DEG


def spans(found: Drives) -> list[tuple[str, int, int]]:
    """Mode, first and last second of each trip."""
    start, end = ((found.trips[x] - START_US) // 1_000_000 for x in ("start_us", "end_us"))
    return [(MODES[m], int(a), int(b)) for m, a, b in zip(found.trips["mode"], start, end, strict=True)]


def events(found: Drives) -> list[tuple[int, int, int, float, int]]:
    """Kind, side, row of the first point, peak and rung."""
    r = found.runs
    return [
        (int(k), int(s), int(f), round(float(p), 3), int(g))
        for k, s, f, p, g in zip(r.kind, r.side, r.first, r.peak, r.rung, strict=True)
    ]


def test_a_stuck_sensor_is_neither_motion_nor_distance_by_speed() -> None:
    # 12 m/s northward; from second 20 on all repeats for 15 s while the car goes on, then it is 180 m further
    speed, lat = np.full(60, 12.0), northward(np.full(60, 12.0))
    lat[21:36] = lat[20]
    found = drives(shipped(), np.arange(60), speed_mps=speed, lat=lat, lon=9.0)
    assert found.trips["stuck_points"].tolist() == [15]
    # 59 steps of 12 m by position, across the stand-still too; by speed the 16 steps from, at and to the stuck points are lost
    assert found.trips["haversine_mm"][0] == pytest.approx(59 * 12_000, abs=60)
    assert found.trips["integral_mm"][0] == 43 * 12_000
    assert found.trips["covered_ms"][0] == (59 - 15) * 1000
    # 44 of 59 s covered, 45 of 60 points sound, 516 m by speed against 708 m
    assert found.trips["quality"][0] == pytest.approx(44 / 59 * 45 / 60 * 516 / 708, abs=1e-3)


def test_cruise_control_is_not_stuck_and_neither_is_a_parked_car() -> None:
    moving = drives(shipped(), np.arange(60), speed_mps=30.0, lat=northward(np.full(60, 30.0)), lon=9.0)
    parked = drives(shipped(), np.arange(60), speed_mps=0.0, lat=45.0, lon=9.0)
    no_position = drives(shipped(), np.arange(60), speed_mps=30.0)
    assert [x.trips["stuck_points"][0] for x in (moving, parked, no_position)] == [0, 0, 0]


def test_without_a_rule_for_stands_only_a_pause_ends_a_trip() -> None:
    speed = [12.0] * 30 + [0.0] * 400 + [12.0] * 30
    assert spans(drives(shipped(), np.arange(460), speed_mps=speed)) == [("driving", 0, 459)]


def test_a_long_stand_ends_a_trip_where_the_source_says_so() -> None:
    # the trip ends with the first standing point (30), the next begins with the last (429); what is between is parked
    speed = [12.0] * 30 + [0.0] * 400 + [12.0] * 30
    rules = shipped(trip_idle_s=200)
    assert spans(drives(rules, np.arange(460), speed_mps=speed)) == [
        ("driving", 0, 30),
        ("parked", 31, 428),
        ("driving", 429, 459),
    ]
    assert rules.segmentation_version == "gap300-idle200-v1"
    # a shorter one does not
    shorter = [12.0] * 30 + [0.0] * 200 + [12.0] * 30
    assert spans(drives(rules, np.arange(260), speed_mps=shorter)) == [("driving", 0, 259)]


def test_a_tracker_that_reports_while_parked_has_no_endless_trip() -> None:
    # a point a minute for a day before and after ten minutes of driving
    seconds = np.r_[np.arange(0, 86_400, 60), np.arange(86_400, 87_000), np.arange(87_000, 2 * 86_400, 60)]
    speed = np.where((seconds >= 86_400) & (seconds < 87_000), 12.0, 0.0)
    found = spans(drives(shipped(trip_idle_s=200), seconds, speed_mps=speed))
    assert [x for x in found if x[0] == "driving"] == [("driving", 86_340, 87_000)]
    # parked stretches are cut at midnight UTC: noon to midnight, midnight to noon, and again
    assert [mode for mode, _, _ in found].count("parked") == 4
    assert max(b - a for _, a, b in found) < 86_400


def test_ignition_off_for_thirty_seconds_ends_a_trip_and_a_shorter_one_does_not() -> None:
    ignition = np.r_[np.ones(60), np.zeros(40), np.ones(60), np.zeros(20), np.ones(60)].astype(np.int8)
    given = {"speed_mps": 5.0, "lat": northward(np.full(240, 5.0)), "lon": 9.0, "ignition": ignition}
    rules = shipped(ignition_off_s=30)
    assert spans(drives(rules, np.arange(240), **given)) == [("driving", 0, 60), ("parked", 61, 99), ("driving", 100, 239)]
    assert spans(drives(shipped(), np.arange(240), **given)) == [("driving", 0, 239)]


def test_walking_makes_trips_of_its_own_without_events_where_the_device_is_carried() -> None:
    # a phone walks 5 minutes, drives 5 minutes with a jolt of the hand before and a brake within
    metres = [1.3] * 300 + [12.0] * 300
    accel = np.zeros(600)
    accel[[100, 450]] = -5.0
    given = {"lat": northward(metres), "lon": 9.0, "speed_mps": metres, "accel_lon_mps2": accel}
    found = drives(shipped(carried=True), np.arange(600), **given)
    assert [mode for mode, _, _ in spans(found)] == ["on_foot", "driving"]
    assert abs(spans(found)[1][1] - 300) <= 15
    assert [e[:3] for e in events(found)] == [(BRAKE, 0, 450)]
    assert len(events(drives(shipped(), np.arange(600), **given))) == 1


def test_a_tilted_mount_is_levelled_by_what_it_reads_at_standstill() -> None:
    # 20 s at rest, then on the way; the mount leans by .5 m/s2: a turn of 2.5 m/s2 reads 3.0 to the right, 2.0 to the left
    speed = np.r_[np.zeros(20), np.full(60, 15.0)]
    lateral = np.full(80, 0.5)
    lateral[40], lateral[60] = 3.0, -2.4
    given = {"speed_mps": speed, "accel_lat_mps2": lateral, "accel_lon_mps2": np.zeros(80)}
    assert events(drives(shipped(), np.arange(80), **given)) == [(CORNER, LEFT, 60, 2.9, 1)]
    raw = DrivingRules(shipped().source, (load_rules("ladder-v1", RULES).model_copy(update={"level_mount": False}),))
    assert events(drives(raw, np.arange(80), **given)) == [(CORNER, RIGHT, 40, 3.0, 1)]
    # of nine points at rest nothing is learned
    assert events(drives(shipped(), np.arange(69), **{k: v[11:] for k, v in given.items()})) == [(CORNER, RIGHT, 29, 3.0, 1)]


def test_a_firmware_that_is_not_calibrated_makes_no_events_and_says_so() -> None:
    braking = np.zeros(60)
    braking[30] = -4.0
    given = {"speed_mps": 15.0, "accel_lon_mps2": braking, "lat": northward(np.full(60, 15.0)), "lon": 9.0, "firmware": 0}
    unknown = drives(shipped(columns=FIRMWARE), np.arange(60), ["fw-2"], **given)
    assert (events(unknown), unknown.trips["harsh_known_mm"][0]) == ([], 0)
    assert not unknown.trips["va_ms"].any()
    # the new sensor reads a quarter more: 4.0 is 3.2, which is rung 2 and not 3
    known = shipped(columns=FIRMWARE, calibrations=[{"firmware": "fw-2", "lon_scale": 0.8, "because": "test"}])
    scaled = drives(known, np.arange(60), ["fw-2"], **given)
    assert (events(scaled), scaled.trips["harsh_known_mm"][0]) == ([(BRAKE, 0, 30, 3.2, 2)], 59 * 15_000)


def test_a_change_of_firmware_does_not_look_like_a_change_of_driver() -> None:
    """The same drive by two sensors, one of which reads 30 % more."""
    rng = np.random.default_rng(5)
    true = rng.normal(0.0, 1.6, 3600)
    given = {"speed_mps": 15.0, "lat": northward(np.full(3600, 15.0)), "lon": 9.0, "firmware": 0}
    calibrations = [{"firmware": "old", "because": "test"}, {"firmware": "new", "lon_scale": 1 / 1.3, "because": "test"}]
    rules = shipped(columns=FIRMWARE, calibrations=calibrations)
    old = drives(rules, np.arange(3600), ["old"], accel_lon_mps2=true, **given)
    new = drives(rules, np.arange(3600), ["new"], accel_lon_mps2=1.3 * true, **given)
    blind = drives(shipped(), np.arange(3600), accel_lon_mps2=1.3 * true, **{**given, "firmware": -1})
    assert len(events(old)) > 100
    assert [e[:3] for e in events(new)] == [e[:3] for e in events(old)]
    assert len(events(blind)) > 1.5 * len(events(old))
    assert new.trips["va_ms"].tolist() == old.trips["va_ms"].tolist()


def test_rules_go_by_the_sampling_rate_of_the_trip() -> None:
    # two trips of one device: a point a second, and one every 5 s
    seconds = np.r_[np.arange(60), 1000 + 5 * np.arange(60)]
    braking = np.zeros(120)
    braking[[30, 90]] = -3.0
    given = {"speed_mps": 15.0, "accel_lon_mps2": braking}
    found = drives(shipped(), seconds, **given)
    assert [e[2] for e in events(found)] == [30]
    assert found.trips["harsh_known_mm"].tolist() == [59 * 15_000, 0]
    assert found.trips["interval_ms"].tolist() == [1000, 5000]
    slow = load_rules("ladder-v1", RULES)
    slow = slow.model_copy(update={"name": "slow-v1", "rungs": dict.fromkeys(slow.rungs, (2.9, 4.0))})
    by_rate = shipped(event_rules=[{"up_to_s": 2, "rules": "ladder-v1"}, {"up_to_s": 10, "rules": "ladder-v1"}])
    both = drives(DrivingRules(by_rate.source, (by_rate.rules[0], slow)), seconds, **given)
    # 3.0 reaches rung 1 (2.68) of the one, and rung 1 (2.9) of the other
    assert [(e[2], e[4]) for e in events(both)] == [(30, 1), (90, 1)]
    assert both.trips["rules"].tolist() == [0, 1]


def test_over_the_larger_of_both_axes_a_run_is_one_event_of_the_axis_at_its_peak() -> None:
    lon, lat = np.zeros(20), np.zeros(20)
    lon[5:8], lat[5:8] = (4.0, 3.5, 0.0), (0.0, 5.0, 3.5)
    lon[12] = -4.6
    speed = np.r_[12.0, 12.0, np.full(18, 0.5)]
    vendor = one_rule(load_rules("driveplotr-v1", RULES))
    found = drives(vendor, np.arange(20), speed_mps=speed, accel_lon_mps2=lon, accel_lat_mps2=lat)
    # .35 g is 3.43 m/s2, .45 g 4.41: both events reach the second class, and none needs a speed
    assert events(found) == [(CORNER, RIGHT, 5, 5.0, 2), (BRAKE, 0, 12, 4.6, 2)]
    # axis by axis and above 10 km/h it is three
    ours = drives(shipped(), np.arange(20), speed_mps=5.0, accel_lon_mps2=lon, accel_lat_mps2=lat)
    assert [(k, first) for k, _, first, _, _ in events(ours)] == [(ACCELERATE, 5), (CORNER, 6), (BRAKE, 12)]


def one_rule(rules: EventRules) -> DrivingRules:
    return DrivingRules(shipped().source, (rules,))


def test_the_heat_map_has_each_moving_second_in_its_speed_and_acceleration() -> None:
    # 36 km/h is speed bucket 3 (30 to 40); -3 m/s2 lies in acceleration bucket 1 (-3.5 to -2.5), 0 in 4 (-.5 to .5)
    accel = np.zeros(11)
    accel[5] = -3.0
    va = drives(shipped(), np.arange(11), speed_mps=10.0, accel_lon_mps2=accel).trips["va_ms"][0]
    assert {k: v for k, v in enumerate(va.tolist()) if v} == {3 * VA_ACCELS + 1: 1000, 3 * VA_ACCELS + 4: 9000}


def test_of_two_points_at_one_instant_the_smaller_id_stays_whatever_the_order() -> None:
    rng = np.random.default_rng(7)
    n = 4000
    device, us = rng.integers(0, 5, n), START_US + rng.integers(0, 900, n) * 1_000_000
    ids = rng.permutation(n)
    nothing = pa.nulls(n, pa.float64())
    table = pa.table({
        "device_id": pa.array([f"d{k}" for k in device]), "us": us, "received_us": us, "id": ids, "lat": nothing, "lon": nothing,
        "speed_mps": ids.astype(float), "accel_lon_mps2": nothing, "accel_lat_mps2": nothing, "posted_limit_mps": nothing,
        "state": np.zeros(n, np.int8), "firmware": pa.nulls(n, pa.string()),
    })  # fmt: skip
    points, devices, _ = track_of(table)
    smallest: dict[tuple[str, int], int] = {}
    for d, t, k in zip(device, us, ids, strict=True):
        key = (f"d{d}", int(t))
        smallest[key] = min(smallest.get(key, n), int(k))
    found = {(devices[d], int(t)): int(v) for d, t, v in zip(points.device, points.us, points.speed_mps, strict=True)}
    assert found == smallest and len(points) == len(smallest) < n
    assert (np.diff(points.device) >= 0).all() and (np.diff(points.us)[np.diff(points.device) == 0] > 0).all()


def test_chunks_are_cut_between_devices_and_lose_nothing() -> None:
    device = np.sort(np.random.default_rng(8).integers(0, 40, 5000))
    table = pa.table({"device": device, "row": np.arange(5000)})
    chunks = list(whole_devices(iter(table.to_batches(max_chunksize=97)), rows=500))
    assert pa.concat_tables(chunks)["row"].to_pylist() == list(range(5000))
    seen = [set(x["device"].to_pylist()) for x in chunks]
    assert len(chunks) > 5 and sum(map(len, seen)) == len(set(device.tolist()))
    # one device larger than a chunk stays whole
    assert [
        len(x)
        for x in whole_devices(
            iter(table.set_column(0, "device", pa.array(np.zeros(5000, int))).to_batches(max_chunksize=97)), 500
        )
    ] == [5000]
