"""From one point of a trip to the next: time, distance, motion and acceleration.

Every step's distance is rounded to whole millimetres before anything is summed, so that sums do not depend on partitioning.
"""

from dataclasses import dataclass

import numpy as np

from lake.sources import Source
from transforms.cleaning import MAX_ACCEL_MPS2, MAX_SPEED_MPS, MOVING_MPS, MS_PER_S, STANDING_MPS, Cleaned
from transforms.track import Flags, Floats, Ints, Track, before, between, great_circle_m, runs_of, whole

DIFFERENCE_STEP_MS = 2_000
"""Speeds further apart give no acceleration: at 2 s a one-second brake already reads at a third of its peak."""
MM_PER_M = 1000.0
STAND_MS, STAND_M = 10_000, 5.0
"""A car that creeps is told from one that stands by where it gets: speeds below STANDING_MPS for so long, and its ends no further
apart than the noise of two positions. Some receivers read tenths of a metre a second at a stand, others next to nothing in a
queue."""


@dataclass(frozen=True)
class Steps:
    """What happened up to each point since the one before it in its trip; `step_ms` is 0 at a trip's first point.

    haversine_mm and integral_mm are whole numbers, NaN where the step has none; distance_mm is the one that the source's method
    names, the other where it has none, and 0 where neither has. is_step is false across a gap. entry_speed_mps is the speed
    before the step.
    """

    starts: Flags
    step_ms: Ints
    is_step: Flags
    is_covered: Flags
    haversine_mm: Floats
    integral_mm: Floats
    distance_mm: Floats
    motion_mps: Floats
    entry_speed_mps: Floats
    difference_mps2: Floats

    @property
    def covered_ms(self) -> Ints:
        """Time that counts, under the state of the later point."""
        return np.where(self.is_covered, self.step_ms, 0)

    @property
    def is_moving(self) -> Flags:
        """Whether the car moves; false where nothing tells."""
        is_moving: Flags = self.motion_mps >= MOVING_MPS
        return is_moving


def steps_of(cleaned: Cleaned, starts: Flags, source: Source) -> Steps:
    """Steps within the trips that begin at `starts`.

    The great-circle step runs from the last accepted position, also across a gap (the car did move), spread over the points that
    it passes by time. It is left out where it would need more than 250 km/h, and where the car stands. Where the speed is
    unknown, motion_mps is that of the great-circle step. A step longer than the source's covered_step_s is a gap, and one of
    which no motion is known is not covered either. Acceleration never comes from positions.
    """
    track = cleaned.track
    step_ms = np.zeros(len(track), np.int64)
    step_ms[1:] = np.diff(track.ms)
    step_ms[starts] = 0
    longest_ms = int(source.covered_step_s * MS_PER_S)
    is_step = ~starts & (step_ms <= longest_ms)
    is_close = ~starts & (step_ms <= DIFFERENCE_STEP_MS)
    speed, previous = track.speed_mps, before(track.speed_mps, starts)
    stands = is_step & (((speed == 0.0) & (previous == 0.0)) | _stand(track, starts | ~is_step))
    haversine_mm, position_mps = _great_circle(track, starts, stands, longest_ms)
    # trapezoid of two speeds; m/s times ms is mm
    integral_mm = np.where(is_step, whole((speed + previous) / 2 * step_ms), np.nan)
    motion = np.where(np.isnan(speed), position_mps, speed)
    difference = np.where(is_close, (speed - previous) * MS_PER_S / np.maximum(step_ms, 1), np.nan)
    return Steps(
        starts=starts,
        step_ms=step_ms,
        is_step=is_step,
        is_covered=is_step & ~cleaned.is_stuck & ~np.isnan(motion),
        haversine_mm=haversine_mm,
        integral_mm=integral_mm,
        distance_mm=_chosen(haversine_mm, integral_mm, stands, source),
        motion_mps=motion,
        entry_speed_mps=np.where(is_close & ~np.isnan(previous), previous, speed),
        difference_mps2=np.where(np.abs(difference) <= MAX_ACCEL_MPS2, difference, np.nan),
    )


def _stand(track: Track, cuts: Flags) -> Flags:
    """Whether a point's step is of a stand: slow for long, and nowhere in the end."""
    first, last = runs_of(track.speed_mps < STANDING_MPS, cuts)
    lasts_ms = track.ms[last] - track.ms[first]
    metres = great_circle_m(track.lat[first], track.lon[first], track.lat[last], track.lon[last])
    still = (lasts_ms >= STAND_MS) & (metres <= STAND_M)
    return between(first[still] + 1, last[still], len(track))


def _chosen(haversine_mm: Floats, integral_mm: Floats, stands: Flags, source: Source) -> Floats:
    by_position = np.where(stands, 0.0, haversine_mm)
    first, second = (integral_mm, by_position) if source.distance_method == "speed" else (by_position, integral_mm)
    return np.nan_to_num(np.where(np.isnan(first), second, first))


def _great_circle(track: Track, starts: Flags, stands: Flags, longest_ms: int) -> tuple[Floats, Floats]:
    """Of each point, millimetres from the last accepted position of its trip, and the speed that makes; NaN where none."""
    at = np.flatnonzero(track.has_position)
    trip = np.cumsum(starts)[at]
    since, until = at[:-1], at[1:]
    metres = great_circle_m(track.lat[since], track.lon[since], track.lat[until], track.lon[until])
    taken_ms = track.ms[until] - track.ms[since]
    counts = (trip[1:] == trip[:-1]) & ~stands[until] & ~(metres > MAX_SPEED_MPS * (taken_ms / MS_PER_S))
    step_mm = np.where(counts, whole(metres * MM_PER_M), np.nan)
    mps = np.where(taken_ms <= longest_ms, step_mm / np.maximum(taken_ms, 1), np.nan)
    millimetres, speed = np.full(len(track), np.nan), np.full(len(track), np.nan)
    millimetres[until], speed[until] = step_mm, mps
    _spread(track, since, until, step_mm, mps, millimetres, speed)
    return millimetres, speed


def _spread(track: Track, since: Ints, until: Ints, step_mm: Floats, mps: Floats, millimetres: Floats, speed: Floats) -> None:
    """Give points without a position their part, by time, of the step that passes them: parts add up to the whole."""
    long = until - since > 1
    step = np.repeat(np.flatnonzero(long), (until - since)[long])
    rows = _ranges(since[long] + 1, until[long] + 1)
    begin, taken_ms = track.ms[since[step]], track.ms[until[step]] - track.ms[since[step]]
    done, before_it = (whole(step_mm[step] * (track.ms[x] - begin) / np.maximum(taken_ms, 1)) for x in (rows, rows - 1))
    millimetres[rows], speed[rows] = done - before_it, mps[step]


def _ranges(first: Ints, end: Ints) -> Ints:
    """The whole numbers of each [first, end), one range after the other."""
    lengths = end - first
    starts = np.repeat(first - np.r_[0, np.cumsum(lengths)[:-1]], lengths)
    ranges: Ints = starts + np.arange(len(starts))
    return ranges
