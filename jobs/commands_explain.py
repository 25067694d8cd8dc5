"""Command `explain-policy`: from a score back to features, days, trips, events, raw files and lines."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from jobs.state import DateOption, day, one_of, state, terminal
from registry.store import CHAMPION

_known_form = one_of("text", "json", "html")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain-policy")(explain_policy)


def explain_policy(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: typer.Context,
    policy: Annotated[str, typer.Argument(help="the policy's pseudonymous id")],
    date: DateOption,
    vehicle: Annotated[str | None, typer.Option(help="one vehicle; else all")] = None,
    coverage: Annotated[str | None, typer.Option(help="one coverage; else all")] = None,
    role: Annotated[str, typer.Option(help="champion, whose scores have reasons")] = CHAMPION,
    feature: Annotated[
        str | None, typer.Option(help="one feature, for instance brake_per_100km_90; else those of the reasons")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="days, trips, events and raw records at most of each")] = 3,
    form: Annotated[str, typer.Option("--format", help="text, json, or html for the customer", callback=_known_form)] = "text",
) -> None:
    """A published score, back to its features, days, trips, events, raw file and line, as known that night. Writes nothing."""
    from jobs.explaining import Asked, explain
    from jobs.explaining_model import page
    from jobs.explaining_text import lines

    here = state(context)
    asked = Asked(policy, day(date), vehicle, coverage, role, feature, limit)
    lake = here.existing_lake
    with terminal.status(f"explaining {policy}"):
        found = explain(lake, here.conf, asked)
    if form == "html":
        print(page(found))
        return
    if form == "json":
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    _print(lines(found))


def _print(text: Iterable[str]) -> None:
    """Wrapped at 100 columns; a path stays on a line of its own, to be copied."""
    from jobs.explaining_text import wrapped

    console = Console(markup=False, emoji=False, highlight=False)
    for line in text:
        for part in wrapped(line):
            console.print(Text(part), soft_wrap=True)
