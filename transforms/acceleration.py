"""Acceleration that thresholds can be held against: levelled, calibrated, and from an accelerometer or else from speed."""

import numpy as np

from lake.driving import DrivingRules
from transforms.cleaning import STANDING_MPS
from transforms.steps import Steps
from transforms.track import Flags, Floats, Ints, Track

LEVEL_POINTS = 10
"""A median of fewer points at standstill is not taken for the mount's tilt."""
MAX_TILT_MPS2 = 1.7
"""g sin 10 degrees: what is more is no mount but a fault, and is left as it is."""


def calibrated(
    track: Track, steps: Steps, trip: Ints, factors: tuple[Floats, Floats], is_levelled: Flags
) -> tuple[Floats, Floats]:
    """Longitudinal and lateral acceleration in m/s2, NaN where unknown.

    `trip` numbers the trips of the points; of each trip, `factors` are the calibration of its firmware by axis, and
    `is_levelled` says whether the mount's tilt is taken off. Without an accelerometer the longitudinal one is the difference
    of two speeds, which needs no factor.
    """
    axes = []
    for values, scale in zip((track.accel_lon_mps2, track.accel_lat_mps2), factors, strict=True):
        tilt = np.where(is_levelled, _tilt(values, track.speed_mps < STANDING_MPS, trip, len(scale)), 0.0)
        axes.append((values - tilt[trip]) * scale[trip] if tilt.any() or (scale != 1.0).any() else values)
    lon, lat = axes
    return np.where(np.isnan(lon), steps.difference_mps2, lon), lat


def _tilt(values: Floats, stands: Flags, trip: Ints, trips: int) -> Floats:
    """Median at standstill by trip, 0 where there is too little to tell."""
    tilt = np.zeros(trips)
    at = np.flatnonzero(stands & ~np.isnan(values))
    if len(at) == 0:
        return tilt
    at = at[np.lexsort((values[at], trip[at]))]
    counts = np.bincount(trip[at], minlength=trips)
    begin = np.cumsum(counts) - counts
    enough = np.flatnonzero(counts >= LEVEL_POINTS)
    lower = values[at[begin[enough] + (counts[enough] - 1) // 2]]
    upper = values[at[begin[enough] + counts[enough] // 2]]
    median = (lower + upper) / 2
    tilt[enough] = np.where(np.abs(median) <= MAX_TILT_MPS2, median, 0.0)
    return tilt


def factors_by_firmware(rules: DrivingRules, firmwares: list[str | None], firmware: Ints) -> tuple[Floats, Floats, Flags]:
    """By trip: longitudinal and lateral factor, and whether the firmware is calibrated. `firmware` are places in `firmwares`,
    UNKNOWN (-1) for none stated."""
    known = [rules.calibration(name) for name in (*firmwares, None)]
    lon = np.array([1.0 if x is None else x.lon_scale for x in known])
    lat = np.array([1.0 if x is None else x.lat_scale for x in known])
    return lon[firmware], lat[firmware], np.array([x is not None for x in known])[firmware]
