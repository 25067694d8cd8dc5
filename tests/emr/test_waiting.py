"""Waiting for a run of EMR Serverless: lost networks, time-outs, interrupts, cancellation."""

import os
import signal
import threading
import time

import pytest

from tests.emr.fake import FakeRun, Fault, Moment
from tests.emr.given import NIGHT, WELL, Account, only


def test_a_network_that_comes_back_is_waited_for(cloud: Account) -> None:
    cloud.fake.script = WELL
    cloud.fake.faults = [Fault("GetJobRun")] * 12
    assert cloud.run(*NIGHT, "--wait") == 0
    assert "no answer, asking again" in cloud.err


def test_a_network_that_stays_away_leaves_the_run_and_says_how_to_go_on(cloud: Account) -> None:
    def cut(run: FakeRun) -> None:
        cloud.fake.is_dark = run.looks == 3

    cloud.fake.script, cloud.fake.on_look = WELL, cut
    assert cloud.run(*NIGHT, "--wait", "--patience", "0.005") == 24
    run = only(cloud)
    assert f"run {run.id} goes on: telematics emr wait {run.id}" in cloud.err and not run.cancelled
    # and back again, with the same command
    cloud.fake.is_dark, cloud.fake.on_look = False, lambda run: None
    assert cloud.run(*NIGHT, "--wait") == 0
    assert len(cloud.fake.runs) == 1


def test_credentials_that_end_meanwhile_leave_the_run(cloud: Account) -> None:
    cloud.fake.faults = [Fault("GetJobRun", "ExpiredTokenException", 403)]
    assert cloud.run(*NIGHT, "--wait") == 24
    assert not only(cloud).cancelled


def test_a_time_out_cancels_what_was_started_here(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING")]
    assert cloud.run(*NIGHT, "--wait", "--timeout", "0.003") == 22
    assert only(cloud).cancelled
    assert cloud.fake.called("CancelJobRun")[0]["shutdownGracePeriodInSeconds"] > 0
    assert cloud.err.splitlines()[-1].endswith(f"0.003 minutes are over; run {only(cloud).id} cancelled")


def test_a_time_out_leaves_what_was_there(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING")]
    assert cloud.run(*NIGHT) == 0
    for command in (("wait", only(cloud).id), (*NIGHT, "--wait")):
        assert cloud.run(*command, "--timeout", "0.003") == 22
        assert "goes on" in cloud.err and not only(cloud).cancelled
    assert cloud.run("wait", only(cloud).id, "--timeout", "0.003", "--cancel") == 22
    assert only(cloud).cancelled


def test_a_run_that_ends_while_it_is_cancelled_ends_as_it_ended(cloud: Account) -> None:
    cloud.fake.script, cloud.fake.after_cancel = [Moment("RUNNING")], [Moment("CANCELLING"), Moment("SUCCESS")]
    assert cloud.run(*NIGHT, "--wait", "--timeout", "0.003") == 0


def test_a_cancellation_that_is_refused_is_said(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING")]
    cloud.fake.faults = [Fault("CancelJobRun", "AccessDeniedException", 403)]
    assert cloud.run(*NIGHT, "--wait", "--timeout", "0.003") == 24
    assert "NOT cancelled" in cloud.err


@pytest.mark.parametrize(
    ("state", "details", "seconds", "code"),
    [
        ("CANCELLED", "Job execution timeout exceeded", 60, 22),
        ("CANCELLED", "", 14_400, 22),
        ("FAILED", "", 14_400, 22),
        ("FAILED", "java.util.concurrent.TimeoutException: Futures timed out after [300 seconds]", 420, 20),
        ("CANCELLED", "by a user", 14_399, 21),
    ],
)
def test_emrs_own_limit_is_told_apart(cloud: Account, state: str, details: str, seconds: int, code: int) -> None:
    cloud.fake.script = [Moment("RUNNING"), Moment(state, details, seconds=seconds)]
    assert cloud.run(*NIGHT, "--wait") == code
    # and so does whoever finds it ended
    assert cloud.run(*NIGHT) == cloud.run("status", only(cloud).id) == code


def interrupt(cloud: Account, number: int) -> None:
    """The signal, in the middle of the second look."""

    def on_look(run: FakeRun) -> None:
        if run.looks == 2 and not run.cancelled:
            threading.Thread(target=lambda: (time.sleep(0.01), os.kill(os.getpid(), number)), daemon=True).start()

    cloud.fake.script, cloud.fake.on_look = [Moment("RUNNING")], on_look


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_what_was_started_here(cloud: Account, number: int) -> None:
    interrupt(cloud, number)
    assert cloud.run(*NIGHT, "--wait") == 21
    assert only(cloud).cancelled
    assert "interrupted: cancelling run" in cloud.err


def test_an_interrupt_leaves_what_was_there(cloud: Account) -> None:
    interrupt(cloud, signal.SIGINT)
    assert cloud.run(*NIGHT) == 0
    assert cloud.run("wait", only(cloud).id) == 130
    assert not only(cloud).cancelled
    assert f"telematics emr cancel {only(cloud).id}" in cloud.err


@pytest.mark.parametrize("which", [("00run00000001",), ("--date", "2026-01-05")])
def test_a_network_that_is_away_from_the_start_is_waited_for(cloud: Account, which: tuple[str, ...]) -> None:
    cloud.fake.script = WELL
    assert cloud.run(*NIGHT) == 0
    # more than boto3 itself asks
    cloud.fake.faults = [Fault(x) for x in ("GetJobRun", "ListJobRuns") for _ in range(12)]
    assert cloud.run("wait", *which) == 0
    assert "no answer, asking again" in cloud.err
    cloud.fake.is_dark = True
    assert cloud.run("wait", *which, "--patience", "0.005") == 24
    assert "no answer for 0.005 minutes" in cloud.err


def test_a_profile_that_is_not_there_and_no_credentials_are_one_line_with_a_mend(
    cloud: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    deployed = ("run", "--deployment", "d1", "--", "tables")
    monkeypatch.setenv("AWS_PROFILE", "nope")
    for command in (NIGHT, ("wait", "00run1"), deployed):
        assert cloud.run(*command) == 5, cloud.err
        assert "profile (nope) could not be found: set AWS_PROFILE" in cloud.err and cloud.err.count("\n") == 1
    monkeypatch.delenv("AWS_PROFILE")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for command, code in ((NIGHT, 23), (("wait", "00run1"), 5), (deployed, 5)):
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
        assert cloud.run(*command) == code, cloud.err
        assert "no credentials were found: set AWS_PROFILE" in cloud.err and cloud.err.count("\n") == 1
