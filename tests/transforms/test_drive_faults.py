"""What devices get wrong, by hand-made points: rates and distances must stay those of the driving that was seen."""

import numpy as np
import pytest

from tests.transforms.driving import rules as shipped
from tests.transforms.test_drive_arrays import drives, events, northward, spans
from transforms.runs import ACCELERATE, BRAKE


def test_distance_across_a_gap_is_driven_but_no_event_could_be_seen_on_it() -> None:
    # 60 s at 12 m/s, 100 s without a point, 60 s again
    seconds = np.r_[np.arange(60), np.arange(160, 220)]
    lat = 45.0 + seconds * 12.0 / 111_195.08
    found = drives(shipped(), seconds, speed_mps=12.0, lat=lat, lon=9.0, accel_lon_mps2=0.0).trips
    assert found["distance_mm"][0] == pytest.approx(219 * 12_000, abs=200)
    assert found["harsh_known_mm"][0] == found["moving_mm"][0] == pytest.approx(118 * 12_000, abs=200)
    assert found["moving_ms"][0] == 118_000
    # no lateral axis: no corner could be seen
    assert found["corner_known_mm"][0] == 0


def test_positions_that_fail_are_made_up_for_by_speed_and_the_other_way_round() -> None:
    lat = northward(np.full(200, 20.0))
    no_fix, no_speed = lat.copy(), np.full(200, 20.0)
    no_fix[50:] = np.nan
    no_speed[50:120] = np.nan
    by_position = drives(shipped(), np.arange(200), speed_mps=20.0, lat=no_fix, lon=9.0).trips
    by_speed = drives(shipped(distance_method="speed"), np.arange(200), speed_mps=no_speed, lat=lat, lon=9.0).trips
    assert [x["distance_mm"][0] for x in (by_position, by_speed)] == pytest.approx([199 * 20_000] * 2, abs=1_000)
    assert by_position["haversine_mm"][0] == pytest.approx(49 * 20_000, abs=1_000)
    assert by_speed["integral_mm"][0] == (49 + 79) * 20_000


def test_what_is_neither_located_nor_clocked_is_not_covered_and_costs_quality() -> None:
    lat, speed = northward(np.full(200, 20.0)), np.full(200, 20.0)
    lat[100:], speed[100:] = np.nan, np.nan
    found = drives(shipped(), np.arange(200), speed_mps=speed, lat=lat, lon=9.0).trips
    assert found["covered_ms"][0] == 99_000
    assert found["quality"][0] == pytest.approx(99 / 199, abs=1e-3)


def test_parts_of_a_step_that_passes_points_without_position_add_up_to_it() -> None:
    lat = northward(np.full(60, 17.3))
    lat[20:27] = np.nan
    steps = drives(shipped(), np.arange(60), lat=lat, lon=9.0).steps
    assert steps.haversine_mm[20:28].sum() == pytest.approx(8 * 17_300, abs=3)
    assert steps.haversine_mm[20:28].tolist() == pytest.approx([17_300] * 8, abs=2)
    assert steps.motion_mps[20:28] == pytest.approx(np.full(8, 17.3), abs=0.01)


def test_a_spike_of_speed_is_no_brake_and_not_the_highest_speed() -> None:
    speed = np.full(60, 15.0)
    speed[30], speed[45] = 55.0, 0.0
    found = drives(shipped(), np.arange(60), speed_mps=speed, lat=northward(np.full(60, 15.0)), lon=9.0)
    assert (events(found), found.trips["max_speed_mps"][0]) == ([], 15.0)
    assert found.trips["covered_ms"][0] == 59_000


