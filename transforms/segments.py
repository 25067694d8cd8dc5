"""Where trips begin: at pauses in the points, at long stands and ignition off where the source says so, and on foot."""

import numpy as np

from lake.driving import DrivingRules
from transforms.cleaning import MS_PER_S
from transforms.on_foot import on_foot
from transforms.steps import Steps
from transforms.track import Flags, Small, Track, begins, between, runs_of

DRIVING, ON_FOOT, PARKED = 0, 1, 2
MODES = ("driving", "on_foot", "parked")
MS_A_DAY = 86_400_000
MOVED_MM = 100_000
"""A trip of which no point moves is parked unless it gets this far: the noise of two positions makes some ten metres."""


def segment(track: Track, stretches: Flags, steps: Steps, rules: DrivingRules) -> tuple[Flags, Small]:
    """Whether a point begins a trip, and the mode of its trip, from stretches without a pause and the steps in them.

    A stand over trip_idle_s, and ignition off for ignition_off_s, end the trip at their first point; the next one begins with
    the last point before the car moves, or with the one at which the ignition is on. What lies between is parked, and cut at
    midnight UTC, so that no night reads back further than a day. A trip that does not move is parked too: a tracker's sign of
    life is no drive.
    """
    source = rules.source
    mode = np.zeros(len(track), np.int8)
    cuts = np.zeros(len(track), bool)
    if source.carried:
        mode[on_foot(track, stretches, steps)] = ON_FOOT
    if source.trip_idle_s is not None:
        stands = steps.motion_mps < 1.0
        _park(track, stretches, stands, source.trip_idle_s, mode, cuts, keep_last=True)
    if source.ignition_off_s is not None:
        _park(track, stretches, track.ignition == 0, source.ignition_off_s, mode, cuts, keep_last=False)
    starts = stretches | cuts | begins(mode)
    mode[(mode == DRIVING) & ~_moves(steps, starts)] = PARKED
    midnight = begins(track.ms // MS_A_DAY) & (mode == PARKED)
    return starts | midnight, mode


def _moves(steps: Steps, starts: Flags) -> Flags:
    """Whether a point's trip moves."""
    first = np.flatnonzero(starts)
    moves = np.logical_or.reduceat(steps.is_moving, first) | (np.add.reduceat(steps.distance_mm, first) >= MOVED_MM)
    of_point: Flags = np.repeat(moves, np.diff(np.r_[first, len(starts)]))
    return of_point


def _park(track: Track, stretches: Flags, flags: Flags, least_s: int, mode: Small, cuts: Flags, *, keep_last: bool) -> None:
    """Mark in `mode` and `cuts` the runs of `flags` that last `least_s` or more, or to the end of their stretch."""
    first, last = runs_of(flags, stretches)
    at_end = np.r_[stretches[1:], True][last]
    until = np.where(at_end | keep_last, last, np.minimum(last + 1, len(track) - 1))
    lasts = track.ms[until] - track.ms[first] >= least_s * MS_PER_S
    first, last, at_end = first[lasts], last[lasts], at_end[lasts]
    # the first point still ends a drive, unless the stretch begins with it; the last begins the next, unless none follows
    inner_first = np.where(stretches[first], first, first + 1)
    inner_last = np.where(at_end | (not keep_last), last, last - 1)
    mode[between(inner_first, inner_last, len(track))] = PARKED
    follows = np.where(keep_last, last, last + 1)[~at_end]
    cuts[follows] = True
