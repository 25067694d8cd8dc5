"""The raw fleet's local days as tables of points: trips one after another, each from where the last one ended."""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from simulator import plans
from simulator.people import spare_device
from simulator.plans import LIMIT_KMH, Trips
from simulator.render import motion, phases, phone_flags, plan_legs, planted_events, sensed

EVENT_COLUMNS = ("kind", "start_s", "peak", "rung", "direction", "seconds")
_RIGHT_ANGLE = np.pi / 2
_MS = 1000
Points = dict[str, npt.NDArray[np.generic]]


def drive(
    rng: np.random.Generator, cars: pd.DataFrame, day: dt.date, middle: dt.datetime
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Points, planned trips and planted events of one local day.

    A point has device, ts (epoch ms), lat, lon (deg), speed (m/s), heading (deg), alt, acc (m), ax, ay (m/s2), limit_kmh
    (-1 where not known), phone, `trip` (position among the planned ones) and `end_ts` (the trip's end).
    """
    trips = plans.draw(rng, cars, np.arange(len(cars)), np.full(len(cars), np.datetime64(day)))
    planned = _planned(trips, cars, day, middle)
    parts: list[Points] = []
    events = []
    last: dict[int, tuple[float, float, int]] = {}
    for i, row in enumerate(trips.row.tolist()):
        lat, lon, quarter = last.get(row, (cars["home_lat"].iloc[row], cars["home_lon"].iloc[row], int(rng.integers(4))))
        made, planted = render(rng, trips, i, (lat, lon, quarter * _RIGHT_ANGLE))
        last[row] = (float(made["lat"][-1]), float(made["lon"][-1]), (quarter + 2) % 4)
        parts.append(made)
        events += [(i, *e) for e in planted]
    return _joined(parts, planned), planned, _dated(events, planned)


def _joined(parts: list[Points], planned: pd.DataFrame) -> pd.DataFrame:
    """The day's points in one table, with device, trip and times of the epoch."""
    if not parts:
        return pd.DataFrame()
    trip = np.repeat(np.arange(len(parts)), [len(p["ts"]) for p in parts])
    table = pd.DataFrame({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})
    start = planned["start_ms"].to_numpy()
    end_s = np.array([p["ts"][-1] for p in parts])
    table["trip"], table["device"] = trip, planned["device_id"].to_numpy()[trip]
    table["ts"], table["end_ts"] = start[trip] + _MS * table["ts"], (start + _MS * end_s)[trip]
    return table


def _dated(events: Sequence[tuple[object, ...]], planned: pd.DataFrame) -> pd.DataFrame:
    """Planted events with device and start in ms of the epoch."""
    table = pd.DataFrame(events, columns=["trip", *EVENT_COLUMNS])
    of_trip = planned.loc[table["trip"], ["device_id", "start_ms"]].reset_index(drop=True)
    table["device_id"] = of_trip["device_id"]
    table["start_ms"] = of_trip["start_ms"] + (_MS * table["start_s"].astype(float)).astype(np.int64)
    return table[["device_id", "kind", "start_ms", "peak", "rung", "direction", "seconds"]]


def render(
    rng: np.random.Generator, trips: Trips, i: int, start: tuple[float, float, float]
) -> tuple[Points, list[tuple[str, float, float, int, str | None, float]]]:
    """Trip i from a position and heading (deg, deg, rad): points with `ts` in seconds from its start, planted events."""
    lat, lon, heading = start
    legs = plan_legs(rng, trips, i)
    table = phases(legs, float(trips.distance_m[i]), float(trips.dwell_s[i]))
    true = motion(table, heading)
    limit = int(LIMIT_KMH[trips.street[i]]) if trips.limit_known[i] else -1
    made: Points = {
        **sensed(rng, true, lat, lon),
        "ts": true["t"].astype(np.int64),
        "phone": phone_flags(rng, true["speed"], float(trips.phone_s[i])),
        "limit_kmh": np.full(len(true["t"]), limit),
    }
    return _with_gap(rng, made, float(trips.gap_s[i])), planted_events(legs, table)


def _with_gap(rng: np.random.Generator, made: Points, gap_s: float) -> Points:
    """Leave out gap_s seconds somewhere between the ends."""
    if gap_s == 0.0:
        return made
    ts = made["ts"].astype(np.int64)
    begin = rng.integers(1, max(int(ts[-1] - gap_s) - 1, 2))
    keep = (ts <= begin) | (ts >= min(begin + gap_s, ts[-1]))
    return {name: values[keep] for name, values in made.items()}


def _planned(trips: Trips, cars: pd.DataFrame, day: dt.date, middle: dt.datetime) -> pd.DataFrame:
    """Planned trips with ids, start_ms (epoch, UTC), local_date and the sums of plans.SUMS."""
    ids = cars[["policy_id", "vehicle_id", "device_id", "tz"]].assign(spare=spare_device(cars)).iloc[trips.row]
    table = ids.reset_index(drop=True)
    starts = [_epoch_ms(day, int(s), z) for s, z in zip(trips.start_s, table["tz"], strict=True)]
    table["start_ms"] = np.array(starts, np.int64)
    changed = table["spare"].notna() & (table["start_ms"] >= middle.replace(tzinfo=dt.UTC).timestamp() * _MS)
    table["device_id"] = table["device_id"].where(~changed, table["spare"])
    table["local_date"] = pd.Timestamp(day)
    return pd.concat([table.drop(columns="spare"), pd.DataFrame(trips.sums(), columns=list(plans.SUMS))], axis=1)


def _epoch_ms(day: dt.date, second: int, zone: str) -> int:
    """A local wall-clock second of a day as epoch ms."""
    local = dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=second)
    return int(local.replace(tzinfo=ZoneInfo(zone)).timestamp()) * _MS
