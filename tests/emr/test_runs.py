"""Runs of EMR Serverless from submission to end: every state, and what goes wrong. boto3 reaches the fake by HTTP."""

import datetime as dt
import json
import os
import signal
import threading
import time

import pytest

from emr.runs import SERVERLESS_PHASES, Phase
from tests.emr.fake import NEW, RUN_STATES, FakeRun, Fault, Moment
from tests.emr.given import Account

NIGHT = ("submit", "nightly", "--date", "2026-01-05")
WELL = [Moment("SUBMITTED"), Moment("PENDING"), Moment("SCHEDULED"), Moment("RUNNING"), Moment("SUCCESS", seconds=600)]
ENDS = {"SUCCESS": 0, "FAILED": 20, "CANCELLED": 21}


def only(cloud: Account) -> FakeRun:
    (run,) = cloud.fake.runs.values()
    return run


def test_every_state_of_the_api_is_known_to_us() -> None:
    assert set(SERVERLESS_PHASES) == set(RUN_STATES)


@pytest.mark.parametrize("state", RUN_STATES)
def test_every_state_ends_or_goes_on(cloud: Account, state: str) -> None:
    """A wait ends at once with the state's code, or goes on to what follows; `status` says the state either way."""
    cloud.fake.script = [Moment(state, "why")] * 3 + [Moment("SUCCESS")]
    assert cloud.run(*NIGHT) == 0
    expected = ENDS.get(state, 0)
    assert cloud.run("status", only(cloud).id) == expected
    assert f"({state}): why" in cloud.out
    assert cloud.run("wait", only(cloud).id) == expected
    assert (only(cloud).looks > 3) == (state not in ENDS)


def test_a_state_that_is_new_is_said_and_waited_upon(cloud: Account) -> None:
    cloud.fake.script = [Moment(NEW), Moment("SUCCESS")]
    assert cloud.run(*NIGHT, "--wait") == 0
    assert f"in a state that is new to us ({NEW})" in cloud.err


