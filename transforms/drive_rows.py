"""Between Arrow and the arrays that trips are made from: a chunk of points in, trips with nested events out."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lake.driving import DrivingRules
from transforms.places import cell_at, is_holiday, zone_at
from transforms.runs import HARSH, KINDS, SIDES, Runs
from transforms.segments import MODES
from transforms.track import Flags, Floats, Ints, Track
from transforms.trip_sums import Drives

_BIGINTS = (
    "points", "jump_points", "stuck_points", "inaccurate_points", "positions", "speeds", "haversine_mm", "integral_mm",
    "distance_mm", "covered_ms", "moving_ms", "idle_ms", "speeding_ms", "limit_known_ms", "phone_ms", "phone_known_ms",
    "interval_ms", "harsh_known_mm", "corner_known_mm", "moving_mm", "start_us", "end_us", "known_us",
)  # fmt: skip
_DOUBLES = ("max_speed_mps", "start_lat", "start_lon", "end_lat", "end_lon", "quality")
_TEXTS = (
    "source",
    "device_id",
    "tz",
    "mode",
    "firmware",
    "distance_method",
    "rules_version",
    "segmentation_version",
    "start_cell",
    "end_cell",
)
_FLAGS = ("is_holiday",)
EVENT = (
    "struct<kind:string,direction:string,start_us:bigint,end_us:bigint,peak:double,rung:int,start_speed_mps:double,"
    "max_speed_mps:double>"
)
OUTPUT = ", ".join([
    *(f"{x} bigint" for x in _BIGINTS), *(f"{x} double" for x in _DOUBLES), *(f"{x} string" for x in _TEXTS),
    *(f"{x} boolean" for x in _FLAGS), "quarters array<struct<quarter:bigint,ms:bigint>>", "va_ms array<bigint>",
    f"events array<{EVENT}>",
])  # fmt: skip
"""Schema of transforms.drives.drives; instants (`…_us`) are microseconds since 1970, UTC."""
_PHONE, _IGNITION, _INACCURATE = 1, 3, 9


def track_of(points: pa.Table) -> tuple[Track, list[str], list[str | None]]:
    """Points of one source as a track, and the names behind its numbers of devices and firmwares."""
    coded = pc.dictionary_encode(points.column("device_id").combine_chunks())
    device = coded.indices.to_numpy().astype(np.int64)
    us, ids = points.column("us").to_numpy(), points.column("id").to_numpy()
    rows = _one_an_instant(device, us, ids)
    firmware, firmwares = _firmware(points)
    state = points.column("state").to_numpy()
    columns = ("lat", "lon", "speed_mps", "accel_lon_mps2", "accel_lat_mps2", "posted_limit_mps")
    lat, lon, speed, accel_lon, accel_lat, limit = (points.column(x).to_numpy()[rows] for x in columns)
    track = Track(
        device[rows], us[rows], points.column("received_us").to_numpy()[rows], lat, lon, speed, accel_lon, accel_lat, limit,
        phone=(state % _IGNITION - 1)[rows], ignition=(state // _IGNITION % 3 - 1)[rows], inaccurate=(state >= _INACCURATE)[rows],
        firmware=firmware[rows],
    )  # fmt: skip
    return track, coded.dictionary.to_pylist(), firmwares


def _one_an_instant(device: Ints, us: Ints, ids: Ints) -> Ints:
    """Rows by device and time; of one instant that of the smallest id."""
    begin = us.min()
    span = int(us.max() - begin) + 1
    if (int(device.max()) + 1) * span >= 1 << 62:
        order = np.lexsort((ids, us, device))
        key = np.cumsum((np.diff(device[order], prepend=-1) != 0) | (np.diff(us[order], prepend=-1) != 0))
    else:
        # one whole number sorts several times as fast as two keys
        whole = device * span + (us - begin)
        order = np.argsort(whole)
        key = whole[order]
        same = np.r_[False, key[1:] == key[:-1]]
        tied = np.flatnonzero(same | np.r_[same[1:], False])
        order[tied] = order[tied][np.lexsort((ids[order[tied]], key[tied]))]
    kept: Ints = order[np.r_[True, key[1:] != key[:-1]]]
    return kept


def _firmware(points: pa.Table) -> tuple[Ints, list[str | None]]:
    column = points.column("firmware").combine_chunks()
    if column.null_count == len(column):
        return np.full(len(column), -1), []
    coded = pc.dictionary_encode(column)
    return coded.indices.fill_null(-1).to_numpy().astype(np.int64), coded.dictionary.to_pylist()


def rows_of(drives: Drives, source: str, devices: list[str], firmwares: list[str | None], rules: DrivingRules) -> pa.RecordBatch:
    """Trips in the columns of OUTPUT."""
    n, trips = len(drives.first), drives.trips
    versions = np.array([x.name for x in rules.rules], object)
    # a trip without a position has the zone that its source states
    begun = zip(trips["start_lat"], trips["start_lon"], strict=True)
    zones = [rules.source.zone if np.isnan(lat) else zone_at(lat, lon) for lat, lon in begun]
    texts = {
        "source": np.full(n, source, object),
        "device_id": np.array(devices, object)[drives.track.device[drives.first]],
        "tz": zones,
        "mode": np.array(MODES, object)[trips["mode"]],
        "firmware": np.array([*firmwares, None], object)[trips["firmware"]],
        "distance_method": _methods(trips["positions"] > 0, trips["speeds"] > 0, rules.source.distance_method),
        "rules_version": versions[trips["rules"]],
        "segmentation_version": np.full(n, rules.segmentation_version, object),
        **{f"{x}_cell": list(map(cell_at, trips[f"{x}_lat"], trips[f"{x}_lon"])) for x in ("start", "end")},
    }
    holidays = [is_holiday(int(us), zone) for us, zone in zip(trips["start_us"], zones, strict=True)]
    columns = [
        *(pa.array(trips[x], pa.int64()) for x in _BIGINTS), *(_doubles(trips[x]) for x in _DOUBLES),
        *(pa.array(texts[x], pa.string()) for x in _TEXTS),
        pa.array(holidays, pa.bool_()),
        _quarters(drives, n), _heat_maps(trips["va_ms"]), _events(drives.runs, drives.run_trip, drives.track.us, n),
    ]  # fmt: skip
    names = [*_BIGINTS, *_DOUBLES, *_TEXTS, *_FLAGS, "quarters", "va_ms", "events"]
    return pa.RecordBatch.from_arrays(columns, names=names)


def _methods(located: Flags, clocked: Flags, preferred: str) -> list[str | None]:
    """By trip, what its distance mostly comes from: the source's method, or the other one where it has none of that."""
    found = {(True, True): preferred, (True, False): "haversine", (False, True): "speed"}
    return [found.get(both) for both in zip(located.tolist(), clocked.tolist(), strict=True)]


