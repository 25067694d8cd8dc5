"""Engines without Spark read every table: the same rows, of the same types."""

import datetime as dt
from pathlib import Path
from typing import Any

import deltalake
import duckdb
import duckdb_extension_delta
import pyarrow as pa
import pytest

from lake.delta import Lake
from lake.tables import CREDIBILITY, TABLES, Table
from tests.world import World

EXTENSION = next(Path(duckdb_extension_delta.__file__).parent.rglob("delta.duckdb_extension"))


def by_duckdb(path: str) -> pa.Table:
    with duckdb.connect() as db:
        db.execute(f"LOAD '{EXTENSION}'")
        db.execute("SET TimeZone = 'UTC'")
        return db.execute("SELECT * FROM delta_scan(?)", [path]).to_arrow_table()


def by_delta_rs(path: str) -> pa.Table:
    return deltalake.DeltaTable(path).to_pyarrow_table()


def differing(db: duckdb.DuckDBPyConnection, table: Table, one: pa.Table, other: pa.Table) -> list[Any]:
    """Rows, as text and with their instants in UTC, that are not as often in the one as in the other."""
    shown = ", ".join(f'"{x.name}"::{"TIMESTAMP" if x.type == "timestamp" else "VARCHAR"}::VARCHAR' for x in table.columns)
    db.register("one", one)
    db.register("other", other)
    left, right = (f"SELECT {shown} FROM {name}" for name in ("one", "other"))
    return db.execute(f"({left} EXCEPT ALL {right}) UNION ALL ({right} EXCEPT ALL {left}) LIMIT 3").fetchall()


def compare(lake: Lake, name: str) -> int:
    table, spark = lake.table(name), lake.read(name).toArrow()
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        assert differing(db, table, by_delta_rs(lake.path(name)), spark) == []
        assert differing(db, table, by_duckdb(lake.path(name)), spark) == []
    return int(spark.num_rows)


@pytest.mark.parametrize("name", [*(x for x in TABLES if x != CREDIBILITY.name), "frames"])
def test_fault_30_delta_rs_and_duckdb_read_the_rows_that_spark_reads(world: World, name: str) -> None:
    if name == "frames":
        folders = sorted((Path(world.lake.root) / "frames").iterdir())
        name = f"frames.{folders[0].name}"
    if not world.lake.exists(name):
        pytest.fail(f"the world has no {name}")
    assert compare(world.lake, name) > 0


def test_fault_30_holds_for_the_credibility_of_rates_too(lake: Lake) -> None:
    """The world publishes v1 alone, which has none."""
    row = (dt.date(2026, 1, 5), "v2", "brake_per_100km_365", 17_947, 1.5e8, 0.25, 0.01, 900.0)
    rows = lake.spark.createDataFrame([row], CREDIBILITY.schema)
    lake.replace_where(CREDIBILITY.name, rows, "feature_version = 'v2'")
    assert compare(lake, CREDIBILITY.name) == 1
