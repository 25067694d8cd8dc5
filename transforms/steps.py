"""From one point of a trip to the next: time, distance, motion and acceleration.

Every step's distance is rounded to whole millimetres before anything is summed, so that sums do not depend on partitioning.
"""

from dataclasses import dataclass

import numpy as np

from lake.sources import Source
from transforms.cleaning import MAX_ACCEL_MPS2, MAX_SPEED_MPS, MOVING_MPS, MS_PER_S, STANDING_MPS, Cleaned
from transforms.track import Flags, Floats, Ints, Track, before, between, great_circle_m, runs_of, whole

DIFFERENCE_MS, DIFFERENCE_STEP_MS = 900, 2_000
"""Speeds closer together make noise of a tenth of a metre a second an event, at ten points a second; further apart, at 2 s, a
one-second brake already reads at a third of its peak."""
MM_PER_M = 1000.0
STAND_MS, STAND_M, STOPPED_M, STAND_POINTS = 20_000, 5.0, 30.0, 5
"""A car that creeps is told from one that stands by where it gets: speeds below STANDING_MPS for so long, and the means of its
first and last points no further apart than noise. Some receivers read tenths of a metre a second at a stand, others next to
nothing in a queue. At a speed of 0 the receiver may drift further, but one that reads 0 on a drive is not believed."""


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


@dataclass(frozen=True)
class _Spans:
    """From one measurement to the next of its trip: rows, and millimetres (NaN: none)."""

    since: Ints
    until: Ints
    mm: Floats


def steps_of(cleaned: Cleaned, starts: Flags, source: Source) -> Steps:
    """Steps within the trips that begin at `starts`.

    The great-circle step runs from the last accepted position, also across a gap (the car did move), spread over the points that
    it passes by time, but those at a stand. It is left out where it would need more than 250 km/h. Speeds are integrated over
    holes of at most covered_step_s. Where the speed is unknown, motion_mps is that of the great-circle step. A step longer than
    the source's covered_step_s is a gap, and one of which no motion is known is not covered either. Acceleration never comes
    from positions.
    """
    track = cleaned.track
    step_ms = np.zeros(len(track), np.int64)
    step_ms[1:] = np.diff(track.ms)
    step_ms[starts] = 0
    longest_ms = int(source.covered_step_s * MS_PER_S)
    is_step = ~starts & (step_ms <= longest_ms)
    stands = is_step & _stand(track, starts | ~is_step)
    by_position, by_speed = _great_circle(track, starts, stands, step_ms), _trapezoid(track, starts, longest_ms)
    haversine_mm, integral_mm = (_spread(x, np.where(stands, 0, step_ms)) for x in (by_position, by_speed))
    bridged = np.where(is_step, integral_mm / np.maximum(step_ms, 1), np.nan)
    motion = np.where(np.isnan(track.speed_mps), bridged, track.speed_mps)
    motion = np.where(np.isnan(motion), _pace(track, by_position, longest_ms), motion)
    return Steps(
        starts=starts,
        step_ms=step_ms,
        is_step=is_step,
        is_covered=is_step & ~cleaned.is_stuck & ~np.isnan(motion),
        haversine_mm=haversine_mm,
        integral_mm=integral_mm,
        distance_mm=_chosen(track, by_position, haversine_mm, integral_mm, np.where(stands, 0, step_ms), source),
        motion_mps=motion,
        entry_speed_mps=_entry(track, starts, step_ms),
        difference_mps2=_difference(track, starts),
    )


def _entry(track: Track, starts: Flags, step_ms: Ints) -> Floats:
    previous = before(track.speed_mps, starts)
    is_close = ~starts & (step_ms <= DIFFERENCE_STEP_MS)
    return np.where(is_close & ~np.isnan(previous), previous, track.speed_mps)


def _difference(track: Track, starts: Flags) -> Floats:
    """Acceleration from the speed of DIFFERENCE_MS or more ago, the latest there is: at a point a second, of the point before."""
    rows = np.arange(len(track))
    first = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    earlier = rows - 1
    if (np.diff(track.ms)[~starts[1:]] < DIFFERENCE_MS).any():
        axis = np.cumsum(np.r_[0, np.where(starts[1:], _FAR_MS, np.diff(track.ms))])
        earlier = np.searchsorted(axis, axis - DIFFERENCE_MS, side="right") - 1
    there = earlier >= first
    earlier = np.maximum(earlier, 0)
    apart_ms = track.ms - track.ms[earlier]
    is_close = there & (apart_ms <= DIFFERENCE_STEP_MS)
    change = np.where(is_close, (track.speed_mps - track.speed_mps[earlier]) * MS_PER_S / np.maximum(apart_ms, 1), np.nan)
    return np.where(np.abs(change) <= MAX_ACCEL_MPS2, change, np.nan)


_FAR_MS = 1 << 20
"""Puts trips apart on one axis."""


def _stand(track: Track, cuts: Flags) -> Flags:
    """Whether a point's step is of a stand: slow for long, or at 0, and nowhere in the end."""
    found = np.zeros(len(track), bool)
    for slow, least_ms, most_m in ((track.speed_mps < STANDING_MPS, STAND_MS, STAND_M), (track.speed_mps == 0.0, 0, STOPPED_M)):
        first, last = runs_of(slow, cuts)
        still = (track.ms[last] - track.ms[first] >= least_ms) & ~(_net_m(track, first, last) > most_m)
        found |= between(first[still] + 1, last[still], len(track))
    return found


