"""What is found in raw points against what was planned: trips, events, distance, night, and how well driving tells the risk."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from scipy.stats import rankdata, spearmanr

from lake.conf import CONF_FOLDER
from lake.driving import load_driving
from lake.features import FEATURE_VERSION_1
from lake.tables import POLICY_DAYS
from simulator import book, cars, faults, people, truth
from tests.transforms.tracks import START_US, track
from transforms.runs import KINDS
from transforms.trip_sums import Drives, drives_of
from transforms.windows import window_features

START, DAYS, MIDDLE = dt.date(2026, 1, 5), 18, dt.datetime(2026, 1, 20)
RULES = load_driving(["sim_phone"], CONF_FOLDER / "sources", CONF_FOLDER / "rules")["sim_phone"]
TOLERANCE_MS = 10_000
HARSH_RUNG_1 = 2.68
CLEAR, LASTING_S = 1.2, 2.0
"""Events that must be found: a peak of 1.2 times the threshold, over two seconds or more."""


@dataclass
class Found:
    """Points as sent, plans and planted events, and the trips that the arrays hold."""

    planned: pd.DataFrame
    planted: pd.DataFrame
    devices: list[str]
    drives: Drives

    def trips(self) -> pd.DataFrame:
        names = ("start_us", "end_us", "haversine_mm", "moving_ms", "mode")
        rows = pd.DataFrame({name: self.drives.trips[name] for name in names})
        rows["device_id"] = np.array(self.devices)[self.drives.track.device[self.drives.first]]
        return rows[rows["mode"] == 0]

    def events(self) -> pd.DataFrame:
        runs, us = self.drives.runs, self.drives.track.us
        device = np.array(self.devices)[self.drives.track.device[runs.first]]
        kind = np.array(KINDS)[runs.kind]
        return pd.DataFrame({
            "device_id": device, "kind": kind, "start_ms": us[runs.first] // 1000, "end_ms": us[runs.last] // 1000,
            "peak": runs.peak,
        })  # fmt: skip


def found(*, faulty: bool, accelerometer: bool) -> Found:
    rng = np.random.default_rng(21)
    fleet = people.fleet(rng, 40, MIDDLE)
    fleet = fleet[fleet["case"] == ""].reset_index(drop=True)
    days = [cars.drive(np.random.default_rng([22, n]), fleet, START + dt.timedelta(days=n), MIDDLE) for n in range(DAYS)]
    for made, plan, _ in days:
        # the plan's duration takes harsh ramps for gentle ones
        plan["end_ms"] = made.groupby("trip")["end_ts"].first().to_numpy()
    points, planned, planted = (pd.concat(x, ignore_index=True) for x in zip(*days, strict=True))
    if faulty:
        points = _faulty(rng, days)
    points = points.sort_values(["device", "ts"], ignore_index=True)
    code, devices = pd.factorize(points["device"], sort=True)
    unknown = np.full(len(points), np.nan)
    sent = track(
        (points["ts"] - START_US / 1000) / 1000, code, lat=points["lat"], lon=points["lon"], speed_mps=points["speed"],
        accel_lon_mps2=points["ax"] if accelerometer else unknown, accel_lat_mps2=points["ay"] if accelerometer else unknown,
    )  # fmt: skip
    return Found(planned, planted, list(devices), drives_of(sent, [], RULES))


def _faulty(rng: np.random.Generator, days: list[tuple[pd.DataFrame, ...]]) -> pd.DataFrame:
    """Jumps, stuck sensors and clocks 7 s off at the simulator's own rates, a day at a time, as trips are numbered by day."""
    skew = faults.skewed_devices(rng, sorted({d for day in days for d in day[0]["device"]}))
    planted = [faults.plant(rng, day[0].reset_index(drop=True), skew)[0] for day in days]
    points = pd.concat(planted, ignore_index=True)
    # of a clock in 2038 no truth is left
    return points[points["ts"] < faults.FUTURE_MS]


@pytest.fixture(scope="module")
def clean() -> Found:
    return found(faulty=False, accelerometer=True)


