"""Four nights from raw files to published scores: sums, reasons, and a night that is finished already."""

import math

import pytest

from tests.world import NIGHTS, World

pytestmark = pytest.mark.slow
LAST = str(NIGHTS[-1])


def of_night(date: str) -> tuple[str, str]:
    return "--where", f"score_date = DATE'{date}'"


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
    assert any(not s["fallback"] for s in scores)


def test_a_finished_night_says_so_and_exits_0(world: World) -> None:
    said = world.telematics("nightly", "--date", LAST)
    assert (said.code, said.out.strip()) == (0, f"{LAST} is published already: nothing to do (--rerun runs it again)")
