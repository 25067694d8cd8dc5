"""What holds of trips whatever the points: nothing is lost, parts are within wholes, and neither order nor chunks matter."""

import itertools
import warnings
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.transforms.driving import rules
from tests.transforms.tracks import START_US
from transforms.drives import _drives

NAMES = ("phone", "slow")
RULES = (
    rules(carried=True, trip_idle_s=200, ignition_off_s=30),
    rules("obd", event_rules=[{"up_to_s": 2, "rules": "ladder-v1"}, {"up_to_s": 9, "rules": "driveplotr-v1"}]),
)


def points(rng: np.random.Generator, n: int, devices: int, unknown: float) -> pa.RecordBatch:
    """n rows of devices of both sources, each measurement unknown with that chance, several at one instant."""
    device = np.sort(rng.integers(0, devices, n))

    def measured(low: float, high: float) -> pa.Array:
        return pa.array(rng.uniform(low, high, n), mask=rng.random(n) < unknown)

    return pa.RecordBatch.from_pydict({
        "device": device, "source": (device % 2).astype(np.int8), "device_id": [f"d{k}" for k in device],
        "us": START_US + rng.integers(0, 4000 * devices, n) * 500_000, "received_us": np.full(n, START_US),
        "id": rng.permutation(n), "lat": measured(44, 44.1), "lon": measured(9, 9.1), "speed_mps": measured(-1, 80),
        "accel_lon_mps2": measured(-6, 6), "accel_lat_mps2": measured(-6, 6), "posted_limit_mps": measured(5, 30),
        "state": rng.integers(0, 18, n).astype(np.int8),
        "firmware": pa.array(rng.choice(["x", "y"], n), mask=rng.random(n) < 0.5),
    })  # fmt: skip


def trips(batches: list[pa.RecordBatch], *, cells: bool = False) -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        # an empty mean, a division by zero: whatever numpy warns of is a defect here
        warnings.simplefilter("error")
        found = [row for batch in _drives(iter(batches), NAMES, RULES, cells=cells) for row in batch.to_pylist()]
    return sorted(found, key=lambda r: (r["source"], r["device_id"], r["start_us"]))


@pytest.mark.parametrize("cells", [False, True])
def test_nothing_is_lost_and_parts_are_within_wholes(cells: bool) -> None:
    rng = np.random.default_rng(0)
    for n, devices, unknown in itertools.product((1, 2, 7, 500), (1, 6), (0.0, 0.5, 1.0)):
        given = points(rng, n, devices, unknown)
        found = trips([given], cells=cells)
        instants = set(zip(given["device_id"].to_pylist(), given["us"].to_pylist(), strict=True))
        assert sum(t["points"] for t in found) == len(instants)
        for trip in found:
            assert 0 <= trip["quality"] <= 1
            assert trip["moving_ms"] + trip["idle_ms"] <= trip["covered_ms"] <= (trip["end_us"] - trip["start_us"]) // 1000 + 1
            assert max(trip["speeding_ms"], trip["phone_ms"]) <= trip["moving_ms"] == sum(q["ms"] for q in trip["quarters"])
            assert all(trip["start_us"] <= e["start_us"] <= e["end_us"] <= trip["end_us"] for e in trip["events"])
            assert trip["mode"] == "driving" or not trip["events"]
            if cells:
                assert sum(c["mm"] for c in trip["cells"]) == trip["haversine_mm"]


def test_neither_the_order_of_points_nor_the_cut_of_batches_matters() -> None:
    rng = np.random.default_rng(1)
    given = points(rng, 3000, 6, 0.3)
    device = given["device"].to_numpy()
    shuffled = pa.Table.from_batches([given]).take(pa.array(np.lexsort((rng.random(len(device)), device))))
    assert trips(shuffled.to_batches(max_chunksize=101)) == trips([given])
