"""Loads that end between two commits, or lose one, and what comes in before they are run again."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.context import JobResult
from jobs.ingest import INPUTS, LOADED
from jobs.nightly import resumable
from jobs.nights import Attempt, read_nights, record
from lake.clock import UTC
from lake.conf import Conf
from lake.delta import Lake
from lake.delta_log import standings
from lake.errors import CommitLost
from lake.lease import Lease
from lake.lease_chain import myself
from lake.lease_store import lease_store
from tests.loading.files import PHONE, hour, point, run, source, sums, write


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def ids(lake: Lake) -> list[tuple[str, int]]:
    """How often each record is in bronze."""
    return [(r["record_id"], r["count"]) for r in lake.read("bronze.points").groupBy("record_id").count().collect()]


def interrupted(monkeypatch: pytest.MonkeyPatch, before: str, *load: Any) -> None:
    """A load that ends before a step, by its dotted name."""
    with monkeypatch.context() as patch:
        patch.setattr(before, killed)
        with pytest.raises(KeyboardInterrupt):
            run(*load)


def test_points_that_another_load_brought_in_meanwhile_are_duplicates(
    lake: Lake, conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, points = source(PHONE), [point(n) for n in range(5)]
    first, second = write(hour(tmp_path, "a.jsonl.gz"), points), write(hour(tmp_path, "b.jsonl.gz"), [*points, point(9)])
    interrupted(monkeypatch, "jobs.loading_judge.write_target", lake, conf, phone, first)
    assert sums(run(lake, conf, phone, second)) == (6, 6, 0, 0)
    assert sums(run(lake, conf, phone, first)) == (5, 0, 5, 0)
    assert len(ids(lake)) == 6 and {n for _, n in ids(lake)} == {1}


def test_a_load_killed_before_its_ledger_is_not_written_beside_itself_by_a_mended_mapping(
    lake: Lake, conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (write(hour(tmp_path, f"{x}.jsonl.gz"), [point(n) for n in range(s, s + 5)]) for x, s in (("a", 0), ("b", 5)))
    interrupted(monkeypatch, "jobs.loading.write_ledger", lake, conf, source(PHONE), first)
    assert lake.read("bronze.points").count() == 5
    columns = {**source(PHONE).model_dump(exclude_none=True)["columns"], "speed_mps": {"column": "speed", "unit": "mph"}}
    mended = source(PHONE, columns=columns)
    # with another file besides, its append has another transaction id
    assert sums(run(lake, conf, mended, first, second)) == (10, 10, 0, 0)
    assert lake.read("bronze.points").count() == 10
    assert lake.read("bronze.ledger").count() == 2


def spoil(lake: Lake, name: str) -> None:
    """What a woken driver does that looked before our entry was there: it puts its own, of nothing, in its place."""
    last = max((Path(lake.path(name)) / "_delta_log").glob("*.json"))
    kept = [x for x in map(json.loads, last.read_text().splitlines()) if "commitInfo" in x]
    kept[0]["commitInfo"]["userMetadata"] = "another"
    last.write_text("\n".join(map(json.dumps, kept)) + "\n")
    for crc in (last.with_suffix(".crc"), last.with_name(f".{last.name}.crc")):
        crc.unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["bronze.points", "bronze.quarantine", "bronze.ledger"])
def test_a_load_that_loses_a_commit_makes_it_again_though_the_ledger_has_the_file(
    name: str, spark: SparkSession, conf: Conf, tmp_path: Path
) -> None:
    lease = Lease.take(lease_store(conf.lake), myself("test", 120), 1, lambda: None)
    lake, attempts = Lake(spark, conf.lake, lease), []
    run(lake, conf, source(PHONE), write(hour(tmp_path, "before.jsonl.gz"), [point(100), "{"]))
    file = write(hour(tmp_path), [*(point(n) for n in range(5)), "{"])
    run_id = "one command"

    def work() -> tuple[int, int, int, int]:
        attempts.append(run(lake, conf, source(PHONE), file, run_id=run_id))
        if len(attempts) == 1:
            spoil(lake, name)
        return sums(attempts[-1])

    assert lake.kept(work) == (6, 5, 0, 1)
    lease.release()
    assert len(attempts) == 2
    assert len(ids(lake)) == 6 and {n for _, n in ids(lake)} == {1}
    assert lake.read("bronze.quarantine").count() == 2
    assert lake.read("bronze.ledger").count() == 2


def test_an_entry_on_top_of_ours_is_seen_at_the_end(spark: SparkSession, conf: Conf, tmp_path: Path) -> None:
    lease = Lease.take(lease_store(conf.lake), myself("test", 120), 1, lambda: None)
    lake = Lake(spark, conf.lake, lease)
    run(lake, conf, source(PHONE), write(hour(tmp_path), [point(0)]))
    lake.check_commits()
    spark.conf.unset("spark.databricks.delta.commitInfo.userMetadata")
    run(Lake(spark, conf.lake), conf, source(PHONE), write(hour(tmp_path, "b.jsonl.gz"), [point(1)]))
    with pytest.raises(CommitLost, match=r"bronze/points: log entry \d+ is not the one that was committed: it is another writer"):
        lake.check_commits()
    lease.release()


def test_a_night_begins_anew_after_a_load_by_hand_that_was_killed_before_its_ledger(
    lake: Lake, conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(lake, conf, source(PHONE), write(hour(tmp_path), [point(0)]))
    night, now = dt.date(2026, 1, 5), dt.datetime.now(UTC)
    detail = {INPUTS: standings(lake, LOADED)}
    record(lake, Attempt(night, "reference", "r", now, now), "finished", JobResult(0, "done"))
    record(lake, Attempt(night, "ingest", "r", now, now), "finished", JobResult(1, "done", detail))
    nights = read_nights(lake)
    assert resumable(lake, nights, night).finished[night] == {"reference", "ingest"}
    late = write(hour(tmp_path, "late.jsonl.gz"), [point(1)])
    interrupted(monkeypatch, "jobs.loading.write_ledger", lake, conf, source(PHONE), late)
    assert resumable(lake, nights, night).finished[night] == frozenset()
