import datetime as dt
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from jobs import days, trips
from lake.tables import POLICY_DAYS
from tests.jobs.playing import MONDAY, START, Play, driven
from tests.transforms.driving import devices

TUESDAY_NOON = dt.datetime(2026, 1, 6, 12, tzinfo=dt.UTC)
DRIVEN = [driven(seconds, device) for device in "defg" for seconds in (0, 4)]
"""A trip each of devices d in car v1, e in v2, f in none, and g in v5."""
BRAKING = driven(2, "g", accel_lon_mps2=-4.0, record_id="b")
SMOOTH = driven(2, "g", night=1, accel_lon_mps2=0.0, record_id="a")
"""The same instant told otherwise, a night later."""


def imported(vehicle: str) -> tuple[Any, ...]:
    row: dict[str, Any] = {x.name: 0 if x.type == "bigint" else None for x in POLICY_DAYS.columns}
    row |= {"vehicle_id": vehicle, "local_date": MONDAY, "local_month": "2026-01", "source": "sim_policy_days"}
    row |= {"trips": 7, "known_from": START}
    return tuple(row[name] for name in POLICY_DAYS.names)


@pytest.fixture(scope="module")
def played(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Monday's night; then Tuesday's, by which f came to be known to sit in v3, d to have sat in v4 since the 2nd, and g not to
    have braked."""
    play = Play(spark, tmp_path_factory.mktemp("days"))
    play.lake.append_once("gold.policy_days", spark.createDataFrame([imported("v2")], POLICY_DAYS.schema), "history")
    play.lake.append_once("reference.devices", devices(spark, ("g", "v5", START, None, START)), "of g")
    play.receive("night 0", [*DRIVEN, BRAKING])
    first = play.run(0, None)
    known = play.known(0)["gold.policy_days"]
    second_of_january = START + dt.timedelta(days=1)
    remapped = devices(spark, ("f", "v3", START, None, TUESDAY_NOON), ("d", "v4", second_of_january, None, TUESDAY_NOON))
    play.lake.append_once("reference.devices", remapped, "remapped")
    play.receive("night 1", [SMOOTH])
    return {"play": play, "first": first, "known": known, "second": play.run(1, 0)}


def rows(played: dict[str, Any]) -> dict[str, Row]:
    return {row["vehicle_id"]: row for row in played["play"].lake.read("gold.policy_days").orderBy("known_from").collect()}


def test_what_was_left_alone_is_said(played: dict[str, Any]) -> None:
    notes = "1 trips of devices without a vehicle; 1 days left as imported"
    assert played["first"][1] == f"2 days added, 0 closed; {notes}"


def test_an_imported_day_is_left_as_it_came(played: dict[str, Any]) -> None:
    day = rows(played)["v2"]
    assert (day["trips"], day["source"], day["known_to"]) == (7, "sim_policy_days", None)


def test_a_mapping_learned_late_moves_the_day_to_the_other_car(played: dict[str, Any]) -> None:
    # the trip of g stays, but for its heat map of speed and acceleration
    assert played["second"] == ("1 trips and 0 events added, 1 trips and 1 events closed", "3 days added, 2 closed")
    found, learned = rows(played), TUESDAY_NOON.replace(tzinfo=None)
    assert found["v1"]["known_to"] == learned
    for vehicle in ("v3", "v4"):
        assert (found[vehicle]["known_from"], found[vehicle]["known_to"], found[vehicle]["trips"]) == (learned, None, 1)
    assert found["v4"]["distance_mm"] == found["v1"]["distance_mm"] > 0


def test_an_event_that_is_told_otherwise_restates_its_day(played: dict[str, Any]) -> None:
    days = played["play"].lake.read("gold.policy_days").where("vehicle_id = 'v5'").orderBy("known_from").collect()
    assert [(day["brake_r1"], day["trips"]) for day in days] == [(1, 1), (0, 1)]
    assert days[0]["known_to"] == days[1]["known_from"] == SMOOTH["received_ts"].replace(tzinfo=None)
    assert days[0]["distance_mm"] == days[1]["distance_mm"]


def test_the_night_before_knows_what_it_knew(played: dict[str, Any]) -> None:
    assert played["play"].known(0)["gold.policy_days"] == played["known"]


def test_run_again_it_changes_nothing(played: dict[str, Any]) -> None:
    play = played["play"]
    version = play.lake.version("gold.policy_days")
    assert days.run(play.context(1, 0)).message == "nothing new"
    assert trips.run(play.context(1, 0)).message == "nothing new"
    assert play.lake.version("gold.policy_days") == version
