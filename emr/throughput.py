"""Measured throughputs, as data: each with the command, machine and date it was measured by (emr/throughput.yml)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).parent / "throughput.yml"


@dataclass(frozen=True)
class Figure:
    """One figure. `value` is in `unit`; `command` gives it anew; `note` says under what conditions it was measured."""

    value: float
    unit: str
    command: str
    machine: str
    date: str
    note: str


@cache
def figures() -> dict[str, Figure]:
    """Name -> figure."""
    content = yaml.safe_load(FILE.read_text())
    shared = {"machine": content["machine"], "date": str(content["date"]), "note": ""}
    return {name: Figure(**{**shared, **found}) for name, found in content["figures"].items()}


def value(name: str) -> float:
    """A figure's value."""
    return figures()[name].value


def sources() -> list[str]:
    """A line a figure, for people."""
    return [
        f"  {name}: {x.value:g} {x.unit}; {x.command}; {x.machine}; {x.date}{'; ' + x.note if x.note else ''}"
        for name, x in figures().items()
    ]
