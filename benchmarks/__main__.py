"""`python -m benchmarks [name ...]`: run every module bench_*.py, print one table, keep it in results/latest.json."""

import datetime as dt
import json
import pkgutil
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.measure import Row, machine

RESULTS = Path(__file__).parent / "results" / "latest.json"
PREFIX = "bench_"
_NUMBERS = ("ours", "peer", "ratio")


def names() -> list[str]:
    """The benchmarks there are, without their prefix."""
    return sorted(m.name.removeprefix(PREFIX) for m in pkgutil.iter_modules(benchmarks.__path__) if m.name.startswith(PREFIX))


def print_table(rows: list[Row], out: Console) -> None:
    """One line a comparison."""
    table = Table(caption=machine())
    for heading in ("work", *_NUMBERS, "unit", "versions"):
        table.add_column(heading, justify="right" if heading in _NUMBERS else "left")
    for row in rows:
        table.add_row(row.work, f"{row.ours:.2f}", f"{row.peer:.2f}", f"{row.ratio:.2f}", row.unit, row.versions)
    out.print(table)


def main(asked: list[str]) -> int:
    """Run what was asked for, or all. Returns the exit code: 2 where a name is unknown."""
    out = Console()
    unknown = sorted(set(asked) - set(names()))
    if unknown:
        out.print(f"no benchmark {', '.join(unknown)}: there are {', '.join(names())}")
        return 2
    rows: list[Row] = []
    for name in asked or names():
        out.print(f"running {name}")
        rows += import_module(f"benchmarks.{PREFIX}{name}").run()
    print_table(rows, out)
    RESULTS.parent.mkdir(exist_ok=True)
    record = {"measured_at": dt.datetime.now(dt.UTC).isoformat(), "machine": machine(), "rows": [r.as_dict() for r in rows]}
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
