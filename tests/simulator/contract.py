"""Trips and policy days from raw points by the contract's definitions, in pandas: small, slow and independent."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

TRIP_GAP_S, STEP_S, MERGE_S = 300, 10, 2
LADDER = (2.68, 3.13, 3.58, 4.47, 5.36, 6.26)
MIN_SPEED_MPS, TOLERANCE_MPS, MOVING_MPS = 10 / 3.6, 5 / 3.6, 1.0
EARTH_M = 6_371_008.8


def haversine_m(lat, lon):
    la, lo = np.radians(lat), np.radians(lon)
    h = np.sin(np.diff(la) / 2) ** 2 + np.cos(la[:-1]) * np.cos(la[1:]) * np.sin(np.diff(lo) / 2) ** 2
    return 2 * EARTH_M * np.arcsin(np.sqrt(h))


def runs(ts, flag):
    """Starts and ends (positions) of runs of true points, those at most MERGE_S apart merged."""
    at = np.flatnonzero(flag)
    if len(at) == 0:
        return []
    cut = np.flatnonzero((np.diff(ts[at]) > MERGE_S) & (np.diff(at) > 1) | (np.diff(ts[at]) > STEP_S)) + 1
    return [(part[0], part[-1]) for part in np.split(at, cut)]


def harsh(ts, speed, magnitude, kind):
    """Cumulative counts by rung."""
    found = {f"{kind}_r{k}": 0 for k in range(1, 7)}
    for first, last in runs(ts, magnitude >= LADDER[0]):
        if speed[max(first - 1, 0) : last + 1].max() < MIN_SPEED_MPS:
            continue
        peak = magnitude[first : last + 1].max()
        for k, rung in enumerate(LADDER, 1):
            found[f"{kind}_r{k}"] += int(peak >= rung)
    return found


def trip_sums(g, zone):
    ts = g["ts"].to_numpy() / 1000
    speed, ax, ay = (g[k].to_numpy() for k in ("speed", "ax", "ay"))
    step = np.r_[0.0, np.diff(ts)]
    step_ms = 1000 * np.where(step <= STEP_S, step, 0.0)
    local = pd.to_datetime(g["ts"], unit="ms", utc=True).dt.tz_convert(ZoneInfo(zone))
    hour, weekday = local.dt.hour.to_numpy(), local.dt.weekday.to_numpy()
    limit = g["limit_kmh"].to_numpy() / 3.6
    moving, known, phone = speed >= MOVING_MPS, limit > 0, g["phone"].to_numpy() == 1
    rush = (weekday < 5) & np.isin(hour, (7, 8, 16, 17))
    over = moving & known & (speed > limit + TOLERANCE_MPS)
    side = np.where(ay > 0, 1, -1)
    corners = [harsh(ts, speed, np.where(side == s, np.abs(ay), 0.0), "corner") for s in (-1, 1)]
    return {
        "local_date": local.iloc[0].date(),
        "trips": 1,
        "distance_mm": 1000 * haversine_m(g["lat"].to_numpy(), g["lon"].to_numpy()).sum(),
        "duration_ms": 1000 * (ts[-1] - ts[0]),
        "moving_ms": step_ms[moving].sum(),
        "night_ms": step_ms[moving & (hour < 4)].sum(),
        "rush_ms": step_ms[moving & rush].sum(),
        "speeding_ms": step_ms[over].sum(),
        "limit_known_ms": step_ms[moving & known].sum(),
        "phone_ms": step_ms[moving & phone].sum(),
        "phone_known_ms": step_ms[moving].sum(),
        "covered_ms": step_ms.sum(),
        **harsh(ts, speed, -ax, "brake"),
        **harsh(ts, speed, ax, "accelerate"),
        **{k: corners[0][k] + corners[1][k] for k in corners[0]},
        "speeding_events": len(runs(ts, over)),
        "phone_events": len(runs(ts, moving & phone)),
    }


def trips(points, zones):
    """One row a trip: device, local_date and the sums; points as simulator.cars.drive gives them, without faults."""
    rows = []
    for device, g in points.sort_values(["device", "ts"]).groupby("device"):
        number = (g["ts"].diff() > 1000 * TRIP_GAP_S).cumsum()
        rows += [{"device_id": device, **trip_sums(t, zones[device])} for _, t in g.groupby(number)]
    return pd.DataFrame(rows)
