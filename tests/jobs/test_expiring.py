"""What is too old goes, and only that: rows by whole partitions, files that nothing refers to, what killed runs left."""

import os
import time
from pathlib import Path

import pytest

from jobs.expiring import LEFTOVER_MS, expire_rows, remove_leftovers, vacuum_one
from lake.conf import Conf
from lake.delta import Lake
from lake.retention import Retention
from tests.transforms.rows import date, day, days

D = date("2026-07-15")


def keeping(conf: Conf, **days_kept: int) -> Conf:
    """The configuration with these retentions."""
    return conf.model_copy(update={"retention": Retention(**days_kept)})


def age(path: Path, days_old: float) -> None:
    """Make the file that old."""
    past = time.time() - days_old * 86_400
    os.utime(path, (past, past))


def test_a_month_goes_when_its_last_day_is_too_old(lake: Lake, conf: Conf) -> None:
    lake.append_once(
        "gold.policy_days", days(lake.spark, *(day("v", f"{month}-28") for month in ("2025-06", "2025-07", "2026-07"))), "a"
    )
    assert expire_rows(lake, keeping(conf, history=365), D) == {"gold.policy_days": 1}
    assert sorted(x.local_month for x in lake.read("gold.policy_days").collect()) == ["2025-07", "2026-07"]
    before = lake.version("gold.policy_days")
    assert expire_rows(lake, keeping(conf, history=365), D) == {}
    assert expire_rows(lake, keeping(conf), D) == {}
    assert lake.version("gold.policy_days") == before


def test_vacuum_takes_old_files_that_no_version_refers_to_and_no_row(lake: Lake, conf: Conf) -> None:
    lake.append_once("gold.policy_days", days(lake.spark, day("v", "2026-07-01")), "a")
    [live] = Path(lake.path("gold.policy_days")).rglob("*.parquet")
    old, young = live.with_name("part-old.parquet"), live.with_name("part-young.parquet")
    for left_by_a_killed_write in (old, young):
        left_by_a_killed_write.write_bytes(live.read_bytes())
    age(live, 30)
    age(old, 8)
    assert lake.read("gold.policy_days").count() == 1
    vacuum_one(lake, conf, "gold.policy_days", 7)
    assert sorted(x.name for x in live.parent.glob("*.parquet")) == sorted([live.name, young.name])
    assert lake.read("gold.policy_days").count() == 1


@pytest.mark.parametrize("name", ["load/source-0123", "gold.policy_scores-0123"])
def test_what_a_killed_run_staged_goes_after_a_day(lake: Lake, name: str) -> None:
    staged = Path(lake.root) / "_staging" / name / "rows" / "part-0.parquet"
    staged.parent.mkdir(parents=True)
    staged.write_bytes(b"staged")
    assert remove_leftovers(lake) == 0
    for path in (staged, *staged.parents[:3]):
        age(path, 2 * LEFTOVER_MS / 86_400_000)
    assert remove_leftovers(lake) == 1
    assert not staged.exists()
