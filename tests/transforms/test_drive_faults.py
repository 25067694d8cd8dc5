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


M_PER_DEG = 111_195.08


def north(metres: np.ndarray) -> np.ndarray:
    return 45.0 + metres / M_PER_DEG


@pytest.mark.parametrize("hertz", [1, 5, 10])
def test_noise_of_speed_makes_no_events_at_any_rate(hertz: int) -> None:
    rng = np.random.default_rng(4)
    seconds = np.arange(0, 600, 1 / hertz)
    speed = 15.0 + rng.normal(0.0, 0.1, len(seconds))
    assert events(drives(shipped(), seconds, speed_mps=speed)) == []
    whole = np.floor((15.0 + 0.8 * np.sin(seconds / 4)) * 3.6) / 3.6
    assert events(drives(shipped(), seconds, speed_mps=whole)) == []


def test_a_brake_at_ten_hertz_is_one_event_of_its_peak() -> None:
    seconds = np.arange(0, 60, 0.1)
    speed = np.interp(seconds, [0, 30, 33, 60], [20.0, 20.0, 8.0, 8.0])
    assert [(x[0], x[3]) for x in events(drives(shipped(), seconds, speed_mps=speed))] == [(BRAKE, pytest.approx(4.0, abs=0.05))]


def test_what_is_sampled_too_seldom_has_neither_events_nor_their_exposure() -> None:
    seconds = np.arange(0, 1_800, 30)
    accel = np.zeros(60)
    accel[[10, 20, 30]] = -4.0
    given = {"speed_mps": 20.0, "accel_lon_mps2": accel, "limit_mps": 10.0, "phone": 1}
    found = drives(shipped(), seconds, **given)
    assert (events(found), found.trips["harsh_known_mm"][0], found.trips["limit_known_ms"][0]) == ([], 0, 0)


def tunnel(fixes: bool) -> dict[str, np.ndarray]:
    """60 s at 20 m/s, a stand of 60 s and 60 s at 20 m/s, the middle of it with or without fixes."""
    speed = np.r_[np.full(60, 20.0), np.zeros(60), np.full(60, 20.0)]
    lat = north(np.cumsum(speed))
    lat[30:150] = lat[30:150] if fixes else np.nan
    return {"speed_mps": speed, "lat": lat, "lon": np.where(np.isnan(lat), np.nan, 9.0)}


@pytest.mark.parametrize("fixes", [True, False])
def test_a_stand_where_fixes_are_lost_loses_no_distance(fixes: bool) -> None:
    found = drives(shipped(), np.arange(180), **tunnel(fixes)).trips
    # 118 steps at 20 m/s, and half a step to the stand and from it by speed
    assert found["distance_mm"][0] == pytest.approx(119 * 20_000, abs=20_100)
    assert found["moving_mm"][0] == pytest.approx(found["distance_mm"][0], abs=20_100)


def test_a_first_fix_a_second_late_after_a_pause_keeps_what_was_driven_in_it() -> None:
    seconds = np.r_[np.arange(60), np.arange(200, 260)]
    metres = np.r_[np.arange(60) * 20.0, np.full(60, 59 * 20.0 + 2_500)]
    lat, speed = north(metres), np.r_[np.full(60, 20.0), np.zeros(60)]
    lat[60] = np.nan
    found = drives(shipped(), seconds, speed_mps=speed, lat=lat, lon=9.0).trips
    assert found["distance_mm"][0] == pytest.approx(59 * 20_000 + 2_500_000, abs=500)


def test_out_and_back_without_fixes_is_what_the_speed_says() -> None:
    metres = np.r_[np.arange(360), np.arange(360)[::-1]] * 20.0
    lat = north(metres)
    lat[60:660] = np.nan
    found = drives(shipped(), np.arange(720), speed_mps=20.0, lat=lat, lon=9.0).trips
    assert found["distance_mm"][0] == pytest.approx(719 * 20_000, abs=41_000)
    assert found["moving_mm"][0] == pytest.approx(719 * 20_000, abs=41_000)