def matched(planned: pd.DataFrame, trips: pd.DataFrame) -> pd.DataFrame:
    """Each planned trip with the trip that begins nearest to it on its device."""
    planned = planned.assign(start=planned["start_ms"], end=planned["end_ms"])
    trips = trips.assign(
        start=trips["start_us"] // 1000, found_start=trips["start_us"] // 1000, found_end=trips["end_us"] // 1000
    )
    return pd.merge_asof(
        planned.sort_values("start"), trips.drop(columns="moving_ms").sort_values("start"), on="start", by="device_id",
        direction="nearest", tolerance=600_000,
    )  # fmt: skip


@pytest.mark.parametrize("faulty", [False, True], ids=["clean", "with jumps, stuck sensors and wrong clocks"])
def test_of_a_hundred_trips_99_are_found_within_ten_seconds(faulty: bool, clean: Found) -> None:
    given = found(faulty=True, accelerometer=True) if faulty else clean
    both = matched(given.planned, given.trips())
    close = (abs(both["found_start"] - both["start"]) <= TOLERANCE_MS) & (abs(both["found_end"] - both["end"]) <= TOLERANCE_MS)
    print(f"{close.mean():.4f} of {len(both)} trips; {len(given.trips())} found")
    assert close.mean() >= 0.99
    # and hardly any that was not driven
    assert len(given.trips()) <= 1.01 * len(both)


def test_distance_is_right_within_a_per_cent(clean: Found) -> None:
    both = matched(clean.planned, clean.trips())
    ratio = both["haversine_mm"] / both["distance_mm"]
    total = both["haversine_mm"].sum() / both["distance_mm"].sum()
    print(
        f"total {total:.4f}; trips: 5 % {ratio.quantile(0.05):.4f}, median {ratio.median():.4f}, 95 % {ratio.quantile(0.95):.4f}"
    )
    assert abs(total - 1) < 0.01
    assert abs(ratio - 1).quantile(0.9) < 0.01


def _hits(of: pd.DataFrame, among: pd.DataFrame, slack_ms: int = 2000) -> np.ndarray:
    """Whether an event overlaps one of its kind and device in the other table."""
    by = dict(iter(among.groupby(["device_id", "kind"])))
    hit = []
    for row in of.itertuples():
        others = by.get((row.device_id, row.kind))
        overlaps = (
            others is not None
            and ((others["start_ms"] <= row.end_ms + slack_ms) & (others["end_ms"] >= row.start_ms - slack_ms)).any()
        )
        hit.append(bool(overlaps))
    return np.array(hit)


