"""Day plans: the trips a driver makes on a day, with every sum that the pipeline should find in them.

Both levels are made from what `draw` returns: the book adds the plans' sums up, the raw fleet renders them to points.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lake.conf import CONF_FOLDER
from lake.event_rules import DEFAULT_RULES, load_rules
from lake.tables import LADDER_KINDS, RUNGS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLOTS_H = np.array([[0.1, 3.5], [6.5, 8.75], [10.25, 13.75], [15.25, 18.0], [19.5, 22.5]])
"""Local hours between which a slot's trip begins: night, morning, midday, afternoon, evening. At most one trip a slot and
trips under 70 minutes leave more than 15 minutes between any two."""
SLOT_P = np.array([[1.0, 0.80, 0.45, 0.85, 0.40], [2.0, 0.20, 0.70, 0.55, 0.55]])
"""Chance of each slot on a day of driving, weekday and weekend; the night's multiplies the driver's own."""
SLOT_KM = np.array([9.0, 15.0, 7.0, 15.0, 10.0])
"""Median distance by slot."""
SIGMA_LN_KM = 0.7
MIN_KM, MAX_KM = 0.8, 60.0

CLASS_FROM_KM = np.array([6.0, 18.0])
LIMIT_KMH = np.array([50, 70, 105])
LEG_M = np.array([500.0, 1200.0, 3500.0])
"""Street classes by the trip's distance: posted limit, and length of a leg between two junctions."""
CRUISE_SHARE = (0.86, 0.99)
"""Speed on a leg within the limit, as a share of the limit."""
EXCESS_MPS = (2.5, 8.0)
"""Speed over the limit on a leg over it: well above the tolerance of the rules."""
TOLERANCE_MPS = load_rules(DEFAULT_RULES, CONF_FOLDER / "rules").speeding_tolerance_mps

GENTLE_UP_MPS2, GENTLE_DOWN_MPS2 = 1.4, 1.8
"""Ordinary driving, well below the first rung (2.68 m/s2)."""
TURN_MPS, TURN_LATERAL_MPS2 = 5.0, 2.0
TURN_S = (np.pi / 2) * TURN_MPS / TURN_LATERAL_MPS2
"""A turn of 90 degrees at speed v and lateral acceleration a takes (pi / 2) v / a."""
DWELL_S = (8.0, 40.0)
PARKED_S = 8.0
"""At speed 0 at both ends of a trip."""
MOVING_MPS = 1.0

NEXT_RUNG_P = 0.55
"""Chance that an event which reaches a rung reaches the next one."""
LIMIT_UNKNOWN_P = 0.08
PHONE_S = (20.0, 150.0)
PHONE_LIMIT_SHARE = 0.8
GAP_P, GAP_S = 0.05, (15.0, 60.0)
"""Gap inside a trip: longer than the 10 s to which steps count, far below the trip gap."""

DAY_S = 86_400.0
NIGHT_H = (0.0, 4.0)
RUSH_H = ((7.0, 9.0), (16.0, 18.0))
_HOUR_S = 3600.0
_SATURDAY = 5

SUMS = (
    "trips", "distance_mm", "duration_ms", "moving_ms", "night_ms", "rush_ms", "speeding_ms", "limit_known_ms", "phone_ms",
    "phone_known_ms", "covered_ms", *(f"{kind}_r{rung}" for kind in LADDER_KINDS for rung in RUNGS), "speeding_events",
    "phone_events",
)  # fmt: skip
"""Additive columns of a policy day, in order."""


