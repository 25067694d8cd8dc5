"""One truth at two levels: what is found in raw points is what was planned, and what the book would have drawn."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy.stats import ks_2samp

from lake.conf import CONF_FOLDER
from lake.driving import load_driving
from simulator import book, cars, people, plans
from tests.simulator import contract
from tests.transforms.driving import devices
from transforms.drives import drives
from transforms.policy_days import policy_days
from transforms.trips import events_of, trips_of

START, DAYS, DRIVERS, BOOK_DRAWS = dt.date(2026, 1, 5), 30, 40, 4
SPARK_DAYS = 3
MIDDLE = dt.datetime(2026, 1, 20)
KEY = ["device_id", "local_date"]

# relative difference of totals, found in points against planned: the plan takes harsh ramps for gentle ones, a point is a
# whole second, positions have 3 m of noise
TOTALS = {
    "distance_mm": 0.005, "duration_ms": 0.01, "moving_ms": 0.01, "night_ms": 0.02, "rush_ms": 0.015, "speeding_ms": 0.02,
    "limit_known_ms": 0.01, "phone_ms": 0.02, "phone_known_ms": 0.01, "covered_ms": 0.01,
    "speeding_events": 0.01, "phone_events": 0.05,
    **{f"{kind}_r{k}": 0.02 for kind in ("brake", "accelerate", "corner") for k in (1, 2, 3)},
    **{f"{kind}_r{k}": 0.05 for kind in ("brake", "accelerate", "corner") for k in (4, 5, 6)},
}  # fmt: skip
KS_P = 1e-3
BOOTSTRAPS, LEVEL = 400, (0.05, 99.95)


@pytest.fixture(scope="module")
def drivers():
    people_ = people.fleet(np.random.default_rng(11), DRIVERS, MIDDLE)
    return people_[people_["case"] == ""].reset_index(drop=True)


@pytest.fixture(scope="module")
def zones(drivers):
    return dict(zip(drivers["device_id"], drivers["tz"], strict=True))


@pytest.fixture(scope="module")
def rendered(drivers):
    """Points by day, and the plans these were rendered from."""
    points, planned = [], []
    for n in range(DAYS):
        made, plan, _ = cars.drive(np.random.default_rng([12, n]), drivers, START + dt.timedelta(days=n), MIDDLE)
        points.append(made[["device", "ts", "lat", "lon", "speed", "ax", "ay", "limit_kmh", "phone"]])
        planned.append(plan)
    return points, planned


@pytest.fixture(scope="module")
def found_and_planned(rendered, zones):
    """Trips found in the points, and the plans these were rendered from, in the same order."""
    points, planned = rendered
    found = contract.trips(pd.concat(points), zones)
    return found, pd.concat(planned).sort_values(["device_id", "start_ms"], ignore_index=True)


@pytest.fixture(scope="module")
def levels(drivers, found_and_planned):
    """Policy days from points, and those that the book draws for the same drivers and days (several times over)."""
    found, _ = found_and_planned
    day = np.tile(np.datetime64(START) + np.arange(DAYS), len(drivers))
    who = np.repeat(np.arange(len(drivers)), DAYS)
    drawn = []
    for n in range(BOOK_DRAWS):
        rows, sums = book.by_day(plans.draw(np.random.default_rng([13, n]), drivers, who, day))
        drawn.append(pd.DataFrame(sums, columns=list(plans.SUMS)).assign(device_id=drivers["device_id"].to_numpy()[who[rows]]))
    return found.groupby(KEY, as_index=False).sum(), pd.concat(drawn, ignore_index=True)


def test_every_planned_trip_is_found_on_its_local_day(found_and_planned):
    found, planned = found_and_planned
    assert len(found) == len(planned) > 1500
    assert (found["device_id"] == planned["device_id"]).all()
    assert (pd.to_datetime(found["local_date"]) == planned["local_date"]).all()


@pytest.mark.parametrize("column", list(TOTALS))
def test_points_hold_what_was_planned(found_and_planned, column):
    found, planned = found_and_planned
    assert planned[column].sum() > 0
    assert found[column].sum() / planned[column].sum() == pytest.approx(1.0, abs=TOTALS[column])


@pytest.mark.parametrize("column", [c for c in plans.SUMS if c not in ("phone_known_ms",)])
def test_days_from_points_and_days_of_the_book_are_alike(levels, column):
    raw, drawn = levels
    assert ks_2samp(raw[column], drawn[column]).pvalue > KS_P
    # ratio of a driver-day's means; the interval resamples drivers, the same ones on both levels
    a, b = (x.groupby("device_id")[column].agg(["sum", "size"]) for x in levels)
    pick = np.random.default_rng(14).integers(len(a), size=(BOOTSTRAPS, len(a)))
    a, b = a.to_numpy(float)[pick].sum(axis=1), b.to_numpy(float)[pick].sum(axis=1)
    low, high = np.percentile((a[:, 0] / a[:, 1]) / (b[:, 0] / b[:, 1]), LEVEL)
    assert low <= 1.0 <= high


def test_the_same_share_of_days_is_driven(levels, drivers):
    # 40 drivers x 30 days, a share near .6: standard error sqrt(.24 / 1200) = .014
    raw, drawn = levels
    candidates = len(drivers) * DAYS
    assert len(raw) / candidates == pytest.approx(len(drawn) / candidates / BOOK_DRAWS, abs=0.05)


def bronze(spark: SparkSession, points: pd.DataFrame) -> DataFrame:
    """Points of the simulator as the job `trips` reads them."""
    at = pd.to_datetime(points["ts"], unit="ms", utc=True)
    limit = points["limit_kmh"].where(points["limit_kmh"] > 0) / 3.6
    df = spark.createDataFrame(pd.DataFrame({
        "source": "sim_phone", "device_id": points["device"], "event_ts": at, "received_ts": at,
        "record_id": points["ts"].map("{:064x}".format), "lat": points["lat"], "lon": points["lon"],
        "speed_mps": points["speed"], "accel_lon_mps2": points["ax"], "accel_lat_mps2": points["ay"],
        "posted_limit_mps": limit, "phone_use": points["phone"] == 1,
    }))  # fmt: skip
    limited = df.withColumn("posted_limit_mps", F.nanvl("posted_limit_mps", F.lit(None)))
    nothing = {"ignition": "boolean", "accuracy_m": "double", "hdop": "double", "firmware": "string"}
    return limited.withColumns({name: F.lit(None).cast(type_) for name, type_ in nothing.items()})


def test_spark_makes_the_same_policy_days_of_the_points(spark, rendered, zones):
    """Links the level of points as tested above, by the contract in pandas, to what the jobs compute."""
    points = pd.concat(rendered[0][:SPARK_DAYS])
    expected = contract.trips(points, zones).groupby(KEY).sum()
    sources = load_driving(["sim_phone"], CONF_FOLDER / "sources", CONF_FOLDER / "rules")
    trips = trips_of(drives(bronze(spark, points), sources)).persist()
    ever = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    mapped = devices(spark, *((device, device, ever, None, ever) for device in zones))
    found = policy_days(trips, events_of(trips), mapped).toPandas()
    found = found.rename(columns={"vehicle_id": "device_id"}).set_index(KEY).sort_index()
    assert len(found) == len(expected) > 50
    for column in plans.SUMS:
        # a step is rounded to the millimetre
        tolerance = 1e-3 if column == "distance_mm" else 0
        np.testing.assert_allclose(found[column], expected[column], rtol=tolerance, err_msg=column)
