"""A night that stops is told of whatever is broken, then has its page where one can be written; never where another writes."""

import datetime as dt
import errno
import json
from pathlib import Path
from typing import Any

import pytest

from jobs import stopped
from jobs.context import JobResult
from jobs.nightly import NightlyOptions, run_night
from jobs.nights import PUBLICATION, Attempt, record
from jobs.page import DATA, PAGE, folder_of, put
from jobs.stopped import Where, tell
from lake.conf import Conf, load_conf
from lake.conf_sections import Channels
from lake.delta import Lake
from lake.errors import CommitLost, ConfigError, InputError, LakeError, LeaseHeld, LeaseLost, LeaseOver, NightRefused
from lake.lease import Lease
from lake.lease_chain import myself
from lake.lease_store import lease_store
from tests.jobs.test_page_job import BEFORE, D
from tests.monitoring.test_page import night
from tests.world import command, write_conf

PLAIN = NightlyOptions()
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def mine(conf: Conf, tmp_path: Path) -> Conf:
    """With a file that alerts go to."""
    channels = Channels(file=str(tmp_path / "alerts.jsonl"))
    return conf.model_copy(update={"alerts": conf.alerts.model_copy(update={"channels": channels})})


def told(conf: Conf) -> list[str]:
    file = Path(str(conf.alerts.channels.file))
    found = [json.loads(x) for x in file.read_text().splitlines()] if file.is_file() else []
    assert {(x["rule"], x["severity"]) for x in found} <= {("stopped", "critical")}
    return [x["text"] for x in found]


def page(conf: Conf, date: dt.date = D) -> str | None:
    path = folder_of(conf.reports_path, date) / PAGE
    return path.read_text() if path.is_file() else None


def fails(*_: Any) -> Any:
    raise FULL


def test_a_lake_that_cannot_be_read_keeps_nobody_from_being_told(mine: Conf, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopped, "facts", fails)
    tell(Where(mine, D, lake), InputError("no files match x"), "ingest")
    said = "The night stopped in job ingest: no files match x."
    assert told(mine) == [f"{said} Run `telematics nightly --date {D}`."]
    drawn = page(mine)
    assert drawn is not None and said in drawn
    assert "Which scores readers see is not known: the lake could not be read." in drawn
    assert "What has finished is not known." in drawn


def test_a_page_of_another_night_that_is_broken_is_in_no_ones_way(mine: Conf, lake: Lake) -> None:
    lake.create("gold.nights")
    put(mine.reports_path, BEFORE, DATA, '{"date":')
    tell(Where(mine, D, lake, again=" --rerun"), LakeError("no frame"), "drift")
    assert len(told(mine)) == 1 and f"telematics nightly --date {D} --rerun`" in told(mine)[0]
    drawn = page(mine)
    assert drawn is not None and "Readers see no scores: there is no published night" in drawn


def test_a_disk_without_room_for_a_page_keeps_nobody_from_being_told(
    mine: Conf, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopped, "put", fails)
    tell(Where(mine, D, lake), FULL, "trips")
    assert told(mine)[0].startswith("The night stopped in job trips: the disk is full: make room")
    assert page(mine) is None


