"""A Delta log that is damaged: the command refuses before any work, and says which table and which entry."""

import datetime as dt
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.context import JobResult
from jobs.nights import PUBLICATION, Attempt, record
from lake.clock import UTC
from lake.delta import Lake
from lake.delta_log import check_whole, standings
from tests.lake.test_delta import consent
from tests.world import command, write_conf

D = "2026-01-05"
CONSENTS = "reference.consents"


@pytest.fixture(scope="module")
def built(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """reference.consents at version 5, with a checkpoint at 3."""
    lake = Lake(spark, str(tmp_path_factory.mktemp("built") / "lake"))
    lake.create(CONSENTS)
    spark.sql(f"ALTER TABLE delta.`{lake.path(CONSENTS)}` SET TBLPROPERTIES ('delta.checkpointInterval' = '3')")
    for n in range(4):
        lake.append_once(CONSENTS, consent(lake, policy_id=f"p{n}"), f"{n}")
    return Path(lake.root)


@pytest.fixture
def lake(spark: SparkSession, built: Path, tmp_path: Path) -> Lake:
    lake = Lake(spark, str(shutil.copytree(built, tmp_path / "lake")))
    check_whole(lake)
    assert standings(lake)[CONSENTS][0] == 5
    return lake


def entry(lake: Lake, version: int, table: str = CONSENTS) -> Path:
    return Path(lake.path(table)) / "_delta_log" / f"{version:020d}.json"


def held(lake: Lake) -> dict[Path, int]:
    """Times of change of all files but those of the log, of the lease and of the page, which says that the night was refused."""
    files = (x for x in Path(lake.root).rglob("*") if x.is_file() and not {"_logs", "_leases", "_reports"} & set(x.parts))
    return {x: x.stat().st_mtime_ns for x in files}


def refuses(lake: Lake, tmp_path: Path, *words: str) -> None:
    """The night ends with exit code 6 and one line, and the lake holds what it held."""
    before = held(lake)
    said = command(write_conf(tmp_path / "conf.yml", tmp_path), "nightly", "--date", D)
    assert said.code == 6 and said.err.strip().count("\n") == 0, said.err
    assert all(word in said.err for word in words), said.err
    assert before == held(lake)


@pytest.mark.parametrize("content", ["", '{"commitInfo":{}}\n{"add": {"path":'])
def test_fault_23_a_corrupt_log_entry_is_named(lake: Lake, tmp_path: Path, content: str) -> None:
    entry(lake, 4).write_text(content)
    entry(lake, 4).with_name(f".{entry(lake, 4).name}.crc").unlink()
    refuses(lake, tmp_path, f"{CONSENTS}: log entry 4 ", str(entry(lake, 4)))


def test_fault_23_a_gap_after_the_last_checkpoint_is_named(lake: Lake, tmp_path: Path) -> None:
    entry(lake, 2).unlink()
    check_whole(lake)  # before the checkpoint nothing needs it: log cleanup takes such entries
    entry(lake, 4).unlink()
    refuses(lake, tmp_path, f"{CONSENTS}: log entry 4 ", "missing, the table is at version 5")


def test_fault_23_a_table_behind_the_last_published_night_is_named(lake: Lake, tmp_path: Path) -> None:
    began = dt.datetime(2026, 1, 5, tzinfo=UTC)
    published = JobResult(0, "published", {"log": standings(lake)})
    record(lake, Attempt(dt.date(2026, 1, 4), PUBLICATION, "run", began, began), "finished", published)
    kept = entry(lake, 5).read_bytes()
    for path in entry(lake, 5).parent.glob(f"*{5:020d}*"):
        path.unlink()
    check_whole(lake)
    refuses(lake, tmp_path, f"{CONSENTS} is at version 4, below version 5 of the night published 2026-01-04")
    # another commit under the same number, as a second writer's would be
    entry(lake, 5).write_bytes(kept.replace(b'"txnId":"', b'"txnId":"f'))
    refuses(lake, tmp_path, f"{CONSENTS}: log entry 5 ", "is not the one of the night published 2026-01-04")
