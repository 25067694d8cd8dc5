"""What a simulation made, for people and as JSON, and the truth about it as files."""

import datetime as dt
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from simulator import oracle, people

FILE = "truth/summary.json"


@dataclass(frozen=True)
class Summary:
    """Counts, planted faults by kind, the special cases, and the oracle's Gini on all claims that occurred (None
    without claims). `arguments` are those that decide what is in the files."""

    out: str
    start: dt.date
    days: int
    policies: int
    book_policies: int
    files: int
    points: int
    trips: int
    policy_days: int
    claims: int
    oracle_gini: float | None
    faults: dict[str, int]
    cases: dict[str, dict[str, str | None]]
    arguments: dict[str, Any]

    def describe(self) -> str:
        """A few lines for people."""
        last = self.start + dt.timedelta(days=self.days - 1)
        planted = ", ".join(f"{kind} {n:,}" for kind, n in self.faults.items()) or "none"
        gini = "" if self.oracle_gini is None else f"; Gini of the true rate on them {self.oracle_gini:.3f}"
        return "\n".join(
            (
                f"{self.policies} cars from {self.start} to {last}:",
                f"  {self.trips:,} trips, {self.points:,} points in {self.files} files",
                f"book: {self.book_policies:,} policies, {self.policy_days:,} policy days",
                f"claims that occurred: {self.claims:,}{gini}",
                f"planted faults: {planted}",
                f"special cases: {', '.join(self.cases) or 'none (they need 10 policies)'}",
                f"below {self.out}: sim_phone/, reference/, history/, truth/ (which never enters the lake)",
            )
        )

    def write(self, out: Path) -> None:
        """Write truth/summary.json; the folder's own name is not in it."""
        document = asdict(replace(self, out=".")) | {"start": self.start.isoformat()}
        (out / FILE).write_text(json.dumps(document, indent=2) + "\n")


def read(out: Path) -> Summary | None:
    """The summary of a finished simulation, or None."""
    path = out / FILE
    if not path.is_file():
        return None
    document = json.loads(path.read_text())
    return Summary(**document | {"out": str(out), "start": dt.date.fromisoformat(document["start"])})


def write_truth(out: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write each table as truth/<name>.parquet."""
    (out / "truth").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(out / "truth" / f"{name}.parquet", index=False)


def gini_of_all(drivers: pd.DataFrame) -> float | None:
    """The oracle's Gini on every claim that occurred; None without claims."""
    insured = drivers[drivers["policy_id"].notna()]
    return oracle.gini(insured, insured) if insured["claims"].sum() > 0 else None


def population(everyone: pd.DataFrame) -> dict[str, int]:
    """How many policies of each level."""
    insured = everyone[everyone["policy_id"].notna()]["level"]
    return {"policies": int((insured == people.FLEET).sum()), "book_policies": int((insured == people.BOOK).sum())}
