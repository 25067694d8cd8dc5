"""Commands of models: train, registry."""

from typing import Annotated

import typer

from jobs.state import MaybeDate, day, state, terminal

registry_app = typer.Typer(help="Registered model versions.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("train")(train)
    app.add_typer(registry_app, name="registry")


def train(context: typer.Context, date: MaybeDate = None) -> None:
    """Build a frame, train a frequency and a severity model per coverage, and register them as a candidate.

    --date is the valuation date; without it, the last published night, else the last day the lake knows.
    """
    from jobs.train import train as run

    here = state(context)
    with terminal.status("training"):
        results = run(here.frames_lake, here.conf, day(date) if date else None)
    for result in results:
        print(result.describe())


@registry_app.command("promote")
def promote(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(help="registered model; without it, the only one there is")] = None,
    version: Annotated[str | None, typer.Argument(help="version; without it, the newest")] = None,
    alias: Annotated[str, typer.Option(help="alias to move")] = "champion",
) -> None:
    """Move an alias to a version: from the next night on, the champion scores."""
    from registry.promote import promote as run

    print(run(state(context).conf, model, version, alias).describe())


@registry_app.command("list")
def list_versions(context: typer.Context) -> None:
    """Registered versions with their aliases and metrics."""
    from registry.promote import describe_versions

    print(describe_versions(state(context).conf))
