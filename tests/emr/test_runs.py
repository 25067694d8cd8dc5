"""Runs of EMR Serverless from submission to end: every state, and what goes wrong. boto3 reaches the fake by HTTP."""

import json

import pytest

from emr.runs import SERVERLESS_PHASES, Phase
from tests.emr.fake import NEW, RUN_STATES, FakeRun, Fault, Moment
from tests.emr.given import NIGHT, WELL, Account, only

ENDS = {"SUCCESS": 0, "FAILED": 20, "CANCELLED": 21}


def test_every_state_of_the_api_is_known_to_us() -> None:
    assert set(SERVERLESS_PHASES) == set(RUN_STATES)


def test_phases_name_every_end() -> None:
    assert {SERVERLESS_PHASES[x] for x in ENDS} == {Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED}


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
