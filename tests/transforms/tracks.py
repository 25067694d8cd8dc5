"""Tracks of arrays from a few columns, the rest unknown."""

from typing import Any

import numpy as np

from transforms.track import Track

START_US = 1_767_614_400_000_000
"""2026-01-05 12:00 UTC."""


def track(seconds: Any, device: Any = 0, **given: Any) -> Track:
    """Points so many seconds after a Monday noon; measurements that are not given are unknown."""
    us = START_US + (np.asarray(seconds, float) * 1_000_000).astype(np.int64)
    n = len(us)
    columns: dict[str, Any] = {
        "device": np.broadcast_to(np.asarray(device), n).astype(np.int64), "us": us, "received_us": us,
        **{x: np.full(n, np.nan) for x in ("lat", "lon", "speed_mps", "accel_lon_mps2", "accel_lat_mps2", "limit_mps")},
        **{x: np.full(n, -1, np.int8) for x in ("phone", "ignition")},
        "inaccurate": np.zeros(n, bool), "firmware": np.full(n, -1),
    }  # fmt: skip
    return Track(**columns | {k: np.broadcast_to(np.asarray(v, columns[k].dtype), n) for k, v in given.items()})