def test_a_stop_of_ten_metres_a_second_squared_is_an_event_and_one_of_thirty_a_knock() -> None:
    accel = np.zeros(60)
    accel[[20, 40]] = -10.0, -30.0
    found = drives(shipped(), np.arange(60), speed_mps=15.0, lat=northward(np.full(60, 15.0)), lon=9.0, accel_lon_mps2=accel)
    assert [x[0] for x in events(found)] == [BRAKE]
    # and no difference of two speeds makes one: the car does not go from 5 to 35 m/s in a second
    speed = np.r_[np.full(30, 5.0), np.full(30, 35.0)]
    assert events(drives(shipped(), np.arange(60), speed_mps=speed, lat=northward(speed), lon=9.0)) == []
    assert [x[0] for x in events(drives(shipped(), np.arange(60), speed_mps=np.r_[np.full(30, 5.0), np.full(30, 9.0)]))] == [
        ACCELERATE
    ]


def test_a_first_position_elsewhere_is_the_jump_and_not_the_second() -> None:
    lat = northward(np.full(60, 12.0))
    lat[0] = 46.0
    found = drives(shipped(), np.arange(60), speed_mps=12.0, lat=lat, lon=9.0).trips
    assert found["jump_points"][0] == 1
    assert found["start_lat"][0] == lat[1]
    assert found["distance_mm"][0] == pytest.approx(59 * 12_000, abs=100)


def test_signs_of_life_of_a_parked_car_are_no_trips() -> None:
    every_ten_minutes = np.arange(0, 36_000, 600)
    found = drives(shipped(), every_ten_minutes, speed_mps=0.0, lat=45.0, lon=9.0)
    assert {mode for mode, _, _ in spans(found)} == {"parked"}
    # a car that moves and is seen seldom still drives
    moving = drives(shipped(), np.arange(0, 1_200, 120), lat=45.0 + np.arange(10) * 0.01, lon=9.0)
    assert [mode for mode, _, _ in spans(moving)] == ["driving"]


def test_a_source_that_samples_slowly_is_covered_where_its_file_says_so() -> None:
    seconds = np.arange(0, 1_800, 30)
    given = {"speed_mps": 20.0, "lat": 45.0 + seconds * 20.0 / 111_195.08, "lon": 9.0}
    found = [drives(shipped(**x), seconds, **given).trips["covered_ms"][0] for x in ({}, {"covered_step_s": 30})]
    assert found == [0, 1_770_000]


def test_how_often_events_are_sampled_goes_by_driving_and_not_by_standing() -> None:
    # a point a second while driving, every ten seconds at a stand of 200 s
    seconds = np.r_[np.arange(60), np.arange(69, 260, 10), np.arange(260, 320)]
    speed = np.where((seconds >= 60) & (seconds < 260), 0.0, 12.0)
    found = drives(shipped(), seconds, speed_mps=speed, accel_lon_mps2=0.0).trips
    assert found["interval_ms"][0] == 1_000
    assert found["harsh_known_mm"][0] > 0


def test_a_standing_car_does_not_creep_with_the_noise_of_its_receiver() -> None:
    rng = np.random.default_rng(3)
    drift = np.r_[rng.normal(0, 1.5, 239), 0.0] / 111_195.08
    speed = np.r_[np.full(30, 12.0), np.abs(rng.normal(0, 0.1, 240))]
    lat = np.r_[northward(np.full(30, 12.0)), 45.0 + 30 * 12 / 111_195.08 + drift]
    found = drives(shipped(), np.arange(270), speed_mps=speed, lat=lat, lon=9.0).trips
    assert found["distance_mm"][0] == pytest.approx(29 * 12_000 + 12_000 / 2, abs=8_000)


def test_a_trip_without_position_has_the_zone_of_its_source() -> None:
    from transforms.drive_rows import rows_of

    rules = shipped(zone="America/Guayaquil")
    assert rows_of(drives(rules, np.arange(60), speed_mps=12.0), "s", ["d"], [], rules).column("tz").to_pylist() == [
        "America/Guayaquil"
    ]
    with pytest.raises(ValueError, match="unknown time zone 'Guayaquil'"):
        shipped(zone="Guayaquil")
