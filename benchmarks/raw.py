"""Raw points for benchmarks: gzipped JSON lines of sim_phone with bad, repeated and conflicting ones, and reference tables.

Shares are those of the simulator's faults; each trip of a device lies in one file, some are sent again in another.
"""

import datetime as dt
import gzip
from pathlib import Path

import numpy as np

POINTS_A_TRIP = 900
TRIPS_A_DEVICE = 4
MALFORMED_P, REPEATED_P, CONFLICT_P = 2e-4, 1e-3, 2e-4
"""Per line: spoilt, sent twice in one file, sent again with another speed."""
RESENT_TRIP_P = 0.005
"""Trips that also stand in the next file."""
WITHOUT_CONSENT_EVERY, WITHOUT_POLICY_EVERY = 97, 193
GZIP_LEVEL = 4
PHONE_SHARE = 0.05
KNOWN = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
_DAY_MS = 86_400_000
_LINE = (
    '{"device":"d%06d","ts":%d,"lat":%.7f,"lon":%.7f,"speed":%.2f,"heading":%.1f,"alt":%.1f,"acc":%.1f,"ax":%.3f,"ay":%.3f,'
    '"limit_kmh":%s,"phone":%d,"seq":%d}'
)
_SPOILT = (
    lambda line: line[: len(line) // 2],
    lambda line: line.replace('"speed":', '"speed":"fast","was":', 1),
    lambda line: line.replace('"speed":', '"speed":NaN,"was":', 1),
    lambda line: line.replace('"lat":', '"lat":91.5,"was":', 1),
)


def write_raw(folder: Path, points: int, files: int, day: dt.date, trips: int | None = None) -> int:
    """Write about `points` lines of one day in `files` files, the same lines however many; returns the bytes before
    compression. `trips` are as many as `points` make, unless they are given."""
    trips = trips or trips_of(points)
    written, again = 0, ""
    for number, mine in enumerate(np.array_split(np.arange(trips), files)):
        parts: list[str] = []
        for trip in mine.tolist():
            rng = np.random.default_rng([trip, day.toordinal()])
            lines = "".join(_trip(rng, trip, day, max(1, points // trips)))
            parts += [lines, again]
            again = lines if rng.random() < RESENT_TRIP_P else ""
        path = folder / f"date={day}" / f"hour={number % 24:02d}" / f"part-{number:05d}.jsonl.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(parts)
        path.write_bytes(gzip.compress(text.encode(), GZIP_LEVEL, mtime=0))
        written += len(text)
    return written


def trips_of(points: int) -> int:
    """How many trips so many points make."""
    return max(1, round(points / POINTS_A_TRIP))


def reference_rows(trips: int) -> dict[str, list[tuple[object, ...]]]:
    """Rows of reference.devices, policies and consents for the devices of these trips; some have no policy, some no consent."""
    devices = -(-trips // TRIPS_A_DEVICE)
    names = [(f"d{d:06d}", f"v{d:06d}", f"p{d:06d}", d) for d in range(devices)]
    insured = [x for x in names if x[3] % WITHOUT_POLICY_EVERY != 1]
    agreed = [x for x in insured if x[3] % WITHOUT_CONSENT_EVERY != 1]
    nothing = (None,) * 4
    return {
        "reference.devices": [(d, v, KNOWN, None, KNOWN, None, KNOWN) for d, v, _, _ in names],
        "reference.policies": [
            (p, v, "liability", KNOWN, None, None, "EUR", *nothing, KNOWN, None, KNOWN) for _, v, p, _ in insured
        ],
        "reference.consents": [(p, "pricing", KNOWN, None, KNOWN, None, KNOWN) for _, _, p, _ in agreed],
    }


def _trip(rng: np.random.Generator, trip: int, day: dt.date, points: int) -> list[str]:
    """Lines of one trip, each with its line break."""
    device, turn = divmod(trip, TRIPS_A_DEVICE)
    midnight_ms = (day - dt.date(1970, 1, 1)).days * _DAY_MS
    start_ms = midnight_ms + turn * _DAY_MS // TRIPS_A_DEVICE + int(rng.integers(0, 3600)) * 1000
    speed = np.clip(14 + np.cumsum(rng.normal(0, 0.5, points)), 0, 40)
    limits = np.array(["null", "30", "50", "80"])[rng.integers(0, 4, points // 60 + 1)].repeat(60)
    columns = (
        np.full(points, device), start_ms + 1000 * np.arange(points), 45 + np.cumsum(speed) / 111_195,
        9 + np.cumsum(rng.normal(0, 2e-5, points)), speed, rng.uniform(0, 360, points), rng.normal(300, 2, points),
        rng.uniform(3, 8, points), rng.normal(0, 1, points), rng.normal(0, 1, points), limits,
        rng.random(points) < PHONE_SHARE, np.arange(points),
    )  # fmt: skip
    lines = [_LINE % row + "\n" for row in zip(*(c.tolist() for c in columns), strict=False)]
    return _with_faults(rng, lines)


def _with_faults(rng: np.random.Generator, lines: list[str]) -> list[str]:
    chance = rng.random(len(lines))
    more = []
    for at in np.flatnonzero(chance < MALFORMED_P + REPEATED_P + CONFLICT_P).tolist():
        if chance[at] < MALFORMED_P:
            lines[at] = _SPOILT[at % len(_SPOILT)](lines[at].rstrip("\n")) + "\n"
        elif chance[at] < MALFORMED_P + REPEATED_P:
            more.append(lines[at])
        else:
            more.append(lines[at].replace('"speed":', '"speed":4', 1))
    return lines + more