@dataclass(frozen=True)
class Trips:
    """Planned trips as arrays of one length, in order of `row` (the candidate day given to `draw`) and start.

    start_s is local seconds of the day; the ladder's counts are cumulative by rung, shape (n, 6).
    """

    row: Ints
    start_s: Floats
    weekend: npt.NDArray[np.bool_]
    distance_m: Floats
    street: Ints
    cruise_mps: Floats
    excess_mps: Floats
    legs: Ints
    speeding_legs: Ints
    dwell_s: Floats
    limit_known: npt.NDArray[np.bool_]
    phone_s: Floats
    phone_events: Ints
    gap_s: Floats
    brake: Ints
    accelerate: Ints
    corner: Ints
    duration_s: Floats
    moving_s: Floats
    speeding_s: Floats

    def __len__(self) -> int:
        """Number of trips."""
        return len(self.row)

    def sums(self) -> Ints:
        """What each trip adds to its policy day, shape (n, len(SUMS)), in the columns' whole units."""
        keep = 1.0 - self.gap_s / self.duration_s
        moving = self.moving_s * keep
        density = moving / self.duration_s
        known = self.limit_known
        night = self._overlap(NIGHT_H) * density
        rush = (self._overlap(RUSH_H[0]) + self._overlap(RUSH_H[1])) * density * ~self.weekend
        ones = np.ones(len(self))
        seconds = (self.duration_s, moving, night, rush, self.speeding_s * keep, moving * known, self.phone_s * keep, moving,
                   self.duration_s - self.gap_s)  # fmt: skip
        columns = (ones, 1000.0 * self.distance_m, *(1000.0 * s for s in seconds))
        events = (self.brake, self.accelerate, self.corner, self.speeding_legs[:, None], self.phone_events[:, None])
        stacked: Ints = np.column_stack([np.column_stack(columns).round().astype(np.int64), *events])
        return stacked

    def _overlap(self, hours: tuple[float, float]) -> Floats:
        """Seconds of each trip between two local hours of its day."""
        begin, end = (h * _HOUR_S for h in hours)
        inside: Floats = np.minimum(self.start_s + self.duration_s, end) - np.maximum(self.start_s, begin)
        return np.maximum(inside, 0.0)


