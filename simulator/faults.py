"""Sensor and delivery faults at stated rates; everything planted is written down."""

import datetime as dt

import numpy as np
import numpy.typing as npt
import pandas as pd

SKEWED_DEVICE_P = 0.05
"""Devices whose clock is off by SKEW_S seconds."""
SKEW_S = 7
FUTURE_TRIP_P = 0.002
FUTURE_MS = int(dt.datetime(2038, 1, 19, 3, 14, 8, tzinfo=dt.UTC).timestamp()) * 1000
"""A trip stamped from the second after a 32-bit clock overflows."""
JUMP_P = 2e-4
"""Per point: the position is thrown JUMP_DEG away for one second, at least 5 km."""
JUMP_DEG = (0.05, 0.3)
STUCK_TRIP_P = 0.01
STUCK_POINTS = (15, 45)
"""All values repeat for that many points, while time goes on."""
REPEATED_LINE_P = 1e-3
MALFORMED_LINE_P = 2e-4
RESENT_FILE_P = 0.03
LATE_TRIP_P = 0.04
"""Trips whose second half (or all of it, as often) arrives LATE_DAYS later."""
LATE_DAYS = (1, 4)
TRUNCATED_FILE_P = 0.02

MALFORMED = ("broken_json", "wrong_type", "not_finite", "latitude_91")
FAULT_COLUMNS = ("kind", "device", "ts", "file", "line")
_FROZEN = ("lat", "lon", "speed", "heading", "alt", "acc", "ax", "ay")


def skewed_devices(rng: np.random.Generator, devices: list[str]) -> dict[str, int]:
    """Clock error by device, in seconds."""
    return {d: SKEW_S for d, x in zip(devices, rng.random(len(devices)), strict=True) if x < SKEWED_DEVICE_P}


def plant(rng: np.random.Generator, points: pd.DataFrame, skew_s: dict[str, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Points with sensor faults, in the same order, and what was planted where (ts as it should have been)."""
    points, stuck = _stuck(rng, points)
    points, jumps = _jumps(rng, points)
    points, clocks = _clocks(rng, points, skew_s)
    return points, pd.concat([stuck, jumps, clocks], ignore_index=True)


def note(
    kind: str | npt.NDArray[np.str_], rows: pd.DataFrame, file: str | None = None, line: npt.NDArray[np.int64] | None = None
) -> pd.DataFrame:
    """Rows of the truth about faults: FAULT_COLUMNS; `line` is 0 for a fault that is no line's."""
    lines = np.zeros(len(rows), np.int64) if line is None else line
    values = {"kind": kind, "device": rows["device"].to_numpy(), "ts": rows["ts"].to_numpy(), "file": file, "line": lines}
    return pd.DataFrame(values, columns=list(FAULT_COLUMNS))


def _chosen_trips(rng: np.random.Generator, points: pd.DataFrame, p: float) -> list[int]:
    trips = np.unique(points["trip"].to_numpy(np.int64))
    chosen: list[int] = trips[rng.random(len(trips)) < p].tolist()
    return chosen


def _stuck(rng: np.random.Generator, points: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    noted = [points.iloc[:0]]
    for trip in _chosen_trips(rng, points, STUCK_TRIP_P):
        at = np.flatnonzero(points["trip"] == trip)
        length = min(int(rng.integers(*STUCK_POINTS)), len(at) - 1)
        begin = int(rng.integers(0, len(at) - length))
        frozen = points.iloc[at[begin]]
        points.loc[points.index[at[begin + 1 : begin + length]], list(_FROZEN)] = frozen[list(_FROZEN)].to_numpy(np.float64)
        noted.append(points.iloc[[at[begin]]])
    return points, note("stuck_values", pd.concat(noted))


def _jumps(rng: np.random.Generator, points: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    inside = points["trip"].eq(points["trip"].shift()) & points["trip"].eq(points["trip"].shift(-1))
    hit = inside & (rng.random(len(points)) < JUMP_P)
    size = rng.uniform(*JUMP_DEG, len(points)) * rng.choice([-1.0, 1.0], len(points))
    points["lat"] = points["lat"] + size * hit
    return points, note("gps_jump", points[hit])


def _clocks(rng: np.random.Generator, points: pd.DataFrame, skew_s: dict[str, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    first = ~points["trip"].duplicated()
    off = points["device"].isin(list(skew_s))
    future = points["trip"].isin(_chosen_trips(rng, points, FUTURE_TRIP_P))
    noted = [note("clock_skew", points[first & off]), note("clock_2038", points[first & future])]
    skewed = points["ts"] + 1000 * points["device"].map(skew_s).fillna(0).astype(np.int64)
    begin = skewed.groupby(points["trip"]).transform("min")
    points["ts"] = skewed.where(~future, FUTURE_MS + skewed - begin)
    return points, pd.concat(noted, ignore_index=True)


def late(rng: np.random.Generator, points: pd.DataFrame) -> "pd.Series[int]":
    """Days by which each point is late, 0 for most."""
    days = pd.Series(0, index=points.index)
    for trip in _chosen_trips(rng, points, LATE_TRIP_P):
        at = points.index[points["trip"] == trip]
        split = len(at) // 2 if rng.random() < 1 / 2 else 0
        days[at[split:]] = int(rng.integers(LATE_DAYS[0], LATE_DAYS[1] + 1))
    return days


def malformed(kind: str, line: str) -> str:
    """A line that cannot be accepted, made from one that could."""
    if kind == "broken_json":
        return line[: len(line) // 2]
    swap = {
        "wrong_type": ('"speed":', '"speed":"fast","was":'),
        "not_finite": ('"speed":', '"speed":NaN,"was":'),
        "latitude_91": ('"lat":', '"lat":91.5,"was":'),
    }[kind]
    return line.replace(*swap, 1)
