"""What a version must show before it may be approved, judged from its own artefacts by the thresholds of conf/gates.yaml."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lake import yaml_file
from lake.errors import ConfigError
from training.artefacts import (
    APPROVALS,
    ARTEFACTS,
    CHAMPION_DIFF,
    DATA,
    FAIRNESS,
    MONOTONICITY,
    NO_CHAMPION,
    PERFORMANCE,
    REASONS,
    REPRODUCIBILITY,
)

Status = Literal["pass", "fail", "waived"]
Found = tuple[bool, str]

NOT_RUN, NOT_CHECKED = "not run", "expectations"
"""What lineage says of a table that no suite was run on, and the gate that it closes."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Champion(_Part):
    margin: Annotated[float, Field(ge=0)]


class _Calibration(_Part):
    tolerance: Annotated[float, Field(ge=0)]


class _PurePremium(_Part):
    tolerance: Annotated[float, Field(ge=0)]


class _Severity(_Part):
    largest_loss: Annotated[float, Field(ge=0)]


class _Monotonicity(_Part):
    largest_violation: Annotated[float, Field(ge=0)]


class _Fairness(_Part):
    lowest_adverse_impact_ratio: Annotated[float, Field(ge=0, le=1)]
    least_share_known: Annotated[float, Field(ge=0, le=1)]
    fewest_expected_claims: Annotated[float, Field(ge=0)]


class _Reasons(_Part):
    largest_additivity_error: Annotated[float, Field(ge=0)]


class _Approval(_Part):
    days: Annotated[int, Field(gt=0)]


class Thresholds(_Part):
    """conf/gates.yaml."""

    champion: _Champion
    calibration: _Calibration
    pure_premium: _PurePremium
    severity: _Severity
    monotonicity: _Monotonicity
    fairness: _Fairness
    reasons: _Reasons
    approval: _Approval
    waivable: tuple[str, ...]


class Waiver(_Part):
    """A gate that somebody lifts, by name, until a date and for a reason."""

    gate: str
    until: dt.date
    why: str = Field(min_length=1)
    by: str


@dataclass(frozen=True)
class Gate:
    """One gate with what was found."""

    name: str
    status: Status
    figure: str


def load_thresholds(path: Path) -> Thresholds:
    """Raises ConfigError naming file, key and what is wrong."""
    return yaml_file.read(path, Thresholds)


def judge(files: Mapping[str, bytes], limits: Thresholds, champion: str | None, waivers: list[Waiver], on: dt.date) -> list[Gate]:
    """Every gate for a version's artefacts by file name; `champion` is the version that holds the alias now, None for none.

    Raises ConfigError for a waiver of a gate that is not waivable.
    """
    for waiver in waivers:
        if waiver.gate not in limits.waivable:
            raise ConfigError(f"gate '{waiver.gate}' cannot be waived; {', '.join(limits.waivable)} can")
    lacking = [name for name in ARTEFACTS.values() if name not in files and name != APPROVALS]
    if lacking:
        return [Gate("artefacts", "fail", f"missing: {', '.join(lacking)}")]
    read = {name: json.loads(content) for name, content in files.items() if name.endswith(".json")}
    found = {"artefacts": (True, f"all {len(ARTEFACTS) - 1} that are judged are present")} | _found(read, limits, champion)
    lifted = {w.gate: w for w in waivers if w.until >= on}
    return [_gate(name, passed, figure, lifted.get(name)) for name, (passed, figure) in found.items()]


def _gate(name: str, passed: bool, figure: str, waiver: Waiver | None) -> Gate:
    if passed or waiver is None:
        return Gate(name, "pass" if passed else "fail", figure)
    return Gate(name, "waived", f"{figure}; waived by {waiver.by} until {waiver.until}: {waiver.why}")


def _found(read: dict[str, Any], limits: Thresholds, champion: str | None) -> dict[str, Found]:
    step, error = read[MONOTONICITY]["largest_violation"], read[REASONS]["largest_additivity_error"]
    matches, expectations = read[REPRODUCIBILITY]["retrain_matches"], read[DATA]["expectations"]
    return {
        "champion": _better(read[CHAMPION_DIFF], read[PERFORMANCE], limits.champion.margin, champion),
        "calibration": _calibrated(read[PERFORMANCE], "frequency_model", limits.calibration.tolerance),
        "pure premium": _calibrated(read[PERFORMANCE], "pure_premium", limits.pure_premium.tolerance),
        "severity": _losses(read[CHAMPION_DIFF], read[PERFORMANCE], limits.severity.largest_loss, champion),
        "monotonicity": _at_most(step, limits.monotonicity.largest_violation, "step against a sign"),
        "fairness": _fair(read[FAIRNESS], limits.fairness),
        "reasons": _at_most(error, limits.reasons.largest_additivity_error, "additivity error"),
        "reproducibility": (bool(matches), f"retrain matches: {matches}"),
        # that no suite was run can be lifted by name, that one failed cannot
        NOT_CHECKED if expectations == NOT_RUN else "data quality": (expectations == "passed", f"expectations: {expectations}"),
    }


