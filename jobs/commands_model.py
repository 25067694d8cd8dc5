"""Commands of models: train, predict."""

from pathlib import Path
from typing import Annotated

import typer

from jobs import commands_packs
from jobs.commands_registry import registry_app
from jobs.state import As, MaybeDate, day, state, terminal
from lake.errors import InputError

TableOption = Annotated[str, typer.Option("--table", help="a Parquet file or folder, a CSV file, or a Delta table")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("train")(train)
    app.command("predict")(predict)
    commands_packs.register(registry_app)
    app.add_typer(registry_app, name="registry")


def train(
    context: typer.Context,
    date: MaybeDate = None,
    table: Annotated[str | None, typer.Option(help="train on this table: Parquet, CSV or Delta; needs --spec")] = None,
    spec: Annotated[Path | None, typer.Option(help="spec.yml of the table")] = None,
    author: As = None,
) -> None:
    """Build a frame, train a frequency and a severity model per coverage, and register them as a candidate.

    --date is the valuation date; without it, the last published night, else the last day the lake knows. With --table and --spec
    the rows are any table's, and no lake is needed.
    """
    from jobs.train import train as run
    from jobs.train_table import train_table

    if (table is None) != (spec is None):
        raise InputError("--table and --spec go together")
    here = state(context)
    with terminal.status("training"):
        if table is not None and spec is not None:
            results = [train_table(here.conf, table, spec, author, terminal.log)]
        else:
            results = run(here.frames_lake, here.conf, day(date) if date else None, author)
    for result in results:
        print(result.describe())


def predict(
    context: typer.Context,
    table: TableOption,
    model: Annotated[str, typer.Option(help="registered model, pure-premium-<name>")],
    out: Annotated[Path, typer.Option(help="file to write: .parquet or .csv")],
    version: Annotated[str | None, typer.Option(help="version; without it, the champion")] = None,
) -> None:
    """Score a table with a registered version: its columns, and frequency, severity, pure premium and relativity."""
    from jobs.train_table import predict_table

    print(predict_table(state(context).conf, table, model, version, out))
