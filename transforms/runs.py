"""Maximal runs beyond a threshold: events, counted once, with their peak."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lake.event_rules import EventRules
from transforms.steps import Steps
from transforms.track import Flags, Floats, Ints, Track

BRAKE, ACCELERATE, CORNER, SPEEDING, PHONE = range(5)
KINDS = ("brake", "accelerate", "corner", "speeding", "phone")
HARSH = (BRAKE, ACCELERATE, CORNER)
NO_SIDE, LEFT, RIGHT = range(3)
SIDES = (None, "left", "right")
_MS = 1000


@dataclass(frozen=True)
class Motion:
    """What runs are looked for in: calibrated acceleration (m/s2, NaN unknown) and who may have an event."""

    track: Track
    steps: Steps
    lon_mps2: Floats
    lat_mps2: Floats
    is_harsh_known: Flags
    is_driving: Flags


@dataclass(frozen=True)
class Runs:
    """Events by row of the track: `kind` and `side` as numbers, `peak` in m/s2 (m/s over the limit for speeding; NaN for the
    phone), `rung` 0 where the kind has none, speeds in m/s at the start and the highest."""

    first: Ints
    last: Ints
    kind: Ints
    side: Ints
    peak: Floats
    rung: Ints
    start_mps: Floats
    fastest_mps: Floats


def find_runs(motion: Motion, rules: EventRules) -> Runs:
    """All events of the trips, in order of their first row.

    A run is a sequence of points beyond the lowest threshold. Runs at most merge_gap_s apart are one; a gap in the points
    ends one. Harsh events need min_speed: the largest speed from the point before the run to its end, so that a stop
    counts by the speed it began with and a start by the one it reached.
    """
    found = [*_harsh(motion, rules), *_states(motion, rules)]
    joined = Runs(*(np.concatenate([getattr(r, name) for r in found]) for name in Runs.__dataclass_fields__))
    order = np.lexsort((joined.side, joined.kind, joined.first))
    return Runs(*(getattr(joined, name)[order] for name in Runs.__dataclass_fields__))


def _harsh(motion: Motion, rules: EventRules) -> Iterator[Runs]:
    lon, lat = (np.where(motion.is_harsh_known & motion.is_driving, x, np.nan) for x in (motion.lon_mps2, motion.lat_mps2))
    if rules.axes == "larger":
        yield _by_larger_axis(motion, rules, lon, lat)
        return
    for kind, side, magnitude in ((BRAKE, NO_SIDE, -lon), (ACCELERATE, NO_SIDE, lon), (CORNER, RIGHT, lat), (CORNER, LEFT, -lat)):
        ladder = rules.ladder_mps2(KINDS[kind])
        runs = _runs(motion, magnitude >= ladder[0], magnitude, rules)
        yield _fast_enough(_labelled(runs, kind, side, ladder), rules)


def _by_larger_axis(motion: Motion, rules: EventRules, lon: Floats, lat: Floats) -> Runs:
    """Runs over the larger of both axes; kind and side are those of the axis at the peak, the longitudinal one of equals."""
    magnitude = np.fmax(np.abs(lon), np.abs(lat))
    ladder = rules.ladder_mps2(KINDS[BRAKE])
    flagged = magnitude >= ladder[0]
    runs = _labelled(_runs(motion, flagged, magnitude, rules), BRAKE, NO_SIDE, ladder)
    at = _peak_rows(np.flatnonzero(flagged), magnitude, runs.first)
    lengthwise = np.abs(lon[at]) >= np.where(np.isnan(lat[at]), 0.0, np.abs(lat[at]))
    kind = np.where(lengthwise, np.where(lon[at] < 0, BRAKE, ACCELERATE), CORNER)
    side = np.where(lengthwise, NO_SIDE, np.where(lat[at] > 0, RIGHT, LEFT))
    return _fast_enough(Runs(**{**vars(runs), "kind": kind, "side": side}), rules)


def _peak_rows(flagged: Ints, magnitude: Floats, first: Ints) -> Ints:
    """Of each run, given by its first row, the flagged row of its first peak."""
    run = np.searchsorted(first, flagged, side="right") - 1
    order = np.lexsort((flagged, -magnitude[flagged], run))
    heads = np.flatnonzero(np.diff(run[order], prepend=-1))
    rows: Ints = flagged[order][heads]
    return rows


def _states(motion: Motion, rules: EventRules) -> Iterator[Runs]:
    """Speeding and phone use, which have no rungs and need no speed beyond that of motion."""
    over = motion.track.speed_mps - motion.track.limit_mps
    # a point counts where the step to it or from it does: what is sampled too seldom for time sums has no runs either
    covered = motion.steps.is_covered
    active = motion.steps.is_moving & (covered | np.r_[covered[1:], False]) & motion.is_driving
    yield _labelled(_runs(motion, active & (over > rules.speeding_tolerance_mps), over, rules), SPEEDING, NO_SIDE, ())
    nothing = np.full(len(motion.track), np.nan)
    yield _labelled(_runs(motion, active & (motion.track.phone == 1), nothing, rules), PHONE, NO_SIDE, ())


def _runs(motion: Motion, flagged: Flags, magnitude: Floats, rules: EventRules) -> Runs:
    at = np.flatnonzero(flagged)
    if len(at) == 0:
        whole, real = np.zeros(0, np.int64), np.zeros(0)
        return Runs(whole, whole, whole, whole, real, whole, real, real)
    trip = np.cumsum(motion.steps.starts)[at]
    apart_ms = np.diff(motion.track.ms[at])
    joins = (apart_ms <= rules.merge_gap_s * _MS) | ((np.diff(at) == 1) & motion.steps.is_step[at[1:]])
    opens = np.flatnonzero(np.r_[True, ~(joins & (trip[1:] == trip[:-1]))])
    fastest = np.fmax(motion.steps.entry_speed_mps, motion.steps.motion_mps)[at]
    return Runs(
        first=at[opens],
        last=at[np.r_[opens[1:] - 1, len(at) - 1]],
        kind=np.zeros(len(opens), np.int64),
        side=np.zeros(len(opens), np.int64),
        peak=np.fmax.reduceat(magnitude[at], opens),
        rung=np.zeros(len(opens), np.int64),
        start_mps=motion.steps.entry_speed_mps[at[opens]],
        fastest_mps=np.fmax.reduceat(fastest, opens),
    )


def _labelled(runs: Runs, kind: int, side: int, ladder: tuple[float, ...]) -> Runs:
    n = len(runs.first)
    rung: npt.NDArray[np.int64] = np.searchsorted(np.array(ladder), runs.peak, side="right") if ladder else runs.rung
    return Runs(**{**vars(runs), "kind": np.full(n, kind), "side": np.full(n, side), "rung": rung})


def _fast_enough(runs: Runs, rules: EventRules) -> Runs:
    keep = runs.fastest_mps >= rules.min_speed_mps if rules.min_speed_kmh > 0 else np.ones(len(runs.first), bool)
    return Runs(**{name: values[keep] for name, values in vars(runs).items()})
