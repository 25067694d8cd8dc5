"""The statements of `telematics tables --ddl`, run by the engines they are for."""

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

from lake import views
from lake.delta import Lake
from lake.errors import ConfigError
from lake.table import MANIFESTS
from lake.tables import ALERTS, DEVICES, DRIFT, NIGHTS, SCORES, TABLES
from tests.test_notebooks import SCORE


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
    current = [x.split(" ")[4] for x in statements if "_current AS" in x]
    assert current == [f"{t.name}_current" for t in TABLES.values() if t.bitemporal]
    assert sum("EXTERNAL TABLE" in x for x in statements) == len(TABLES)
    with pytest.raises(ConfigError, match="only from S3"):
        views.ddl("athena", "/lake", TABLES.values())
    with pytest.raises(ConfigError, match="spark, athena, duckdb, redshift"):
        views.ddl("oracle", "/lake", TABLES.values())


def score(policy: str, date: dt.date, **changes: Any) -> dict[str, Any]:
    return dict.fromkeys(SCORES.names) | SCORE | {"policy_id": policy, "score_date": date} | changes


def frame(lake: Lake, *rows: dict[str, Any]) -> Any:
    return lake.spark.createDataFrame([tuple(r.values()) for r in rows], SCORES.schema)


def listed(lake: Lake) -> set[str]:
    """Data files by the manifests."""
    folder = Path(lake.path(SCORES.name)) / views.MANIFEST_FOLDER
    return {Path(line.removeprefix("file:")).name for p in folder.glob("*/manifest") for line in p.read_text().splitlines()}


def test_manifests_name_the_files_of_every_version(lake: Lake) -> None:
    """As a night publishes, publishes again, compacts, and takes scores back."""
    one, two = dt.date(2026, 1, 5), dt.date(2026, 1, 6)
    seen = []

    def look() -> None:
        files = {Path(x).name for x in DeltaTable(lake.path(SCORES.name)).file_uris()}
        assert listed(lake) == files
        seen.append(files)

    for date, price in ((one, 1.0), (two, 2.0), (two, 3.0)):
        rows = frame(lake, *(score(p, date, pure_premium=price) for p in "ab"))
        lake.publish(SCORES.name, rows, f"score_date = DATE'{date}'", lambda name, df: None)
        look()
    lake.append_once(SCORES.name, frame(lake, score("c", two)), "another file")
    look()
    lake.compact(SCORES.name, "")
    look()
    lake.delete_where(SCORES.name, f"score_date = DATE'{two}'")
    look()
    assert seen[0] < seen[1] != seen[2] < seen[3] and seen[5] < seen[4]
    assert [len(x) for x in seen[4:]] == [2, 1]


def test_an_older_table_gets_its_manifests(lake: Lake) -> None:
    lake.append_once(SCORES.name, frame(lake, score("a", dt.date(2026, 1, 5))), "x")
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(SCORES.name)}` UNSET TBLPROPERTIES ('{next(iter(MANIFESTS))}')")
    shutil.rmtree(Path(lake.path(SCORES.name)) / views.MANIFEST_FOLDER)
    lake.set_properties(SCORES.name, MANIFESTS)
    assert len(listed(lake)) == 1


def test_redshift_is_told_of_manifests_and_their_partitions() -> None:
    table, *partitions = views.ddl("redshift", "s3://bucket/lake", TABLES.values(), {SCORES.name: ["2026-01-05", "2026-01-06"]})
    assert table.startswith('CREATE EXTERNAL TABLE gold.policy_scores ("policy_id" varchar(65535), ')
    assert '"pure_premium" double precision' in table and "array<struct<feature:varchar(65535)" in table
    assert "PARTITIONED BY (score_date date)" in table
    assert table.endswith("LOCATION 's3://bucket/lake/gold/policy_scores/_symlink_format_manifest/'")
    assert partitions[1] == (
        "ALTER TABLE gold.policy_scores ADD IF NOT EXISTS PARTITION (score_date='2026-01-06') LOCATION "
        "'s3://bucket/lake/gold/policy_scores/_symlink_format_manifest/score_date=2026-01-06/manifest'"
    )
    with pytest.raises(ConfigError, match="Redshift reads only from S3"):
        views.ddl("redshift", "/lake", TABLES.values())


def test_alerts_that_fire_are_those_of_the_last_page(lake: Lake) -> None:
    alert = dict.fromkeys(("rule", "subject", "severity", "owner", "text", "runbook"), "s") | {"state": "firing", "nights": 1}
    page = {"job": "page", "status": "finished"}
    with duckdb.connect() as db:
        for n, alerts in ((1, [alert, alert | {"subject": "quiet", "state": "silenced"}]), (2, [alert]), (3, [])):
            date = day(n).date()
            rows = {ALERTS: [x | {"score_date": date} for x in alerts], NIGHTS: [page | {"night_date": date}]}
            for table, values in rows.items():
                given = [tuple((dict.fromkeys(table.names) | x).values()) for x in values]
                lake.append_once(table.name, lake.spark.createDataFrame(given, table.schema), f"{n}")
            for statement in views.ddl("duckdb", lake.root, [ALERTS, NIGHTS]):
                db.execute(statement)
            found = db.execute("SELECT day(score_date), subject FROM gold.alerts_firing").fetchall()
            assert found == [(n, "s") for _ in alerts[:1]]


def test_readers_see_the_last_night_that_has_scores(lake: Lake) -> None:
    one, two = dt.date(2026, 1, 5), dt.date(2026, 1, 6)
    rows = [score("a", one), score("a", two), score("b", two, role="challenger")]
    lake.append_once(SCORES.name, frame(lake, *rows), "x")
    drifts = [
        tuple((dict.fromkeys(DRIFT.names) | {"column": "x", "kind": "feature", "drifted": True, "score_date": date}).values())
        for date in (one, two)
    ]
    lake.append_once(DRIFT.name, lake.spark.createDataFrame(drifts, DRIFT.schema), "x")
    with duckdb.connect() as db:
        for statement in views.ddl("duckdb", lake.root, [SCORES, DRIFT]):
            db.execute(statement)
        latest, drift = "SELECT policy_id, score_date FROM gold.latest_scores", "SELECT score_date FROM gold.latest_drift"
        assert db.execute(latest).fetchall() == [("a", two)]
        assert db.execute(drift).fetchall() == [(two,)]
        lake.delete_where(SCORES.name, f"score_date = DATE'{two}'")
        assert db.execute(latest).fetchall() == [("a", one)]
        # nor is what was measured of scores that were withdrawn
        assert db.execute(drift).fetchall() == [(one,)]