@pytest.mark.parametrize("method", ["speed", "haversine"])
def test_what_speed_has_counted_is_not_counted_again_by_position(method: str) -> None:
    # fixes lost for 300 s at 20 m/s, then a silence of 200 s at a stand, then the fix
    seconds = np.r_[np.arange(361), np.arange(560, 620)]
    speed = np.r_[np.full(360, 20.0), np.zeros(61)]
    lat = north(np.r_[np.arange(361) * 20.0, np.full(60, 7_200.0)])
    lat[60:361] = np.nan
    found = drives(shipped(distance_method=method), seconds, speed_mps=speed, lat=lat, lon=9.0).trips
    assert found["distance_mm"][0] == pytest.approx(7_200_000, abs=15_000)


def test_a_receiver_that_reads_nought_on_a_drive_is_not_believed_and_costs_quality() -> None:
    lat = north(np.arange(1_200) * 20.0)
    found = drives(shipped(), np.arange(1_200), speed_mps=0.0, lat=lat, lon=9.0)
    assert [mode for mode, _, _ in spans(found)] == ["driving"]
    assert found.trips["distance_mm"][0] == pytest.approx(1_199 * 20_000, abs=1_000)
    assert found.trips["quality"][0] < 0.05


@pytest.mark.parametrize("every_s", [30, 120])
def test_a_parked_tracker_does_not_drive_by_the_noise_of_its_positions(every_s: int) -> None:
    rng = np.random.default_rng(5)
    seconds = np.arange(0, 36_000, every_s)
    lat, lon = (x + rng.normal(0.0, 5.0, len(seconds)) / M_PER_DEG for x in (45.0, 9.0))
    for given in ({"speed_mps": 0.0}, {}):
        found = drives(shipped(), seconds, lat=lat, lon=lon, **given)
        assert {mode for mode, _, _ in spans(found)} == {"parked"}


def test_a_carried_phone_that_reports_every_half_minute_drives() -> None:
    seconds = np.arange(0, 1_800, 30)
    metres = np.interp(seconds, [0, 600, 1_200, 1_800], [0.0, 700.0, 9_700.0, 10_400.0])
    found = spans(drives(shipped(carried=True, covered_step_s=30), seconds, lat=north(metres), lon=9.0))
    assert [mode for mode, _, _ in found] == ["on_foot", "driving", "on_foot"]
    [(_, begin, end)] = [x for x in found if x[0] == "driving"]
    assert abs(begin - 600) <= 60 and abs(end - 1_200) <= 60


def test_a_fix_that_is_held_between_points_is_no_jump() -> None:
    seconds = np.arange(0, 120, 0.1)
    found = drives(shipped(), seconds, speed_mps=20.0, lat=north(np.floor(seconds) * 20.0), lon=9.0).trips
    assert found["distance_mm"][0] == pytest.approx(119_900 * 20, rel=0.01)
    assert found["jump_points"][0] == 0


def test_most_stands_are_known_in_spite_of_noise() -> None:
    rng = np.random.default_rng(6)
    over = 0
    for _ in range(100):
        speed = np.r_[np.full(60, 12.0), np.abs(rng.normal(0.0, 0.1, 300)), np.full(60, 12.0)]
        lat, lon = (x + rng.normal(0.0, 3.0, 420) / M_PER_DEG for x in (north(np.cumsum(np.where(speed > 1, speed, 0.0))), 9.0))
        found = drives(shipped(), np.arange(420), speed_mps=speed, lat=lat, lon=lon).trips
        over += found["distance_mm"][0] > found["integral_mm"][0] + 300_000
    assert over <= 5


def test_holes_in_the_speed_are_bridged() -> None:
    speed = np.full(600, 20.0)
    speed[5::10] = np.nan
    found = drives(shipped(), np.arange(600), speed_mps=speed).trips
    assert found["distance_mm"][0] == found["moving_mm"][0] == 599 * 20_000
    assert (found["moving_ms"][0], found["covered_ms"][0]) == (599_000, 599_000)


def test_distances_are_held_against_each_other_where_both_were_measured() -> None:
    lat, few = north(np.arange(1_200) * 20.0), np.full(1_200, np.nan)
    few[:27] = 20.0
    found = [drives(shipped(), np.arange(1_200), speed_mps=v, lat=lat, lon=9.0).trips["quality"][0] for v in (few, 20.0, 10.0)]
    assert found == pytest.approx([1.0, 1.0, 0.5], abs=0.01)
