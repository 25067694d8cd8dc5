"""Commands of published scores: take a night's back, write them to a file."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.state import As, DateOption, day, state
from lake.errors import raise_for

scores_app = typer.Typer(help="Published scores.", no_args_is_help=True)
export_app = typer.Typer(help="Write published results to a file.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(scores_app, name="scores")
    app.add_typer(export_app, name="export")


@scores_app.command("withdraw")
def withdraw(
    context: typer.Context,
    date: DateOption,
    reason: Annotated[str, typer.Option(help="why, for the page and the record")],
    by: As = None,
) -> None:
    """Take back the newest night's scores: readers see those of the last good night again."""
    from jobs.withdrawing import withdraw as run
    from registry.actors import actor

    here = state(context)
    who = actor(here.conf, by)
    found = here.lake.kept(lambda: run(here.lake, here.conf, day(date), reason, who))
    seen = f"readers see those of {found.now}" if found.now else "readers see no scores"
    print(f"{found.rows:,} scores of {day(date)} are withdrawn: {seen}; version {found.version} of the table has them still")
    print(f"to score it anew, by the champion of then: `telematics nightly --date {day(date)} --rerun --from-job score`")
    raise_for(found.complaints)


@scores_app.callback()
def _group() -> None:
    """Keeps `withdraw` a command of its own: typer makes a group with one command into that command."""


@export_app.callback()
def _export() -> None:
    """As above."""


@export_app.command("scores")
def scores(
    context: typer.Context,
    date: DateOption,
    to: Annotated[Path, typer.Option(help="a file that ends in .parquet or .csv")],
) -> None:
    """A night's scores, champion's and others', to Parquet or CSV, in a stable order."""
    from jobs.exporting import export_scores

    here = state(context)
    here.check_there()
    found = export_scores(here.conf.lake, day(date), to)
    print(f"{found.path}: {found.rows:,} scores of {day(date)}, sha256 {found.sha256}")
