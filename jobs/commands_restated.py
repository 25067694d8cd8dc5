"""Command `restated`: which past results would move, and by how much."""

import json
import sys
from typing import Annotated, Any

import typer
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.state import DateOption, FormatOption, day, state, terminal

ORDER = {"trips": "distance_mm", "policy_days": "distance_mm", "features": "", "scores": "change_amount"}
"""By kind, the quantity whose move orders the rows, the largest first."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("restated")(restated)


def restated(
    context: typer.Context,
    date: DateOption,
    limit: Annotated[int, typer.Option(min=1, help="rows at most of each kind, the largest moves first")] = 20,
    form: FormatOption = "table",
) -> None:
    """Trips, policy days, features and scores of a published night that would move by what was learned since. Writes nothing."""
    from jobs.restated import find_moves

    here = state(context)
    lake = here.existing_lake
    with terminal.status(f"what was learned since night {day(date)}"):
        found = find_moves(lake, here.conf, day(date))
        kinds = {kind: getattr(found, kind) for kind in ORDER}
        summary = {"night": f"{found.date}", "scores_published": found.published, "reference": found.reference}
        summary |= {kind: summarised(kind, df) for kind, df in kinds.items()}
        rows = {kind: df.orderBy(F.desc(_size(kind)), *df.columns[1:3]).limit(limit) for kind, df in kinds.items()}
        _print(summary, rows, form)


def _size(kind: str) -> Column:
    """How much a row moves."""
    if kind == "features":
        return F.size("moved")
    if kind == "scores":
        return F.abs("change_amount")
    return F.abs(F.coalesce(f"{ORDER[kind]}_now", F.lit(0)) - F.coalesce(f"{ORDER[kind]}_then", F.lit(0)))


def summarised(kind: str, df: DataFrame) -> dict[str, Any]:
    """Rows by change, and their sums then and now (distance in mm, prices by currency) with the largest single move."""
    if kind == "features":
        row = df.agg(F.count(F.lit(1)).alias("vehicles"), F.coalesce(F.sum(_size(kind)), F.lit(0)).alias("values")).collect()[0]
        return row.asDict()
    name = "pure_premium" if kind == "scores" else ORDER[kind]
    then, now = (F.coalesce(F.sum(f"{name}_{x}"), F.lit(0)).alias(x) for x in ("then", "now"))
    by = df.groupBy("currency") if kind == "scores" else df.groupBy()
    total = by.agg(then, now, F.max(_size(kind)).alias("largest")).collect()
    counts = {r["change"]: r["count"] for r in df.groupBy("change").count().collect()}
    sums = [{k: v for k, v in r.asDict().items() if v is not None} for r in total]
    return {"rows": sum(counts.values()), **counts, name: sums}


def _print(summary: dict[str, Any], rows: dict[str, DataFrame], form: str) -> None:
    from jobs.looking import plain, write

    collected = {kind: df.collect() for kind, df in rows.items()}
    if form == "json":
        lists = {kind: [plain(r) for r in found] for kind, found in collected.items()}
        print(json.dumps({"summary": summary, **lists}, indent=2, ensure_ascii=False))
        return
    for name, facts in summary.items():
        # of a CSV, the rows alone go to standard output
        print(
            f"{name}: {facts if isinstance(facts, (str, int)) else json.dumps(facts)}", file=sys.stderr if form == "csv" else None
        )
    for kind, found in collected.items():
        if found:
            print(f"\n{kind}" if form == "table" else f"# {kind}")
            write(found, rows[kind].columns, form)  # type: ignore[arg-type]
