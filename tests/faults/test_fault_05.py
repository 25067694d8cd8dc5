"""MERGE against MERGE, both on what they had read before the other's commit."""

import datetime as dt
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from jobs.catalog import Job
from jobs.context import JobContext, JobResult
from jobs.nightly import MAX_ATTEMPTS, run_job
from jobs.nights import Recorder
from lake.conf import Conf
from lake.delta import Lake
from lake.tables import CONSENTS
from tests.faults.test_fault_04 import append
from tests.jobs.context import night

NAME = CONSENTS.name
BEGAN = dt.datetime(2026, 1, 1)
WAIT_S = 60.0
DATE = dt.date(2026, 1, 5)


@dataclass(frozen=True)
class AddsADay(Job):
    """Ends the consent one day later than it reads, once `opened` is there; says by `reading` that its MERGE is under way."""

    folder: Path = Path()
    always: bool = False
    tries: list[int] = field(default_factory=list)

    def run(self, context: JobContext) -> JobResult:
        """One MERGE, whose source is read slowly."""
        number = len(self.tries)
        self.tries.append(number)
        name = str(number if self.always else 0)
        reading, opened = str(self.folder / f"reading{name}"), str(self.folder / f"opened{name}")

        def slowly(policy_id: str) -> str:
            Path(reading).touch()
            until = time.monotonic() + WAIT_S
            while not Path(opened).exists() and time.monotonic() < until:
                time.sleep(0.02)
            return policy_id

        one_day_later(context.lake, F.udf(slowly, "string")(F.lit("a-0")))
        return JobResult(1, "one day later")


def one_day_later(lake: Lake, policy_id: object = None) -> None:
    """Read the day that the consent ends, and MERGE the next one."""
    [row] = lake.read(NAME).collect()
    until = (row.valid_to or BEGAN) + dt.timedelta(days=1)
    source = lake.spark.range(1).select(
        (F.lit("a-0") if policy_id is None else policy_id).alias("policy_id"),  # type: ignore[attr-defined]
        F.lit(row.purpose).alias("purpose"), F.lit(row.valid_from).alias("valid_from"), F.lit(until).alias("valid_to"),
    )  # fmt: skip
    lake.mark(NAME, source, ["valid_to"])


def seen(path: Path) -> None:
    """Return when the file is there."""
    until = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < until, f"{path} never came"
        time.sleep(0.02)


def slow_job(folder: Path, *, always: bool = False) -> AddsADay:
    return AddsADay("trips", "", "", (), folder=folder, always=always)


def test_fault_05_a_merge_that_meets_another_conflicts_and_is_tried_again_on_what_is_there(
    lake: Lake, conf: Conf, tmp_path: Path
) -> None:
    append(lake, "a", 0)
    job = slow_job(tmp_path)
    with Recorder(lake) as recorder, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(run_job, job, night(lake, conf, DATE), recorder)
        seen(tmp_path / "reading0")
        one_day_later(lake)
        (tmp_path / "opened0").touch()
        slow.result(WAIT_S)
    # both have added their day: without the conflict the slow one would have put back what it had read, plus one
    assert [r.valid_to for r in lake.read(NAME).collect()] == [BEGAN + dt.timedelta(days=2)]
    attempts = lake.read("gold.nights").orderBy("started_at").collect()
    assert [(r.status, "Concurrent" in r.message) for r in attempts] == [("failed", True), ("finished", False)]


def test_fault_05_a_merge_that_always_meets_another_fails_after_a_bounded_number_of_tries(
    lake: Lake, conf: Conf, tmp_path: Path
) -> None:
    append(lake, "a", 0)
    job = slow_job(tmp_path, always=True)
    with Recorder(lake) as recorder, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(run_job, job, night(lake, conf, DATE), recorder)
        for number in range(MAX_ATTEMPTS):
            seen(tmp_path / f"reading{number}")
            one_day_later(lake)
            (tmp_path / f"opened{number}").touch()
        with pytest.raises(Exception, match=r"(?i)concurrent"):
            slow.result(WAIT_S)
    # the others' days are there, and nothing of the one that failed
    assert [r.valid_to for r in lake.read(NAME).collect()] == [BEGAN + dt.timedelta(days=MAX_ATTEMPTS)]
    assert len(job.tries) == MAX_ATTEMPTS
