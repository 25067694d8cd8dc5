"""A planned trip as points once a second: speed, path and accelerometer that agree with each other, then sensor noise."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.plans import (
    GENTLE_DOWN_MPS2,
    GENTLE_UP_MPS2,
    LIMIT_KMH,
    MOVING_MPS,
    PARKED_S,
    TURN_LATERAL_MPS2,
    TURN_MPS,
    Floats,
    Ints,
    Trips,
)

EARTH_M = 6_371_008.8
"""Mean radius, as in the pipeline's haversine."""
HARSH_TURN_MPS = 7.0
RUNG_PEAK_MPS2 = np.array([2.90, 3.35, 4.00, 4.90, 5.80, 6.60])
"""Peak of an event whose highest rung is k: between rungs k and k + 1, more than three deviations of noise from both."""
PEAK_SPREAD_MPS2 = 0.04
ACCEL_NOISE_MPS2 = 0.05
SPEED_NOISE_MPS = 0.1
POSITION_NOISE_M, POSITION_CORRELATION_S = 3.0, 60.0
"""First-order autoregressive error per axis, held while standing, as receivers do."""
HEADING_NOISE_DEG = 1.0
ALTITUDE_M, ACCURACY_M = 300.0, (3.0, 8.0)
UP, CRUISE, DOWN, JUNCTION = range(4)
"""Parts of a leg."""
_RIGHT_ANGLE = np.pi / 2


@dataclass(frozen=True)
class Legs:
    """A trip's legs, one an element: speeds in m/s, ramps and lateral acceleration in m/s2, rungs 0 where no event,
    `over` m/s above the limit."""

    stopped: Ints
    cruise: Floats
    begin: Floats
    end: Floats
    up: Floats
    down: Floats
    lateral: Floats
    side: Ints
    over: Floats
    rungs: dict[str, Ints]


def plan_legs(rng: np.random.Generator, trips: Trips, i: int) -> Legs:
    """Spread trip i's events over its legs: brakes before stops, accelerations after them, corners on turns."""
    n = int(trips.legs[i])
    stopped = ((n - 1 - np.arange(n)) % 2 == 0).astype(np.int64)
    after_stop = np.r_[1, stopped[:-1]]
    over = np.zeros(n)
    over[rng.permutation(n)[: trips.speeding_legs[i]]] = trips.excess_mps[i]
    rungs = {
        "brake": _placed(rng, trips.brake[i], stopped),
        "accelerate": _placed(rng, trips.accelerate[i], after_stop),
        "corner": _placed(rng, trips.corner[i], 1 - stopped),
    }
    end = np.where(stopped, 0.0, np.where(rungs["corner"] > 0, HARSH_TURN_MPS, TURN_MPS))
    return Legs(
        stopped=stopped,
        cruise=np.where(over > 0.0, LIMIT_KMH[trips.street[i]] / 3.6 + over, trips.cruise_mps[i]),
        begin=np.r_[0.0, end[:-1]],
        end=end,
        up=_peaks(rng, rungs["accelerate"], GENTLE_UP_MPS2),
        down=_peaks(rng, rungs["brake"], GENTLE_DOWN_MPS2),
        lateral=_peaks(rng, rungs["corner"], TURN_LATERAL_MPS2),
        side=rng.choice([-1, 1], n),
        over=over,
        rungs=rungs,
    )


def _placed(rng: np.random.Generator, cumulative: Ints, places: Ints) -> Ints:
    """The highest rung of the event at each leg: counts by rung spread over random places."""
    exact = cumulative - np.r_[cumulative[1:], 0]
    rungs = np.repeat(np.arange(1, len(cumulative) + 1), exact)
    placed = np.zeros(len(places), np.int64)
    placed[rng.permutation(np.flatnonzero(places))[: len(rungs)]] = rungs
    return placed


def _peaks(rng: np.random.Generator, rungs: Ints, gentle: float) -> Floats:
    peak = RUNG_PEAK_MPS2[np.maximum(rungs, 1) - 1] + rng.uniform(-PEAK_SPREAD_MPS2, PEAK_SPREAD_MPS2, len(rungs))
    return np.where(rungs > 0, peak, gentle)


@dataclass(frozen=True)
class Phases:
    """Stretches of constant acceleration (m/s2) and yaw rate (rad/s, clockwise), four a leg after the parked start:
    up, cruise, down, junction. `speed` is m/s at the start of each."""

    start_s: Floats
    seconds: Floats
    speed: Floats
    accel: Floats
    yaw: Floats

    def starts(self, part: int) -> Floats:
        """Start of part UP, CRUISE, DOWN or JUNCTION of every leg, in seconds of the trip."""
        begin: Floats = self.start_s[1 + part :: 4]
        return begin

    def lasts(self, part: int) -> Floats:
        """Seconds that this part of every leg takes."""
        length: Floats = self.seconds[1 + part :: 4]
        return length


def phases(legs: Legs, distance_m: float, dwell_s: float) -> Phases:
    """The legs in time, so that their lengths add up to the distance."""
    n = len(legs.cruise)
    turn_s = _RIGHT_ANGLE * legs.end / legs.lateral
    ramps_m = (legs.cruise**2 - legs.begin**2) / (2 * legs.up) + (legs.cruise**2 - legs.end**2) / (2 * legs.down)
    cruise_s = (distance_m / n - ramps_m - legs.end * turn_s) / legs.cruise
    junction_s = np.where(legs.stopped, dwell_s, turn_s)
    junction_s[-1] = PARKED_S
    zero = np.zeros(n)
    yaw = np.divide(legs.side * _RIGHT_ANGLE, turn_s, out=np.zeros(n), where=turn_s > 0)
    seconds = _woven(PARKED_S, (legs.cruise - legs.begin) / legs.up, cruise_s, (legs.cruise - legs.end) / legs.down, junction_s)
    return Phases(
        start_s=np.cumsum(seconds) - seconds,
        seconds=seconds,
        speed=_woven(0.0, legs.begin, legs.cruise, legs.cruise, legs.end),
        accel=_woven(0.0, legs.up, zero, -legs.down, zero),
        yaw=_woven(0.0, zero, zero, zero, yaw),
    )


