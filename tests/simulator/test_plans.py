from dataclasses import replace

import numpy as np
import pytest

from simulator import book, plans, render
from simulator.truth import draw_drivers

TRIP = {
    "row": [0], "start_s": [36_000.0], "weekend": [False], "distance_m": [1000.0], "street": [0], "cruise_mps": [10.0],
    "excess_mps": [3.0], "legs": [2], "speeding_legs": [0], "dwell_s": [20.0], "limit_known": [True], "phone_s": [0.0],
    "phone_events": [0], "gap_s": [0.0],
}  # fmt: skip
NO_EVENTS = np.zeros((1, 6), np.int64)


def trip(events=None, **given):
    base = {k: np.array(v) for k, v in {**TRIP, **{k: [v] for k, v in given.items()}}.items()}
    harsh = dict.fromkeys(("brake", "accelerate", "corner"), NO_EVENTS) | (events or {})
    return plans.Trips(**base, **harsh, **plans.kinematics(base))


def of(trips):
    return dict(zip(plans.SUMS, trips.sums()[0].tolist(), strict=True))


@pytest.fixture(scope="module")
def drawn():
    drivers = draw_drivers(np.random.default_rng(1), 300)
    day = np.tile(np.datetime64("2025-03-01") + np.arange(60), 300)
    return plans.draw(np.random.default_rng(2), drivers, np.repeat(np.arange(300), 60), day)


def test_times_of_a_trip_by_hand():
    # two legs of 500 m at 10 m/s: 100 s cruising; a stop costs 10 / 2 x (1 / 1.4 + 1 / 1.8) = 6.3492 s, a turn at 5 m/s
    # 5^2 / 20 x 1.26984 = 1.5873 s of ramps and (pi / 2 x 5 / 2) x (1 - 5 / 10) = 1.9635 s: 109.9000 s.
    # Parked 2 x 8 s. Below 1 m/s for 1 / 1.4 + 1 / 1.8 = 1.2698 s.
    made = trip()
    assert made.duration_s[0] == pytest.approx(125.9000, abs=1e-3)
    assert made.moving_s[0] == pytest.approx(108.6302, abs=1e-3)


def test_speeding_by_hand():
    # one leg of 1,000 m at 50 / 3.6 + 3 = 16.8889 m/s: ramps take 16.8889^2 / 2 x 1.26984 = 181.10 m, cruising
    # 818.90 / 16.8889 = 48.487 s; on the ramps (3 - 5 / 3.6) x 1.26984 = 2.046 s lie over limit + 5 km/h
    made = trip(legs=1, speeding_legs=1)
    assert made.speeding_s[0] == pytest.approx(50.533, abs=1e-2)


@pytest.mark.parametrize(
    ("start_h", "weekend", "night_share", "rush_share"),
    [(3.0, False, 1.0, 0.0), (8.0, False, 0.0, 1.0), (8.0, True, 0.0, 0.0), (9.0, False, 0.0, 0.0), (17.9999, False, 0.0, 0.0)],
)
def test_night_and_rush_hour(start_h, weekend, night_share, rush_share):
    sums = of(trip(start_s=3600 * start_h, weekend=weekend))
    assert sums["night_ms"] == pytest.approx(night_share * sums["moving_ms"], abs=500)
    assert sums["rush_ms"] == pytest.approx(rush_share * sums["moving_ms"], abs=500)


def test_a_trip_across_four_o_clock_counts_by_its_share():
    # begins 62.95 s (half its 125.9 s) before 4 am: half of the 108.63 s in motion are night
    assert of(trip(start_s=4 * 3600 - 62.95))["night_ms"] == pytest.approx(54_315, abs=5)


def test_a_gap_is_not_covered_and_takes_its_share_of_motion():
    # 25.18 s of 125.9 s: a fifth; distance is kept
    whole, holed = of(trip()), of(trip(gap_s=25.18))
    assert holed["covered_ms"] == 125_900 - 25_180
    assert holed["moving_ms"] == pytest.approx(0.8 * whole["moving_ms"], abs=2)
    assert (holed["duration_ms"], holed["distance_mm"]) == (whole["duration_ms"], 1_000_000)


def test_an_unknown_limit_leaves_limit_known_empty():
    assert of(trip(limit_known=False))["limit_known_ms"] == 0


