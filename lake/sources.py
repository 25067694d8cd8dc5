"""The schema of conf/sources/<name>.yml: how one provider's files map to one of our tables, without code."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lake import yaml_file
from lake.errors import ConfigError
from lake.event_rules import DEFAULT_RULES
from lake.tables import TABLES

Target = Literal[
    "bronze.points",
    "reference.policies",
    "reference.devices",
    "reference.claims",
    "reference.consents",
    "reference.fairness_groups",
    "gold.policy_days",
]
UNIT_FACTORS: dict[str, float] = {
    "m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "kn": 1852 / 3600,
    "m/s2": 1.0, "g": 9.80665,
    "m": 1.0, "ft": 0.3048, "km": 1000.0, "mi": 1609.344,
    "deg": 1.0, "1": 1.0,
}  # fmt: skip
"""Factor from a unit to the canonical one of its dimension; g is standard gravity, mph the international mile."""


SET_BY_LOADER = frozenset({
    "record_id", "event_date", "received_ts", "source_file", "source_line", "content_sha256",
    "stated_ts", "known_from", "known_to", "local_month",
})  # fmt: skip
"""Columns that no file can fill: they say how we came by the record, or follow from its other columns."""


def check_zone(value: str) -> str:
    """The name, if it is a zone's. Raises ValueError."""
    if value not in available_timezones():
        raise ValueError(f"unknown time zone '{value}': give an IANA name, for instance America/Guayaquil")
    return value


class Strict(BaseModel):
    """Refuses unknown keys, so that a misspelt one is an error and not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Time(Strict):
    """A point in time: the columns are joined by a space and read by `format` in `zone`."""

    columns: Annotated[tuple[str, ...], Field(description="columns that hold it, joined by a space before parsing")]
    format: Annotated[str, Field(description="epoch_s, epoch_ms, epoch_us, iso, or a Spark datetime pattern")]
    zone: Annotated[str, Field(description="IANA zone of times that carry none")] = "UTC"
    date_from_path: Annotated[
        str | None, Field(description="regex on the path: group date (yyyyMMdd) and, if the day can roll over, time (HHmmss)")
    ] = None

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return check_zone(value)

    @field_validator("date_from_path")
    @classmethod
    def _date_group(cls, value: str | None) -> str | None:
        return _check_groups(value, "date")


class FromPath(Strict):
    """received_ts from the path, for instance date=2026-01-05/hour=14: the end of what the pattern names."""

    path_pattern: Annotated[str, Field(description="regex on the path with group date (yyyy-MM-dd) and optionally hour (HH)")]

    @field_validator("path_pattern")
    @classmethod
    def _date_group(cls, value: str) -> str | None:
        return _check_groups(value, "date")


class FieldMap(Strict):
    """Where one of our columns comes from: exactly one of column, constant, path_pattern."""

    column: Annotated[str | None, Field(description="column, or dotted path in JSON")] = None
    constant: Annotated[str | None, Field(description="the same value for every record")] = None
    path_pattern: Annotated[str | None, Field(description="regex on the file name; its group `value` is the value")] = None
    unit: Annotated[str | None, Field(description="unit in the file, converted to the canonical one")] = None
    null_values: Annotated[tuple[str, ...], Field(description="values that mean null, besides the empty string")] = ()
    true_values: Annotated[tuple[str, ...], Field(description="for booleans: what means true")] = ("true", "1", "yes", "Yes")
    false_values: Annotated[tuple[str, ...], Field(description="for booleans: what means false")] = ("false", "0", "no", "No")
    time: Annotated[Time | None, Field(description="for timestamps: format and zone")] = None

    @field_validator("path_pattern")
    @classmethod
    def _value_group(cls, value: str | None) -> str | None:
        return _check_groups(value, "value")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [x for x in (self.column, self.constant, self.path_pattern, self.time) if x is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of column, constant, path_pattern, time")
        if self.unit is not None and self.unit not in UNIT_FACTORS:
            raise ValueError(f"unknown unit '{self.unit}'; known: {', '.join(UNIT_FACTORS)}")
        return self


class FileFormat(Strict):
    """How a file is laid out; compression is told from its content."""

    type: Literal["jsonl", "csv", "parquet"]
    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    thousands: Annotated[Literal["", ".", ",", " ", "'"], Field(description="what groups the digits of a number")] = ""
    encoding: Literal["utf-8", "iso-8859-1", "windows-1252"] = "utf-8"

    @model_validator(mode="after")
    def _different_marks(self) -> Self:
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal are both '{self.decimal}'")
        return self


class Consent(Strict):
    """Whether points need a valid consent at event time; a waiver needs its reason."""

    required: bool = True
    waiver: str | None = None

    @model_validator(mode="after")
    def _reason(self) -> Self:
        if not self.required and not self.waiver:
            raise ValueError("consent that is not required needs a `waiver`: the reason in words")
        return self


class Cleaning(Strict):
    """What a position must be to count, and when a sensor hangs."""

    max_accuracy_m: Annotated[float, Field(gt=0, description="a position stated worse than this is left out")] = 50.0
    max_hdop: Annotated[float, Field(gt=0, description="and one of a worse dilution of precision: 10 is the edge of fair")] = 10.0
    stuck_s: Annotated[float, Field(gt=0, description="speed and position that repeat exactly for so long hang")] = 10.0


class RulesByInterval(Strict):
    """Which event rules serve a sampling rate."""

    up_to_s: Annotated[float, Field(gt=0, description="mean time from point to point of a trip, at most")]
    rules: Annotated[str, Field(description="a file in conf/rules")]


class Calibration(Strict):
    """A firmware whose accelerometer is known, by the factors that make it agree with the source's other firmwares."""

    firmware: str
    lon_scale: Annotated[float, Field(gt=0, description="times the longitudinal acceleration")] = 1.0
    lat_scale: Annotated[float, Field(gt=0, description="times the lateral acceleration")] = 1.0
    because: Annotated[str, Field(description="how the factors were found")]


