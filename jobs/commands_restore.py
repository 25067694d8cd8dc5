"""Commands `restore check` and `restore apply`: a lake from a copy of its files. Neither starts Spark."""

import json
import time
from typing import Annotated

import typer

from jobs.state import FormatOption, MaybeDate, day, state, terminal

restore_app = typer.Typer(help="A lake from a copy of its files.", no_args_is_help=True)
FromOption = Annotated[str, typer.Option("--from", help="root of the copy: a folder or s3://bucket/prefix")]
LayerOption = Annotated[
    list[str] | None, typer.Option("--layer", help="restore these alone, such as gold; all that a night recorded without")
]
COLUMNS = ("name", "seen", "restored", "why")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(restore_app, name="restore")


@restore_app.command("check")
def check(
    source: FromOption, layer: LayerOption = None, date: MaybeDate = None, form: FormatOption = "table"
) -> None:  # fmt: skip
    """The last published night that is whole in a copy, and the version of each table; ends with 6 where there is none."""
    from pyspark.sql import Row

    from jobs.looking import write
    from jobs.restoring import facts, plan
    from lake.stored import Stored

    found = facts(plan(Stored(source), layer or (), day(date) if date else None))
    if form == "json":
        print(json.dumps(found, indent=2))
        return
    print(
        f"night {found['night']}, published {found['published_at']}: {found['files']} files of tables, {found['beside']} beside"
    )
    for line in found["passed"]:
        print(f"not whole: {line}")
    write([Row(**x) for x in found["tables"]], list(COLUMNS), form)  # type: ignore[arg-type]


@restore_app.command("apply")
def apply(context: typer.Context, source: FromOption, layer: LayerOption = None, date: MaybeDate = None) -> None:
    """Copy that night's versions into the lake that --conf or --lake names, which must be empty. Stopped, it can be run again."""
    from jobs.restoring import apply as copy
    from jobs.restoring import plan
    from lake.stored import Stored

    target, started = state(context).conf.lake, time.monotonic()
    planned = plan(Stored(source), layer or (), day(date) if date else None)
    with terminal.status(f"night {planned.night} from {source} to {target}"):
        files = copy(Stored(source), Stored(target), planned)
    print(f"{target} stands as night {planned.night} left it: {files} files copied in {time.monotonic() - started:.0f} s")
    print("look first (`telematics nights`, `telematics tables`), then run the nights since: `telematics nightly --date …`")
