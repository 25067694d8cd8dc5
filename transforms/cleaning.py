"""What of the points cannot be so: GPS jumps, stuck sensors, impossible speeds. Cleaning is for features; bronze keeps all."""

from dataclasses import dataclass

import numpy as np

from transforms.track import Flags, Ints, Track, begins, between, great_circle_m, runs_of

MAX_SPEED_MPS = 70.0
"""250 km/h, above which Gao, Shi and Wang drop records: a faster position is a GPS jump, a faster speed a sensor fault."""
MOVING_MPS = 1.0
"""From this speed on a car counts as moving."""
STANDING_MPS = 0.5
"""Below it a car stands: receivers report some tenths of a metre a second for one that does."""
MAX_ACCEL_MPS2 = 12.0
"""1.2 g, beyond the grip of road tyres (about 1 g on dry asphalt): a knock on the device, or a fault of the sensor."""
SPIKE_STEP_MS = 2_000
"""Speeds further apart do not tell a spike from a manoeuvre."""
MS_PER_S = 1000.0


@dataclass(frozen=True)
class Cleaned:
    """The track with what is wrong unknown, and where that was so."""

    track: Track
    is_jump: Flags
    is_stuck: Flags


def clean(track: Track, starts: Flags, stuck_s: float) -> Cleaned:
    """Take out impossible speeds and accelerations, stuck sensors and GPS jumps, in stretches that begin at `starts`."""
    impossible = ~((track.speed_mps >= 0.0) & (track.speed_mps <= MAX_SPEED_MPS))
    measured = track.without(impossible, "speed_mps")
    spiked = spikes(measured, starts)
    if spiked.any():
        measured = measured.without(spiked, "speed_mps")
    for axis in ("accel_lon_mps2", "accel_lat_mps2"):
        beyond = np.abs(getattr(measured, axis)) > MAX_ACCEL_MPS2
        measured = measured.without(beyond, axis) if beyond.any() else measured
    is_stuck = stuck(measured, starts, stuck_s)
    if is_stuck.any():
        measured = measured.without(is_stuck, "speed_mps", "lat", "lon", "accel_lon_mps2", "accel_lat_mps2")
    is_jump = jumps(measured, starts)
    if is_jump.any():
        measured = measured.without(is_jump, "lat", "lon")
    return Cleaned(measured, is_jump, is_stuck)


def spikes(track: Track, starts: Flags) -> Flags:
    """Single speeds that no car reaches from the one before and leaves for the one after: up and down again, or down and up."""
    step_s = np.diff(track.ms) / MS_PER_S
    close = (step_s > 0) & (step_s * MS_PER_S <= SPIKE_STEP_MS) & ~starts[1:]
    change = np.where(close, np.diff(track.speed_mps) / np.where(close, step_s, 1.0), np.nan)
    beyond = np.where(np.abs(change) > MAX_ACCEL_MPS2, np.sign(change), 0.0)
    found = np.zeros(len(track), bool)
    found[1:-1] = beyond[:-1] * beyond[1:] < 0
    return found


def stuck(track: Track, starts: Flags, stuck_s: float) -> Flags:
    """Points that repeat a moving speed and a position to the last digit, for `stuck_s` or longer: the sensor hangs.

    The first point of such a run was measured and stays. A speed alone may repeat (cruise control, whole units), and so may
    the position of a car that stands.
    """
    repeats = np.zeros(len(track), bool)
    repeats[1:] = np.logical_and.reduce([x[1:] == x[:-1] for x in (track.speed_mps, track.lat, track.lon)])
    repeats &= (track.speed_mps >= MOVING_MPS) & ~starts
    first, last = runs_of(repeats, starts)
    lasts = track.ms[last] - track.ms[first - 1] >= stuck_s * MS_PER_S
    return between(first[lasts], last[lasts], len(track))


def jumps(track: Track, starts: Flags) -> Flags:
    """Positions where the car cannot be.

    A position is a GPS jump when neither of the two positions before it, in its stretch, can be where the car came from: so
    a single outlier does not take its good successor with it, and after a real displacement the second position is accepted.
    Of the first two positions the first is the jump where the third agrees with the second alone: a receiver that wakes up
    may give the place where it last was.
    """
    at = np.flatnonzero(track.has_position)
    stretch = np.cumsum(starts, dtype=np.int64)[at]
    leaps = np.zeros(len(at), bool)
    leaps[1:] = (stretch[1:] == stretch[:-1]) & too_fast(track, at[:-1], at[1:])
    doubtful = np.flatnonzero(leaps)
    second = np.maximum(doubtful - 2, 0)
    has_second = (doubtful >= 2) & (stretch[second] == stretch[doubtful])
    leaps[doubtful] = ~has_second | too_fast(track, at[second], at[doubtful])
    _blame_first(track, at, stretch, leaps)
    found = np.zeros(len(track), bool)
    found[at[leaps]] = True
    return found


def _blame_first(track: Track, at: Ints, stretch: Ints, leaps: Flags) -> None:
    """Move the flag from the second position of a stretch to the first where the third can be reached from the second only."""
    second = np.flatnonzero(leaps[1:-1] & begins(stretch)[:-2]) + 1
    second = second[stretch[second + 1] == stretch[second]]
    is_first = ~too_fast(track, at[second], at[second + 1]) & too_fast(track, at[second - 1], at[second + 1])
    leaps[second[is_first]] = False
    leaps[second[is_first] - 1] = True


def too_fast(track: Track, since: Ints, until: Ints) -> Flags:
    """Whether getting from the position of one row to that of another takes more than MAX_SPEED_MPS."""
    metres = great_circle_m(track.lat[since], track.lon[since], track.lat[until], track.lon[until])
    is_too_fast: Flags = metres > MAX_SPEED_MPS * ((track.ms[until] - track.ms[since]) / MS_PER_S)
    return is_too_fast


def stretches(track: Track, gap_s: float) -> Flags:
    """Whether a point begins a stretch: the first of a device, or after a pause longer than the gap."""
    starts = begins(track.device)
    starts[1:] |= np.diff(track.ms) > gap_s * MS_PER_S
    return starts