def _better(diff: dict[str, Any], performance: dict[str, Any], margin: float, champion: str | None) -> Found:
    if champion is None:
        share = performance["metrics"]["frequency_model_explained"]
        return share["lower"] > 0, f"no champion; deviance explained {share['value']:.4f}, lower end {share['lower']:.4f} above 0"
    if diff["status"] == NO_CHAMPION or diff.get("version") != champion:
        held = diff.get("version", "none")
        return False, f"held against version {held}, and version {champion} is champion: train again"
    if "deviance_gain" not in diff:
        return False, str(diff.get("why", diff["status"]))
    gain = diff["deviance_gain"]
    figure = f"deviance gain {gain['value']:.5f} a car-year, lower end {gain['lower']:.5f}, must be above {0 - margin:g}"
    return gain["lower"] > -margin, figure


def _losses(diff: dict[str, Any], performance: dict[str, Any], margin: float, champion: str | None) -> Found:
    """Severity against the mean amount, and the pair's prices against the mean's and the champion's: none certainly worse."""
    metrics = performance["metrics"]
    shares = {"severity": "severity_model_explained", "pure premium": "tweedie_pair_explained"}
    if not any(name.startswith(("severity_", "tweedie_")) for name in metrics):
        return True, "no amounts: frequency alone"
    lacking = [name for name in shares.values() if name not in metrics]
    if lacking:
        return False, f"not measured: {', '.join(lacking)}; train again"
    measured = {f"{what}'s deviance explained": metrics[name] for what, name in shares.items()}
    if champion is not None:
        if diff.get("version") != champion or "loss_gain" not in diff:
            return False, f"losses were not held against champion {champion}: train again"
        measured["loss gain a car-year"] = diff["loss_gain"]
    holds = all(x["upper"] is not None and x["upper"] >= -margin for x in measured.values())
    figure = ", ".join(f"{what} {_shown(x['value'])}, upper end {_shown(x['upper'])}" for what, x in measured.items())
    return holds, f"{figure}; at least {0 - margin:g}"


def _shown(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4f}"


def _calibrated(performance: dict[str, Any], what: str, tolerance: float) -> Found:
    ratio = performance["metrics"][f"{what}_actual_over_expected"]
    if None in ratio.values():
        return False, "actual/expected not defined"
    holds = ratio["lower"] <= 1 <= ratio["upper"] or abs(ratio["value"] - 1) <= tolerance
    figure = f"actual/expected {ratio['value']:.3f} [{ratio['lower']:.3f}, {ratio['upper']:.3f}]"
    return holds, f"{figure}, within 1 +- {tolerance:g} or holding 1"


def _at_most(value: float | None, limit: float, what: str) -> Found:
    if value is None:
        return False, f"largest {what} not defined"
    return value <= limit, f"largest {what} {value:.2g}, at most {limit:g}"


def _fair(found: dict[str, Any], limits: _Fairness) -> Found:
    if found["status"] != "assessed":
        return False, str(found["status"])
    share = found["share_of_exposure_known"]
    if share < limits.least_share_known:
        return False, f"groups are known of {share:.1%} of the exposure, at least {limits.least_share_known:.0%}: not assessed"
    few = [g["group"] for g in found["groups"] if g["expected_claims"] < limits.fewest_expected_claims]
    if few:
        return False, f"fewer than {limits.fewest_expected_claims:g} claims are expected of {', '.join(few)}: not assessed"
    ends = [g["adverse_impact_ratio"]["lower"] for g in found["groups"]]
    if not ends or any(end is None for end in ends):
        return False, "adverse impact ratio not defined"
    lowest, limit = min(ends), limits.lowest_adverse_impact_ratio
    proxy = [p["feature"] for p in found.get("proxies", []) if p["is_proxy"]]
    named = f"; stand in for a group: {', '.join(proxy)}" if proxy else ""
    figure = f"lowest adverse impact ratio {found['lowest_adverse_impact_ratio']:.2f}, lower end {lowest:.2f}, at least {limit:g}"
    return lowest >= limit and not proxy, f"{figure}{named}"
