"""Engines without Spark read every table: the same rows, of the same types."""

import json
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import duckdb_extension_delta
import pyarrow as pa
import pytest

from lake.delta import Lake
from lake.tables import TABLES
from tests.world import World

EXTENSION = next(Path(duckdb_extension_delta.__file__).parent.rglob("delta.duckdb_extension"))


def rows(table: pa.Table, names: tuple[str, ...]) -> list[str]:
    """Rows as text, in an order of their own; struct fields by name, instants in UTC."""
    return sorted(json.dumps(row, sort_keys=True, default=_text) for row in table.select(list(names)).to_pylist())


def _text(value: Any) -> str:
    return value.isoformat().replace("+00:00", "") if hasattr(value, "isoformat") else str(value)


def by_duckdb(path: str) -> pa.Table:
    with duckdb.connect() as db:
        db.execute(f"LOAD '{EXTENSION}'")
        db.execute("SET TimeZone = 'UTC'")
        return db.execute("SELECT * FROM delta_scan(?)", [path]).to_arrow_table()


def by_delta_rs(path: str) -> pa.Table:
    return deltalake.DeltaTable(path).to_pyarrow_table()


def compare(lake: Lake, name: str) -> int:
    names = lake.table(name).names
    spark = rows(lake.read(name).toArrow(), names)
    assert rows(by_delta_rs(lake.path(name)), names) == spark
    assert rows(by_duckdb(lake.path(name)), names) == spark
    return len(spark)


@pytest.mark.parametrize("name", [*TABLES, "frames"])
def test_fault_30_delta_rs_and_duckdb_read_the_rows_that_spark_reads(world: World, name: str) -> None:
    if name == "frames":
        (folder,) = (Path(world.lake.root) / "frames").iterdir()
        name = f"frames.{folder.name}"
    if not world.lake.exists(name):
        pytest.fail(f"the world has no {name}")
    assert compare(world.lake, name) > 0
