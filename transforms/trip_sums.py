"""What a trip adds up to, from its points and steps."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lake.driving import DrivingRules
from lake.event_rules import KMH_PER_MPS
from lake.va import ACCEL_EDGES_MPS2, SPEED_EDGES_KMH
from transforms.acceleration import calibrated, factors_by_firmware
from transforms.cleaning import MS_PER_S, Cleaned, clean, stretches
from transforms.runs import Motion, Runs, find_runs
from transforms.segments import DRIVING, segment
from transforms.steps import Steps, steps_of
from transforms.track import Flags, Floats, Ints, Small, Track, begins

QUARTER_MS = 900_000
VA_SPEEDS, VA_ACCELS = len(SPEED_EDGES_KMH) - 1, len(ACCEL_EDGES_MPS2) - 1
AGREES_FROM_MM = 500_000
"""Below 500 m the noise of two positions makes up the ratio of the two distances."""
QUALITY_DIGITS = 4


@dataclass(frozen=True)
class Drives:
    """Trips of one source: their columns by name, an element each; quarters and events with the number of their trip."""

    track: Track
    steps: Steps
    first: Ints
    trips: dict[str, Any]
    quarters: tuple[Ints, Ints, Ints]
    runs: Runs
    run_trip: Ints


def drives_of(track: Track, firmwares: list[str | None], rules: DrivingRules) -> Drives:
    """Everything that is known of the trips of a track of one source."""
    source = rules.source
    pauses = stretches(track, source.trip_gap_s)
    cleaned = clean(track, pauses, source.cleaning.stuck_s)
    steps = steps_of(cleaned, pauses, source)
    starts, mode = segment(cleaned.track, pauses, steps, rules)
    if (starts != pauses).any():
        cleaned = clean(track, starts, source.cleaning.stuck_s)
        steps = steps_of(cleaned, starts, source)
    return _summed(cleaned, steps, mode, firmwares, rules)


def _summed(cleaned: Cleaned, steps: Steps, mode: Small, firmwares: list[str | None], rules: DrivingRules) -> Drives:
    track = cleaned.track
    first = np.flatnonzero(steps.starts)
    trip = np.cumsum(steps.starts) - 1
    interval_ms = _mean_interval(steps, first)
    # a trip without a covered step is sampled too seldom for any rules
    chosen = np.where(interval_ms > 0, np.searchsorted(_limits_ms(rules), interval_ms), len(rules.rules))
    lon_scale, lat_scale, is_calibrated = factors_by_firmware(rules, firmwares, track.firmware[first])
    by_rules = np.minimum(chosen, len(rules.rules) - 1)
    is_levelled = np.array([x.level_mount for x in rules.rules])[by_rules]
    lon, lat = calibrated(track, steps, trip, (lon_scale, lat_scale), is_levelled)
    measurable = is_calibrated & (chosen < len(rules.rules))
    harsh_known, corner_known = (_seen_mm(steps, ~np.isnan(axis), first) * measurable for axis in (lon, lat))
    motion = Motion(track, steps, lon, lat, measurable[trip], mode == DRIVING)
    runs = _runs(motion, by_rules[trip], rules)
    trips = {
        **_sums(cleaned, steps, first, by_rules, rules),
        "mode": mode[first], "interval_ms": interval_ms, "firmware": track.firmware[first], "rules": by_rules,
        "harsh_known_mm": harsh_known, "corner_known_mm": corner_known, "moving_mm": _seen_mm(steps, steps.is_moving, first),
        "va_ms": _heat_map(track, steps, lon, trip, len(first)) * is_calibrated[:, None],
    }  # fmt: skip
    return Drives(track, steps, first, trips, _quarters(track, steps, trip), runs, trip[runs.first])


def _limits_ms(rules: DrivingRules) -> Floats:
    return np.array([x.up_to_s * MS_PER_S for x in rules.source.event_rules])


def _mean_interval(steps: Steps, first: Ints) -> Ints:
    """Mean milliseconds from point to point of a trip while it moves, or at all where no step ends in motion; gaps are left out,
    and 0 is a trip of gaps.

    Many trackers report more seldom while they stand, which says nothing of how events are sampled.
    """
    means = []
    for counted in (steps.is_covered & steps.is_moving, steps.is_covered):
        counts = np.add.reduceat(counted.astype(np.int64), first)
        means.append(np.add.reduceat(np.where(counted, steps.step_ms, 0), first) // np.maximum(counts, 1))
    mean: Ints = np.where(means[0] > 0, *means)
    return mean


def _seen_mm(steps: Steps, keep: Flags, first: Ints) -> Ints:
    """Distance of each trip on covered steps of which `keep` is true: what events on it could be seen in."""
    seen: Ints = np.add.reduceat(np.where(keep & steps.is_covered, steps.distance_mm, 0.0).astype(np.int64), first)
    return seen


def _runs(motion: Motion, by_rules: Ints, rules: DrivingRules) -> Runs:
    """Events by the rules that serve the sampling rate of each point's trip."""
    if len(rules.rules) == 1:
        return find_runs(motion, rules.rules[0])
    found = []
    for number, one in enumerate(rules.rules):
        runs = find_runs(motion, one)
        keep = by_rules[runs.first] == number
        found.append({name: values[keep] for name, values in vars(runs).items()})
    joined = {name: np.concatenate([x[name] for x in found]) for name in found[0]}
    order = np.argsort(joined["first"], kind="stable")
    return Runs(**{name: values[order] for name, values in joined.items()})


