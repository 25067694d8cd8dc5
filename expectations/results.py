"""What a gate found, as small JSON files that the night's page reads; no clock in them, so that a rerun gives the same."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from expectations.checks import Check, Severity

FOLDER = "results"


@dataclass(frozen=True)
class CheckResult:
    """A check, what was observed, and whether it holds."""

    name: str
    observed: float | None
    minimum: float | None
    maximum: float | None
    severity: Severity
    reason: str
    success: bool

    @classmethod
    def of(cls, check: Check, observed: float | None, success: bool) -> Self:
        """The result of a check."""
        value = None if observed is None else float(observed)
        return cls(check.name, value, check.minimum, check.maximum, check.severity, check.reason, success)

    @property
    def line(self) -> str:
        """For people: what was measured, its value and the limit."""
        limits = [
            f"at least {self.minimum:g}" if self.minimum is not None else "",
            f"at most {self.maximum:g}" if self.maximum is not None else "",
        ]
        observed = "not measured" if self.observed is None else f"{self.observed:g}"
        return f"{self.name} = {observed} ({' and '.join(x for x in limits if x)})"


def write_results(folder: Path, table_name: str, results: list[CheckResult]) -> None:
    """Put the table's results in the place of those of an earlier attempt."""
    target = folder / FOLDER / f"{table_name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([asdict(r) for r in results], indent=1))


def read_results(folder: Path) -> Iterator[tuple[str, list[CheckResult]]]:
    """(table, results) per gate of a run, by name; nothing where no gate ran."""
    for path in sorted((folder / FOLDER).glob("*.json")):
        yield path.stem, [CheckResult(**row) for row in json.loads(path.read_text())]
