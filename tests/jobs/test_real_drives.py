"""Real drives through the real jobs: known trips and distances, and a night that prices their cars with reasons."""

import datetime as dt
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from lake.conf import CONF_FOLDER
from simulator import simulate
from tests.registry.given import APPROVE
from tests.world import World, claims_of_brakers, write_conf, write_csv

pytestmark = pytest.mark.slow
NIGHT = dt.date(2019, 9, 18)
"""The drives end on 2019-09-17, and a night's windows end with the local day before its date."""
ON = ("--date", str(NIGHT))
INSURED_FROM = "2019-05-01T00:00:00Z"
CARS = {"nds-omaha-1": "US-NE", "A": "BR-PR", "B": "BR-PR"}
"""Devices of the files, and where they drive."""
VEHICLES = tuple(f"v-{car}" for car in CARS)
FILES = {"nds_omaha": "nds_omaha/*.csv.gz", "ndsbr": "ndsbr/*.csv.gz"}
"""Below the folder of real data."""
POLICY = (
    "policy_id,vehicle_id,coverage,valid_from,valid_to,jurisdiction,currency,base_premium_minor,driver_age_band,"
    "vehicle_group_band,territory_band,known_from"
)
DEVICE = "device_id,vehicle_id,valid_from,valid_to,known_from"
CONSENT = "policy_id,purpose,valid_from,valid_to,known_from"
CLAIMED = dt.date(2019, 6, 1)
"""Within the horizon of the frame, 2019-02-19 to 2019-08-18."""
RECORDS = {"nds_omaha": 6533, "ndsbr": 3623 + 9776}
"""Lines of the files without their headers."""
KM = {"nds-omaha-1": 49.87, "A": 22.508, "B": 51.529}
"""As published with the data."""
BLIND_KM = 0.76
DRIVEN_DAYS = {
    "nds-omaha-1": {"2019-05-23": 1, "2019-05-24": 2, "2019-05-26": 6},
    "A": {"2019-08-26": 1, "2019-08-29": 1, "2019-09-02": 1},
    "B": {"2019-09-10": 1, "2019-09-12": 1, "2019-09-17": 1},
}
"""Trips by local day at a gap of 300 s. The drives in Omaha after midnight UTC began in the evening of the 26th there."""
GAPS = {120: 14, 300: 9}
"""Trips of nds_omaha by trip_gap_s; 120 s gives one a drive."""


def reference_files(folder: Path) -> None:
    """A policy, a device and a consent for each car, known before it drove."""
    ever = f"{INSURED_FROM},"
    write_csv(folder / "policies_real.csv", POLICY, [
        f"p-{car},v-{car},liability,{ever},{place},USD,50000,25-34,g2,urban,{INSURED_FROM}" for car, place in CARS.items()
    ])  # fmt: skip
    write_csv(folder / "devices_real.csv", DEVICE, [f"{car},v-{car},{ever},{INSURED_FROM}" for car in CARS])
    write_csv(folder / "consents_real.csv", CONSENT, [f"p-{car},pricing,{ever},{INSURED_FROM}" for car in CARS])


def sources_with_gap(folder: Path, gap_s: int) -> Path:
    """The shipped source files, but for one value."""
    shutil.copytree(CONF_FOLDER / "sources", folder)
    path = folder / "nds_omaha.yml"
    shipped = path.read_text()
    assert shipped.count("trip_gap_s: 300\n") == 1
    path.write_text(shipped.replace("trip_gap_s: 300\n", f"trip_gap_s: {gap_s}\n"))
    return folder


def ran(made: World, *commands: tuple[str, ...]) -> None:
    """Run command lines that must all end with 0."""
    for arguments in commands:
        said = made.telematics(*arguments)
        assert said.code == 0, f"{arguments}: {said.err}{said.out}"


@pytest.fixture(scope="module")
def lakes(spark: SparkSession, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, World]:
    """By trip gap: a night over both sources as shipped, and a copy of the lake before it, with Omaha job by job.

    The files of Omaha were loaded by hand for the same night, so it must find again what it has of them.
    """
    root = tmp_path_factory.mktemp("real")
    night = World(spark, root, night_conf(root, real_data))
    ran(night, *book(root), ("ingest", "--source", "nds_omaha", "--input", str(real_data / FILES["nds_omaha"]), *ON))
    shutil.copytree(root / "lake", root / "other" / "lake")
    sources = str(sources_with_gap(root / "sources", 120))
    other = World(spark, root / "other", write_conf(root / "other.yml", root / "other", sources_folder=sources))
    ran(other, ("trips", *ON), ("days", *ON))
    ran(night, ("nightly", *ON))
    return {120: other, 300: night}


@pytest.fixture
def night(lakes: dict[int, World]) -> World:
    return lakes[300]


def night_conf(root: Path, real_data: Path) -> Path:
    training = {"min_claims": 30, "horizon_days": 180, "as_of_dates": 1, "maturity_days": 30}
    return write_conf(root / "conf.yml", root, training=training, landing={"root": str(real_data), "sources": FILES})


