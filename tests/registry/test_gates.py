"""Each gate closes for what it is there for, judged from artefacts as a version would have them."""

import datetime as dt
from typing import Any

import pytest

from lake.conf import load_conf
from registry.evidence_files import as_json
from registry.gates import Gate, Waiver, judge, load_thresholds
from tests.training.given import trained
from training import artefacts as a

LIMITS = load_thresholds(load_conf("local").gates_path)
ON = dt.date(2026, 1, 1)
GROUP = {"group": "g", "expected_claims": 40.0, "adverse_impact_ratio": {"value": 0.98, "lower": 0.95, "upper": 1.0}}
FAIR = {"status": "assessed", "share_of_exposure_known": 0.9, "lowest_adverse_impact_ratio": 0.98, "groups": [GROUP]}


def judged(champion: str | None = None, waivers: tuple[Waiver, ...] = (), **changes: Any) -> dict[str, Gate]:
    """Gates of the tests' model, fair, with artefacts changed by name."""
    own = trained()
    read = {
        "PERFORMANCE": own.performance, "MONOTONICITY": own.assessed["monotonicity"], "FAIRNESS": FAIR,
        "REASONS": own.assessed["reasons"], "CHAMPION_DIFF": own.assessed["champion_diff"],
        "REPRODUCIBILITY": own.assessed["reproducibility"], "DATA": {"expectations": "passed"},
    } | changes  # fmt: skip
    files = dict.fromkeys(a.ARTEFACTS.values(), b"{}") | {getattr(a, k): as_json(v) for k, v in read.items()}
    return {g.name: g for g in judge(files, LIMITS, champion, list(waivers), ON)}


def performance(**metrics: tuple[float, float, float]) -> dict[str, Any]:
    changed = {k: dict(zip(("value", "lower", "upper"), v, strict=True)) for k, v in metrics.items()}
    return trained().performance | {"metrics": trained().performance["metrics"] | changed}


def test_all_gates_are_open_for_a_model_that_is_as_it_should_be() -> None:
    assert {g.name: g.status for g in judged().values() if g.status != "pass"} == {}


@pytest.mark.parametrize(
    ("gate", "metrics"),
    [
        ("pure premium", {"pure_premium_actual_over_expected": (1.9, 1.7, 2.1)}),
        ("severity", {"severity_model_explained": (-0.5, -0.6, -0.4)}),
        ("severity", {"tweedie_pair_explained": (-0.5, -0.6, -0.4)}),
        ("calibration", {"frequency_model_actual_over_expected": (1.2, 1.1, 1.3)}),
        ("champion", {"frequency_model_explained": (0.01, -0.001, 0.02)}),
    ],
)
def test_what_is_certainly_wrong_closes_its_gate(gate: str, metrics: dict[str, tuple[float, float, float]]) -> None:
    assert [g.name for g in judged(PERFORMANCE=performance(**metrics)).values() if g.status == "fail"] == [gate]


def test_losses_are_held_against_the_champion() -> None:
    gain = {"value": 0.01, "lower": 0.005, "upper": 0.02}
    loss = {"value": -0.5, "lower": -0.9, "upper": -0.1}
    diff = {"status": "compared", "version": "4", "deviance_gain": gain, "loss_gain": gain}
    assert judged("4", CHAMPION_DIFF=diff)["severity"].status == "pass"
    assert judged("4", CHAMPION_DIFF=diff | {"loss_gain": loss})["severity"].status == "fail"
    assert judged("5", CHAMPION_DIFF=diff)["severity"].status == "fail"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"share_of_exposure_known": 0.002}, "known of 0.2% of the exposure"),
        ({"groups": [GROUP | {"expected_claims": 1.2}]}, "fewer than 5 claims are expected of g"),
        ({"groups": [GROUP | {"adverse_impact_ratio": {"value": 0.8, "lower": 0.33, "upper": 1.0}}]}, "lower end 0.33"),
        ({"groups": [GROUP | {"adverse_impact_ratio": {"value": 0.8, "lower": None, "upper": None}}]}, "not defined"),
        ({"proxies": [{"feature": "f", "is_proxy": True}]}, "stand in for a group: f"),
    ],
)
def test_what_is_not_known_to_be_fair_is_not_fair(changes: dict[str, Any], why: str) -> None:
    found = judged(FAIRNESS=FAIR | changes)["fairness"]
    assert found.status == "fail" and why in found.figure


def test_a_suite_that_was_not_run_is_lifted_by_name_and_one_that_failed_is_not() -> None:
    lifted = Waiver(gate="expectations", until=ON, why="looked at the table", by="rita")
    assert judged(DATA={"expectations": "not run"})["expectations"].status == "fail"
    assert judged(waivers=(lifted,), DATA={"expectations": "not run"})["expectations"].status == "waived"
    assert judged(waivers=(lifted,), DATA={"expectations": "failed"})["data quality"].status == "fail"
