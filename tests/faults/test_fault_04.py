"""Two writers at once: the lease, the look before a commit, and the reading back after it."""

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pyspark.sql import DataFrame, SparkSession

from lake.delta import Lake, transaction_id
from lake.errors import CommitLost, LeaseLost
from lake.lease import Lease
from lake.lease_chain import myself
from lake.lease_store import lease_store
from lake.tables import CONSENTS

ROOT = Path(__file__).parents[2]
NAME = CONSENTS.name
DURATION_S, TAKEOVER_S = 6.0, 1.0
DRIVER = """
import os, signal, sys
from lake.conf import load_conf
from lake.delta import Lake
from lake.lease_chain import refuse_if_held
from lake.lease_store import lease_store
from lake.session import spark_session
from tests.faults.test_fault_04 import TAKEOVER_S, append, leased
from tests.settings import TEST_SPARK

root, who, stops = sys.argv[1], sys.argv[2], sys.argv[3] == "stops"
refuse_if_held(lease_store(root), TAKEOVER_S)
spark = spark_session(load_conf("local").model_copy(update={"spark": TEST_SPARK}), s3=True)
lake, lease = leased(spark, root)
if stops:
    class StopsAfterTheLook:
        nonce = lease.nonce
        looks = 0
        def check(self):
            lease.check()
            self.looks += 1
            if self.looks == 1:
                os.kill(os.getpid(), signal.SIGSTOP)
    lake = Lake(spark, root, StopsAfterTheLook())
print("ready", flush=True)
sys.stdin.readline()
for n in range(3 if not stops else 1):
    append(lake, who, n)
lake.check_commits()
lease.release()
print("acknowledged", flush=True)
"""


def leased(spark: SparkSession, root: str) -> tuple[Lake, Lease]:
    """A lake with a lease that is soon over."""
    lease = Lease.take(lease_store(root), myself("test", DURATION_S), TAKEOVER_S, lambda: None)
    return Lake(spark, root, lease), lease


def rows(spark: SparkSession, who: str, n: int) -> DataFrame:
    at = dt.datetime(2026, 1, 1 + n, tzinfo=dt.UTC)
    row = {"policy_id": f"{who}-{n}", "purpose": "pricing", "valid_from": at, "known_from": at, "stated_ts": at}
    return spark.createDataFrame(
        [tuple(row.get(x.name, "x" if x.type == "string" else None) for x in CONSENTS.columns)], CONSENTS.schema
    )


def append(lake: Lake, who: str, n: int) -> None:
    lake.append_once(NAME, rows(lake.spark, who, n).coalesce(1), transaction_id("test", NAME, None, [f"{who}-{n}"]))


def written(lake: Lake) -> list[str]:
    return sorted(x.policy_id for x in lake.spark.read.format("delta").load(lake.path(NAME)).select("policy_id").collect())


def driver(root: str, who: str, how: str = "goes on") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, root, who, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT,
    )  # fmt: skip


def go(child: subprocess.Popen[str]) -> tuple[str, str]:
    return child.communicate("go\n", timeout=240)


@pytest.mark.slow
def test_fault_04_of_two_drivers_on_s3_one_writes_and_the_other_is_told(spark: SparkSession, bucket: str) -> None:
    root = f"s3://{bucket}/lake"
    lake, lease = leased(spark, root)
    append(lake, "first", 0)
    second = driver(root, "second")
    out, err = second.communicate(timeout=240)
    assert second.returncode != 0
    assert out == ""
    assert "lake.errors.LeaseHeld: the lake is being written: " in err
    append(lake, "first", 1)
    lake.check_commits()
    lease.release()
    again = driver(root, "second")
    assert again.stdout is not None
    assert again.stdout.readline() == "ready\n"
    assert go(again)[0] == "acknowledged\n"
    assert written(lake) == sorted(["first-0", "first-1", *(f"second-{n}" for n in range(3))])


