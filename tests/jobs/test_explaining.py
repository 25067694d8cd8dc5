"""From a published score back to a line of a file that has landed."""

import datetime as dt
import gzip
import html
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from jobs.explaining_text import wrapped
from tests.world import NIGHTS, World

pytestmark = pytest.mark.slow
LAST = NIGHTS[-1]
BRAKES, LADDER_MPS2 = "brake_per_100km_7", 3.58
"""Rung 3 of the ladder is what the feature counts: 8 mph/s."""


def explained(world: World, policy: str, date: dt.date = LAST, *arguments: str) -> dict[str, Any]:
    said = world.telematics("explain-policy", policy, "--date", str(date), "--format", "json", *arguments)
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def raw_line(record: dict[str, Any]) -> dict[str, Any]:
    """The line of the file that a record says it came from."""
    with gzip.open(record["source_file"], "rt") as file:
        line: dict[str, Any] = json.loads(file.read().splitlines()[record["source_line"] - 1])
        return line


def raw_time(record: dict[str, Any]) -> int:
    """Milliseconds since 1970."""
    return int(dt.datetime.fromisoformat(record["event_ts"]).timestamp() * 1000)


def scored(world: World, night: dt.date = LAST) -> Any:
    return world.lake.read("gold.policy_scores").where((F.col("score_date") == F.lit(night)) & (F.col("role") == "champion"))


@pytest.fixture(scope="module")
def braker(world: World) -> str:
    """A policy whose car braked harshly within the week before the last night, as its raw points say."""
    features = world.lake.read("gold.policy_features").where((F.col("as_of_date") == F.lit(LAST)) & (F.col(BRAKES) > 0))
    driven = world.lake.read_current("gold.policy_days").where("source = 'sim_phone' AND brake_r3 > 0").select("vehicle_id")
    rows = scored(world).where("NOT fallback").join(features.select("vehicle_id"), on="vehicle_id", how="left_semi")
    return str(rows.join(driven, on="vehicle_id", how="left_semi").orderBy("policy_id").first()["policy_id"])


def test_a_brake_leads_to_lines_of_files_that_have_it(world: World, braker: str) -> None:
    found = explained(world, braker, LAST, "--feature", BRAKES, "--limit", "8")
    [score] = found["scores"]
    assert (found["published"], score["stored"]["differ"], score["stored"]["kept"]) == (True, [], True)
    [feature] = score["features"]
    assert (feature["agrees"], feature["numerator"]["name"], feature["unit"]) == (True, "brake_r3", "events/100 km")
    # by the formula: 1e8 mm are 100 km
    assert feature["stored"] == pytest.approx(1e8 * feature["numerator"]["sum"] / feature["denominator"]["sum"], abs=1e-8)
    assert sum(day["numerator"] for day in feature["days"]) == feature["numerator"]["sum"] > 0
    assert feature["days_left_out"] == 0
    days = [day for day in score["days"] if not day["imported"]]
    assert days and all(day["trips_agree"] for day in days)
    trips = [trip for day in days for trip in day["trips"]]
    brakes = [(t, e) for t in trips for e in t["events"] if e["kind"] == "brake" and e["rung"] >= 3]
    assert brakes
    for trip, event in brakes:
        assert event["records"] and trip["start_ts"] <= event["start_ts"] <= event["end_ts"] <= trip["end_ts"]
        for record in event["records"]:
            raw = raw_line(record)
            assert (raw["device"], raw["ts"], raw["speed"]) == (trip["device_id"], raw_time(record), record["speed_mps"])
        if not event["records_left_out"]:
            assert max(-raw_line(r)["ax"] for r in event["records"]) == pytest.approx(event["peak"], abs=0.3)
            assert event["peak"] >= LADDER_MPS2
    bare = [t for t in trips if not t["events"]]
    assert all(
        {raw_time(r) for r in t["first_and_last"]} == {raw_time({"event_ts": t[x]}) for x in ("start_ts", "end_ts")} for t in bare
    )


def test_no_position_is_told(world: World, braker: str) -> None:
    text = json.dumps(explained(world, braker, LAST, "--limit", "2"))
    assert not any(f'"{name}' in text for name in ("lat", "lon", "start_lat", "start_cell", "end_lat"))


def test_the_text_reads_within_100_columns(world: World, braker: str) -> None:
    said = world.telematics("explain-policy", braker, "--date", str(LAST), "--feature", BRAKES)
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].startswith(f"{braker}  car ")
    assert all(len(x) <= 100 for x in lines if not x.lstrip().startswith("/"))
    files = [x.strip() for x in lines if x.strip().startswith("/") and x.endswith(".gz")]
    assert files and all(Path(x).is_file() for x in files)
    assert any(x.strip().startswith("brake rung") for x in lines)
    assert f"everything as known at {LAST + dt.timedelta(days=1)} 00:00:00 UTC" in lines[1]