def _observed(given: Found) -> pd.DataFrame:
    """Planted harsh events during which the phone sent: what lies in a gap cannot be found."""
    events = given.planted[given.planted["kind"].isin(["brake", "accelerate", "corner"])].copy()
    events["end_ms"] = events["start_ms"] + (1000 * events["seconds"]).astype(int)
    sent = pd.Series(given.drives.track.us // 1000).groupby(np.array(given.devices)[given.drives.track.device]).apply(np.array)
    seen = [np.searchsorted(sent[d], e) - np.searchsorted(sent[d], s) >= (e - s) / 1000 - 1 for d, s, e in
            zip(events["device_id"], events["start_ms"], events["end_ms"], strict=True)]  # fmt: skip
    return events[np.array(seen)]


@pytest.mark.parametrize("accelerometer", [True, False], ids=["by accelerometer", "by speed at 1 Hz"])
def test_clear_events_are_found_and_what_is_found_was_there(accelerometer: bool, clean: Found) -> None:
    given = clean if accelerometer else found(faulty=False, accelerometer=False)
    kinds = ["brake", "accelerate", "corner"] if accelerometer else ["brake", "accelerate"]
    planted, events = _observed(given), given.events()
    events = events[events["kind"].isin(kinds)]
    planted = planted[planted["kind"].isin(kinds)]
    clear = (planted["peak"] >= CLEAR * HARSH_RUNG_1) & (planted["seconds"] >= LASTING_S)
    recall = pd.Series(_hits(planted, events), planted.index)
    everything = given.planted.assign(end_ms=given.planted["start_ms"] + (1000 * given.planted["seconds"]).astype(int))
    strong = events[events["peak"] >= CLEAR * HARSH_RUNG_1]
    precision, precision_all = _hits(strong, everything).mean(), _hits(events, everything).mean()
    print(
        f"clear: {clear.sum()} planted, recall {recall[clear].mean():.4f}, precision {precision:.4f} of {len(strong)}; "
        f"others: {(~clear).sum()} planted, recall {recall[~clear].mean():.4f}; "
        f"all found {len(events)}, precision {precision_all:.4f}"
    )
    assert clear.sum() > 300
    assert recall[clear].mean() >= 0.95
    assert precision >= 0.95
    # counted once
    assert len(events) <= given.planted["kind"].isin(kinds).sum()


def test_the_share_of_night_is_right_within_a_point(spark: SparkSession, clean: Found) -> None:
    """By driver; the zones are those of the two cities, so local midnight is known without a look-up."""
    trips, drives = clean.trips(), clean.drives
    zone = clean.planned.drop_duplicates("device_id").set_index("device_id")["tz"]
    trip, quarter, ms = drives.quarters
    rows = pd.DataFrame(
        {"device_id": np.array(clean.devices)[drives.track.device[drives.first]][trip], "ms": ms, "quarter": quarter}
    )
    at = pd.to_datetime(rows["quarter"] * 900, unit="s", utc=True)
    hour = pd.concat(
        [at[rows["device_id"].isin(zone.index[zone == z])].dt.tz_convert(z).dt.hour for z in zone.unique()]
    ).sort_index()
    night = rows["ms"].where(hour < 4, 0).groupby(rows["device_id"]).sum() / rows["ms"].groupby(rows["device_id"]).sum()
    planned = clean.planned.groupby("device_id")[["night_ms", "moving_ms"]].sum()
    share = planned["night_ms"] / planned["moving_ms"]
    worst = abs(night - share.reindex(night.index)).max()
    print(f"largest difference of a driver's share of night: {worst:.4f}; {len(trips)} trips")
    assert share.max() > 0.03
    assert worst < 0.01


@pytest.mark.slow
def test_features_recover_the_risk_and_less_data_recovers_less(spark: SparkSession) -> None:
    """Rank correlation between the log rate that telematics can see and its best linear estimate from v1's features.

    Half of the drivers fit the estimate, the other half are ranked.
    """
    drivers = people.book(np.random.default_rng(31), 1200, START, START + dt.timedelta(days=366)).assign(
        first_from=pd.Timestamp(START), last_to=pd.Timestamp(START) + pd.Timedelta(days=366)
    )
    end = START + dt.timedelta(days=365)
    days = book.policy_days(np.random.default_rng(32), drivers, START, end).to_pandas()
    table = spark.createDataFrame(days[["vehicle_id", "local_date", "source", *book.SUMS, "known_from"]])
    nothing = {x.name: x.type for x in POLICY_DAYS.columns if x.name not in table.columns}
    whole = table.selectExpr("*", *(f"CAST(NULL AS {type_}) AS {name}" for name, type_ in nothing.items()))
    features = window_features(whole, end, FEATURE_VERSION_1).toPandas().set_index("vehicle_id").reindex(drivers["vehicle_id"])
    visible = drivers[list(truth.LATENTS)].to_numpy() @ truth.BETA
    names = (
        "log_km_per_day",
        "brake_per_100km",
        "accelerate_per_100km",
        "corner_per_100km",
        "speeding_share",
        "phone_share",
        "night_share",
    )
    correlation = {}
    for window in (7, 28, 90, 365):
        x = np.column_stack([_scores(features[f"{name}_{window}"]) for name in names] + [np.ones(len(drivers))])
        half = np.arange(len(drivers)) % 2 == 0
        weights = np.linalg.lstsq(x[half], visible[half], rcond=None)[0]
        correlation[window] = float(spearmanr(x[~half] @ weights, visible[~half]).statistic)
    print({k: round(v, 3) for k, v in correlation.items()})
    assert list(correlation.values()) == sorted(correlation.values())
    assert correlation[365] > 0.9
    assert correlation[7] < 0.8


def _scores(values: pd.Series) -> np.ndarray:
    """Ranks as numbers in [0, 1]; a car that did not drive is in the middle."""
    known = values.notna().to_numpy()
    scores = np.full(len(values), 0.5)
    scores[known] = rankdata(values[known]) / known.sum()
    return scores