def test_a_night_that_ends_well_is_told_as_it_goes(cloud: Account) -> None:
    cloud.fake.script = [Moment("QUEUED"), *WELL]
    cloud.fake.on_look = lambda run: cloud.driver_log(run, "stdout", "reference: done\ntrips: do" if run.looks < 5 else TOLD)
    assert cloud.run(*NIGHT, "--wait") == 0
    assert cloud.out == f"{only(cloud).id}\n"
    told = [line for line in cloud.err.splitlines() if "attempt 1: " in line]
    assert [x.split("(")[1].split(")")[0] for x in told] == ["QUEUED", "SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "SUCCESS"]
    # whole lines, each once
    assert [x.strip() for x in cloud.err.splitlines() if "stdout:" in x] == [f"stdout: {x}" for x in TOLD.splitlines()]


TOLD = "reference: done\ntrips: done\npublished [all]"


def test_dry_run_prints_what_is_sent_and_sends_nothing(cloud: Account) -> None:
    assert cloud.run(*NIGHT, "--dry-run") == 0
    printed = json.loads(cloud.out)
    assert cloud.fake.calls == []
    assert cloud.run(*NIGHT) == 0
    assert cloud.fake.called("StartJobRun") == [printed]


def test_a_failure_shows_details_last_words_and_where_to_look(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING"), Moment("FAILED", "Job failed, exit code 4", seconds=60)]
    cloud.fake.on_look = lambda run: cloud.driver_log(run, "stderr", "".join(f"line {n}\n" for n in range(100)) + "error: gate\n")
    assert cloud.run(*NIGHT, "--wait") == 20
    last = cloud.err.splitlines()
    assert last[-1].startswith(
        f"error: run {only(cloud).id}: telematics nightly 2026-01-05 attempt 1: failed (FAILED): Job failed"
    )
    assert last[-2] == f"Spark's page, for an hour: https://spark.example/{only(cloud).id}"
    assert [x.strip() for x in last[-22:-2]] == [*(f"line {n}" for n in range(81, 100)), "error: gate"]
    assert "SPARK_DRIVER/stderr.gz" in last[-23]


def test_a_failure_without_a_log_says_so(cloud: Account) -> None:
    cloud.fake.script = [Moment("PENDING"), Moment("FAILED", "no capacity")]
    assert cloud.run(*NIGHT, "--wait") == 20
    assert "no driver log at s3://" in cloud.err


def test_an_attempt_of_emrs_own_is_told_and_its_log_is_found(cloud: Account) -> None:
    """We ask for one; an application's own policy may give more."""
    again = Moment("RUNNING", attempt=2)
    cloud.fake.script = [Moment("RUNNING"), again, again, Moment("SUCCESS", attempt=2)]

    def log(run: FakeRun) -> None:
        cloud.driver_log(run, "stdout", "of the first\n")
        if run.now.attempt == 2:
            cloud.driver_log(run, "stdout", "of the second\n", "attempts/2/")

    cloud.fake.on_look = log
    assert cloud.run(*NIGHT, "--wait") == 0
    assert "(RUNNING, EMR's attempt 2)" in cloud.err
    assert cloud.run("logs", only(cloud).id) == 0
    assert cloud.out == "of the second\n"


def test_the_same_night_twice_is_one_run(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING")] * 4 + [Moment("SUCCESS")]
    assert cloud.run(*NIGHT) == 0
    first = cloud.out
    assert cloud.run(*NIGHT, "--wait") == 0
    assert cloud.out == first and len(cloud.fake.called("StartJobRun")) == 1
    assert "nothing was sent: telematics nightly 2026-01-05 attempt 1: running (RUNNING)" in cloud.err
    # and when it has ended, also where EMR remembers no token any more
    cloud.fake.tokens.clear()
    assert cloud.run(*NIGHT) == 0
    assert cloud.out == first and "to start it again give --attempt 2" in cloud.err
    assert cloud.run(*NIGHT, "--attempt", "2") == 0
    assert len(cloud.fake.runs) == 2


def test_a_night_that_failed_is_not_started_again_unasked(cloud: Account) -> None:
    cloud.fake.script = [Moment("FAILED")]
    assert cloud.run(*NIGHT, "--wait") == 20
    assert cloud.run(*NIGHT) == 20
    assert len(cloud.fake.runs) == 1


def test_two_at_the_same_time_get_the_same_run_by_the_token(cloud: Account) -> None:
    """The schedule's start comes between our look and our request."""
    cloud.fake.script = [Moment("RUNNING")]
    assert cloud.run(*NIGHT) == 0
    run_id = only(cloud).id
    runs, cloud.fake.runs = cloud.fake.runs, {}
    real = cloud.fake.tokens

    class Late(dict[str, str]):
        def __contains__(self, token: object) -> bool:
            cloud.fake.runs = runs
            return token in real

        def __getitem__(self, token: str) -> str:
            return real[token]

    cloud.fake.tokens = Late()
    assert cloud.run(*NIGHT) == 0
    assert cloud.out == f"{run_id}\n" and len(cloud.fake.called("StartJobRun")) == 2


def test_another_attempt_waits_for_the_one_under_way(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING")]
    assert cloud.run(*NIGHT) == 0
    assert cloud.run(*NIGHT, "--attempt", "2") == 23
    assert f"run {only(cloud).id}: wait for it or cancel it before another attempt" in cloud.err
    # a night of another date is another matter
    assert cloud.run("submit", "nightly", "--date", "2026-01-06", "--attempt", "2") == 0


def test_the_run_is_found_on_any_page(cloud: Account) -> None:
    for day in range(1, 9):
        assert cloud.run("submit", "nightly", "--date", f"2026-01-0{day}") == 0
    lists = len(cloud.fake.called("ListJobRuns"))
    assert cloud.run("submit", "nightly", "--date", "2026-01-08") == 0
    assert len(cloud.fake.runs) == 8
    assert len(cloud.fake.called("ListJobRuns")) - lists == 3
    assert cloud.run("status", "--date", "2026-01-07") == 0
    assert "telematics nightly 2026-01-07 attempt 1" in cloud.out


def test_a_token_of_another_request_is_refused_with_a_way_out(cloud: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cloud.run(*NIGHT) == 0
    cloud.fake.runs[only(cloud).id].request["name"] = "renamed by somebody"
    assert cloud.run(*NIGHT) == 23
    assert "the token was used for another request: give --attempt 2" in cloud.err


def test_throttling_is_waited_out(cloud: Account) -> None:
    cloud.fake.script = WELL
    slow = [Fault(name, "ThrottlingException") for name in ("ListJobRuns", "StartJobRun", "GetJobRun") for _ in range(7)]
    # boto3 itself gives up after five; a start and a wait go on, the list before a start does not
    cloud.fake.faults = [x for x in slow if x.operation != "ListJobRuns"] + slow[:3]
    assert cloud.run(*NIGHT, "--wait") == 0
    assert len(cloud.fake.runs) == 1 and cloud.fake.faults == []
    assert "no answer, asking again" in cloud.err


def test_what_cannot_be_known_is_not_submitted(cloud: Account) -> None:
    cloud.fake.faults = [Fault("ListJobRuns", "ThrottlingException")] * 5
    assert cloud.run(*NIGHT) == 23
    assert "so nothing was sent" in cloud.err and cloud.fake.runs == {}


@pytest.mark.parametrize(("code", "status"), [("AccessDeniedException", 403), ("ValidationException", 400)])
def test_a_refusal_is_one_line_and_a_code_of_its_own(cloud: Account, code: str, status: int) -> None:
    cloud.fake.faults = [Fault("StartJobRun", code, status)]
    assert cloud.run(*NIGHT) == 23
    assert cloud.err.startswith("error: submitting nightly-2026-01-05-1 to EMR Serverless:") and code in cloud.err
    assert cloud.err.count("\n") == 1


def test_a_lost_answer_starts_one_run(cloud: Account) -> None:
    cloud.fake.faults = [Fault("StartJobRun", is_done=True), Fault("StartJobRun", is_done=True)]
    assert cloud.run(*NIGHT) == 0
    assert len(cloud.fake.called("StartJobRun")) == 3 and cloud.out == f"{only(cloud).id}\n"


def test_no_network_at_all_is_not_submitted(cloud: Account) -> None:
    cloud.fake.is_dark = True
    assert cloud.run(*NIGHT) == 23
    assert cloud.fake.runs == {}


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
    ("state", "details", "seconds"), [("FAILED", "Job execution timeout exceeded", 60), ("CANCELLED", "", 14_400)]
)
def test_emrs_own_limit_is_told_apart(cloud: Account, state: str, details: str, seconds: int) -> None:
    cloud.fake.script = [Moment("RUNNING"), Moment(state, details, seconds=seconds)]
    assert cloud.run(*NIGHT, "--wait") == 22


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


def test_a_month_is_summed_by_start_against_the_budget(cloud: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMATICS_EMR__MONTHLY_BUDGET_DOLLARS", "2")
    month = f"{dt.datetime.now(dt.UTC):%Y-%m}"
    for start, hours in (("nightly", 20.0), ("train", 30.0)):
        cloud.fake.script = [Moment("SUCCESS", billed=(hours, 0.0, 0.0))]
        assert cloud.run("submit", start, "--date", "2026-01-05") == 0
    cloud.fake.script = [Moment("RUNNING")]
    assert cloud.run("submit", "maintain", "--date", "2026-01-05") == 0
    old = cloud.fake.runs[next(iter(cloud.fake.runs))]
    cloud.fake.add(old.request, [Moment("SUCCESS", billed=(1000.0, 0.0, 0.0))], dt.datetime(2025, 1, 5, tzinfo=dt.UTC))
    assert cloud.run("cost", "--month", month) == 0
    # 50 h x 0.042094 = 2.10 of 2
    assert "in all    50.00 vCPU h, 0.00 GB h, 0.00 GB h of disk: 2.10 $; budget 2 $: OVER THE BUDGET" in cloud.out
    assert "1 run(s) are not billed yet" in cloud.out
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


def test_phases_name_every_end() -> None:
    assert {SERVERLESS_PHASES[x] for x in ENDS} == {Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED}
