"""From one point of a trip to the next: time, distance, motion and acceleration.

Every step's distance is rounded to whole millimetres before anything is summed, so that sums do not depend on partitioning.
"""

from dataclasses import dataclass

import numpy as np

from transforms.cleaning import MAX_SPEED_MPS, MOVING_MPS, MS_PER_S, Cleaned
from transforms.track import Flags, Floats, Ints, Track, before, great_circle_m, whole

COVERED_STEP_MS = 10_000
"""A longer step is a gap: its time is not covered, and no speed is integrated over it."""
DIFFERENCE_STEP_MS = 2_000
"""Speeds further apart give no acceleration: at 2 s a one-second brake already reads at a third of its peak."""
MM_PER_M = 1000.0


@dataclass(frozen=True)
class Steps:
    """What happened up to each point since the one before it in its trip; `step_ms` is 0 at a trip's first point.

    haversine_mm and integral_mm are whole numbers, NaN where the step has none. entry_speed_mps is the speed before the step.
    """

    starts: Flags
    step_ms: Ints
    is_covered: Flags
    haversine_mm: Floats
    integral_mm: Floats
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


def steps_of(cleaned: Cleaned, starts: Flags) -> Steps:
    """Steps within the trips that begin at `starts`.

    The great-circle step runs from the last accepted position, also across a gap (the car did move), and is left out where
    it would need more than 250 km/h, and where the car stands: both speeds measured as 0 without a gap between them. Where
    the speed is unknown, motion_mps is that of the great-circle step. Acceleration never comes from positions.
    """
    track = cleaned.track
    step_ms = np.zeros(len(track), np.int64)
    step_ms[1:] = np.diff(track.ms)
    step_ms[starts] = 0
    is_step = ~starts & (step_ms <= COVERED_STEP_MS)
    is_close = ~starts & (step_ms <= DIFFERENCE_STEP_MS)
    speed, previous = track.speed_mps, before(track.speed_mps, starts)
    haversine_mm, position_mps = _great_circle(track, starts, (speed == 0.0) & (previous == 0.0) & is_step)
    entry = np.where(is_close & ~np.isnan(previous), previous, speed)
    elapsed_ms = np.maximum(step_ms, 1)
    return Steps(
        starts=starts,
        step_ms=step_ms,
        is_covered=is_step & ~cleaned.is_stuck,
        haversine_mm=haversine_mm,
        # trapezoid of two speeds; m/s times ms is mm
        integral_mm=np.where(is_step, whole((speed + previous) / 2 * step_ms), np.nan),
        motion_mps=np.where(np.isnan(speed), position_mps, speed),
        entry_speed_mps=entry,
        difference_mps2=np.where(is_close, (speed - previous) * MS_PER_S / elapsed_ms, np.nan),
    )


def _great_circle(track: Track, starts: Flags, stands: Flags) -> tuple[Floats, Floats]:
    """Of each point, millimetres from the last accepted position of its trip, and the speed that makes; NaN where none."""
    at = np.flatnonzero(track.has_position)
    trip = np.cumsum(starts)[at]
    since, until = at[:-1], at[1:]
    metres = great_circle_m(track.lat[since], track.lon[since], track.lat[until], track.lon[until])
    taken_ms = track.ms[until] - track.ms[since]
    counts = (trip[1:] == trip[:-1]) & ~stands[until] & ~(metres > MAX_SPEED_MPS * (taken_ms / MS_PER_S))
    step_mm = np.where(counts, whole(metres * MM_PER_M), np.nan)
    millimetres, speed = np.full(len(track), np.nan), np.full(len(track), np.nan)
    millimetres[until] = step_mm
    speed[until] = np.where(taken_ms <= COVERED_STEP_MS, step_mm / np.maximum(taken_ms, 1), np.nan)
    return millimetres, speed
