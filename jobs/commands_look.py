"""Commands to look: tables, show, ui, doctor, demo."""

from typing import Annotated

import typer
from rich.table import Table as RichTable

from jobs.state import FormatOption, one_of, state, terminal
from lake.conf import load_conf
from lake.errors import EnvironmentProblem
from lake.tables import TABLES
from lake.views import ENGINES, ddl

_known_engine = one_of(*ENGINES, "redshift")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("tables")(tables)
    app.command("show")(show)
    app.command("ui")(ui)
    app.command("doctor")(doctor)
    app.command("demo")(demo)


def tables(
    context: typer.Context,
    engine: Annotated[
        str | None,
        typer.Option(
            "--ddl", help="spark, athena, duckdb or redshift: print statements that name tables and views", callback=_known_engine
        ),
    ] = None,
) -> None:
    """Name, rows, Delta version and last write of every table. With --ddl: statements for another engine."""
    from jobs.looking import console_of, table_states

    if engine is not None:
        lake = state(context).existing_lake
        there = [t for t in TABLES.values() if lake.exists(t.name)]
        partitions = {t.name: lake.partitions(t.name) for t in there if t.manifests} if engine == "redshift" else {}
        print("".join(f"{x};\n" for x in ddl(engine, lake.root, there, partitions)), end="")
        return
    grid = RichTable(show_edge=False)
    for name in ("table", "rows", "version", "last write (UTC)", "one row is"):
        # only the meaning may wrap: names are there to be typed, and searched for in a pipe
        grid.add_column(name, justify="right" if name in ("rows", "version") else "left", no_wrap=name != "one row is")
    lake = state(context).existing_lake
    with terminal.status("counting rows"):
        found = table_states(lake)
    for t in found:
        written = f"{t.last_write:%Y-%m-%d %H:%M:%S}" if t.last_write else "never"
        grid.add_row(
            t.name, "" if t.rows is None else f"{t.rows:,}", "" if t.version is None else str(t.version), written, t.meaning
        )
    console_of().print(grid)


def show(
    context: typer.Context,
    table: Annotated[str, typer.Argument(help="for instance gold.policy_scores")],
    where: Annotated[str | None, typer.Option(help="SQL condition, for instance \"score_date = DATE'2026-01-14'\"")] = None,
    columns: Annotated[str | None, typer.Option(help="names, separated by commas")] = None,
    order: Annotated[str | None, typer.Option(help="column, or 'column desc'; several separated by commas")] = None,
    limit: Annotated[int, typer.Option(min=1, help="rows at most")] = 20,
    form: FormatOption = "table",
) -> None:
    """Rows of a table."""
    from jobs.looking import select, write

    write(*select(state(context).existing_lake, table, where, columns, order, limit), form)  # type: ignore[arg-type]


def ui(
    context: typer.Context, port: Annotated[int | None, typer.Option(help="loopback port; MLflow takes the next one")] = None
) -> None:
    """Serve the reports and MLflow on loopback until Ctrl-C."""
    from jobs.ui import serve

    conf = state(context).conf
    serve(conf, port or conf.ui_port)


def doctor(
    context: typer.Context,
    mend: Annotated[bool, typer.Option("--mend", help="fetch a Java 17 and the jars where missing")] = False,
    env: Annotated[str | None, typer.Option("--env", help="the AWS account of this environment instead of this machine")] = None,
) -> None:
    """Check Python, Java, jars, disk and write access, or with --env roles, buckets and stores, and say how to mend each."""
    from jobs import doctor as checks

    if env is not None:
        conf = load_conf(env)
        found = [check for of_layer in checks.OF_AN_ENVIRONMENT.values() for check in of_layer(conf)]
    else:
        conf = state(context).conf
        if mend:
            checks.mend(conf)
        found = checks.checks(conf)
    for check in found:
        print(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.what}" + ("" if check.ok else f" -> {check.mend}"))
    failed = [c.name for c in found if not c.ok]
    if failed:
        raise EnvironmentProblem(f"{len(failed)} check(s) failed: {', '.join(failed)}")


def demo(
    context: typer.Context,
    policies: Annotated[int, typer.Option(min=10, help="cars with raw points")] = 30,
    days: Annotated[int, typer.Option(min=4, help="days of raw points")] = 10,
    book_policies: Annotated[int, typer.Option(min=0, help="policies with a history")] = 20_000,
    seed: Annotated[int, typer.Option(help="seed of the simulation")] = 1,
) -> None:
    """Simulate a fleet and a book, train, promote, run three nights, and say where everything is."""
    from jobs.demo import run_demo

    run_demo(state(context), policies, days, book_policies, seed)