@pytest.mark.slow
def test_fault_04b_a_driver_that_was_stopped_past_its_lease_is_found_out(spark: SparkSession, bucket: str) -> None:
    root = f"s3://{bucket}/lake"
    plain = Lake(spark, root)
    append(plain, "before", 0)
    stopped = driver(root, "stopped", "stops")
    assert stopped.stdout is not None
    assert stopped.stdin is not None
    assert stopped.stdout.readline() == "ready\n"
    stopped.stdin.write("go\n")
    stopped.stdin.flush()
    child = psutil.Process(stopped.pid)
    until = time.monotonic() + 120
    while child.status() != psutil.STATUS_STOPPED and time.monotonic() < until:
        time.sleep(0.1)
    # between its look at the lease and its write
    assert child.status() == psutil.STATUS_STOPPED
    time.sleep(DURATION_S + TAKEOVER_S + 4)
    lake, lease = leased(spark, root)
    append(lake, "second", 0)
    os.kill(stopped.pid, signal.SIGCONT)
    out, err = stopped.communicate(timeout=240)
    assert stopped.returncode != 0
    assert "acknowledged" not in out
    assert any(f"lake.errors.{x}" in err for x in ("CommitLost", "LeaseLost", "LeaseOver"))

    def work() -> None:
        append(lake, "second", 0)
        append(lake, "second", 1)

    # whatever the one that woke did to the log, the holder's rows are there in the end, once
    lake.kept(work)
    lease.release()
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()  # type: ignore[union-attr]
    found = written(lake)
    assert [x for x in found if not x.startswith("stopped")] == ["before-0", "second-0", "second-1"]
    # and those of the one that woke come in by its rerun, once
    later, again = leased(spark, root)
    append(later, "stopped", 0)
    again.release()
    assert written(later) == ["before-0", "second-0", "second-1", "stopped-0"]


def test_fault_04b_an_entry_that_another_overwrites_is_missed_and_made_again(spark: SparkSession, tmp_path: Path) -> None:
    lake, lease = leased(spark, str(tmp_path / "lake"))
    append(lake, "mine", 0)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "lake" / "reference" / "consents", elsewhere)
    append(lake, "mine", 1)
    log = Path(lake.path(NAME)) / "_delta_log"
    last = max(log.glob("*.json"))
    # what a woken driver does that looked before our entry was there: it puts its own in the place of it
    foreign = [json.loads(line) for line in last.read_text().splitlines()]
    assert all(x["commitInfo"]["userMetadata"] == lease.nonce for x in foreign if "commitInfo" in x)
    kept = [x for x in foreign if "commitInfo" in x]
    kept[0]["commitInfo"]["userMetadata"] = "another"
    last.write_text("\n".join(map(json.dumps, kept)) + "\n")
    (log / f".{last.name}.crc").unlink(missing_ok=True)
    last.with_suffix(".crc").unlink(missing_ok=True)
    with pytest.raises(CommitLost, match=r"reference/consents: log entry 2 is not the one that was committed"):
        lake.check_commits()
    assert written(lake) == ["mine-0"]

    def work() -> None:
        append(lake, "mine", 0)
        append(lake, "mine", 1)

    lake.kept(work)
    assert written(lake) == ["mine-0", "mine-1"]
    lease.release()
    with pytest.raises(LeaseLost):
        append(lake, "mine", 2)
    assert written(lake) == ["mine-0", "mine-1"]


def test_fault_04b_a_commit_on_top_of_anothers_is_seen(spark: SparkSession, tmp_path: Path) -> None:
    lake, lease = leased(spark, str(tmp_path / "lake"))
    append(lake, "mine", 0)
    spark.conf.unset("spark.databricks.delta.commitInfo.userMetadata")
    append(Lake(spark, lake.root), "another", 0)
    with pytest.raises(CommitLost, match="log entry 2 is not the one that was committed: it is another writer's"):
        append(lake, "mine", 1)
    lake.kept(lambda: append(lake, "mine", 1))
    assert written(lake) == ["another-0", "mine-0", "mine-1"]
    lease.release()