def _net_m(track: Track, first: Ints, last: Ints) -> Floats:
    """Metres between the mean of the first positions and of the last ones of each run; NaN without any."""
    few = np.minimum((last - first) // 2, STAND_POINTS - 1)
    begin, end = ([_mean(x, a, b) for x in (track.lat, track.lon)] for a, b in ((first, first + few), (last - few, last)))
    return great_circle_m(*begin, *end)


def _mean(values: Floats, first: Ints, last: Ints) -> Floats:
    known = ~np.isnan(values)
    origin = values[known][0] if known.any() else 0.0
    total = np.r_[0.0, np.cumsum(np.where(known, values - origin, 0.0))]
    count = np.r_[0, np.cumsum(known)]
    n = count[last + 1] - count[first]
    mean: Floats = np.where(n > 0, origin + (total[last + 1] - total[first]) / np.maximum(n, 1), np.nan)
    return mean


def _great_circle(track: Track, starts: Flags, stands: Flags, step_ms: Ints) -> _Spans:
    """From one accepted position to the next; none where all of it is a stand."""
    since, until, same = _neighbours(track.has_position, starts)
    metres = great_circle_m(track.lat[since], track.lon[since], track.lat[until], track.lon[until])
    taken_ms = track.ms[until] - track.ms[since]
    clock = np.cumsum(np.where(stands, 0, step_ms))
    counts = same & (clock[until] > clock[since]) & ~(metres > MAX_SPEED_MPS * (taken_ms / MS_PER_S))
    return _Spans(since, until, np.where(counts, whole(metres * MM_PER_M), np.nan))


def _trapezoid(track: Track, starts: Flags, longest_ms: int) -> _Spans:
    """From one speed to the next: their mean times the time; m/s times ms is mm."""
    since, until, same = _neighbours(~np.isnan(track.speed_mps), starts)
    taken_ms = track.ms[until] - track.ms[since]
    mm = whole((track.speed_mps[since] + track.speed_mps[until]) / 2 * taken_ms)
    return _Spans(since, until, np.where(same & (taken_ms <= longest_ms), mm, np.nan))


def _neighbours(known: Flags, starts: Flags) -> tuple[Ints, Ints, Flags]:
    """Of rows where something is known, each with the next one, and whether both are of one trip."""
    at = np.flatnonzero(known)
    trip = np.cumsum(starts)[at]
    return at[:-1], at[1:], trip[1:] == trip[:-1]


def _pace(track: Track, spans: _Spans, longest_ms: int) -> Floats:
    """The speed that a span makes, for all of its points; NaN for those of none or of one that takes too long."""
    taken_ms = track.ms[spans.until] - track.ms[spans.since]
    mps = np.where(taken_ms <= longest_ms, spans.mm / np.maximum(taken_ms, 1), np.nan)
    found = np.full(len(track), np.nan)
    found[_ranges(spans.since + 1, spans.until + 1)] = np.repeat(mps, spans.until - spans.since)
    return found


def _spread(spans: _Spans, weight_ms: Ints) -> Floats:
    """The parts of each span by point, in proportion to its time in `weight_ms`; they add up to the whole."""
    found = np.full(len(weight_ms), np.nan)
    found[spans.until] = spans.mm
    long = spans.until - spans.since > 1
    since, until, mm = spans.since[long], spans.until[long], spans.mm[long]
    step = np.repeat(np.arange(len(since)), until - since)
    rows = _ranges(since + 1, until + 1)
    clock = np.cumsum(weight_ms)
    # of a span without weight all is with its last point
    total = (clock[until] - clock[since])[step]
    share = [
        np.where(total > 0, (clock[x] - clock[since[step]]) / np.maximum(total, 1), x == until[step]) for x in (rows, rows - 1)
    ]
    found[rows] = whole(mm[step] * share[0]) - whole(mm[step] * share[1])
    return found


def _chosen(
    track: Track, spans: _Spans, haversine_mm: Floats, integral_mm: Floats, weight_ms: Ints, source: Source
) -> Floats:  # fmt: skip
    """Millimetres of each point by the source's method, or by the other where that has none.

    Points that lack a position for longer than covered_step_s have the integral of their speeds, for the way may not have been
    straight; what the great-circle step that passes them is longer, belongs to the points without any speed.
    """
    known = ~np.isnan(integral_mm)
    total = np.r_[0.0, np.cumsum(np.where(known, integral_mm, 0.0))]
    beyond = np.maximum(spans.mm - (total[spans.until + 1] - total[spans.since + 1]), 0.0)
    rest = _spread(_Spans(spans.since, spans.until, beyond), np.where(known, 0, weight_ms))
    passed = np.where(known, integral_mm, rest)
    if source.distance_method == "speed":
        return np.nan_to_num(passed)
    direct = np.zeros(len(integral_mm), bool)
    near = (track.ms[spans.until] - track.ms[spans.since] <= source.covered_step_s * MS_PER_S) | (spans.until - spans.since == 1)
    direct[_ranges(spans.since[near] + 1, spans.until[near] + 1)] = True
    # at a stand the noise of the speed would add up too
    return np.nan_to_num(np.where(weight_ms > 0, np.where(direct & ~np.isnan(haversine_mm), haversine_mm, passed), 0.0))


def _ranges(first: Ints, end: Ints) -> Ints:
    """The whole numbers of each [first, end), one range after the other."""
    lengths = end - first
    starts = np.repeat(first - np.r_[0, np.cumsum(lengths)[:-1]], lengths)
    ranges: Ints = starts + np.arange(len(starts))
    return ranges
