"""Points of a fleet for benchmarks: vectorised, 1 Hz, in the columns of bronze.points that trips are made from."""

from binascii import hexlify
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

POINTS_A_TRIP = 900
TRIPS_A_DEVICE = 20
HOURS_BETWEEN_TRIPS = 6
FILES = 4
STOPS_EVERY = 300
"""Every so many points the car stands for STOP_S."""
STOP_S = 30
JUMP_SHARE = 1e-4
JUMP_DEG = 0.5
JUMP_FREE_S = 5
"""Around a stand: ours asks how far apart the fixes at its ends are, the peers do not."""
PHONE_SHARE = 0.05
ID_BYTES = 32
MEAN_SPEED_MPS = 14.0
SLOWEST_MPS = 1.0
"""Of a car that moves: stands are at exactly 0, for the peers tell no creeping from the noise of a receiver."""
M_PER_DEG = 111_195.0
START_US = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC."""


def write_points(folder: Path, points: int, seed: int = 1) -> Path:
    """Write about `points` rows as Parquet files below `folder`, each of other devices, in shuffled order."""
    folder.mkdir(parents=True)
    devices = max(FILES, round(points / (POINTS_A_TRIP * TRIPS_A_DEVICE)))
    for part, mine in enumerate(np.array_split(np.arange(devices), FILES)):
        table = _points(mine, np.random.default_rng([seed, part]))
        pq.write_table(table, folder / f"part-{part}.parquet", coerce_timestamps="us")
    return folder


def _points(devices: np.ndarray, rng: np.random.Generator) -> pa.Table:
    trips = len(devices) * TRIPS_A_DEVICE
    rows = trips * POINTS_A_TRIP
    second = np.tile(np.arange(POINTS_A_TRIP), trips)
    trip_of_device = np.repeat(np.tile(np.arange(TRIPS_A_DEVICE), len(devices)), POINTS_A_TRIP)
    event_us = START_US + (trip_of_device * HOURS_BETWEEN_TRIPS * 3600 + second) * 1_000_000
    speed = np.clip(MEAN_SPEED_MPS + np.cumsum(rng.normal(0, 0.5, (trips, POINTS_A_TRIP)), axis=1).ravel(), SLOWEST_MPS, 40)
    speed[second % STOPS_EVERY < STOP_S] = 0.0
    travelled = np.cumsum(speed.reshape(trips, POINTS_A_TRIP), axis=1).ravel()
    lat = 45.0 + travelled / M_PER_DEG + rng.normal(0, 2e-5, rows)
    in_motion = (second % STOPS_EVERY > STOP_S + JUMP_FREE_S) & (second % STOPS_EVERY < STOPS_EVERY - JUMP_FREE_S)
    lat += np.where((rng.random(rows) < JUMP_SHARE) & in_motion, JUMP_DEG, 0.0)
    ids = np.repeat([f"device-{d:06d}" for d in devices], TRIPS_A_DEVICE * POINTS_A_TRIP)
    order = rng.permutation(rows)
    stamp = pa.timestamp("us", tz="UTC")
    columns = {
        "source": pa.array(np.full(rows, "sim_phone")),
        "device_id": pa.array(ids[order]),
        "event_ts": pa.array(event_us[order]).cast(stamp),
        "record_id": pa.array(np.frombuffer(hexlify(rng.bytes(ID_BYTES * rows)), f"S{2 * ID_BYTES}")).cast(pa.string()),
        "received_ts": pa.array(event_us[order] + 60_000_000).cast(stamp),
        "lat": pa.array(lat[order]),
        "lon": pa.array((9.0 + rng.normal(0, 2e-5, rows))[order]),
        "speed_mps": pa.array(speed[order]),
        "accel_lon_mps2": pa.array(rng.normal(0, 1, rows)),
        "accel_lat_mps2": pa.array(rng.normal(0, 1, rows)),
        "posted_limit_mps": pa.array(np.full(rows, 13.9)),
        "phone_use": pa.array(rng.random(rows) < PHONE_SHARE),
        "ignition": pa.nulls(rows, pa.bool_()),
        "accuracy_m": pa.array(rng.uniform(3.0, 8.0, rows)),
        "hdop": pa.nulls(rows, pa.float64()),
        "firmware": pa.nulls(rows, pa.string()),
    }
    return pa.table(columns)
