"""Tables have few files of the size that is wanted: written so on a cluster, compacted to it everywhere, by guarded commits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lake.conf import load_conf
from lake.delta import Lake
from lake.lease import Lease
from lake.lease_chain import myself
from lake.lease_store import lease_store
from lake.session import FILE_BYTES, FILES
from tests.transforms.rows import day, days

DELTA = "spark.databricks.delta."
MONTHS = ("2025-12", "2026-01")


@pytest.fixture
def as_on_a_cluster(spark: SparkSession) -> Iterator[None]:
    """The settings of production that change how Delta writes."""
    asked = {k: v for k, v in load_conf("production").spark.items() if k.startswith(DELTA)}
    before = {k: spark.conf.get(k, None) for k in asked}
    for key, value in asked.items():
        spark.conf.set(key, value)
    yield
    for key, old in before.items():
        spark.conf.unset(key) if old is None else spark.conf.set(key, old)


@pytest.fixture
def guarded(spark: SparkSession, tmp_path: Path) -> Iterator[Lake]:
    """A lake whose commits are read back, as every command has it."""
    root = str(tmp_path / "lake")
    lease = Lease.take(lease_store(root), myself("test", 60), 1, lambda: None)
    yield Lake(spark, root, lease)
    lease.release()


def files(lake: Lake) -> dict[str, int]:
    """How many files each month has."""
    rows = lake.read("gold.policy_days").withColumn("file", F.input_file_name())
    return {r[0]: r[1] for r in rows.groupBy("local_month").agg(F.count_distinct("file")).collect()}


def scattered(spark: SparkSession, batch: int = 0, tasks: int = 6) -> object:
    """Rows of two months in each of several tasks."""
    rows = [day(f"v{batch}-{n}", f"{month}-15") for n in range(tasks) for month in MONTHS]
    return days(spark, *rows).repartitionByRange(tasks, "vehicle_id")


def test_a_write_from_many_tasks_makes_a_file_a_partition(guarded: Lake, as_on_a_cluster: None) -> None:
    guarded.append_once("gold.policy_days", scattered(guarded.spark), "a")
    assert files(guarded) == dict.fromkeys(MONTHS, 1)
    assert guarded.read("gold.policy_days").count() == 12


def test_a_table_of_many_small_files_compacts_itself_and_both_entries_are_ours(guarded: Lake, as_on_a_cluster: None) -> None:
    guarded.spark.conf.set(f"{DELTA}autoCompact.minNumFiles", 4)
    try:
        for batch in range(4):
            guarded.append_once("gold.policy_days", scattered(guarded.spark, batch, 2), str(batch))
    finally:
        guarded.spark.conf.unset(f"{DELTA}autoCompact.minNumFiles")
    assert files(guarded) == dict.fromkeys(MONTHS, 1)
    assert guarded.read("gold.policy_days").count() == 16
    guarded.check_commits()


def test_compaction_stops_at_the_size_of_a_file(guarded: Lake) -> None:
    assert {guarded.spark.conf.get(k) for k in FILES if "maxFileSize" in k} == {str(FILE_BYTES)}
    guarded.append_once("gold.policy_days", scattered(guarded.spark), "a")
    assert files(guarded) == dict.fromkeys(MONTHS, 6)
    one = max(p.stat().st_size for p in Path(guarded.path("gold.policy_days")).rglob("*.parquet"))
    guarded.spark.conf.set(f"{DELTA}optimize.maxFileSize", 3 * one)
    try:
        guarded.compact("gold.policy_days", "local_month = '2026-01'")
    finally:
        guarded.spark.conf.set(f"{DELTA}optimize.maxFileSize", FILE_BYTES)
    assert files(guarded) == {"2025-12": 6, "2026-01": 2}