def book(root: Path) -> list[tuple[str, ...]]:
    """What loads a simulated book beside the real cars, trains on its claims and promotes."""
    landed = root / "landing"
    simulate(10, 1, 3, landed, book_policies=1500, book_days=420, start=NIGHT - dt.timedelta(days=1))
    reference_files(landed / "reference")
    claims_of_brakers(landed, CLAIMED)
    tables = ("policies", "devices", "consents", "claims")
    history = ("--source", "sim_policy_days", "--input", str(landed / "history" / "*.parquet"))
    return [
        *(("reference", "load", t, "--source", f"sim_{t}", "--input", f"{landed}/reference/{t}*.csv") for t in tables),
        ("history", "load", "policy-days", *history),
        ("train", "--date", str(NIGHT - dt.timedelta(days=1))),
        APPROVE,
        ("registry", "promote"),
    ]


def trips_of(made: World, device: str) -> list[dict[str, Any]]:
    return made.show("silver.trips", "--where", f"device_id = '{device}' AND known_to IS NULL", "--order", "start_ts")


def km(trips: list[dict[str, Any]]) -> float:
    return float(sum(t["distance_mm"] for t in trips)) / 1e6


def scored(made: World) -> dict[str, dict[str, Any]]:
    """Scores of the real cars by device."""
    rows = made.show("gold.policy_scores", "--where", f"score_date = DATE'{NIGHT}' AND vehicle_id IN {VEHICLES}")
    return {r["vehicle_id"].removeprefix("v-"): r for r in rows}


def modelled(made: World) -> list[dict[str, Any]]:
    """The scores of those that the model scores."""
    return [s for s in scored(made).values() if not s["fallback"]]


def test_every_record_of_the_files_is_a_point_once(night: World) -> None:
    ledger = night.show("bronze.ledger", "--where", "target = 'bronze.points'")
    sums = {s: [sum(x[n] for x in ledger if x["source"] == s) for n in ("read", "accepted")] for s in FILES}
    assert sums == {source: [n, n] for source, n in RECORDS.items()}
    assert night.lake.read("bronze.points").count() == sum(RECORDS.values())


@pytest.mark.parametrize(("gap_s", "count"), GAPS.items())
def test_omaha_has_its_known_trips_and_kilometres(gap_s: int, count: int, lakes: dict[int, World]) -> None:
    trips = trips_of(lakes[gap_s], "nds-omaha-1")
    assert len(trips) == count
    assert {t["segmentation_version"] for t in trips} == {f"gap{gap_s}-v1"}
    assert sum(t["points"] for t in trips) == RECORDS["nds_omaha"]
    # as published by speed, which is blind in two pauses of 44 and 45 s, in which the car went .76 km by position
    assert sum(t["distance_speed_mm"] for t in trips) / 1e6 == pytest.approx(KM["nds-omaha-1"], rel=0.002)
    assert km(trips) == pytest.approx(KM["nds-omaha-1"] + BLIND_KM, rel=0.002)


@pytest.mark.parametrize("driver", ["A", "B"])
def test_curitiba_has_its_published_kilometres(driver: str, night: World) -> None:
    trips = trips_of(night, driver)
    assert {t["distance_method"] for t in trips} == {"haversine"}
    assert km(trips) == pytest.approx(KM[driver], rel=0.005)
    # what the receiver reads as slow or as 0 is lost: the integral of the speeds is 22.1 and 50.1 km, 2 to 3 % low
    by_speed = sum(t["distance_speed_mm"] for t in trips) / 1e6
    assert by_speed == pytest.approx({"A": 22.101, "B": 50.138}[driver], rel=0.001)


@pytest.mark.parametrize("driver", ["A", "B"])
def test_curitiba_is_three_hours_behind_utc_and_nobody_drove_at_night(driver: str, night: World) -> None:
    for trip in trips_of(night, driver):
        assert trip["tz"] == "America/Sao_Paulo"
        start = dt.datetime.fromisoformat(trip["start_ts"])
        assert (start - dt.timedelta(hours=3)).date().isoformat() == trip["local_date"]


def test_seconds_over_the_posted_limit_and_on_the_phone_are_those_of_the_files(night: World, real_data: Path) -> None:
    """Counted in the files by hand: moving rows over the limit by more than 5 km/h, and rows of phone use."""
    for driver in ("A", "B"):
        rows = pd.read_csv(real_data / "ndsbr" / f"driver_{driver}.csv.gz", sep=";", decimal=",", dtype={"LIMITE_VEL": str})
        limit, moving = pd.to_numeric(rows["LIMITE_VEL"], errors="coerce"), rows["SPD_KMH"] >= 3.6
        expected = {
            "speeding_ms": (moving & (rows["SPD_KMH"] > limit + 5)).sum(),
            "limit_known_ms": (moving & limit.notna()).sum(),
            "phone_ms": (moving & (rows["UMP_YN"] == "Yes")).sum(),
            "phone_known_ms": (moving & rows["UMP_YN"].isin(["Yes", "No"])).sum(),
        }
        found = {name: sum(t[name] for t in trips_of(night, driver)) / 1000 for name in expected}
        print(driver, found, expected)
        # a row is a second but at the gaps, where it is longer (up to 10 s) or does not count
        assert found == pytest.approx(expected, rel=0.02)