def draw(rng: np.random.Generator, drivers: pd.DataFrame, driver: Ints, day: npt.NDArray[np.datetime64]) -> Trips:
    """Plan the trips of candidate days: driver[i] (a position in `drivers`) on the local date day[i].

    A day without a trip has none in the result.
    """
    weekend = is_weekend(day)
    row, slot = _slots(rng, drivers, driver, weekend)
    who, n = driver[row], len(row)
    begin, end = SLOTS_H[slot, 0], SLOTS_H[slot, 1]
    ln_km = np.log(SLOT_KM[slot]) + _of(drivers, "ln_distance", who) + SIGMA_LN_KM * rng.standard_normal(n)
    km = np.clip(np.exp(ln_km), MIN_KM, MAX_KM)
    street = np.digitize(km, CLASS_FROM_KM)
    legs = np.maximum(1000.0 * km // LEG_M[street], 1).astype(np.int64)
    known = rng.random(n) >= LIMIT_UNKNOWN_P
    base = {
        "row": row,
        "start_s": np.floor(_HOUR_S * rng.uniform(begin, end)),
        "weekend": weekend[row],
        "distance_m": 1000.0 * km,
        "street": street,
        "cruise_mps": LIMIT_KMH[street] / 3.6 * rng.uniform(*CRUISE_SHARE, n),
        "excess_mps": rng.uniform(*EXCESS_MPS, n),
        "legs": legs,
        "speeding_legs": rng.binomial(legs, _of(drivers, "speeding_p", who)) * known,
        "dwell_s": rng.uniform(*DWELL_S, n),
        "limit_known": known,
        "gap_s": np.where(rng.random(n) < GAP_P, rng.uniform(*GAP_S, n).round(), 0.0),
    }
    return _completed(rng, drivers, who, base)


def _completed(rng: np.random.Generator, drivers: pd.DataFrame, who: Ints, base: dict[str, npt.NDArray[np.generic]]) -> Trips:
    """Add times, harsh events and the phone stretch, whose runs of motion are parted by the stops that fall into it."""
    legs: Ints = base["legs"].astype(np.int64)
    times = kinematics(base)
    phoning = rng.random(len(who)) < _of(drivers, "phone_p", who)
    stretch = np.minimum(rng.uniform(*PHONE_S, len(who)), PHONE_LIMIT_SHARE * times["moving_s"])
    places = {"brake": stops(legs), "accelerate": stops(legs), "corner": turns(legs)}
    events = {k: _rungs(rng, rng.binomial(n, _of(drivers, f"{k}_p", who))) for k, n in places.items()}
    phone_s = np.where(phoning, stretch.round(), 0.0)
    broken_by = (stops(legs) - 1) * phone_s / times["moving_s"]
    runs = phoning * (1 + np.floor(broken_by + rng.random(len(who)))).astype(np.int64)
    return Trips(**base, **times, **events, phone_s=phone_s, phone_events=runs)  # type: ignore[arg-type]


def stops(legs: Ints) -> Ints:
    """How many legs of a trip end at standstill: the last, and every second one before it."""
    return (legs + 1) // 2


def turns(legs: Ints) -> Ints:
    """How many legs end in a turn."""
    return legs // 2


def kinematics(trip: dict[str, npt.NDArray[np.generic]]) -> dict[str, Floats]:
    """duration_s, moving_s and speeding_s of planned trips, in closed form from legs, ramps, turns and dwells.

    A ramp between v1 and v at acceleration a costs (v - v1)^2 / (2 a v) more than cruising at v. Harsh ramps are taken
    as gentle ones (a few seconds of a trip's hundreds).
    """
    legs, fast = trip["legs"].astype(float), trip["speeding_legs"].astype(float)
    n_stops, n_turns = stops(trip["legs"].astype(np.int64)), turns(trip["legs"].astype(np.int64))
    ramp = 1.0 / GENTLE_UP_MPS2 + 1.0 / GENTLE_DOWN_MPS2
    limit = LIMIT_KMH[trip["street"].astype(np.int64)] / 3.6
    over = limit + trip["excess_mps"].astype(float)
    share = fast / legs
    distance = trip["distance_m"].astype(float)

    def travel(v: Floats) -> Floats:
        turn = (v - TURN_MPS) ** 2 / (2.0 * v) * ramp + TURN_S * (1.0 - TURN_MPS / v)
        return distance / v + n_stops * v / 2.0 * ramp + n_turns * turn

    def cruising(v: Floats) -> Floats:
        lost = n_stops * v**2 / 2.0 * ramp + n_turns * ((v**2 - TURN_MPS**2) / 2.0 * ramp + TURN_MPS * TURN_S)
        return (distance - lost) / v

    travelling = share * travel(over) + (1.0 - share) * travel(trip["cruise_mps"].astype(float))
    above = (trip["excess_mps"].astype(float) - TOLERANCE_MPS) * ramp
    return {
        "duration_s": travelling + (n_stops - 1) * trip["dwell_s"].astype(float) + 2.0 * PARKED_S,
        "moving_s": travelling - n_stops * ramp * MOVING_MPS,
        "speeding_s": share * cruising(over) + fast * above,
    }


def is_weekend(day: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    """Saturday or Sunday; day 0 of numpy's calendar was a Thursday."""
    return (day.astype("datetime64[D]").astype(np.int64) + 3) % 7 >= _SATURDAY


def _slots(rng: np.random.Generator, drivers: pd.DataFrame, driver: Ints, weekend: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Candidate day and slot of every trip, in order."""
    p = SLOT_P[weekend.astype(np.int64)]
    p[:, 0] *= _of(drivers, "night_p", driver)
    p *= (rng.random(len(driver)) < _of(drivers, "active_p", driver))[:, None]
    row, slot = np.nonzero(rng.random(p.shape) < p)
    return row, slot


def _rungs(rng: np.random.Generator, events: Ints) -> Ints:
    """Cumulative counts by rung: each event goes on to the next rung with chance NEXT_RUNG_P."""
    counts = np.zeros((len(events), len(RUNGS)), np.int64)
    counts[:, 0] = events
    live = np.flatnonzero(events)
    for k in range(1, len(RUNGS)):
        counts[live, k] = rng.binomial(counts[live, k - 1], NEXT_RUNG_P)
        live = live[counts[live, k] > 0]
    return counts


def _of(drivers: pd.DataFrame, column: str, who: Ints) -> Floats:
    """A driver's behaviour, once per trip."""
    values: Floats = drivers[column].to_numpy(np.float64)[who]
    return values
