"""`telematics tables` and `telematics show`: reading the lake from the command line."""

import csv
import datetime as dt
import decimal
import json
import sys
from dataclasses import dataclass
from typing import Any, Literal

from delta.tables import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import Row
from pyspark.sql import functions as F
from rich.console import Console
from rich.table import Table as RichTable

from lake.delta import Lake
from lake.errors import LakeError
from lake.tables import TABLES

Format = Literal["table", "csv", "json"]
MAX_COLUMNS_SIDE_BY_SIDE = 8
"""Wider rows are printed one column a line, as psql does in its expanded mode."""
PIPED_COLUMNS = 240
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class TableState:
    """A line of `telematics tables`; rows, version and last write are None where nothing was written yet."""

    name: str
    rows: int | None
    version: int | None
    last_write: dt.datetime | None
    meaning: str


def table_names(lake: Lake) -> list[str]:
    """Names of the catalogue's tables and of the frames the lake holds."""
    return [*TABLES, *sorted(lake.frames())]


def table_states(lake: Lake) -> list[TableState]:
    """One state per table, in the order in which data flows."""
    return [_state(lake, name) for name in table_names(lake)]


def _state(lake: Lake, name: str) -> TableState:
    meaning = lake.table(name).meaning
    if not lake.exists(name):
        return TableState(name, None, None, None, meaning)
    last = DeltaTable.forPath(lake.spark, lake.path(name)).history(1).collect()[0]
    return TableState(name, lake.read(name).count(), last["version"], last["timestamp"], meaning)


def select(
    lake: Lake, name: str, where: str | None, columns: str | None, order: str | None, limit: int
) -> tuple[list[Row], list[str]]:
    """Rows of a table, and their columns. Raises LakeError for a table that does not exist or SQL that does not fit it."""
    table = lake.table(name)
    if not lake.exists(name):
        raise LakeError(f"{name} has not been written yet in the lake at {lake.root}")
    df = lake.read(name)
    wanted = [c.strip() for c in columns.split(",")] if columns else list(table.names)
    unknown = [c for c in wanted if c not in table.names]
    if unknown:
        raise LakeError(f"{name} has no column {', '.join(unknown)}; it has {', '.join(table.names)}")
    try:
        df = df.where(where) if where else df
        df = df.orderBy(*(_order(x.strip()) for x in order.split(","))) if order else df
        return df.select(*wanted).limit(limit).collect(), wanted
    except PySparkException as e:
        raise LakeError(f"{name}: {' '.join(str(e).split())[:300]}") from e


def _order(column: str) -> Any:
    name, _, way = column.partition(" ")
    return F.col(name).desc() if way.lower() == "desc" or name.startswith("-") else F.col(name)


def plain(value: Any) -> Any:
    """A value as JSON knows it: timestamps as ISO 8601 in UTC, rows as objects."""
    if isinstance(value, (Row, dict)):
        return {k: plain(v) for k, v in (value.asDict() if isinstance(value, Row) else value).items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat() if value.tzinfo else f"{value.isoformat()}Z"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value


def write(rows: list[Row], columns: list[str], form: Format) -> None:
    """Print rows to standard output."""
    if form == "json":
        print(json.dumps([plain(r) for r in rows], indent=2, ensure_ascii=False))
    elif form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([[cell(plain(v)) for v in r] for r in rows])
    else:
        _print_table(rows, columns)


def console_of() -> Console:
    """Of standard output; in a pipe, where no terminal limits it, names and paths stay on one line."""
    return Console(markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPED_COLUMNS)


def cell(value: Any) -> Any:
    """A plain value as CSV holds it: nested ones as JSON, and text that a spreadsheet would run with an apostrophe before it."""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _print_table(rows: list[Row], columns: list[str]) -> None:
    if not rows:
        print("no rows", file=sys.stderr)
    console = console_of()
    if len(columns) > MAX_COLUMNS_SIDE_BY_SIDE:
        for number, row in enumerate(rows, 1):
            _print_record(console, number, row, columns)
        return
    table = RichTable(show_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*("" if v is None else str(cell(plain(v))) for v in row))
    console.print(table)


def _print_record(console: Console, number: int, row: Row, columns: list[str]) -> None:
    width = max(map(len, columns))
    console.rule(f"row {number}", align="left")
    for name, value in zip(columns, row, strict=True):
        console.print(f"{name:<{width}}  {'' if value is None else cell(plain(value))}")
