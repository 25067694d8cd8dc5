"""The request of a night, against AWS's service model, and its submission, against botocore's stub of the service."""

import datetime as dt
import json
import shlex

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from emr.cli import app
from emr.request import Request, check, nightly_request, spark_submit_parameters
from emr.submit import submit
from jobs.catalog import NAMES
from jobs.state import State
from lake.conf import Conf, load_conf
from lake.errors import ConfigError, EnvironmentProblem

D = dt.date(2026, 1, 5)


@pytest.fixture
def production() -> Conf:
    return load_conf("production")


@pytest.fixture
def request_(production: Conf) -> Request:
    return nightly_request(production, "production", D)


@pytest.fixture
def stubbed() -> Stubber:
    client = boto3.client(  # type: ignore[call-overload]
        "emr-serverless", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    return Stubber(client)


def test_a_night_is_one_application_start_with_every_job(request_: Request) -> None:
    spark = request_["jobDriver"]["sparkSubmit"]
    assert spark["entryPointArguments"] == ["--conf", "production", "nightly", "--date", "2026-01-05"]
    assert request_["tags"]["jobs"].split() == list(NAMES)
    assert request_["executionTimeoutMinutes"] == 240
    # the executor's Python comes from the archive, not from the image
    assert "spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python" in shlex.split(spark["sparkSubmitParameters"])


def test_client_token_depends_on_date_and_attempt_only(production: Conf, request_: Request) -> None:
    assert request_ == nightly_request(production, "production", D)
    tokens = [
        request_["clientToken"],
        nightly_request(production, "production", D, attempt=2)["clientToken"],
        nightly_request(production, "production", D + dt.timedelta(days=1))["clientToken"],
    ]
    assert tokens == ["nightly-2026-01-05-1", "nightly-2026-01-05-2", "nightly-2026-01-06-1"]


def test_settings_survive_the_shell_form() -> None:
    settings = {"spark.b": "-Dx='1 2' \"q\"", "spark.a": "1"}
    parts = shlex.split(spark_submit_parameters(settings))
    assert parts == ["--conf", "spark.a=1", "--conf", "spark.b=-Dx='1 2' \"q\""]


def test_service_model_refuses_what_aws_would(request_: Request) -> None:
    check(request_)
    with pytest.raises(ConfigError, match=r"StartJobRun would refuse .*timeout: Unknown|Unknown parameter in input: \"timeout\""):
        check({**request_, "timeout": 1})
    with pytest.raises(ConfigError, match="clientToken, value: 0, valid min length: 1"):
        check({**request_, "clientToken": ""})
    with pytest.raises(ConfigError, match="executionRoleArn"):
        check({k: v for k, v in request_.items() if k != "executionRoleArn"})


def test_laptop_configuration_cannot_be_submitted() -> None:
    with pytest.raises(ConfigError, match="configuration 'local' has no `emr` section"):
        nightly_request(load_conf("local"), "local", D)


def test_variables_replace_the_placeholders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMATICS_EMR__APPLICATION_ID", "00abc123")
    assert nightly_request(load_conf("staging"), "staging", D)["applicationId"] == "00abc123"
    monkeypatch.setenv("TELEMATICS_EMR__APPLICATION_ID", "Not An Id")
    with pytest.raises(ConfigError, match=r"emr\.application_id"):
        load_conf("staging")


def test_submit_sends_the_request_and_gives_the_run(request_: Request, stubbed: Stubber) -> None:
    answer = {"applicationId": request_["applicationId"], "jobRunId": "00run1", "arn": f"arn:aws:emr-serverless:::{'x' * 60}"}
    stubbed.add_response("start_job_run", answer, request_)
    with stubbed:
        assert submit(request_, stubbed.client) == "00run1"
    stubbed.assert_no_pending_responses()


def test_refusal_is_one_line_with_the_reason(request_: Request, stubbed: Stubber) -> None:
    stubbed.add_client_error("start_job_run", "ConflictException", "token was used\nfor another request")
    with stubbed, pytest.raises(EnvironmentProblem) as problem:
        submit(request_, stubbed.client)
    assert str(problem.value).startswith("could not submit nightly-2026-01-05-1 to EMR Serverless: ")
    assert str(problem.value).endswith("token was used for another request")


def test_dry_run_prints_the_request_and_sends_nothing(request_: Request) -> None:
    arguments = ["submit", "nightly", "--date", "2026-01-05", "--dry-run"]
    done = CliRunner().invoke(app, arguments, obj=State("production", None, False))
    assert done.exit_code == 0
    assert json.loads(done.output) == request_