def test_the_vendors_rules_give_the_vendors_events_and_ours_differ_for_stated_reasons(night: World) -> None:
    """Of drives 1-14: 22 low, 9 med, 1 high; 4 brakes, 7 accelerations, 18 right and 3 left turns, as counted in the file."""
    arguments = ("--source", "nds_omaha", "--rules", "driveplotr-v1", "--rules", "ladder-v1", "--format", "json")
    said = night.telematics("rules", "compare", *arguments)
    assert said.code == 0, said.err
    first, *changes = json.loads(said.out)
    assert first["rules"] == "driveplotr-v1"
    assert first["events"] == 32
    assert [first[x] for x in ("brake", "accelerate", "right", "left")] == [4, 7, 18, 3]
    assert first["highest_rung"] == "22 low, 9 med, 1 high"
    print(said.out)
    # by ours, each step explained; the last is what silver has
    ours = night.show("silver.events", "--where", "source = 'nds_omaha' AND kind IN ('brake', 'accelerate', 'corner')")
    assert changes[-1]["events"] == len(ours) > 32
    assert all(x["changed"] for x in changes)


def test_the_sensitivity_to_the_gap_is_the_known_one(night: World) -> None:
    said = night.telematics("rules", "gaps", "--source", "nds_omaha", "--format", "json")
    assert said.code == 0, said.err
    found = {row["trip_gap_s"]: row["trips"] for row in json.loads(said.out)}
    assert found[120] == 14 and found[300] == 9
    assert list(found) == [120, 200, 300, 600]
    print(said.out)


@pytest.mark.parametrize(
    ("gap_s", "car", "driven"),
    [(120, "nds-omaha-1", {"2019-05-23": 1, "2019-05-24": 2, "2019-05-26": 11}), *((300, *x) for x in DRIVEN_DAYS.items())],
)
def test_days_are_local_and_hold_their_trips(gap_s: int, car: str, driven: dict[str, int], lakes: dict[int, World]) -> None:
    days = lakes[gap_s].show("gold.policy_days", "--where", f"vehicle_id = 'v-{car}'")
    assert {d["local_date"]: d["trips"] for d in days} == driven
    assert sum(d["distance_mm"] for d in days) == sum(t["distance_mm"] for t in trips_of(lakes[gap_s], car))


def test_features_of_a_year_are_the_drives(night: World) -> None:
    features = {f["vehicle_id"]: f for f in night.show("gold.policy_features", "--where", f"vehicle_id IN {VEHICLES}")}
    assert set(features) == set(VEHICLES)
    for car, driven in DRIVEN_DAYS.items():
        row = features[f"v-{car}"]
        assert (row["days_driven_365"], row["trips_365"]) == (len(driven), sum(driven.values()))
        assert row["km_365"] == pytest.approx(KM[car], rel=0.02)
    # the drives in Omaha ended 114 days before the night, and in its last week only B drove, on the 12th and the 17th
    assert [features[v]["days_driven_90"] for v in VEHICLES] == [0, 3, 3]
    assert [features[v]["days_driven_7"] for v in VEHICLES] == [0, 0, 2]


def test_the_cars_are_scored_by_the_model_from_what_they_drove(night: World) -> None:
    scores = scored(night)
    assert set(scores) == set(CARS)
    for car, s in scores.items():
        # no drive in Omaha is within 90 days of the night
        reason = "stale_device" if car == "nds-omaha-1" else None
        assert (s["fallback"], s["fallback_reason"]) == (reason is not None, reason)
        assert s["days_observed"] == len(DRIVEN_DAYS[car])
        assert s["km_365"] == pytest.approx(KM[car], rel=0.02)
    for s in modelled(night):
        assert 0 < s["credibility"] < 1
        assert s["pure_premium_lower"] < s["pure_premium"] < s["pure_premium_upper"]


def test_their_reasons_add_up(night: World) -> None:
    scores = modelled(night)
    assert len(scores) == 2
    for s in scores:
        explained = sum(r["contribution"] for r in s["reasons"]) + s["others"]
        assert len(s["reasons"]) <= 4
        assert math.log(s["pure_premium"]) == pytest.approx(s["base"] + explained + s["calibration"], abs=1e-4)
        assert s["relativity"] == pytest.approx(math.exp(explained), rel=1e-4)
        assert s["pure_premium"] == pytest.approx(s["frequency"] * s["severity"], rel=1e-6)
    assert all(s["reasons"] for s in scores)


def test_the_night_leaves_its_page_and_drift_report(night: World) -> None:
    folder = night.root / "lake" / "_reports" / "nights" / str(NIGHT)
    assert "<html" in (folder / "drift.html").read_text()
    assert json.loads((folder / "drift.json").read_text())
    page = (folder / "index.html").read_text()
    assert all(source in page for source in FILES)
    assert (folder.parents[1] / "index.html").is_file()
    assert night.show("gold.nights", "--where", "job = 'night' AND status = 'finished'")[0]["night_date"] == str(NIGHT)
