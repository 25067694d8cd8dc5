"""A command on EMR Serverless from a deployment by id: the request by botocore's model, the run at the scripted EMR."""

import datetime as dt
import json
from dataclasses import asdict

import pytest

from emr.deploy import Deployment, place_of
from emr.request import job_run
from emr.running import conf_of, start_of
from emr.serverless import Serverless
from lake.conf import load_conf
from lake.errors import ConfigError
from tests.emr.fake import Moment
from tests.emr.given import Account

CONF = load_conf("production")
DEPLOYED = Deployment("d1", "production", "arm64", "c0ffee", "s3://b/environments/e.tar.gz", "s3://b/entry-1.py")
TODAY = dt.date(2026, 1, 6)
CHECK = ("release", "check", "--date", "2026-01-05")


def test_the_request_is_a_nights_with_the_deployments_files() -> None:
    request = job_run(conf_of(CONF, DEPLOYED, 90), "production", start_of(DEPLOYED, CHECK, TODAY, 1))
    driver = request["jobDriver"]["sparkSubmit"]
    assert driver["entryPoint"] == DEPLOYED.entry
    assert driver["entryPointArguments"] == ["--conf", "production", *CHECK]
    assert "spark.archives=s3://b/environments/e.tar.gz#environment" in driver["sparkSubmitParameters"]
    assert (request["executionTimeoutMinutes"], request["tags"]["deployment"]) == (90, "d1")


def test_the_token_tells_commands_deployments_days_and_attempts_apart() -> None:
    others = (DEPLOYED, CHECK, TODAY, 2), (DEPLOYED, CHECK, TODAY + dt.timedelta(days=1), 1), (DEPLOYED, ("tables",), TODAY, 1)
    tokens = [start_of(*x).token for x in ((DEPLOYED, CHECK, TODAY, 1), (DEPLOYED, CHECK, TODAY, 1), *others)]
    assert tokens[0] == tokens[1] and len(set(tokens)) == 4


def test_an_environment_without_emr_is_refused() -> None:
    with pytest.raises(ConfigError, match="no `emr` section"):
        job_run(conf_of(load_conf("local"), DEPLOYED, 9), "local", start_of(DEPLOYED, ("doctor",), TODAY, 1))


@pytest.fixture
def deployed(cloud: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.delenv("GITHUB_RUN_ATTEMPT", raising=False)
    place = place_of(CONF, cloud.s3.client())
    names = {x["Name"] for x in cloud.s3.client().list_buckets()["Buckets"]}
    bucket = place.root.split("/")[2]
    if bucket not in names:
        cloud.s3.client().create_bucket(Bucket=bucket)
    place.put("deployments/d1.json", json.dumps(asdict(DEPLOYED)).encode())
    return cloud


def run(cloud: Account, *more: str, deployment: str = "d1") -> int:
    return cloud.run("run", "--env", "production", *more, "--deployment", deployment, "--", *CHECK)


def test_it_runs_to_its_end_and_ends_as_it_ends(deployed: Account) -> None:
    deployed.fake.script = [Moment("RUNNING"), Moment("SUCCESS")]
    assert run(deployed) == 0, deployed.err
    [sent] = deployed.fake.called("StartJobRun")
    assert sent["jobDriver"]["sparkSubmit"]["entryPoint"] == DEPLOYED.entry


def test_an_option_that_is_mistyped_sends_nothing(deployed: Account) -> None:
    for wrong in ("--dryrun", "--minute=9", "--minutes=1"):
        assert run(deployed, wrong) == 2, wrong
    assert deployed.fake.calls == []


def test_it_is_found_by_the_day_on_which_it_was_sent(deployed: Account) -> None:
    deployed.fake.script = [Moment("SUCCESS")]
    assert run(deployed) == 0
    created_at = Serverless(CONF, "production").get(next(iter(deployed.fake.runs))).created_at
    # botocore gives times of this machine's zone
    assert created_at.tzinfo == dt.UTC
    assert deployed.run("status", "--env", "production", "--start", "run", "--date", str(created_at.date())) == 0
    # the date in its arguments is another thing
    assert deployed.run("status", "--env", "production", "--start", "run", "--date", "2026-01-05") == 23


def test_a_check_that_fails_fails_the_command(deployed: Account) -> None:
    deployed.fake.script = [Moment("RUNNING"), Moment("FAILED", "exit code 4")]
    assert run(deployed) == 20


def test_dry_run_sends_nothing_and_an_unknown_deployment_is_named(deployed: Account) -> None:
    assert run(deployed, "--dry-run") == 0
    assert json.loads(deployed.out)["jobDriver"]["sparkSubmit"]["entryPoint"] == DEPLOYED.entry
    assert deployed.fake.calls == []
    assert run(deployed, deployment="d2") == 5
    assert "has no d2.json" in deployed.err


def test_the_same_again_attaches_and_says_so_and_another_attempt_runs(deployed: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed.fake.script = [Moment("FAILED", "exit code 4")]
    assert run(deployed) == run(deployed) == 20
    assert len(deployed.fake.runs) == 1
    assert "nothing was sent: " in deployed.err and "give --attempt 2" in deployed.err
    deployed.fake.script = [Moment("SUCCESS")]
    # a workflow that is run again
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    assert run(deployed) == 0
    assert run(deployed, "--attempt", "3") == 0
    assert len(deployed.fake.runs) == 3