def _doubles(values: Floats) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True)


def offsets(trip: Ints, trips: int) -> pa.Array:
    """Where the elements of each trip begin, of elements in order of trip."""
    return pa.array(np.r_[0, np.cumsum(np.bincount(trip, minlength=trips))].astype(np.int32))


def _quarters(drives: Drives, trips: int) -> pa.Array:
    trip, quarter, ms = drives.quarters
    values = pa.StructArray.from_arrays([pa.array(quarter), pa.array(ms)], names=["quarter", "ms"])
    return pa.ListArray.from_arrays(offsets(trip, trips), values)


def _heat_maps(va_ms: npt.NDArray[np.int64]) -> pa.Array:
    """null where nothing was measured."""
    size = va_ms.shape[1]
    empty = ~va_ms.any(axis=1)
    offsets = np.arange(len(va_ms) + 1, dtype=np.int32) * size
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(va_ms.ravel()), mask=pa.array(empty))


def _events(runs: Runs, trip: Ints, us: Ints, trips: int) -> pa.Array:
    is_harsh = np.isin(runs.kind, HARSH)
    fields = {
        "kind": pa.array(np.array(KINDS, object)[runs.kind], pa.string()),
        "direction": pa.array(np.array(SIDES, object)[runs.side], pa.string()),
        "start_us": pa.array(us[runs.first]), "end_us": pa.array(us[runs.last]), "peak": _doubles(runs.peak),
        "rung": pa.array(runs.rung, pa.int32(), mask=~is_harsh), "start_speed_mps": _doubles(runs.start_mps),
        "max_speed_mps": _doubles(runs.fastest_mps),
    }  # fmt: skip
    values = pa.StructArray.from_arrays(list(fields.values()), names=list(fields))
    return pa.ListArray.from_arrays(offsets(trip, trips), values)
