"""Steps of the EC2 cluster with the same verbs: every state, and what a step lacks, which is a token."""

import pytest

from emr.runs import STEP_PHASES
from tests.emr.fake import STEP_STATES, FakeRun, Fault, Moment
from tests.emr.given import CLUSTER, Account, only

NIGHT = ("submit", "nightly", "--date", "2026-01-05", "--target", "ec2")
ENDS = {"COMPLETED": 0, "FAILED": 20, "CANCELLED": 21, "INTERRUPTED": 21}


def test_every_state_of_a_step_is_known_to_us() -> None:
    assert set(STEP_PHASES) == set(STEP_STATES)


@pytest.mark.parametrize("state", STEP_STATES)
def test_every_state_ends_or_goes_on(cloud: Account, state: str) -> None:
    cloud.fake.script = [Moment(state, "why")] * 3 + [Moment("COMPLETED")]
    assert cloud.run(*NIGHT) == 0
    expected = ENDS.get(state, 0)
    assert cloud.run("status", only(cloud).id) == expected
    assert f"({state}): why" in cloud.out
    assert cloud.run("wait", only(cloud).id) == expected
    assert (only(cloud).looks > 3) == (state not in ENDS)


def test_the_same_step_twice_is_one(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING")] * 3 + [Moment("COMPLETED")]
    for day in range(1, 6):
        assert cloud.run("submit", "nightly", "--date", f"2026-01-0{day}", "--target", "ec2") == 0
    first = cloud.out
    # on the second page by now
    assert cloud.run(*NIGHT, "--wait") == 0
    assert cloud.out == first and len(cloud.fake.called("AddJobFlowSteps")) == 5
    assert cloud.run("status", "--date", "2026-01-05", "--target", "ec2") == 0
    assert first.strip() in cloud.out


def test_a_lost_answer_is_not_sent_again_but_looked_for(cloud: Account) -> None:
    cloud.fake.faults = [Fault("AddJobFlowSteps", is_done=True)]
    assert cloud.run(*NIGHT) == 0
    assert cloud.out == f"{only(cloud).id}\n" and len(cloud.fake.called("AddJobFlowSteps")) == 1
    # and one that did not get there is not there
    cloud.fake.faults = [Fault("AddJobFlowSteps")]
    assert cloud.run("submit", "train", "--date", "2026-01-05", "--target", "ec2") == 23
    assert len(cloud.fake.runs) == 1 and len(cloud.fake.called("AddJobFlowSteps")) == 2


def test_a_time_out_interrupts_the_step(cloud: Account) -> None:
    cloud.fake.script, cloud.fake.after_cancel = [Moment("RUNNING")], [Moment("CANCEL_PENDING"), Moment("INTERRUPTED")]
    assert cloud.run(*NIGHT, "--wait", "--timeout", "0.003") == 22
    (asked,) = cloud.fake.called("CancelSteps")
    assert asked == {"ClusterId": CLUSTER, "StepIds": [only(cloud).id], "StepCancellationOption": "SEND_INTERRUPT"}


def test_a_cancellation_that_is_refused_is_said(cloud: Account) -> None:
    """CancelSteps answers well, and says of each step whether it will be cancelled."""
    cloud.fake.script, cloud.fake.cancels_nothing = [Moment("RUNNING")], "step is not cancellable"
    assert cloud.run(*NIGHT) == 0
    assert cloud.run("cancel", only(cloud).id) == 5
    assert "step is not cancellable" in cloud.err and "is being cancelled" not in cloud.out


def test_a_network_that_stays_away_leaves_the_step(cloud: Account) -> None:
    def cut(run: FakeRun) -> None:
        cloud.fake.is_dark = run.looks == 1

    cloud.fake.script, cloud.fake.on_look = [Moment("RUNNING")], cut
    assert cloud.run(*NIGHT, "--wait", "--patience", "0.005") == 24
    assert not only(cloud).cancelled


def test_the_drivers_log_is_found_in_its_container(cloud: Account) -> None:
    """In YARN's cluster mode the step's own log only says where the driver went."""
    cloud.fake.script = [Moment("RUNNING"), Moment("FAILED", "Unknown Error", seconds=90)]
    assert cloud.run(*NIGHT) == 0
    step = f"{CLUSTER}/steps/{only(cloud).id}"
    assert cloud.run("logs", only(cloud).id) == 3
    cloud.log(f"{step}/stderr.gz", "INFO Client: Submitting application application_1767600000000_0007 to ResourceManager\n")
    container = "application_1767600000000_0007/container_1767600000000_0007_01_000001"
    cloud.log(f"{CLUSTER}/containers/{container}/stderr.gz", "error: the gate of trips\n")
    assert cloud.run("wait", only(cloud).id) == 20
    assert "error: the gate of trips" in cloud.err and "Unknown Error" in cloud.err
    assert cloud.run("cost", only(cloud).id) == 0
    assert "nothing is billed for it by itself (yet). It took 1.5 minutes." in cloud.out


def test_dry_run_of_a_step_sends_nothing(cloud: Account) -> None:
    assert cloud.run(*NIGHT, "--dry-run") == 0
    assert '"command-runner.jar"' in cloud.out and cloud.fake.calls == []


def test_a_step_has_no_limit_of_emrs_own(cloud: Account) -> None:
    cloud.fake.script = [Moment("RUNNING"), Moment("FAILED", "read timed out", seconds=90_000)]
    assert cloud.run(*NIGHT, "--wait") == 20
