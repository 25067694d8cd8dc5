"""Commands that bring data in: simulate, ingest, reference, history."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from expectations.gate import BY_HAND, DOCS
from jobs.catalog import job
from jobs.commands_night import run_one
from jobs.state import MaybeDate, MaybeSource, SourceOption, State, day, instant, state, terminal
from lake.errors import ConfigError
from lake.log import log
from lake.sources import load_source
from lake.storage import keep

InputOption = Annotated[list[str], typer.Option("--input", help="file, folder, glob or s3:// prefix; may be repeated")]
ReceivedAt = Annotated[
    dt.datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
        help="when the files were received, where the source does not say",
    ),
]
JobDate = Annotated[dt.datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="run the job of this night")]
REFERENCE_TABLES = ("policies", "devices", "claims", "consents", "fairness_groups")

reference_app = typer.Typer(help="Policies, devices, claims and consents.", invoke_without_command=True)
history_app = typer.Typer(help="Import policy days from elsewhere.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("simulate")(simulate)
    app.command("ingest")(ingest)
    app.add_typer(reference_app, name="reference")
    app.add_typer(history_app, name="history")


def simulate(
    policies: Annotated[int, typer.Option(min=1, help="cars with raw points")],
    days: Annotated[int, typer.Option(min=1, help="days of raw points")],
    seed: Annotated[int, typer.Option(help="the same seed gives the same files")],
    out: Annotated[Path, typer.Option(help="folder to write to")],
    book_policies: Annotated[int, typer.Option(min=0, help="policies with a history of policy days and claims")] = 0,
    book_days: Annotated[int, typer.Option(min=1, help="days of that history")] = 730,
) -> None:
    """Write a fleet with known truth: raw files, reference tables, history, and the truth beside them."""
    from jobs.demo import simulate_with_progress

    summary = simulate_with_progress(policies, days, seed, out, book_policies, book_days)
    print(summary.describe())


def ingest(
    context: typer.Context,
    source: MaybeSource = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", help="file, folder, glob or s3:// prefix; may be repeated")
    ] = None,
    date: MaybeDate = None,
    received_at: ReceivedAt = None,
) -> None:
    """Load raw points: named files of a source, or with --date alone the night's job over the landing prefixes."""
    here = state(context)
    if source is None and not inputs and date is not None:
        run_one(here, job("ingest"), day(date))
        return
    if source is None or not inputs:
        raise ConfigError("give --source and --input, or --date alone for the night's job")
    load_files(here, source, inputs, "bronze.points", date, received_at)


@reference_app.callback(invoke_without_command=True)
def reference(context: typer.Context, date: JobDate = None) -> None:
    """With --date alone: the night's job over the landing prefixes."""
    if context.invoked_subcommand is None:
        if date is None:
            raise ConfigError("give --date for the night's job, or `reference load TABLE --source … --input …`")
        run_one(state(context), job("reference"), day(date))


@reference_app.command("load")
def reference_load(
    context: typer.Context,
    table: Annotated[str, typer.Argument(help=", ".join(REFERENCE_TABLES))],
    source: SourceOption,
    inputs: InputOption,
    date: MaybeDate = None,
    received_at: ReceivedAt = None,
) -> None:
    """Load a reference table from files."""
    if table not in REFERENCE_TABLES:
        raise ConfigError(f"unknown reference table '{table}': choose {', '.join(REFERENCE_TABLES)}")
    load_files(state(context), source, inputs, f"reference.{table}", date, received_at)


@history_app.command("load")
def history_load(
    context: typer.Context,
    table: Annotated[str, typer.Argument(help="policy-days")],
    source: SourceOption,
    inputs: InputOption,
    date: MaybeDate = None,
    received_at: ReceivedAt = None,
) -> None:
    """Import policy days, as known when their source says they were."""
    if table != "policy-days":
        raise ConfigError(f"unknown history table '{table}': choose policy-days")
    load_files(state(context), source, inputs, "gold.policy_days", date, received_at)


def load_files(
    here: State, name: str, inputs: list[str], target: str, date: dt.datetime | None, received_at: dt.datetime | None
) -> None:
    """Load files by hand and print what became of every record. Raises InputError last if a file was refused, GateFailed where
    the load's gate kept all out."""
    from jobs.loading import listed, load, open_from

    source = load_source(name, here.conf.sources_path)
    if source.target != target:
        raise ConfigError(f"source '{name}' maps to {source.target}, not to {target}")
    here.will_read(*inputs)
    # before Spark's seconds
    files = listed(inputs)
    try:
        with terminal.status(f"loading {name}") as live:
            result = here.lake.kept(
                lambda: load(
                    here.lake, here.conf, source, files,
                    date=day(date) if date else None, received_at=instant(received_at), run_id=here.run_id,
                    floor=open_from(here.lake, target),
                    progress=lambda line: live.update(f"loading {line}"),
                )
            )  # fmt: skip
    finally:
        docs = f"{DOCS}/{BY_HAND}"
        keep(here.conf.reports_path / docs, here.conf.kept(f"_reports/{docs}"))
    log().info("loaded", message=result.describe())
    print(result.describe())
    result.raise_for_refused()