def _sums(cleaned: Cleaned, steps: Steps, first: Ints, by_rules: Ints, rules: DrivingRules) -> dict[str, Any]:
    track, covered, moving = cleaned.track, steps.covered_ms, steps.is_moving
    over = track.speed_mps - track.limit_mps
    tolerance = np.array([x.speeding_tolerance_mps for x in rules.rules])[by_rules]
    trip = np.cumsum(steps.starts) - 1
    counts = {
        "points": np.ones(len(track), np.int64), "jump_points": cleaned.is_jump, "stuck_points": cleaned.is_stuck,
        "inaccurate_points": track.inaccurate, "positions": track.has_position, "speeds": ~np.isnan(track.speed_mps),
        "haversine_mm": np.nan_to_num(steps.haversine_mm), "integral_mm": np.nan_to_num(steps.integral_mm),
        "distance_mm": steps.distance_mm, **_of_both(steps),
    }  # fmt: skip
    times = {
        "covered_ms": True, "moving_ms": moving, "idle_ms": ~moving & ~np.isnan(steps.motion_mps),
        "speeding_ms": moving & (over > tolerance[trip]), "limit_known_ms": moving & ~np.isnan(over),
        "phone_ms": moving & (track.phone == 1), "phone_known_ms": moving & (track.phone >= 0),
    }  # fmt: skip
    summed = {name: np.add.reduceat(values.astype(np.int64), first) for name, values in counts.items()}
    summed |= {name: np.add.reduceat(np.where(keep, covered, 0), first) for name, keep in times.items()}
    last = np.r_[first[1:] - 1, len(track) - 1]
    summed |= {"start_us": track.us[first], "end_us": track.us[last], "known_us": np.maximum.reduceat(track.received_us, first)}
    return {
        **summed,
        "max_speed_mps": np.fmax.reduceat(track.speed_mps, first),
        **_ends(track, trip),
        "quality": _quality(summed),
    }


def _of_both(steps: Steps) -> dict[str, Floats]:
    """Both distances of the points that have both, where they can be held against each other."""
    both = ~(np.isnan(steps.haversine_mm) | np.isnan(steps.integral_mm))
    return {
        f"both_{name}_mm": np.where(both, values, 0.0)
        for name, values in (("haversine", steps.haversine_mm), ("integral", steps.integral_mm))
    }


def _ends(track: Track, trip: Ints) -> dict[str, Floats]:
    """First and last accepted position of each trip; NaN without one."""
    at = np.flatnonzero(track.has_position)
    ends = {}
    for name, rows in (("start", at[::-1]), ("end", at)):
        # of the values put in one place, the last stays
        place = np.full(trip[-1] + 1, -1)
        place[trip[rows]] = rows
        for axis, values in (("lat", track.lat), ("lon", track.lon)):
            ends[f"{name}_{axis}"] = np.where(place >= 0, values[place], np.nan)
    return ends


def _quality(sums: dict[str, Any]) -> Floats:
    """Covered share of the duration x share of sound points x agreement of the two distances, each in [0, 1]."""
    duration = (sums["end_us"] // 1000 - sums["start_us"] // 1000).astype(float)
    covered = np.where(duration > 0, sums["covered_ms"] / np.maximum(duration, 1.0), 1.0)
    unsound = sums["jump_points"] + sums["stuck_points"] + sums["inaccurate_points"]
    sound = 1.0 - np.minimum(unsound, sums["points"]) / sums["points"]
    smaller, larger = (f(sums["both_haversine_mm"], sums["both_integral_mm"]) for f in (np.minimum, np.maximum))
    agreement = np.where(larger >= AGREES_FROM_MM, smaller / np.maximum(larger, 1), 1.0)
    quality: Floats = np.round(covered * sound * agreement, QUALITY_DIGITS)
    return quality


def _quarters(track: Track, steps: Steps, trip: Ints) -> tuple[Ints, Ints, Ints]:
    """Trip, UTC quarter-hour (since 1970) and moving milliseconds, where there are any."""
    quarter = track.ms // QUARTER_MS
    first = np.flatnonzero(steps.starts | begins(quarter))
    moving = np.add.reduceat(np.where(steps.is_moving, steps.covered_ms, 0), first)
    some = moving > 0
    return trip[first][some], quarter[first][some], moving[some]


def _heat_map(track: Track, steps: Steps, lon_mps2: Floats, trip: Ints, trips: int) -> Ints:
    """Moving milliseconds by speed and acceleration, shape (trips, 13 x 9)."""
    at = np.flatnonzero(steps.is_moving & steps.is_covered & ~np.isnan(lon_mps2) & ~np.isnan(track.speed_mps))
    speed = np.minimum(track.speed_mps[at] * KMH_PER_MPS / 10.0, VA_SPEEDS - 1).astype(np.int64)
    accel = np.searchsorted(ACCEL_EDGES_MPS2[1:-1], lon_mps2[at], side="right")
    cell = (trip[at] * VA_SPEEDS + speed) * VA_ACCELS + accel
    total = np.bincount(cell, steps.covered_ms[at], minlength=trips * VA_SPEEDS * VA_ACCELS)
    return total.astype(np.int64).reshape(trips, VA_SPEEDS * VA_ACCELS)
