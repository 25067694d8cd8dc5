"""Driving told from walking, for devices that their owners carry.

The limits were chosen on the even tracks of GOAL (600 tracks of six minutes, a labelled point about every 5 s;
amazon-science/goal-gps-ordered-activity-labels, CC-BY-4.0) and hold on the odd ones: docs/trips-and-events.md has the figures.
"""

import numpy as np

from transforms.cleaning import MS_PER_S
from transforms.steps import Steps
from transforms.track import Flags, Floats, Ints, Track, begins, great_circle_m

WINDOW_S = 25.0
"""Speed is the displacement over so long, which a walker's noise does not reach."""
DRIVES_MPS = 2.1
"""A displacement this fast is a vehicle's, and so are the steps beside it down to KEEPS_MPS, which no walker keeps up."""
KEEPS_MPS = 1.8
SHORT_S = 30.0
"""What lies between two drives and takes no longer belongs to them."""
STILL_MPS, STILL_S = 0.1, 120.0
"""And so does a stand of this length at most, a traffic light or a queue: STILL_SHARE of its points are no faster."""
MEASURED_STILL_MPS = 0.3
"""The same for a speed that the receiver states, which is noise of a tenth or two at a stand."""
STILL_SHARE = 0.5
EDGE_S = 15.0
"""A stand so short at either end of a stretch belongs to the drive beside it."""
_SPAN_MS = 1 << 44
"""Longer than any stretch, to keep stretches apart on one axis: 550 years."""


def on_foot(track: Track, stretches: Flags, steps: Steps) -> Flags:
    """Whether a point is not of a drive: on foot, or with its owner somewhere."""
    drives = _fast(track, stretches)
    quick = (steps.motion_mps >= KEEPS_MPS) | drives
    label = np.cumsum(begins(quick) | stretches) - 1
    drives = quick & (np.bincount(label, drives, minlength=len(track)) > 0)[label]
    first = np.flatnonzero(begins(drives) | stretches)
    last = np.r_[first[1:] - 1, len(track) - 1]
    slow = ~drives[first]
    belongs = _belongs(track, stretches, steps, first[slow], last[slow])
    found: Flags = ~drives & ~np.repeat(_spread(slow, belongs), last - first + 1)
    return found


def _spread(chosen: Flags, values: Flags) -> Flags:
    """Values of the chosen places; false in the others."""
    spread = np.zeros(len(chosen), bool)
    spread[chosen] = values
    return spread


def _fast(track: Track, stretches: Flags) -> Flags:
    """Whether the displacement around a point, within its stretch, is a vehicle's, or the mean of the speeds measured there."""
    stretch = np.cumsum(stretches) - 1
    begin_ms = track.ms[np.flatnonzero(stretches)]
    axis = (track.ms - begin_ms[stretch]) + stretch * _SPAN_MS
    half = int(WINDOW_S * MS_PER_S / 2)
    # at least from the point before to the one after, for devices that report more seldom than the window is long
    rows = np.arange(len(track))
    since = np.minimum(np.searchsorted(axis, axis - half), np.where(stretches, rows, rows - 1))
    last = np.r_[stretches[1:], True]
    until = np.maximum(np.searchsorted(axis, axis + half, side="right") - 1, np.where(last, rows, rows + 1))
    metres = great_circle_m(track.lat[since], track.lon[since], track.lat[until], track.lon[until])
    seconds = np.maximum(track.ms[until] - track.ms[since], MS_PER_S) / MS_PER_S
    displaced = metres / seconds
    is_fast: Flags = np.fmax(displaced, _mean_mps(track.speed_mps, since, until)) >= DRIVES_MPS
    return is_fast


def _mean_mps(speed_mps: Floats, first: Ints, last: Ints) -> Floats:
    """Mean of the speeds from each first row to its last; NaN where none was measured."""
    known = ~np.isnan(speed_mps)
    total = np.r_[0.0, np.cumsum(np.where(known, speed_mps, 0.0))]
    count = np.r_[0, np.cumsum(known)]
    n = count[last + 1] - count[first]
    mean: Floats = np.where(n > 0, (total[last + 1] - total[first]) / np.maximum(n, 1), np.nan)
    return mean


def _belongs(track: Track, stretches: Flags, steps: Steps, first: Ints, last: Ints) -> Flags:
    """Whether a slow run, given by its first and last row, belongs to the drives around it."""
    ends = np.r_[stretches[1:], True]
    has_left, has_right = ~stretches[first], ~ends[last]
    since = track.ms[np.where(has_left, first - 1, first)]
    until = track.ms[np.where(has_right, np.minimum(last + 1, len(track) - 1), last)]
    seconds = (until - since) / MS_PER_S
    limit_mps = np.where(np.isnan(track.speed_mps), STILL_MPS, MEASURED_STILL_MPS)
    stands = _still_share(steps.motion_mps, limit_mps, first, last) >= STILL_SHARE
    between = has_left & has_right & ((seconds <= SHORT_S) | (stands & (seconds <= STILL_S)))
    own_seconds = (track.ms[last] - track.ms[first]) / MS_PER_S
    at_edge = (has_left != has_right) & stands & (own_seconds <= EDGE_S)
    belongs: Flags = between | at_edge
    return belongs


def _still_share(motion_mps: Floats, limit_mps: Floats, first: Ints, last: Ints) -> Floats:
    """Share of the points of each run that are as good as at rest, of those whose motion is known."""
    still = np.r_[0, np.cumsum(motion_mps < limit_mps)]
    known = np.r_[0, np.cumsum(~np.isnan(motion_mps))]
    share: Floats = (still[last + 1] - still[first]) / np.maximum(known[last + 1] - known[first], 1)
    return share
