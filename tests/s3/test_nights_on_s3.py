"""The whole night on a real S3 server, landing folder and all, gives the rows that the same nights give on disk."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lake.conf import load_conf
from lake.delta import Lake
from lake.storage import fetch, keep
from lake.tables import TABLES
from simulator import simulate
from tests.servers import S3, SECRET_KEY
from tests.world import CLAIMED, NIGHTS, START, Said, claims_of_brakers, command, write_conf

pytestmark = pytest.mark.slow
TRAINING = {"min_claims": 20, "horizon_days": 180, "as_of_dates": 1, "maturity_days": 30}
PLACE = ("source_file", "fingerprint")
SUMS = ("read", "accepted", "duplicate", "quarantined")


@dataclass(frozen=True)
class Twin:
    """One simulated landing folder and a lake over it."""

    conf: Path
    root: str
    landing: str

    def telematics(self, *arguments: str) -> Said:
        said = command(self.conf, *arguments)
        assert said.code == 0, f"{arguments}: {said.err}"
        return said

    def prepare(self) -> None:
        """Load, train and promote."""
        for table in ("policies", "devices", "consents", "claims"):
            given = f"{self.landing}/reference/{table}*.csv"
            self.telematics("reference", "load", table, "--source", f"sim_{table}", "--input", given)
        history = f"{self.landing}/history/*.parquet"
        self.telematics("history", "load", "policy-days", "--source", "sim_policy_days", "--input", history)
        self.telematics("train", "--date", "2026-01-06")
        self.telematics("registry", "promote")

    def nights(self) -> None:
        """Two nights."""
        self.telematics("nightly", "--from", str(NIGHTS[0]), "--to", str(NIGHTS[1]))


@dataclass(frozen=True)
class Twins:
    """The same nights on disk and on S3."""

    disk: Twin
    s3: Twin
    bucket: str
    folder: Path


@pytest.fixture(scope="module")
def twins(spark: SparkSession, s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    folder, bucket = tmp_path_factory.mktemp("twins"), s3.new_bucket()
    landing = folder / "landing"
    simulate(4, 5, 3, landing, book_policies=400, book_days=420, start=START)
    claims_of_brakers(landing, CLAIMED)
    on_s3 = f"s3://{bucket}/landing"
    keep(landing, on_s3)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # what a lake on S3 has on disk goes below ./var
        there = _twin(folder, "s3", f"s3://{bucket}/lake", on_s3)
        twins = Twins(_twin(folder, "disk", str(folder / "lake"), str(landing)), there, bucket, folder)
        twins.s3.prepare()
        # training twice would only show the model to be the same: the lake as it stands then is copied to the disk
        fetch(twins.s3.root, Path(twins.disk.root))
        twins.s3.nights()
        twins.disk.nights()
        yield twins


def _twin(folder: Path, name: str, lake: str, landing: str) -> Twin:
    own = {} if name == "s3" else {"mlflow_tracking_uri": load_conf(str(folder / "s3.yml")).tracking_uri}
    conf = write_conf(folder / f"{name}.yml", folder, training=TRAINING, lake=lake, **own)
    conf.write_text(conf.read_text().replace(str(folder / "landing"), landing))
    return Twin(conf, lake, landing)


def _rows(spark: SparkSession, root: str, name: str) -> list[str]:
    """Rows as JSON, without the columns that name a file's place; of the ledger what became of the files of points, for those
    that were loaded before the copy are new paths to the other lake."""
    rows = Lake(spark, root).read(name)
    if name == "bronze.ledger":
        rows = rows.where("target = 'bronze.points'").select("content_sha256", "status", *SUMS)
    columns = [c for c in TABLES[name].compared if c in rows.columns and c not in PLACE]
    return sorted(r[0] for r in rows.select(F.to_json(F.struct(*columns))).collect())


def test_the_nights_give_the_same_rows_on_s3_as_on_disk(spark: SparkSession, twins: Twins) -> None:
    for name in TABLES:
        if name != "gold.nights":
            assert _rows(spark, twins.s3.root, name) == _rows(spark, twins.disk.root, name), name
    assert _rows(spark, twins.s3.root, "bronze.points") and _rows(spark, twins.s3.root, "gold.policy_scores")


def test_a_rerun_on_s3_leaves_every_table_as_it_was(spark: SparkSession, twins: Twins) -> None:
    names = [n for n in TABLES if n not in ("gold.nights", "bronze.ledger")]
    before = {n: _rows(spark, twins.s3.root, n) for n in names}
    twins.s3.telematics("nightly", "--date", str(NIGHTS[1]), "--rerun")
    assert {n: _rows(spark, twins.s3.root, n) for n in names} == before


def test_reports_and_logs_outlive_the_driver(s3: S3, twins: Twins) -> None:
    keys = _keys(s3, twins.bucket)
    night = f"lake/_reports/nights/{NIGHTS[1]}"
    assert {f"{night}/index.html", f"{night}/drift.html", "lake/_reports/index.html"} <= keys
    assert any(k.startswith("lake/_logs/") and k.endswith("telematics.jsonl") for k in keys)
    assert not [k for k in keys if k.startswith("lake/_staging/") and not k.endswith("/")]  # markers of folders
    index = s3.client().get_object(Bucket=twins.bucket, Key="lake/_reports/index.html")["Body"].read().decode()
    assert str(NIGHTS[0]) in index and str(NIGHTS[1]) in index


def test_fault_22_no_secret_in_what_is_written(s3: S3, twins: Twins) -> None:
    secret = SECRET_KEY.encode()
    names = [f for f in (twins.folder / "var").rglob("*") if f.is_file()]
    assert any(f.suffix == ".db" for f in names)  # MLflow's
    assert [f for f in names if secret in f.read_bytes()] == []
    client = s3.client()
    read = {k: client.get_object(Bucket=twins.bucket, Key=k)["Body"].read() for k in _keys(s3, twins.bucket)}
    assert [k for k, body in read.items() if secret in body] == []
    nights: list[dict[str, Any]] = json.loads(twins.s3.telematics("show", "gold.nights", "--format", "json").out)
    assert nights and SECRET_KEY not in json.dumps(nights)


def _keys(s3: S3, bucket: str) -> set[str]:
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {x["Key"] for page in pages for x in page.get("Contents", [])}
