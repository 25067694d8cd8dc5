"""Commands of the quarantine: list, show, replay."""

from typing import Annotated

import typer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.state import FormatOption, MaybeSource, SourceOption, state, terminal
from lake.log import log
from lake.sources import load_source

MaybeReason = Annotated[str | None, typer.Option("--reason", help="for instance no_policy, or out_of_range for any column")]

quarantine_app = typer.Typer(help="Records that were held back.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(quarantine_app, name="quarantine")


@quarantine_app.command("list")
def list_(context: typer.Context, form: FormatOption = "table") -> None:
    """Held records by source, target and reason; one with several reasons counts under each."""
    from jobs.looking import write
    from jobs.replaying import held

    rows = by_reason(held(state(context).existing_lake))
    write(rows.collect(), rows.columns, form)  # type: ignore[arg-type]


@quarantine_app.command("show")
def show(
    context: typer.Context,
    source: MaybeSource = None,
    reason: MaybeReason = None,
    limit: Annotated[int, typer.Option(min=1, help="rows at most")] = 20,
    form: FormatOption = "table",
) -> None:
    """Held records with what was wrong and where."""
    from jobs.looking import write
    from jobs.replaying import held

    if source is not None:
        load_source(source, state(context).conf.sources_path)
    columns = ["source", "source_file", "source_line", "reasons", "raw_text"]
    rows = held(state(context).existing_lake, source, reason).orderBy("source", "source_file", "source_line").select(*columns)
    write(rows.limit(limit).collect(), columns, form)  # type: ignore[arg-type]


@quarantine_app.command("replay")
def replay(context: typer.Context, source: SourceOption, reason: MaybeReason = None) -> None:
    """Judge held records again and bring in those that nothing is wrong with any more."""
    from jobs.loading import open_from
    from jobs.loading_batch import Batch
    from jobs.replaying import replay as run

    here = state(context)
    mapped = load_source(source, here.conf.sources_path)
    lake = here.lake
    with terminal.status(f"replaying {source}") as live:
        batch = Batch(
            lake, mapped, lake.table(mapped.target), None, None, open_from(lake, mapped.target), here.run_id,
            progress=lambda line: live.update(f"replaying {line}"),
        )  # fmt: skip
        result = lake.kept(lambda: run(batch, reason))
    log().info("replayed", message=result.describe())
    print(result.describe())
    result.raise_for_unread()


def by_reason(rows: DataFrame) -> DataFrame:
    """Records and files of each source, target and reason, and when the first and the last were received."""
    exploded = rows.withColumn("reason", F.explode("reasons"))
    grouped = exploded.groupBy("source", "target", "reason").agg(
        F.count(F.lit(1)).alias("records"), F.count_distinct("content_sha256").alias("files"),
        F.min("received_ts").alias("first_received"), F.max("received_ts").alias("last_received"),
    )  # fmt: skip
    return grouped.orderBy("source", "target", F.desc("records"), "reason")
