"""How one source's points become trips and events: its file and the rules that this names, read together."""

from dataclasses import dataclass
from pathlib import Path

from lake.event_rules import EventRules, load_rules
from lake.sources import Calibration, Source, load_source

SEGMENTATION = "v1"
"""Version of the code; part of trip_id, so another gives other trips beside the old ones."""


@dataclass(frozen=True)
class DrivingRules:
    """A source with its event rules, in the order of source.event_rules."""

    source: Source
    rules: tuple[EventRules, ...]

    @property
    def segmentation_version(self) -> str:
        """What trips are told apart by, for instance gap300-v1 or gap300-idle200-ignition30-foot-v1."""
        s = self.source
        parts = [f"gap{s.trip_gap_s}"]
        parts += [f"idle{s.trip_idle_s}"] if s.trip_idle_s else []
        parts += [f"ignition{s.ignition_off_s}"] if s.ignition_off_s else []
        parts += ["foot"] if s.carried else []
        return "-".join([*parts, SEGMENTATION])

    def calibration(self, firmware: str | None) -> Calibration | None:
        """The factors of a firmware; None where its harsh events are not to be counted."""
        if "firmware" not in self.source.columns:
            return Calibration(firmware="", because="the source states no firmware")
        return next((x for x in self.source.calibrations if x.firmware == (firmware or "")), None)


def driving_rules(source: Source, rules_folder: Path) -> DrivingRules:
    """A source with its rules. Raises ConfigError for rules that are not there."""
    return DrivingRules(source, tuple(load_rules(x.rules, rules_folder) for x in source.event_rules))


def load_driving(names: list[str], sources_folder: Path, rules_folder: Path) -> dict[str, DrivingRules]:
    """By name of the source. Raises ConfigError for a source or rules without a file."""
    return {name: driving_rules(load_source(name, sources_folder), rules_folder) for name in names}
