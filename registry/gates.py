"""What a version must show before it may be approved, judged from its own artefacts by the thresholds of conf/gates.yaml."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lake.errors import ConfigError
from lake.sources import describe
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


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Champion(_Part):
    margin: Annotated[float, Field(ge=0)]


class _Calibration(_Part):
    tolerance: Annotated[float, Field(ge=0)]


class _Monotonicity(_Part):
    largest_violation: Annotated[float, Field(ge=0)]


class _Fairness(_Part):
    lowest_adverse_impact_ratio: Annotated[float, Field(ge=0, le=1)]


class _Reasons(_Part):
    largest_additivity_error: Annotated[float, Field(ge=0)]


class _Approval(_Part):
    days: Annotated[int, Field(gt=0)]


class Thresholds(_Part):
    """conf/gates.yaml."""

    champion: _Champion
    calibration: _Calibration
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
    try:
        return Thresholds(**yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError, TypeError) as e:
        raise ConfigError(f"{path}: {' '.join(str(e).split())}") from e
    except ValidationError as e:
        raise ConfigError(f"{path}: {describe(e)}") from e


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
    found = {"artefacts": (True, f"all {len(ARTEFACTS)} present")} | _found(read, limits, champion)
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
        "calibration": _calibrated(read[PERFORMANCE], limits.calibration.tolerance),
        "monotonicity": _at_most(step, limits.monotonicity.largest_violation, "step against a sign"),
        "fairness": _fair(read[FAIRNESS], limits.fairness.lowest_adverse_impact_ratio),
        "reasons": _at_most(error, limits.reasons.largest_additivity_error, "additivity error"),
        "reproducibility": (bool(matches), f"retrain matches: {matches}"),
        "data quality": (expectations == "passed", f"expectations: {expectations}"),
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


def _calibrated(performance: dict[str, Any], tolerance: float) -> Found:
    ratio = performance["metrics"]["frequency_model_actual_over_expected"]
    holds = ratio["lower"] <= 1 <= ratio["upper"] or abs(ratio["value"] - 1) <= tolerance
    figure = f"actual/expected {ratio['value']:.3f} [{ratio['lower']:.3f}, {ratio['upper']:.3f}]"
    return holds, f"{figure}, within 1 +- {tolerance:g} or holding 1"


def _at_most(value: float | None, limit: float, what: str) -> Found:
    if value is None:
        return False, f"largest {what} not defined"
    return value <= limit, f"largest {what} {value:.2g}, at most {limit:g}"


def _fair(found: dict[str, Any], limit: float) -> Found:
    if found["status"] != "assessed":
        return False, str(found["status"])
    ratio = found["lowest_adverse_impact_ratio"]
    proxy = [p["feature"] for p in found.get("proxies", []) if p["is_proxy"]]
    if ratio is None:
        return False, "adverse impact ratio not defined"
    named = f"; stand in for a group: {', '.join(proxy)}" if proxy else ""
    return ratio >= limit and not proxy, f"lowest adverse impact ratio {ratio:.2f}, at least {limit:g}{named}"
