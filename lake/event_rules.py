"""The schema of conf/rules/<name>.yml: by what thresholds events are found, each with where it comes from.

A file is a version: once trips have been made by it, another rule gets another name.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lake import yaml_file
from lake.errors import ConfigError
from lake.table import LADDER_KINDS, RUNGS

G_MPS2 = 9.80665
KMH_PER_MPS = 3.6
DEFAULT_RULES = "ladder-v1"
_FACTORS = {"m/s2": 1.0, "g": G_MPS2}


class EventRules(BaseModel):
    """One version of the rules. `rungs` are ascending thresholds by kind; a peak's rung is how many of them it reaches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}-v[0-9]+$", description="ends in its version, for instance -v1")]
    description: str
    unit: Annotated[Literal["m/s2", "g"], Field(description="unit of the rungs")]
    rungs: Annotated[dict[str, tuple[float, ...]], Field(description="brake, accelerate and corner: one to six thresholds each")]
    labels: Annotated[tuple[str, ...], Field(description="names of the rungs, where the provider has any")] = ()
    axes: Annotated[
        Literal["apart", "larger"], Field(description="a run by axis and direction, or one over the larger of the two axes")
    ] = "apart"
    min_speed_kmh: Annotated[float, Field(ge=0, description="a harsh event needs this speed; 0: none")]
    merge_gap_s: Annotated[float, Field(ge=0, description="runs at most this far apart are one event; 0: none are merged")]
    speeding_tolerance_kmh: Annotated[float, Field(ge=0, description="over the posted limit by more than this")]
    level_mount: Annotated[bool, Field(description="take off what each axis reads at standstill: the tilt of the mount")]
    because: Annotated[dict[str, str], Field(description="where each threshold comes from")]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if set(self.rungs) != set(LADDER_KINDS):
            raise ValueError(f"rungs: give {', '.join(LADDER_KINDS)}")
        for kind, values in self.rungs.items():
            if not 1 <= len(values) <= len(RUNGS) or list(values) != sorted(set(values)) or values[0] <= 0:
                raise ValueError(f"rungs.{kind}: one to {len(RUNGS)} ascending thresholds above 0")
        if self.axes == "larger" and len(set(self.rungs.values())) > 1:
            raise ValueError("rungs: with the larger of the axes, all kinds have the same thresholds")
        needed = {"rungs", "min_speed_kmh", "merge_gap_s", "speeding_tolerance_kmh", "level_mount"}
        if set(self.because) != needed:
            raise ValueError(f"because: say where {', '.join(sorted(needed))} come from")
        return self

    def ladder_mps2(self, kind: str) -> tuple[float, ...]:
        """Thresholds of a kind in m/s2."""
        return tuple(x * _FACTORS[self.unit] for x in self.rungs[kind])

    @property
    def min_speed_mps(self) -> float:
        """min_speed_kmh in m/s."""
        return self.min_speed_kmh / KMH_PER_MPS

    @property
    def speeding_tolerance_mps(self) -> float:
        """speeding_tolerance_kmh in m/s."""
        return self.speeding_tolerance_kmh / KMH_PER_MPS


def load_rules(name: str, folder: Path) -> EventRules:
    """The rules of <folder>/<name>.yml. Raises ConfigError naming the file and what is wrong, or the rules there are."""
    path = folder / f"{name}.yml"
    if not os.path.isfile(path):
        have = ", ".join(sorted(x.stem for x in folder.glob("*.yml"))) or "none"
        raise ConfigError(f"no event rules '{name}' in {folder}: there are {have}")
    rules = yaml_file.read(path, EventRules)
    if rules.name != name:
        raise ConfigError(f"{path}: name is '{rules.name}', the file says '{name}'")
    return rules