def test_silences_and_rules_that_cannot_be_read_keep_nobody_from_being_told(
    mine: Conf, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alerts.yaml").write_bytes("# für\nrules: {}".encode("latin-1"))
    rules = {"rules": str(tmp_path / "alerts.yaml")}
    mine = mine.model_copy(update={"alerts": mine.alerts.model_copy(update=rules)})
    monkeypatch.setattr("jobs.alerting.silences", fails)
    tell(Where(mine, D, lake), LakeError("no frame"), "drift")
    assert len(told(mine)) == 1 and page(mine) is not None


TAKEN = LeaseLost("number 9 was made after ours, 8")


class Guard:
    """A lease that is not held any more, as its check says."""

    nonce = "n"

    def __init__(self, why: Exception) -> None:
        self.why = why

    def check(self) -> None:
        raise self.why


@pytest.mark.parametrize("failure", [LeaseHeld("held"), LeaseLost("lost")])
def test_where_another_writes_nobody_is_told_and_the_pages_are_its_own(mine: Conf, lake: Lake, failure: Exception) -> None:
    tell(Where(mine, D, lake), failure, "score")
    assert (told(mine), page(mine)) == ([], None)


def test_a_lake_that_another_command_holds_is_told_without_a_page(mine: Conf, lake: Lake) -> None:
    """Of one that runs no night nobody would hear before the deadline, and on one's own machine not even then."""
    tell(Where(mine, D, lake), LeaseHeld("held by maintain", is_of_a_night=False), None, is_begun=False)
    assert len(told(mine)) == 1 and page(mine) is None


def test_a_commit_that_was_lost_to_one_without_a_lease_is_told(mine: Conf, lake: Lake) -> None:
    tell(Where(mine, D, lake), CommitLost("another wrote to gold.drift"), "drift")
    assert len(told(mine)) == 1 and page(mine) is not None


def test_a_lease_that_ended_and_that_another_has_taken_since_is_not_told(mine: Conf, lake: Lake) -> None:
    tell(Where(mine, D, Lake(lake.spark, lake.root, Guard(TAKEN))), LeaseOver("it could not be renewed"), "score")
    assert (told(mine), page(mine)) == ([], None)


def test_what_a_lost_lease_made_fail_is_not_told_either(mine: Conf, lake: Lake) -> None:
    guarded = Lake(lake.spark, lake.root, Guard(TAKEN))
    tell(Where(mine, D, guarded), RuntimeError("Job 3 was cancelled"), "score")
    assert (told(mine), page(mine)) == ([], None)


@pytest.mark.parametrize("by_a_job", [False, True])
def test_a_lease_that_ended_and_nobody_took_is_told_and_the_pages_are_left_to_who_takes_it(
    mine: Conf, lake: Lake, by_a_job: bool
) -> None:
    over = LeaseOver("the lease of the lake is lost: it could not be renewed")
    guarded = Lake(lake.spark, lake.root, Guard(over) if by_a_job else None)
    tell(Where(mine, D, guarded), RuntimeError("Job 3 was cancelled") if by_a_job else over, "score")
    assert len(told(mine)) == 1 and page(mine) is None


def test_a_lease_store_that_does_not_answer_is_no_other_writer(mine: Conf, lake: Lake) -> None:
    silent = Guard(ConnectionError("S3 does not answer"))
    tell(Where(mine, D, Lake(lake.spark, lake.root, silent)), LakeError("S3 does not answer"), "score")
    assert len(told(mine)) == 1


def published(lake: Lake, date: dt.date, detail: dict[str, Any]) -> None:
    at = dt.datetime(2026, 3, 3, 4, tzinfo=dt.UTC)
    record(lake, Attempt(date, PUBLICATION, "run", at, at), "finished", JobResult(0, "published", detail))


def run(lake: Lake, conf: Conf, date: dt.date, options: NightlyOptions = PLAIN) -> None:
    run_night(lake, conf, date, options, "run", lambda *_: None)


def test_fault_23_a_night_that_is_refused_before_its_first_job_is_told_and_has_a_page(mine: Conf, lake: Lake) -> None:
    published(lake, BEFORE, {"log": {"gold.nights": [7, "digest"]}})
    with pytest.raises(LakeError, match="commits are lost"):
        run(lake, mine, D)
    (text,) = told(mine)
    assert text.startswith("The night stopped before its first job: gold.nights is at version 1, below version 7 of the night")
    drawn = page(mine)
    assert drawn is not None and "The night stopped before its first job: gold.nights" in drawn
    assert f"Readers see the scores of the night of {BEFORE}" in drawn


def test_the_page_of_a_night_that_ended_well_stands_where_no_job_has_begun(mine: Conf, lake: Lake) -> None:
    published(lake, D, {"log": {"gold.nights": [7, "digest"]}})
    put(mine.reports_path, D, DATA, night(date=D).model_dump_json())
    with pytest.raises(LakeError, match="commits are lost"):
        run(lake, mine, D)
    assert (len(told(mine)), page(mine)) == (1, None)
    put(mine.reports_path, D, DATA, "{")
    with pytest.raises(LakeError, match="commits are lost"):
        run(lake, mine, D)
    assert len(told(mine)) == 2 and page(mine) is not None


def test_a_gap_is_told_without_a_page_and_what_nobody_should_ask_for_is_not_told(mine: Conf, lake: Lake) -> None:
    published(lake, BEFORE, {})
    later = D + dt.timedelta(days=2)
    with pytest.raises(NightRefused, match="would skip 2 night"):
        run(lake, mine, later)
    (text,) = told(mine)
    assert f"night {later} would skip 2 night(s) from {D}" in text and page(mine, later) is None
    for date, options, error in (
        (BEFORE - dt.timedelta(days=1), NightlyOptions(), NightRefused),
        (BEFORE, NightlyOptions(rerun=True, from_job="scor"), ConfigError),
        (BEFORE, NightlyOptions(rerun=True, from_job="score"), NightRefused),
    ):
        with pytest.raises(error):
            run(lake, mine, date, options)
        assert len(told(mine)) == 1 and page(mine, date) is None


@pytest.fixture
def configured(lake: Lake, tmp_path: Path) -> Path:
    """A lake with a table, as a command finds it."""
    lake.create("gold.nights")
    return write_conf(tmp_path / "conf.yml", tmp_path, alerts={"channels": {"file": str(tmp_path / "alerts.jsonl")}})


def test_fault_23_a_lake_that_cannot_be_opened_is_told_and_has_a_page(lake: Lake, configured: Path) -> None:
    (entry,) = (Path(lake.path("gold.nights")) / "_delta_log").glob("*0.json")
    entry.write_text("")
    entry.with_name(f".{entry.name}.crc").unlink(missing_ok=True)
    said = command(configured, "nightly", "--date", f"{D}")
    assert said.code == 6 and said.err.strip().count("\n") == 0, said.err
    conf = load_conf(str(configured))
    assert [x.startswith("The night stopped before its first job: gold.nights: log entry 0 ") for x in told(conf)] == [True]
    drawn = page(conf)
    assert drawn is not None and "Which scores readers see is not known" in drawn


def test_a_night_that_finds_another_at_work_tells_nobody_and_leaves_the_page_alone(lake: Lake, configured: Path) -> None:
    conf = load_conf(str(configured))
    put(conf.reports_path, D, DATA, night(date=D).model_dump_json())
    other = Lease.take(lease_store(lake.root), myself("telematics nightly", 60.0), 0.0, lambda: None)
    try:
        said = command(configured, "nightly", "--date", f"{D}")
    finally:
        other.release()
    assert (said.code, "the lake is being written" in said.err) == (6, True), said.err
    assert (told(conf), page(conf)) == ([], None)
