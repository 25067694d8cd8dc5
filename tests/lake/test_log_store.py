"""Configurations whose lake is on S3 commit through Delta's DynamoDB log store."""

import pytest

from lake.conf import CONF_FOLDER, load_conf

ON_S3 = sorted(p.stem for p in CONF_FOLDER.glob("*.yml") if load_conf(p.stem).lake.startswith("s3://"))
STORE = "io.delta.storage.S3DynamoDBLogStore"


def test_there_are_targets_on_s3() -> None:
    assert {"production", "staging"} <= set(ON_S3)


@pytest.mark.parametrize("name", ON_S3)
def test_every_target_on_s3_names_the_log_store_its_table_and_region(name: str) -> None:
    conf = load_conf(name)
    assert {conf.spark[f"spark.delta.logStore.{scheme}.impl"] for scheme in ("s3", "s3a")} == {STORE}
    assert conf.spark[f"spark.{STORE}.ddb.tableName"] == f"insurityai-telematics-{name}-delta-log"
    assert conf.emr is not None
    assert conf.spark[f"spark.{STORE}.ddb.region"] == conf.emr.region
    assert "delta-storage-s3-dynamodb.jar" in conf.emr.spark_submit["spark.jars"]