def test_an_imported_day_says_so_and_names_its_file(world: World) -> None:
    rows = scored(world).where("NOT fallback AND size(reasons) > 0").orderBy(F.desc("policy_id"))
    policy = rows.first()
    [score] = explained(world, policy["policy_id"])["scores"]
    assert [f["feature"] for f in score["features"]] == [r["feature"] for r in policy["reasons"]]
    assert [f["stored"] for f in score["features"]] == [r["value"] for r in policy["reasons"]]
    assert all(f["agrees"] for f in score["features"])
    assert score["days"]
    for day in score["days"]:
        assert (day["imported"], day["source"], day["file_is_certain"], day["trips"]) == (True, "sim_policy_days", True, [])
        [file] = day["files"]
        rows = world.spark.read.parquet(file).where(
            (F.col("vehicle_id") == policy["vehicle_id"]) & (F.col("local_date") == day["local_date"])
        )
        assert rows.first()["distance_mm"] == day["distance_mm"]


@pytest.mark.parametrize(
    ("case", "reason", "words"),
    [
        ("policy_without_consent", "no_consent", "none was known"),
        ("consent_withdrawn", "no_consent", "it had one from"),
        ("policy_without_device", "no_trips", "no device was known for the car"),
    ],
)
def test_a_fallback_says_why(world: World, case: str, reason: str, words: str) -> None:
    [score] = explained(world, world.special()[case]["policy_id"])["scores"]
    assert (score["fallback"], score["fallback_reason"], score["features"], score["days"]) == (True, reason, [], [])
    assert words in score["why_fallback"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody", "--date", str(LAST)), ("unknown policy 'nobody'",)),
        (("{braker}", "--date", "2026-03-01"), ("has no score of 2026-03-01", f"{NIGHTS[-2]}, {LAST}")),
        (("{braker}", "--date", str(LAST), "--vehicle", "tank"), ("no score of vehicle 'tank'",)),
        (("{braker}", "--date", str(LAST), "--coverage", "hail"), ("no score of coverage 'hail'", "liability")),
        (("{braker}", "--date", str(LAST), "--feature", "brake_per_100km"), ("brake_per_100km_7",)),
    ],
)
def test_what_cannot_be_explained_is_one_line(
    world: World, braker: str, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    said = world.telematics("explain-policy", *(x.format(braker=braker) for x in arguments))
    assert (said.code, said.err.strip().count("\n"), said.out) == (6, 0, "")
    assert all(word in said.err for word in words), said.err


def test_an_old_night_is_explained_as_it_was(world: World) -> None:
    first = NIGHTS[0]
    closed = f"known_to >= TIMESTAMP'{first + dt.timedelta(days=1)} 00:00:00' AND local_date < DATE'{first}'"
    days = world.lake.read("gold.policy_days").where(closed).select("vehicle_id", "local_date", "distance_mm")
    # a day that the night knew, and of which late points made another
    old = days.join(scored(world, first).where("NOT fallback"), on="vehicle_id", how="inner").orderBy("policy_id").first()
    assert old is not None
    current = world.lake.read_current("gold.policy_days").where(
        (F.col("vehicle_id") == old["vehicle_id"]) & (F.col("local_date") == F.lit(old["local_date"]))
    )
    [score] = explained(world, old["policy_id"], first, "--feature", "km_7", "--limit", "9")["scores"]
    told = next(x for x in score["days"] if x["local_date"] == str(old["local_date"]))
    assert (told["distance_mm"], told["trips_agree"], score["stored"]["differ"]) == (old["distance_mm"], True, [])
    assert told["distance_mm"] != current.first()["distance_mm"]


def test_a_name_that_would_move_the_cursor_does_not() -> None:
    assert wrapped("  file \x1b[2Jname [bold]") == ["  file ?[2Jname [bold]"]
    assert wrapped("    " + "word " * 30) == ["    " + " ".join(["word"] * 19), "        " + " ".join(["word"] * 11)]


def test_a_customer_is_told_in_html_with_money(world: World, braker: str) -> None:
    said = world.telematics("explain-policy", braker, "--date", str(LAST), "--format", "html")
    assert said.code == 0, said.err
    [score] = explained(world, braker)["scores"]
    assert f"{score['pure_premium']:,.2f} {score['currency']} a year of cover" in said.out
    assert all(html.escape(r["text"]) in said.out for r in score["reasons"])
    assert "http:" not in said.out and "https:" not in said.out
    other = score["counterfactual"]
    if other is not None:
        assert other["saves"] == pytest.approx(score["pure_premium"] - other["price"])
        assert other["price"] <= score["pure_premium"]
    assert score["approval"]["by"]