def test_drawn_trips_leave_more_than_a_quarter_of_an_hour_between_them(drawn):
    end = drawn.start_s + drawn.duration_s
    same = drawn.row[1:] == drawn.row[:-1]
    assert ((drawn.start_s[1:] - end[:-1])[same] > 900).all()
    assert (end <= plans.DAY_S).all()
    # the last slot against the next day's first one
    assert plans.DAY_S + 3600 * plans.SLOTS_H[0, 0] - end.max() > 900


def test_drawn_counts_are_cumulative_and_fit_on_the_trip(drawn):
    for kind, places in (("brake", plans.stops), ("accelerate", plans.stops), ("corner", plans.turns)):
        counts = getattr(drawn, kind)
        assert (np.diff(counts, axis=1) <= 0).all() and (counts >= 0).all()
        assert (counts[:, 0] <= places(drawn.legs)).all()
        assert counts[:, 1].sum() / counts[:, 0].sum() == pytest.approx(plans.NEXT_RUNG_P, abs=0.05)
    assert (drawn.speeding_s <= drawn.moving_s).all()


def test_days_are_sums_of_their_trips(drawn):
    rows, sums = book.by_day(drawn)
    assert (np.diff(rows) > 0).all()
    assert (sums.sum(axis=0) == drawn.sums().sum(axis=0)).all()
    assert (sums[:, 0] == np.bincount(drawn.row)[rows]).all()


def test_weekends():
    # 2026-01-05 is a Monday
    week = np.datetime64("2026-01-05") + np.arange(7)
    assert plans.is_weekend(week).tolist() == [False] * 5 + [True] * 2


def rendered(made):
    legs = render.plan_legs(np.random.default_rng(5), made, 0)
    plan = render.phases(legs, float(made.distance_m[0]), float(made.dwell_s[0]))
    return legs, plan, render.motion(plan, 0.0)


def test_rendered_motion_agrees_with_itself_and_the_plan():
    made = trip(legs=6, distance_m=3000.0)
    _, plan, true = rendered(made)
    assert plan.seconds.sum() == pytest.approx(made.duration_s[0])
    assert (plan.speed * plan.seconds + plan.accel * plan.seconds**2 / 2).sum() == pytest.approx(3000.0)
    assert np.trapezoid(true["speed"]) == pytest.approx(3000.0, rel=2e-3)
    assert true["speed"][[0, -1]].tolist() == [0.0, 0.0]
    # where acceleration is steady over a second, it is the difference of speeds; turning, a lateral one is v x yaw rate
    steady = np.flatnonzero((true["ax"][1:] == true["ax"][:-1]) & (true["ax"][1:] != 0))
    assert np.diff(true["speed"])[steady] == pytest.approx(true["ax"][steady], abs=1e-9)
    turning = np.flatnonzero((true["ay"][1:] == true["ay"][:-1]) & (true["ay"][1:] != 0))
    assert (true["speed"][1:] * np.diff(true["heading"]))[turning] == pytest.approx(true["ay"][turning], abs=1e-9)
    # three turns of a quarter each
    quarters = true["heading"][-1] / (np.pi / 2)
    assert quarters == pytest.approx(round(quarters)) and np.abs(true["ay"]).max() == pytest.approx(plans.TURN_LATERAL_MPS2)


@pytest.mark.parametrize(("kind", "channel", "sign"), [("brake", "ax", -1), ("accelerate", "ax", 1), ("corner", "ay", 0)])
def test_a_planted_event_of_rung_3_peaks_between_rungs_3_and_4(kind, channel, sign):
    made = trip(legs=6, distance_m=3000.0, cruise_mps=13.0, events={kind: np.array([[1, 1, 1, 0, 0, 0]])})
    legs, plan, true = rendered(made)
    seen = sign * true[channel] if sign else np.abs(true[channel])
    assert 3.58 < seen.max() < 4.47
    (event,) = render.planted_events(legs, plan)
    assert event[0] == kind and event[3] == 3 and event[2] == pytest.approx(seen.max())
    assert 0 < np.flatnonzero(seen > 2.68)[0] - event[1] < 2


def test_phone_flags_hold_the_planned_seconds_of_motion():
    made = replace(trip(legs=6, distance_m=3000.0), phone_s=np.array([40.0]))
    speed = rendered(made)[2]["speed"]
    flags = render.phone_flags(np.random.default_rng(1), speed, 40.0)
    assert (flags.astype(bool) & (speed >= 1.0)).sum() == 40
