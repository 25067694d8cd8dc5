"""A night's scores as one file, for those who have no reader of Delta. Spark is not needed: delta-rs reads, batch by batch."""

import csv
import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from jobs.looking import cell, plain
from lake.errors import InputError
from lake.tables import SCORES

ROWS_A_BATCH = 50_000
MEND = "`telematics nights` lists the nights"
ORDER = ("policy_id", "vehicle_id", "coverage", "role")


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    rows: int
    sha256: str


def export_scores(lake: str, date: dt.date, path: Path) -> Exported:
    """Write the scores of a date to a .parquet or .csv file, ordered by ORDER; the same scores give the same file.

    CSV is RFC 4180 in UTF-8, nested values are JSON, and text that a spreadsheet would run as a formula begins with an
    apostrophe. Raises InputError for another ending, and for a date or lake without scores; a file that is there is replaced at
    the end.
    """
    writers = {".parquet": _to_parquet, ".csv": _to_csv}
    if path.suffix not in writers:
        raise InputError(f"{path}: name a file that ends in .parquet or .csv")
    batches = _ordered(_table(lake), date)
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        rows = writers[path.suffix](batches, partial)
        if not rows:
            raise InputError(f"there are no scores of {date}: {MEND}")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    with path.open("rb") as file:
        return Exported(path, rows, hashlib.file_digest(file, "sha256").hexdigest())


def _table(lake: str) -> DeltaTable:
    try:
        return DeltaTable(f"{lake.rstrip('/')}/{SCORES.name.replace('.', '/', 1)}")
    except TableNotFoundError:
        raise InputError(f"nothing has been scored in the lake at {lake}: {MEND}") from None


def _ordered(table: DeltaTable, date: dt.date) -> pa.RecordBatchReader:
    """Sorted by DuckDB, which spills where memory is short."""
    database = duckdb.connect()
    # else the machine's zone is that of times
    database.execute("SET TimeZone = 'UTC'")
    database.register("scores", table.to_pyarrow_dataset(partitions=[("score_date", "=", f"{date}")]))
    columns = ", ".join(f'"{c.name}"' for c in SCORES.columns)
    order = ", ".join(ORDER)
    rows = database.sql(f"SELECT {columns} FROM scores ORDER BY {order}")  # nosec B608 # names of the code, no input
    return rows.to_arrow_reader(ROWS_A_BATCH)


def _to_parquet(batches: pa.RecordBatchReader, path: Path) -> int:
    rows = 0
    with pq.ParquetWriter(path, batches.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _to_csv(batches: pa.RecordBatchReader, path: Path) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(batches.schema.names)
        for record in _records(batches):
            writer.writerow([cell(plain(v)) for v in record.values()])
            rows += 1
    return rows


def _records(batches: pa.RecordBatchReader) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()
