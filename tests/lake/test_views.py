"""The statements of `telematics tables --ddl`, run by the engines they are for."""

import datetime as dt
from typing import Any

import duckdb
import pytest

from lake import views
from lake.delta import Lake
from lake.errors import ConfigError
from lake.tables import DEVICES, TABLES


def day(n: int) -> dt.datetime:
    return dt.datetime(2026, 1, n, tzinfo=dt.UTC)


def plain(rows: list[Any]) -> list[tuple[Any, ...]]:
    """Instants in UTC, whatever zone an engine hands them over in."""
    return sorted(tuple(x.astimezone(dt.UTC) if isinstance(x, dt.datetime) else x for x in row) for row in rows)


def test_current_views_of_duckdb_and_spark_have_the_rows_of_read_current(lake: Lake) -> None:
    rows = [
        ("d1", "v1", day(1), None, day(1), day(3), day(1)),  # another vehicle is known since
        ("d1", "v2", day(1), None, day(3), None, day(3)),
        ("d2", "v3", day(2), day(9), day(2), None, day(2)),
    ]
    lake.append_once(DEVICES.name, lake.spark.createDataFrame(rows, DEVICES.schema), "x")
    names = lake.read(DEVICES.name).columns
    # null sorts nowhere in Python: text
    expected = plain(
        [[str(x) if not isinstance(x, dt.datetime) else x for x in r] for r in lake.read_current(DEVICES.name).collect()]
    )
    assert [(r[0], r[1]) for r in expected] == [("d1", "v2"), ("d2", "v3")]
    with duckdb.connect() as db:
        for statement in views.ddl("duckdb", lake.root, [DEVICES]):
            db.execute(statement)
        found = db.execute("SELECT * FROM reference.devices_current")
        assert [x[0] for x in found.description or ()] == names
        assert plain([[str(x) if not isinstance(x, dt.datetime) else x for x in r] for r in found.fetchall()]) == expected
        assert db.execute("SELECT count(*) FROM reference.devices").fetchone() == (3,)
    try:
        for statement in views.ddl("spark", lake.root, [DEVICES]):
            lake.spark.sql(statement)
        view = lake.spark.table("reference.devices_current")
        assert view.columns == names
        assert plain([[str(x) if not isinstance(x, dt.datetime) else x for x in r] for r in view.collect()]) == expected
    finally:
        lake.spark.sql("DROP DATABASE IF EXISTS reference CASCADE")
    # a table that is dropped by name leaves the lake's files
    assert lake.read(DEVICES.name).count() == 3


def test_athena_is_told_of_every_table_at_its_place_on_s3() -> None:
    statements = views.ddl("athena", "s3://bucket/o'lake", TABLES.values())
    assert statements[:2] == [
        "CREATE DATABASE IF NOT EXISTS bronze",
        "CREATE EXTERNAL TABLE IF NOT EXISTS bronze.points LOCATION 's3://bucket/o''lake/bronze/points' "
        "TBLPROPERTIES ('table_type' = 'DELTA')",
    ]
    current = [x.split(" ")[4] for x in statements if "_current" in x]
    assert current == [f"{t.name}_current" for t in TABLES.values() if t.bitemporal]
    assert sum("EXTERNAL TABLE" in x for x in statements) == len(TABLES)
    with pytest.raises(ConfigError, match="only from S3"):
        views.ddl("athena", "/lake", TABLES.values())
    with pytest.raises(ConfigError, match="spark, athena, duckdb"):
        views.ddl("oracle", "/lake", TABLES.values())