Share = Annotated[float, Field(ge=0, le=1)]


class Limits(Strict):
    """From where on a load is kept out (`_stop`) or pointed out: the greatest shares, judged of `min_records` and more."""

    min_records: Annotated[int, Field(ge=1, description="a share of fewer says nothing: at 1,000 a limit of 1 % is ten")] = 1000
    quarantined_stop: Annotated[Share, Field(description="of what came in files that bring any records: most of it is bad")] = 0.5
    quarantined: Annotated[Share, Field(description="of all records; the night's page turns amber at the same")] = 0.01
    withheld: Annotated[Share, Field(description="without a policy or consent")] = 0.5
    duplicate: Annotated[Share, Field(description="points that were there; files are sent twice, not whole deliveries")] = 0.2
    conflict: Annotated[Share, Field(description="points beside another of the same device and time")] = 0.01
    ahead: Annotated[Share, Field(description="points timed after their receipt")] = 0.01
    late: Annotated[Share, Field(description="points received over a week after their time")] = 0.2
    null: Annotated[Share, Field(description="nulls of a mapped column: all but a few")] = 0.95
    of_usual: Annotated[Share, Field(description="the least: records against the median of the last nights")] = 0.5


class Source(Strict):
    """One provider's files."""

    name: str
    description: str
    target: Target = "bronze.points"
    format: FileFormat
    received: Annotated[
        Time | FromPath | None, Field(description="where received_ts comes from; else --received-at, else --date")
    ] = None
    columns: dict[str, FieldMap]
    consent: Consent = Consent()
    ignored: Annotated[
        tuple[str, ...], Field(description="columns that files are known to have besides those that are mapped")
    ] = ()
    trip_gap_s: Annotated[int, Field(ge=30, le=3600, description="a pause longer than this ends a trip")] = 300
    distance_method: Annotated[
        Literal["haversine", "speed"], Field(description="where the distance comes from; the other fills in where it has none")
    ] = "haversine"
    covered_step_s: Annotated[
        float, Field(gt=0, le=300, description="a longer step is a gap: raise it for a source that samples more slowly")
    ] = 10.0
    zone: Annotated[str, Field(description="IANA zone of trips without any position")] = "UTC"
    trip_idle_s: Annotated[
        int | None, Field(ge=30, description="a stand longer than this ends a trip; null: only a pause in the points does")
    ] = None
    ignition_off_s: Annotated[
        int | None, Field(ge=1, description="ignition off for so long ends a trip; null: ignition is not looked at")
    ] = None
    carried: Annotated[bool, Field(description="the device may leave the car with its owner: walking is told from driving")] = (
        False
    )
    cleaning: Cleaning = Cleaning()
    event_rules: Annotated[
        tuple[RulesByInterval, ...],
        Field(description="by sampling rate, fastest first; slower trips have no harsh events, and speeding by the last"),
    ] = (RulesByInterval(up_to_s=2.0, rules=DEFAULT_RULES),)
    calibrations: Annotated[
        tuple[Calibration, ...], Field(description="for a source that maps `firmware`: others' harsh events are not counted")
    ] = ()
    limits: Limits = Limits()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return check_zone(value)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", value):
            raise ValueError("a source's name is lower-case letters, digits and underscores")
        return value

    @model_validator(mode="after")
    def _rules_in_order(self) -> Self:
        seconds = [x.up_to_s for x in self.event_rules]
        if not seconds or seconds != sorted(set(seconds)):
            raise ValueError("event_rules: at least one entry, with up_to_s ascending")
        names = [x.firmware for x in self.calibrations]
        if len(names) != len(set(names)):
            raise ValueError("calibrations: a firmware stands there twice")
        return self

    @model_validator(mode="after")
    def _columns_of_target(self) -> Self:
        table = TABLES[self.target]
        types = {x.name: x.type for x in table.columns if x.name not in SET_BY_LOADER}
        unknown = sorted(set(self.columns) - set(types))
        if unknown:
            raise ValueError(f"{self.target} has no column {', '.join(unknown)} to map; it has {', '.join(types)}")
        needed = [x.name for x in table.columns if not x.nullable and x.name in types and x.name != "source"]
        lacking = [x for x in needed if x not in self.columns]
        if lacking:
            raise ValueError(f"{self.target} needs {', '.join(lacking)}: map them below `columns`")
        for name, field in self.columns.items():
            if field.unit is not None and types[name] != "double":
                raise ValueError(f"columns.{name}: a unit is for measured columns, {name} is {types[name]}")
            if field.time is not None and types[name] not in ("timestamp", "date"):
                raise ValueError(f"columns.{name}: a time is for timestamps, {name} is {types[name]}")
        return self


def _check_groups(pattern: str | None, group: str) -> str | None:
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as e:
        raise ValueError(f"not a regular expression: {e}") from e
    if group not in compiled.groupindex:
        raise ValueError(f"the pattern has no group (?P<{group}>...)")
    return pattern


def load_source(name: str, folder: Path) -> Source:
    """Read conf/sources/<name>.yml. Raises ConfigError that names the file, the key and what is wrong."""
    known = sorted(p.stem for p in folder.glob("*.yml"))
    if name not in known:
        raise ConfigError(f"unknown source '{name}': {folder} has {', '.join(known) or 'no sources'}")
    path = folder / f"{name}.yml"
    source = yaml_file.read(path, Source)
    if source.name != name:
        raise ConfigError(f"{path}: name is '{source.name}', the file says '{name}'")
    return source
