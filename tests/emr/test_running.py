"""A command on EMR Serverless from a deployment by id: the request by botocore's model, the watch by scripted answers."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from emr.deploy import Deployment, place_of
from emr.running import request_of, wait
from lake.conf import load_conf
from lake.errors import ConfigError, EnvironmentProblem, GateFailed
from tests.servers import S3
from tests.world import command

CONF = load_conf("staging")
DEPLOYED = Deployment(
    "d1", "staging", "arm64", "c0ffee", "s3://b/environments/e.tar.gz", "s3://b/w.whl", "s3://b/entry-1.py", "c"
)
ROLE = f"arn:aws:iam::{'0' * 12}:role/telematics"
ARN = f"arn:aws:emr-serverless:us-east-1:{'0' * 12}:/applications/00f1abcdefgh0000/jobruns/00f1run000000000"
APPLICATION, RUN = "00f1abcdefgh0000", "00f1run000000000"


def test_the_request_is_a_nights_with_the_deployments_files() -> None:
    request = request_of(CONF, "staging", DEPLOYED, ["release", "check", "--date", "2026-01-05"], 90)
    driver = request["jobDriver"]["sparkSubmit"]
    assert driver["entryPoint"] == DEPLOYED.entry
    assert driver["entryPointArguments"] == ["--conf", "staging", "release", "check", "--date", "2026-01-05"]
    assert "spark.archives=s3://b/environments/e.tar.gz#environment" in driver["sparkSubmitParameters"]
    assert (request["executionTimeoutMinutes"], request["tags"]) == (90, {"deployment": "d1"})
    again = request_of(CONF, "staging", DEPLOYED, ["release", "check", "--date", "2026-01-06"], 90)
    assert again["clientToken"] != request["clientToken"]


def test_an_environment_without_emr_is_refused() -> None:
    with pytest.raises(ConfigError, match="no `emr` section"):
        request_of(load_conf("local"), "local", DEPLOYED, ["doctor"], 9)


def watched(*states: str, minutes: int = 60, **more: Any) -> str:
    client = boto3.client("emr-serverless", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    slept: list[float] = []
    with Stubber(client) as stub:
        for state in states:
            if state == "lost":
                stub.add_client_error("get_job_run", "ServiceUnavailable")
                continue
            driver = {"sparkSubmit": {"entryPoint": "s3://b/e.py"}}
            run = {
                "applicationId": APPLICATION, "jobRunId": RUN, "arn": ARN,
                "createdBy": ROLE, "createdAt": 0, "updatedAt": 0, "executionRole": ROLE,
                "state": state, "stateDetails": "why\nso", "releaseLabel": "emr-spark-8.1.0", "jobDriver": driver,
            }  # fmt: skip
            stub.add_response("get_job_run", {"jobRun": run}, {"applicationId": APPLICATION, "jobRunId": RUN})
        if more.get("cancelled"):
            stub.add_response("cancel_job_run", {"applicationId": APPLICATION, "jobRunId": RUN})
        try:
            return wait(client, APPLICATION, RUN, minutes, slept.append, lambda: sum(slept))
        finally:
            stub.assert_no_pending_responses()


def test_it_waits_through_every_state_and_a_lost_network() -> None:
    states = ("SUBMITTED", "PENDING", "SCHEDULED", "lost", "RUNNING", "RUNNING", "SUCCESS")
    assert watched(*states) == f"{RUN}: SUCCESS"


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "CANCELLING"])
def test_what_ended_ill_is_said(state: str) -> None:
    with pytest.raises(GateFailed, match=f"{RUN} ended as {state}: why so"):
        watched("RUNNING", state)


def test_a_run_that_takes_too_long_is_cancelled() -> None:
    with pytest.raises(EnvironmentProblem, match="was RUNNING after 1 minutes, and is cancelled"):
        watched(*["RUNNING"] * 5, minutes=1, cancelled=True)


def test_the_command_reads_the_deployment_by_its_id(s3: S3) -> None:
    place = place_of(CONF, s3.client())
    bucket = place.root.split("/")[2]
    s3.client().create_bucket(Bucket=bucket)
    place.put("deployments/d1.json", json.dumps(asdict(DEPLOYED)).encode())
    run = ("emr", "run", "--env", "staging", "--dry-run", "--deployment")
    said = command(Path("staging"), *run, "d1", "--", "release", "check", "--date", "2026-01-05")
    assert said.code == 0, said.err
    driver = json.loads(said.out)["jobDriver"]["sparkSubmit"]
    assert driver["entryPointArguments"] == ["--conf", "staging", "release", "check", "--date", "2026-01-05"]
    assert driver["entryPoint"] == DEPLOYED.entry
    unknown = command(Path("staging"), *run, "d2", "--", "tables")
    assert (unknown.code, "has no d2.json" in unknown.err) == (5, True)
