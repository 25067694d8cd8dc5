"""Command `release check`: does the code at hand make of a published night what was published?"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pyspark.sql import Row

from jobs.state import DateOption, FormatOption, day, state, terminal
from lake.conf import CONF_FOLDER
from lake.errors import GateFailed

if TYPE_CHECKING:
    from jobs.releasing import Checked

release_app = typer.Typer(help="A release of the code.", no_args_is_help=True)
EXPECTED = CONF_FOLDER / "expected.yaml"
COUNTED = ("kind", "feature_version", "rows", "changed", "unexplained", "largest_change")
SCORES = (
    "explained", "policy_id", "vehicle_id", "coverage", "feature_version", "pure_premium_then", "pure_premium_now", "change",
    "columns", "features",
)  # fmt: skip
FEATURES = ("explained", "vehicle_id", "feature_version", "moved")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(release_app, name="release")


@release_app.callback()
def _group() -> None:
    """Keeps `check` a command of its own."""


@release_app.command("check")
def check(
    context: typer.Context,
    date: DateOption,
    explained: Annotated[Path, typer.Option(help="changes that are meant, with reasons; without, what the code has")] = EXPECTED,
    tolerance: Annotated[float, typer.Option(min=0, help="what may differ, as a share")] = 1e-6,
    in_full: Annotated[
        bool, typer.Option("--in-full", help="sums of windows from all policy days, not from those stored")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="changed rows shown at most, of each kind")] = 20,
    form: FormatOption = "table",
) -> None:
    """Compute a published night again with its models and this code, compare every row, and end with 4 where one that differs is
    not explained. Writes nothing."""
    from jobs.expected import read_expected
    from jobs.releasing import check as compare

    expected = read_expected(explained)
    here = state(context)
    lake = here.existing_lake
    with terminal.status(f"night {day(date)} once more"):
        found = compare(lake, here.conf, day(date), expected, tolerance, in_full, limit)
    _print(found, tolerance, form)
    for one in found.unused:
        terminal.print(f"warning: explains nothing: {', '.join(one.columns)}: {one.reason}", soft_wrap=True)
    if found.unexplained:
        mend = "mend the code, or say with --explained what is meant and why"
        raise GateFailed(f"{found.unexplained} row(s) of night {found.date} are not what was published: {mend}")


def _print(found: "Checked", tolerance: float, form: str) -> None:
    from jobs.looking import plain, write

    if form == "json":
        facts = {"night": f"{found.date}", "tolerance": tolerance, "unexplained": found.unexplained}
        facts |= {"counted": [asdict(x) for x in found.counted], "unused": [x.model_dump() for x in found.unused]}
        facts |= {"scores": [plain(r) for r in found.scores], "features": [plain(r) for r in found.features]}
        print(json.dumps(facts, indent=2, ensure_ascii=False, default=str))
        return
    write([Row(**asdict(x)) for x in found.counted], list(COUNTED), form)  # type: ignore[arg-type]
    for rows, columns in ((found.scores, SCORES), (found.features, FEATURES)):
        if rows:
            print()
            write([_narrow(r, columns) for r in rows], list(columns), form)  # type: ignore[arg-type]


def _narrow(row: Row, columns: tuple[str, ...]) -> Row:
    """Lists as text, and numbers short enough to stand beside each other."""
    return Row(**{x: _text(row[x]) for x in columns})


def _text(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return ", ".join(x if isinstance(x, str) else f"{x['column']} {x['then']} -> {x['now']}" for x in value)
