"""Four nights from raw files to published scores, and what a rerun, a finished night and the special cases give."""

import datetime as dt
import json
import math
import re
from pathlib import Path

import pytest

from jobs.demo import ginis, where
from jobs.state import State
from lake.clock import cutoff
from tests.world import NIGHTS, World

pytestmark = pytest.mark.slow
LAST = str(NIGHTS[-1])


def naive(at: str) -> dt.datetime:
    """As Spark hands instants to Python."""
    return dt.datetime.fromisoformat(at).astimezone(dt.UTC).replace(tzinfo=None)


def of_night(date: str, role: str = "champion") -> tuple[str, str]:
    return "--where", f"score_date = DATE'{date}' AND role = '{role}'"


def test_every_file_adds_up(world: World) -> None:
    ledger = world.show("bronze.ledger")
    assert ledger and all(x["read"] == x["accepted"] + x["duplicate"] + x["quarantined"] for x in ledger)
    points = sum(x["accepted"] for x in ledger if x["target"] == "bronze.points")
    assert points == world.lake.read("bronze.points").count()
    quarantined = sum(x["quarantined"] for x in ledger)
    assert quarantined == world.lake.read("bronze.quarantine").count() > 0


def test_scores_are_complete_and_their_reasons_add_up(world: World) -> None:
    scores = world.show("gold.policy_scores", *of_night(LAST))
    assert len(scores) > 1000
    for s in scores:
        assert s["pure_premium"] == pytest.approx(s["frequency"] * s["severity"], rel=1e-6)
        total = s["base"] + sum(r["contribution"] for r in s["reasons"] or []) + s["others"] + s["calibration"]
        assert math.log(s["pure_premium"]) == pytest.approx(total, abs=1e-4)
        assert len(s["reasons"] or []) <= 4
        assert s["lineage"]["model_name"] == "pure-premium-liability" and s["lineage"]["frame_hash"]
    modelled = [s for s in scores if not s["fallback"]]
    assert sum(bool(s["reasons"]) for s in modelled) > len(modelled) / 2
    assert len({s["pure_premium"] for s in modelled}) > 100


def test_the_challenger_scored_the_same_covers_without_reasons(world: World) -> None:
    champion, challenger = (
        {(s["policy_id"], s["coverage"], s["fallback_reason"]) for s in world.show("gold.policy_scores", *of_night(LAST, role))}
        for role in ("champion", "challenger")
    )
    assert challenger == champion
    shadows = world.show("gold.policy_scores", *of_night(LAST, "challenger"))
    assert all(s["reasons"] is None and s["lineage"]["model_version"] == "2" for s in shadows)


def test_a_finished_night_says_so_and_exits_0(world: World) -> None:
    said = world.telematics("nightly", "--date", LAST)
    assert (said.code, said.out.strip()) == (0, f"{LAST} is published already: nothing to do (--rerun runs it again)")


def test_a_rerun_of_the_first_night_after_three_later_ones_leaves_every_table_as_it_was(world: World) -> None:
    before, runs = world.versions(), world.lake.read("gold.nights").where(f"night_date = DATE'{NIGHTS[0]}'").count()
    said = world.telematics("nightly", "--date", str(NIGHTS[0]), "--rerun")
    assert said.code == 0, said.err
    assert world.differing(before) == {}
    # a rerun that wrote nothing would pass the line above
    assert world.lake.version("gold.policy_scores") != before["gold.policy_scores"]
    # ten jobs and the publication ran again
    assert world.lake.read("gold.nights").where(f"night_date = DATE'{NIGHTS[0]}'").count() == runs + 11


def test_late_files_restated_trips(world: World) -> None:
    closed = world.lake.read("silver.trips").where("known_to IS NOT NULL").count()
    assert closed > 0


def test_a_night_out_of_order_is_refused(world: World) -> None:
    early = world.telematics("nightly", "--date", str(NIGHTS[0] - dt.timedelta(days=1)))
    assert early.code == 8 and "nights run in date order" in early.err
    gap = world.telematics("nightly", "--date", str(NIGHTS[-1] + dt.timedelta(days=3)))
    assert gap.code == 8 and f"telematics nightly --from {NIGHTS[-1] + dt.timedelta(days=1)}" in gap.err


def test_points_of_a_device_without_a_policy_are_held_without_text_or_position(world: World) -> None:
    device = world.special()["device_without_policy"]["device_id"]
    assert world.lake.read("bronze.points").where(f"device_id = '{device}'").isEmpty()
    held = world.show("bronze.quarantine", "--where", "array_contains(reasons, 'no_policy')")
    assert held and all(x["raw_text"] is None and x["source_line"] > 0 for x in held)


def test_points_after_a_consent_was_withdrawn_are_held_without_text_or_position(world: World) -> None:
    case = world.special()["consent_withdrawn"]
    accepted = world.lake.read("bronze.points").where(f"device_id = '{case['device_id']}'").select("event_ts").collect()
    assert accepted and max(x["event_ts"] for x in accepted) < naive(case["at"])
    held = world.show("bronze.quarantine", "--where", "array_contains(reasons, 'no_consent')")
    assert held and all(x["raw_text"] is None for x in held)


def test_fault_26_policies_without_consent_or_device_get_the_declared_fallback(world: World) -> None:
    special = world.special()
    scores = {s["policy_id"]: s for s in world.show("gold.policy_scores", *of_night(LAST))}
    expected = {"policy_without_consent": "no_consent", "consent_withdrawn": "no_consent", "policy_without_device": "no_trips"}
    for case, reason in expected.items():
        s = scores[special[case]["policy_id"]]
        assert (s["fallback"], s["fallback_reason"], s["relativity"]) == (True, reason, 1.0), case


def test_fault_26_an_expired_policy_has_no_score_from_then_on(world: World) -> None:
    case = world.special()["policy_expires"]
    scored = {s["score_date"] for s in world.show("gold.policy_scores", "--where", f"policy_id = '{case['policy_id']}'")}
    before = {str(night) for night in NIGHTS if cutoff(night).replace(tzinfo=None) < naive(case["at"])}
    assert scored == before != {str(night) for night in NIGHTS}
    assert before


def test_the_page_and_the_drift_report_are_there(world: World) -> None:
    folder = world.root / "lake" / "_reports" / "nights" / LAST
    page = (folder / "index.html").read_text()
    assert LAST in page and len(page) < 1_000_000
    assert 0 < (folder / "drift.html").stat().st_size < 5_000_000
    assert json.loads((folder / "drift.json").read_text())


def test_what_the_demo_says_last(world: World) -> None:
    here = State(str(world.conf), None, False)
    said = re.fullmatch(
        r"Gini .*: (.*) \(95 % interval (.*) to (.*)\); the oracle, .* reaches (.*) on .*", ginis(here, world.landing)
    )
    assert said
    gini, low, high, oracle = map(float, said.groups())
    assert low <= gini <= high and 0 < oracle < 1
    places = dict(re.findall(r"^(page|drift report) +(\S+)$", where(here, NIGHTS[-1]), re.MULTILINE))
    assert len(places) == 2 and all(Path(place).is_file() for place in places.values())


def test_tables_lists_every_table_with_rows(world: World) -> None:
    said = world.telematics("tables")
    assert said.code == 0
    for name in ("bronze.points", "silver.trips", "gold.policy_scores", "gold.nights", "frames."):
        assert name in said.out
