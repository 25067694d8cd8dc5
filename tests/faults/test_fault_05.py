"""MERGE against MERGE, both on what they had read before the other's commit."""

import datetime as dt
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.catalog import Job
from jobs.context import JobContext, JobResult
from jobs.nightly import run_job
from jobs.nights import Recorder
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import CommitLost
from lake.tables import CONSENTS
from tests.faults.test_fault_04 import append
from tests.jobs.context import night

NAME = CONSENTS.name
POLICY = "a-0"
BEGAN = dt.datetime(2026, 1, 1)
WAIT_S = 120.0
DATE = dt.date(2026, 1, 5)
CONFLICT = r"reference/consents: another writer has committed what this one had not read \(Concurrent\w+\)"


def one_day_later(lake: Lake, policy_id: Column) -> None:
    """Read the day that the consent ends, and MERGE the next one."""
    [row] = lake.read(NAME).collect()
    until = (row.valid_to or BEGAN) + dt.timedelta(days=1)
    columns = {"policy_id": policy_id, "purpose": row.purpose, "valid_from": row.valid_from, "valid_to": until}
    source = lake.spark.range(1).select(*((x if isinstance(x, Column) else F.lit(x)).alias(k) for k, x in columns.items()))
    lake.mark(NAME, source, ["valid_to"])


def ends(lake: Lake) -> list[int]:
    """Days after BEGAN on which the consent ends."""
    return [(r.valid_to - BEGAN).days for r in lake.read(NAME).collect()]


def seen(path: Path) -> None:
    """Return when the file is there."""
    until = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < until, f"{path} never came"
        time.sleep(0.02)


@dataclass
class Slow:
    """Adds a day by a MERGE that has read the table and says so by the file `reading<n>`, and then waits for the file
    `opened<n>`; n counts the tries that are met."""

    folder: Path
    met: int
    tries: int = 0

    def add(self, lake: Lake) -> None:
        """One try."""
        number, folder = self.tries, self.folder
        self.tries += 1
        if number >= self.met:
            return one_day_later(lake, F.lit(POLICY))

        def slowly(policy_id: str) -> str:
            (folder / f"reading{number}").touch()
            seen(folder / f"opened{number}")
            return policy_id

        return one_day_later(lake, F.udf(slowly, "string")(F.lit(POLICY)))

    def meet(self, lake: Lake) -> None:
        """Another's MERGE into each try that is met."""
        for number in range(self.met):
            seen(self.folder / f"reading{number}")
            one_day_later(lake, F.lit(POLICY))
            (self.folder / f"opened{number}").touch()


@dataclass(frozen=True)
class SlowJob(Job):
    """A job of the night that is slow."""

    slow: Slow = field(default_factory=lambda: Slow(Path(), 0))

    def run(self, context: JobContext) -> JobResult:
        """Add a day."""
        self.slow.add(context.lake)
        return JobResult(1, "one day later")


def test_fault_05_of_two_merges_one_conflicts_and_is_tried_again_on_what_is_there(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    append(lake, "a", 0)
    slow = Slow(tmp_path, met=1)
    job = SlowJob("trips", "", "", (), slow=slow)
    with Recorder(lake) as recorder, ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_job, job, night(lake, conf, DATE), recorder)
        slow.meet(lake)
        running.result(WAIT_S)
    # both have added their day: without the conflict the slow one would have put back what it had read, plus one
    assert ends(lake) == [2]
    attempts = [(r.status, r.message) for r in lake.read("gold.nights").orderBy("started_at").collect()]
    assert [status for status, _ in attempts] == ["failed", "finished"]
    assert "another writer has committed" in attempts[0][1]


def test_fault_05_a_merge_that_always_meets_another_fails_after_a_bounded_number_of_tries(
    lake: Lake, conf: Conf, tmp_path: Path
) -> None:
    append(lake, "a", 0)
    tries = conf.nightly.attempts
    slow = Slow(tmp_path, met=tries)
    job = SlowJob("trips", "", "", (), slow=slow)
    with Recorder(lake) as recorder, ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_job, job, night(lake, conf, DATE), recorder)
        slow.meet(lake)
        with pytest.raises(CommitLost, match=CONFLICT):
            running.result(WAIT_S)
    # the others' days are there, and nothing of the one that failed
    assert ends(lake) == [tries]
    assert slow.tries == tries


def test_fault_05_a_load_or_replay_by_hand_is_tried_again_too(lake: Lake, tmp_path: Path) -> None:
    append(lake, "a", 0)
    slow = Slow(tmp_path, met=1)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lake.kept, lambda: slow.add(lake))
        slow.meet(lake)
        running.result(WAIT_S)
    assert ends(lake) == [2]
    assert slow.tries == 2