def _woven(first: float, *parts: Floats) -> Floats:
    woven: Floats = np.r_[first, np.column_stack(parts).ravel()]
    return woven


def motion(plan: Phases, heading_rad: float) -> dict[str, Floats]:
    """Phases at every whole second, without noise: t (s), speed, ax, ay (m/s2, + right), heading (rad), x east and
    y north (m from the start). Distance is the exact integral of speed."""
    done_m = np.cumsum(plan.speed * plan.seconds + plan.accel * plan.seconds**2 / 2)
    turned = np.cumsum(plan.yaw * plan.seconds)
    t = np.arange(np.floor(plan.start_s[-1] + plan.seconds[-1]) + 1)
    at = np.searchsorted(plan.start_s, t, side="right") - 1
    dt = t - plan.start_s[at]
    v = np.maximum(plan.speed[at] + plan.accel[at] * dt, 0.0)
    heading = heading_rad + np.r_[0.0, turned][at] + plan.yaw[at] * dt
    step = np.diff(np.r_[0.0, done_m][at] + plan.speed[at] * dt + plan.accel[at] * dt**2 / 2)
    along = (heading[1:] + heading[:-1]) / 2
    x, y = (np.r_[0.0, np.cumsum(step * f(along))] for f in (np.sin, np.cos))
    return {"t": t, "speed": v, "ax": plan.accel[at], "ay": v * plan.yaw[at], "heading": heading, "x": x, "y": y}


def planted_events(legs: Legs, plan: Phases) -> list[tuple[str, float, float, int, str | None, float]]:
    """Planted events: kind, start (s of the trip), peak (m/s2; m/s over for speeding), rung (0: speeding), direction, seconds."""
    shapes = {"brake": (DOWN, legs.down), "accelerate": (UP, legs.up), "corner": (JUNCTION, legs.lateral)}
    events: list[tuple[str, float, float, int, str | None, float]] = []
    for kind, rungs in legs.rungs.items():
        part, peak = shapes[kind]
        for k in np.flatnonzero(rungs):
            side = ("right" if legs.side[k] > 0 else "left") if kind == "corner" else None
            begin, lasts = float(plan.starts(part)[k]), float(plan.lasts(part)[k])
            events.append((kind, begin, float(peak[k]), int(rungs[k]), side, lasts))
    over = np.flatnonzero(legs.over)
    since, length = plan.starts(CRUISE), plan.lasts(CRUISE)
    return events + [("speeding", float(since[k]), float(legs.over[k]), 0, None, float(length[k])) for k in over]


def phone_flags(rng: np.random.Generator, speed: Floats, phone_s: float) -> Ints:
    """1 during one stretch that holds phone_s seconds of motion; standing within it counts as part of it."""
    clock = np.cumsum(speed >= MOVING_MPS)
    begin = rng.integers(0, max(int(clock[-1] - phone_s), 1))
    return ((clock > begin) & (clock <= begin + phone_s)).astype(np.int64)


def sensed(rng: np.random.Generator, true: dict[str, Floats], lat: float, lon: float) -> dict[str, Floats]:
    """What the phone reports: lat, lon (deg), speed, ax, ay, heading (deg), alt, acc (m), from a start position."""
    n = len(true["t"])
    moving = true["speed"] > 0.0
    north, east = (_drift(rng, moving) for _ in range(2))
    lat_deg = lat + np.degrees((true["y"] + north) / EARTH_M)
    rad = np.diff(true["x"] + east, prepend=0.0) / (EARTH_M * np.cos(np.radians(lat_deg)))
    speed = np.maximum(true["speed"] + rng.normal(0.0, SPEED_NOISE_MPS, n), 0.0)
    return {
        "lat": lat_deg,
        "lon": lon + np.degrees(np.cumsum(rad)),
        "speed": speed,
        "heading": (np.degrees(true["heading"]) + rng.normal(0.0, HEADING_NOISE_DEG, n)) % 360.0,
        "alt": ALTITUDE_M + 0.01 * true["y"],
        "acc": rng.uniform(*ACCURACY_M, n),
        "ax": true["ax"] + rng.normal(0.0, ACCEL_NOISE_MPS2, n),
        "ay": true["ay"] + rng.normal(0.0, ACCEL_NOISE_MPS2, n),
    }


def _drift(rng: np.random.Generator, moving: npt.NDArray[np.bool_]) -> Floats:
    """Slowly changing position error in metres; it stands still while the car does."""
    rho = np.exp(-1.0 / POSITION_CORRELATION_S)
    shock = rng.normal(0.0, POSITION_NOISE_M * np.sqrt(1.0 - rho**2), int(moving.sum()) + 1)
    shock[0] = rng.normal(0.0, POSITION_NOISE_M)
    # e[k] = rho e[k-1] + shock[k] in closed form; rho^-k stays finite far beyond the longest trip
    decay = rho ** np.arange(len(shock))
    drift: Floats = (decay * np.cumsum(shock / decay))[np.cumsum(moving)]
    return drift
