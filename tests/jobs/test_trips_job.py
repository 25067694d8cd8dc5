import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lake.delta import Lake
from lake.errors import ConfigError, LakeError
from tests.jobs.playing import MONDAY, Play, driven

BRAKE = driven(200, accel_lon_mps2=-4.0)
MORNING = [driven(0), driven(100), driven(199), BRAKE, driven(800), driven(900), driven(0, "e"), driven(100, "e")]
"""Device d: a trip of 200 s with a brake in a second that is sampled closely enough for one, a pause of 600 s, a trip of 100 s.
Device e: one trip."""
JOINING = [driven(400, night=1), driven(600, night=1), driven(86_400, "f", night=1)]
"""A day late: what was driven in the pause. And a device without a car."""
BEFORE = [driven(-100, night=2)]
"""Two days late: 100 s before the first point."""


@pytest.fixture(scope="module")
def played(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three nights, each with what arrived late, and what was seen after each of them."""
    play = Play(spark, tmp_path_factory.mktemp("play"))
    seen: dict[str, Any] = {"play": play}
    for night, rows in enumerate((MORNING, JOINING, BEFORE)):
        play.receive(f"night {night}", rows)
        seen[f"messages_{night}"] = play.run(night, night - 1 if night else None)
        seen[f"known_{night}"] = play.known(night)
    seen["rows"] = play.rows()
    return seen


def trips_of(played: dict[str, Any], device: str) -> list[Any]:
    lake = played["play"].lake
    return list(lake.read("silver.trips").where(F.col("device_id") == device).orderBy("known_from", "start_ts").collect())


def test_late_points_join_trips_and_move_a_start(played: dict[str, Any]) -> None:
    first, pause, joined, moved = trips_of(played, "d")
    assert [t["points"] for t in (first, pause, joined, moved)] == [4, 2, 8, 9]
    # the joined trip begins where the first began, so it is another version of it; the second is gone
    assert joined["trip_id"] == first["trip_id"]
    assert (first["superseded_by"], pause["superseded_by"]) == (None, first["trip_id"])
    assert first["known_to"] == pause["known_to"] == joined["known_from"] == dt.datetime(2026, 1, 6, 20)
    assert (joined["superseded_by"], joined["known_to"]) == (moved["trip_id"], moved["known_from"])
    assert (moved["known_from"], moved["known_to"]) == (dt.datetime(2026, 1, 7, 20), None)


def test_fault_17_only_what_is_affected_is_restated(played: dict[str, Any]) -> None:
    (untouched,) = trips_of(played, "e")
    assert (untouched["known_from"], untouched["known_to"]) == (dt.datetime(2026, 1, 5, 20), None)


def test_an_event_follows_its_trip(played: dict[str, Any]) -> None:
    events = played["play"].lake.read("silver.events").orderBy("known_from").collect()
    trips = trips_of(played, "d")
    # the joined trip keeps the id, so its brake stays as it was until the start moves
    assert [e["trip_id"] for e in events] == [trips[0]["trip_id"], trips[3]["trip_id"]]
    assert [e["known_to"] for e in events] == [dt.datetime(2026, 1, 7, 20), None]


def test_what_a_night_knew_stays_what_it_knew(played: dict[str, Any]) -> None:
    for night in (0, 1):
        assert played["play"].known(night) == played[f"known_{night}"]


def test_an_old_night_run_again_changes_nothing(played: dict[str, Any]) -> None:
    play = played["play"]
    versions = {name: play.lake.version(name) for name in played["rows"]}
    assert [play.run(night, previous) for night, previous in ((0, None), (1, 0))] == [
        ("nothing new", "nothing new"),
        ("nothing new", "nothing new; 1 trips of devices without a vehicle"),
    ]
    assert {name: play.lake.version(name) for name in versions} == versions
    assert play.rows() == played["rows"]


@pytest.mark.parametrize("order", [(2, 1, 0), (None,)])
def test_fault_17_any_order_of_arrival_gives_the_same_rows(
    order: tuple[int | None, ...], played: dict[str, Any], spark: SparkSession, tmp_path: Path
) -> None:
    play = Play(spark, tmp_path)
    batches = [MORNING, JOINING, BEFORE]
    for night, batch in enumerate(order):
        received = dt.datetime.combine(MONDAY + dt.timedelta(days=night), dt.time(20), dt.UTC)
        rows = [row for b in batches for row in b] if batch is None else batches[batch]
        play.receive(f"night {night}", [{**row, "received_ts": received} for row in rows])
        play.run(night, night - 1 if night else None)
    current = play.current()
    assert current == played["play"].current()
    assert all(current.values())


class KilledBeforeTrips(Lake):
    """Dies between the commit of events and that of trips, once."""

    died = False

    def apply_versions(self, name: str, closes: DataFrame | None, adds: DataFrame, app_id: str) -> None:
        """Fail for silver.trips."""
        if name == "silver.trips" and not self.died and self.exists(name):
            self.died = True
            raise LakeError("killed")
        super().apply_versions(name, closes, adds, app_id)


def test_a_run_killed_between_its_two_commits_converges(played: dict[str, Any], spark: SparkSession, tmp_path: Path) -> None:
    play = Play(spark, tmp_path, KilledBeforeTrips)
    play.receive("night 0", MORNING)
    play.run(0, None)
    play.receive("night 1", JOINING)
    play.receive("night 2", BEFORE)
    with pytest.raises(LakeError):
        play.run(2, 0)
    events = play.rows()["silver.events"]
    play.run(2, 0)
    assert play.rows()["silver.events"] == events
    assert play.current() == played["play"].current()


def test_points_of_an_unknown_source_are_an_error(spark: SparkSession, tmp_path: Path) -> None:
    play = Play(spark, tmp_path)
    play.receive("night 0", [{**driven(0), "source": "unheard_of"}])
    with pytest.raises(ConfigError, match="unknown source 'unheard_of'"):
        play.run(0, None)
