"""A lake that earlier code made: refused with the command that mends it, upgraded with every row, then written again."""

import datetime as dt
import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lake.clock import UTC
from lake.delta import Lake
from lake.errors import LakeError
from lake.format_version import FILE, check_format, current, upgrade
from lake.tables import QUARANTINE
from tests.lake.test_delta import consent
from tests.test_command_line import POINT, landed, refused
from tests.world import command, write_conf

LATER = ["stated_ts", "released_as", "replayed_at", "received_date"]
"""Columns of bronze.quarantine that format 0 did not have."""


def old_lake(spark: SparkSession, root: Path) -> Lake:
    """A lake of format 0: quarantine in one partition and without later columns, consents without stated_ts."""
    lake, at = Lake(spark, str(root)), dt.datetime(2026, 1, 5, 12, tzinfo=UTC)
    row = {"source": "sim_phone", "target": "bronze.points", "source_file": "/f", "source_line": 1, "content_sha256": "c",
           "raw_text": "{", "reasons": ["malformed_json"]}  # fmt: skip
    rows = [row | {"quarantine_id": f"q{n}", "received_ts": at + dt.timedelta(days=n)} for n in range(3)]
    quarantine = spark.createDataFrame([tuple(r.get(n) for n in QUARANTINE.names) for r in rows], QUARANTINE.schema)
    for name, df in (("bronze.quarantine", quarantine.drop(*LATER)), ("reference.consents", consent(lake).drop("stated_ts"))):
        df.write.format("delta").save(lake.path(name))
    return lake


def test_a_lake_of_format_0_is_refused_then_upgraded_with_every_row(spark: SparkSession, tmp_path: Path) -> None:
    lake, conf = old_lake(spark, tmp_path / "lake"), write_conf(tmp_path / "conf.yml", tmp_path)
    for arguments in (("tables",), ("nightly", "--date", "2026-01-05")):
        refused(command(conf, *arguments), 6, "of format 0", "telematics maintain --upgrade")
    said = command(conf, "maintain", "--upgrade")
    assert said.code == 0 and "reference.consents: added stated_ts" in said.out, said.err
    held = lake.read("bronze.quarantine").orderBy("quarantine_id").collect()
    assert [(x.quarantine_id, x.received_date.day, x.released_as) for x in held] == [
        ("q0", 5, None),
        ("q1", 6, None),
        ("q2", 7, None),
    ]
    assert lake.read("reference.consents").count() == 1
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{lake.path('bronze.quarantine')}`").collect()[0]
    assert (detail.partitionColumns, detail.minReaderVersion) == (["source", "received_date"], 1)
    # killed before the last step: everything is done already, and is not done again
    versions = [lake.version(x) for x in ("bronze.quarantine", "reference.consents")]
    (tmp_path / "lake" / FILE).unlink()
    assert upgrade(lake) == ["format 2"]
    assert versions == [lake.version(x) for x in ("bronze.quarantine", "reference.consents")]
    assert command(conf, "maintain", "--upgrade").out == "nothing to upgrade\n"
    load = command(conf, "ingest", "--source", "sim_phone", "--input", str(landed(tmp_path, [POINT])))
    assert load.code == 0, load.err
    assert lake.read("bronze.quarantine").where(F.col("received_date") == "2026-01-05").count() == 2


def test_what_is_not_additive_is_refused_with_both_types(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(spark, str(tmp_path / "lake"))
    check_format(lake)
    other = consent(lake).withColumn("purpose", F.lit(1))
    other.write.format("delta").save(lake.path("reference.consents"))
    with pytest.raises(LakeError, match=r"reference\.consents: column purpose is int in the lake and string in this code"):
        upgrade(lake)
    consent(lake).withColumn("hue", F.lit("x")).write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(
        lake.path("reference.consents")
    )
    with pytest.raises(LakeError, match="column hue is string in the lake and not declared in this code"):
        upgrade(lake)
    (tmp_path / "lake" / FILE).write_text(json.dumps({"number": current().number + 1, "tables": ""}))
    for refuses in (check_format, upgrade):
        with pytest.raises(LakeError, match=f"is of format {current().number + 1}, this code knows up to {current().number}"):
            refuses(lake)
