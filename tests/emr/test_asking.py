"""What is asked of runs that are there: cancel, logs, cost, and what is asked wrongly."""

import datetime as dt

import pytest

from tests.emr.fake import Moment
from tests.emr.given import NIGHT, Account, only


def test_cancel_asks_once_and_not_for_what_has_ended(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING")]
    assert cloud.run(*NIGHT) == 0
    assert cloud.run("cancel", "--date", "2026-01-05") == 0
    assert cloud.run("wait", only(cloud).id) == 21
    assert cloud.run("cancel", only(cloud).id) == 0
    assert "has ended already" in cloud.out and len(cloud.fake.called("CancelJobRun")) == 1


def test_logs_are_as_far_as_they_came(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING")]
    assert cloud.run(*NIGHT) == 0
    assert cloud.run("logs", only(cloud).id) == 3
    assert "has no log yet at s3://" in cloud.err
    cloud.driver_log(only(cloud), "stderr", "one\ntwo\nthree\n")
    assert cloud.run("logs", "--date", "2026-01-05", "--stream", "stderr", "--last", "2") == 0
    assert cloud.out == "two\nthree\n"


def test_a_log_is_followed_to_the_end_of_the_run(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING")] * 3 + [Moment("SUCCESS")]
    cloud.fake.on_look = lambda run: cloud.driver_log(run, "stdout", "".join(f"{n}\n" for n in range(run.looks + 1)))
    assert cloud.run(*NIGHT) == 0
    assert cloud.run("logs", only(cloud).id, "--follow") == 0
    assert cloud.out.split() == ["0", "1", "2", "3"]


def test_a_run_costs_what_was_billed_and_each_job_its_share(cloud: Account) -> None:
    cloud.fake.script = [Moment("SUCCESS", seconds=100, billed=(10.0, 40.0, 2.0))]
    assert cloud.run(*NIGHT) == 0
    cloud.driver_log(only(cloud), "stdout", "2026-01-05 trips: 12 trips (60.0 s)\n2026-01-05 score: 9 rows (30.0 s)\n")
    assert cloud.run("cost", "--date", "2026-01-05") == 0
    # 10 x 0.042094 + 40 x 0.004628 + 2 x 0.000111 = 0.606282
    assert "10.00 vCPU h, 40.00 GB h, 2.00 GB h of disk: 0.61 $" in cloud.out
    shares = {words[0]: words[-2] for line in cloud.out.splitlines() if (words := line.split()) and line.startswith("  ")}
    assert shares == {"trips": "0.3638", "score": "0.1819", "between": "0.0606"}
    (trips,) = (line.split() for line in cloud.out.splitlines() if line.startswith("  trips"))
    assert trips == ["trips", "60.0", "s", "6.000", "vCPU", "h", "24.000", "GB", "h", "0.3638", "$"]


def test_a_run_is_found_by_every_date_that_it_is_of(cloud: Account) -> None:
    assert cloud.run("submit", "backfill", "--from", "2026-01-05", "--to", "2026-01-09") == 0
    assert cloud.run("submit", "replay", "--source", "sim_phone", "--date", "2026-01-05", "--reason", "2026-13-45") == 0
    for start, date, code in (
        ("backfill", "2026-01-04", 23), ("backfill", "2026-01-05", 0), ("backfill", "2026-01-07", 0),
        ("backfill", "2026-01-09", 0), ("backfill", "2026-01-10", 23), ("replay", "2026-01-05", 0), ("nightly", "2026-01-05", 23),
    ):  # fmt: skip
        assert cloud.run("status", "--start", start, "--date", date) == code, (start, date, cloud.err)


def test_a_month_is_summed_by_start_against_the_budget(cloud: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMATICS_EMR__MONTHLY_BUDGET_DOLLARS", "2")
    for start, hours in (("nightly", 20.0), ("train", 30.0)):
        cloud.fake.script = [Moment("SUCCESS", billed=(hours, 0.0, 0.0))]
        assert cloud.run("submit", start, "--date", "2026-01-05") == 0
    cloud.fake.script = [Moment("RUNNING")]
    assert cloud.run("submit", "maintain", "--date", "2026-01-05") == 0
    old = cloud.fake.runs[next(iter(cloud.fake.runs))]
    cloud.fake.add(old.request, [Moment("SUCCESS", billed=(1000.0, 0.0, 0.0))], dt.datetime(2025, 1, 5, tzinfo=dt.UTC))
    month = f"{next(iter(cloud.fake.runs.values())).created_at:%Y-%m}"
    assert cloud.run("cost", "--month", month) == 0
    # 50 h x 0.042094 = 2.10 of 2
    assert "in all    50.00 vCPU h, 0.00 GB h, 0.00 GB h of disk: 2.10 $; budget 2 $: OVER THE BUDGET" in cloud.out
    assert "1 run(s) have no bill yet" in cloud.out
    assert [x.split()[0] for x in cloud.out.splitlines() if x.startswith(("nightly", "train"))] == ["nightly", "train"]


def test_what_is_asked_wrongly_is_said(cloud: Account) -> None:
    for arguments, why in (
        (("status",), "give a run's id, or --date D"),
        (("wait", "--date", "2026-01-05", "--start", "dinner"), "no start 'dinner'"),
        (("cost",), "give one of a run's id, --date D, --month YYYY-MM and --plan"),
        (("cost", "--month", "May"), "'May' is no month"),
        ((*NIGHT, "--timeout", "5"), "go with --wait"),
        (("logs", "00run1", "--stream", "stdwhat"), "no stream 'stdwhat'"),
    ):
        assert cloud.run(*arguments) == 2, arguments
        assert why in cloud.err
    assert cloud.run("status", "--date", "2026-01-05") == 23
    assert "EMR has no run nightly of 2026-01-05" in cloud.err
