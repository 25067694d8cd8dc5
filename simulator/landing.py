"""Points as gzipped JSON lines, in folders by the hour in which they arrived, as a delivery stream writes them."""

import datetime as dt
import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from simulator import faults

UPLOAD_S = (300, 900)
"""A trip is uploaded this long after its end."""
LATEST_DAYS = 4
"""Nothing arrives later than this after the simulated days."""
GZIP_LEVEL = 4
_MS, _HOUR_MS = 1000, 3_600_000
_LINE = (
    '{"device":"%s","ts":%d,"lat":%.7f,"lon":%.7f,"speed":%.2f,"heading":%.1f,"alt":%.1f,"acc":%.1f,"ax":%.3f,"ay":%.3f,'
    '"limit_kmh":%s,"phone":%d,"seq":%d}'
)
_FIELDS = ("device", "ts", "lat", "lon", "speed", "heading", "alt", "acc", "ax", "ay", "limit_kmh", "phone", "seq")


def write(
    rng: np.random.Generator, points: pd.DataFrame, folder: Path, name: str, last_ms: int, faulty: str
) -> tuple[int, pd.DataFrame]:
    """Write one local day of a batch of devices; returns the number of files and what was planted in them.

    `faulty` is none, default or all (truncated files too); last_ms is the last time at which anything arrives.
    """
    points = points.assign(seq=points.groupby("trip").cumcount())
    points["late"] = faults.late(rng, points) if faulty != "none" else 0
    points["hour"] = _arrival_hour(rng, points, last_ms)
    noted = [faults.note("late_upload", points[(points["late"] > 0) & ~points.duplicated(["trip", "late"])])]
    files = 0
    for number, (_, part) in enumerate(points.groupby(["hour", "late"], sort=True)):
        hour = int(part["hour"].iloc[0])
        path = _path(folder, hour, f"{name}-{number:02d}")
        again = _path(folder, min(hour + 1, last_ms // _HOUR_MS), f"{name}-{number:02d}-again")
        lines, planted = _lines(rng, part, faulty)
        content = gzip.compress("".join(lines).encode(), GZIP_LEVEL, mtime=0)
        noted.append(planted.assign(file=str(path.relative_to(folder))))
        resent, cut = rng.random(2)
        copies = [path]
        if faulty != "none" and resent < faults.RESENT_FILE_P:
            copies.append(again)
            noted.append(faults.note("file_resent", part.iloc[:1], str(again.relative_to(folder))))
        if faulty == "all" and cut < faults.TRUNCATED_FILE_P:
            content = content[: len(content) // 2]
            noted.append(faults.note("truncated_gzip", part.iloc[:1], str(path.relative_to(folder))))
        for copy in copies:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        files += len(copies)
    return files, pd.concat(noted, ignore_index=True)


def _arrival_hour(rng: np.random.Generator, points: pd.DataFrame, last_ms: int) -> "pd.Series[int]":
    """Hours since 1970 in which points arrive."""
    trips = points["trip"].unique()
    delay = points["trip"].map(dict(zip(trips, _MS * rng.integers(*UPLOAD_S, len(trips)), strict=True)))
    arrival = points["end_ts"] + delay + points["late"] * 24 * _HOUR_MS
    return arrival.clip(upper=last_ms) // _HOUR_MS


def _lines(rng: np.random.Generator, part: pd.DataFrame, faulty: str) -> tuple[list[str], pd.DataFrame]:
    """JSON lines of a file, some sent twice, some spoilt; and which those are."""
    text = part.assign(limit_kmh=part["limit_kmh"].map(lambda x: "null" if x < 0 else str(x)))
    lines = [_LINE % row + "\n" for row in zip(*(text[f].tolist() for f in _FIELDS), strict=True)]
    if faulty == "none":
        return lines, faults.note("none", part.iloc[:0])
    chance = rng.random(len(lines))
    bad = np.flatnonzero(chance < faults.MALFORMED_LINE_P)
    kinds = rng.choice(faults.MALFORMED, len(bad))
    for at, kind in zip(bad.tolist(), kinds, strict=True):
        lines[at] = faults.malformed(str(kind), lines[at].rstrip("\n")) + "\n"
    twice = np.flatnonzero(chance > 1.0 - faults.REPEATED_LINE_P)
    repeated = faults.note("line_repeated", part.iloc[twice], line=len(lines) + 1 + np.arange(len(twice)))
    return lines + [lines[at] for at in twice], pd.concat([faults.note(kinds, part.iloc[bad], line=bad + 1), repeated])


def _path(folder: Path, hour: int, name: str) -> Path:
    at = dt.datetime.fromtimestamp(hour * _HOUR_MS / _MS, dt.UTC)
    return folder / f"date={at:%Y-%m-%d}" / f"hour={at:%H}" / f"{name}.jsonl.gz"
