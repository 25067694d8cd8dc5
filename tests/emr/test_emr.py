"""What is started, as data: requests held to AWS's service models, names and tokens."""

import datetime as dt
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from emr import starts
from emr.request import SERVERLESS, Request, check, job_run, spark_submit_parameters, step
from jobs.catalog import NAMES
from jobs.cli import app, run
from lake.conf import Conf, load_conf
from lake.errors import ConfigError
from tests.conftest import ROOT

D = dt.date(2026, 1, 5)
CLUSTER = "j-ABC123"
EVERY = {
    "nightly": starts.nightly(D),
    "backfill": starts.backfill(D, dt.date(2026, 1, 9)),
    "train": starts.train(D),
    "maintain": starts.maintain(D),
    "upgrade": starts.maintain(D, upgrade=True),
    "replay": starts.replay(D, "sim_phone", "no_policy"),
}


@pytest.fixture
def production() -> Conf:
    return load_conf("production")


@pytest.fixture
def request_(production: Conf) -> Request:
    return job_run(production, "production", starts.nightly(D))


def test_a_night_is_one_application_start_with_every_job(request_: Request) -> None:
    spark = request_["jobDriver"]["sparkSubmit"]
    assert spark["entryPointArguments"] == ["--conf", "production", "nightly", "--date", "2026-01-05"]
    assert request_["tags"]["jobs"].split() == list(NAMES)
    assert request_["executionTimeoutMinutes"] == 240
    assert request_["retryPolicy"] == {"maxAttempts": 1}
    # the executor's Python comes from the archive, not from the image
    assert "spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python" in shlex.split(spark["sparkSubmitParameters"])


def test_each_start_has_its_own_role_token_and_name(production: Conf) -> None:
    requests = {name: job_run(production, "production", start) for name, start in EVERY.items()}
    roles = {name: r["executionRoleArn"].rsplit("-", 1)[1] for name, r in requests.items()}
    assert roles == {
        "nightly": "night", "backfill": "night", "train": "train", "maintain": "maintain", "upgrade": "maintain",
        "replay": "replay",
    }  # fmt: skip
    assert {r["clientToken"] for r in requests.values()} == {
        "nightly-2026-01-05-1", "backfill-2026-01-05-2026-01-09-1", "train-2026-01-05-1", "maintain-2026-01-05-1",
        "maintain-upgrade-2026-01-05-1", requests["replay"]["clientToken"],
    }  # fmt: skip
    assert requests["replay"]["name"] == "telematics replay sim_phone no_policy 2026-01-05 attempt 1"
    # five nights of four hours
    assert requests["backfill"]["executionTimeoutMinutes"] == 1200


def test_a_month_of_nights_takes_no_longer_than_emr_allows(production: Conf) -> None:
    assert job_run(production, "production", starts.backfill(D, dt.date(2026, 6, 5)))["executionTimeoutMinutes"] == 10_080


def test_every_start_is_a_command_that_there_is() -> None:
    import typer

    tree = typer.main.get_command(app)
    for start in EVERY.values():
        words = list(start.arguments)
        command = tree
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context("it", words, obj=None, resilient_parsing=False)


def test_token_depends_on_what_is_started_only(production: Conf, request_: Request) -> None:
    assert request_ == job_run(load_conf("production"), "production", starts.nightly(D))
    assert starts.nightly(D).another(2).token == "nightly-2026-01-05-2"
    staging = job_run(load_conf("staging"), "staging", starts.nightly(D))
    assert staging["clientToken"] == request_["clientToken"]
    # a source whose name is longer than a token may be
    long = [starts.replay(D, "s" * 80, reason).token for reason in (None, "no_policy")]
    assert len(set(long)) == 2 and all(len(x) <= 64 for x in long)


def test_a_name_says_what_was_started() -> None:
    for start in EVERY.values():
        found = starts.named(start.another(3).name)
        assert found is not None
        assert (found.kind, found.attempt) == (start.kind, 3) and found.is_of(start.date)
    odd = starts.named(starts.replay(D, "sim_phone", "2026-13-45 2026-01-01").name)
    assert odd is not None and odd.is_of(D) and not odd.is_of(dt.date(2026, 1, 1))
    assert starts.named("somebody's own job") is None


def test_settings_survive_the_shell_form() -> None:
    settings = {"spark.b": "-Dx='1 2' \"q\"", "spark.a": "1"}
    parts = shlex.split(spark_submit_parameters(settings))
    assert parts == ["--conf", "spark.a=1", "--conf", "spark.b=-Dx='1 2' \"q\""]


def test_service_model_refuses_what_aws_would(request_: Request) -> None:
    for wrong, why in (
        ({**request_, "timeout": 1}, r'Unknown parameter in input: "timeout"'),
        ({**request_, "clientToken": ""}, "clientToken, value: 0, valid min length: 1"),
        ({k: v for k, v in request_.items() if k != "executionRoleArn"}, "executionRoleArn"),
        ({**request_, "name": "x" * 257}, "request.name has 257 characters, and 256 at most are taken"),
        ({**request_, "tags": {"date": "x" * 257}}, r"request\.tags\.date has 257 characters"),
    ):
        with pytest.raises(ConfigError, match=f"StartJobRun would refuse .*{why}"):
            check(wrong, SERVERLESS, "StartJobRun")


def test_a_training_has_a_driver_of_its_own(production: Conf) -> None:
    sent = {n: job_run(production, "production", s)["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]
            for n, s in (("night", starts.nightly(D)), ("train", starts.train(D)))}  # fmt: skip
    assert "spark.driver.cores=4 " in sent["night"] and "memoryOverhead" not in sent["night"]
    assert "spark.driver.cores=16 " in sent["train"] and "spark.driver.memory=16g" in sent["train"]
    # 16 GB and 104: the largest worker that EMR Serverless has
    assert "spark.driver.memoryOverhead=104g" in sent["train"]
    # what is not said for it is everybody's
    assert "spark.executor.memory=14g" in sent["train"]


def test_a_step_has_no_driver_that_only_serverless_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMATICS_EMR__EC2__CLUSTER_ID", CLUSTER)
    arguments = step(load_conf("production"), "production", starts.train(D))["Steps"][0]["HadoopJarStep"]["Args"]
    assert "spark.driver.memory=14g" in arguments and not [x for x in arguments if "memoryOverhead" in x]


def test_a_step_runs_what_the_job_run_runs(monkeypatch: pytest.MonkeyPatch, request_: Request) -> None:
    monkeypatch.setenv("TELEMATICS_EMR__EC2__CLUSTER_ID", CLUSTER)
    monkeypatch.setenv("TELEMATICS_EMR__EC2__SPARK_SUBMIT", '{"spark.dynamicAllocation.maxExecutors": "40"}')
    found = step(load_conf("production"), "production", starts.nightly(D))
    one = found["Steps"][0]
    assert (found["JobFlowId"], found["ExecutionRoleArn"]) == (CLUSTER, request_["executionRoleArn"])
    assert (one["Name"], one["ActionOnFailure"]) == (request_["name"], "CONTINUE")
    arguments = one["HadoopJarStep"]["Args"]
    assert arguments[:3] == ["spark-submit", "--deploy-mode", "cluster"]
    spark = request_["jobDriver"]["sparkSubmit"]
    assert arguments[-6:] == [spark["entryPoint"], *spark["entryPointArguments"]]
    # YARN's driver is the application master, and what is said for the cluster goes before
    assert "spark.yarn.appMasterEnv.PYSPARK_PYTHON=./environment/bin/python" in arguments
    assert "spark.dynamicAllocation.maxExecutors=40" in arguments
    assert not [x for x in arguments if "emr-serverless" in x]


def test_what_cannot_be_submitted_is_said(production: Conf) -> None:
    with pytest.raises(ConfigError, match="configuration 'local' has no `emr` section"):
        job_run(load_conf("local"), "local", starts.nightly(D))
    with pytest.raises(ConfigError, match=r"configuration 'production' names no cluster: give emr\.ec2\.cluster_id"):
        step(production, "production", starts.nightly(D))
    with pytest.raises(ConfigError, match="--from 2026-01-05 is after --to 2026-01-04"):
        starts.backfill(D, dt.date(2026, 1, 4))


def test_variables_replace_the_placeholders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEMATICS_EMR__APPLICATION_ID", "00abc123")
    assert job_run(load_conf("staging"), "staging", starts.nightly(D))["applicationId"] == "00abc123"
    monkeypatch.setenv("TELEMATICS_EMR__APPLICATION_ID", "Not An Id")
    with pytest.raises(ConfigError, match=r"emr\.application_id"):
        load_conf("staging")


def test_what_is_new_to_a_user_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    night = ["emr", "submit", "nightly", "--date", "2026-01-05", "--dry-run"]
    assert run(night) == 2
    assert "--env dev (staging, production)" in capsys.readouterr().err
    assert run([*night, "--conf", "dev"]) == 2
    assert "--conf stands before the command: telematics --conf" in capsys.readouterr().err
    assert run([*night, "--env", "dev"]) == 0
    by_env = capsys.readouterr().out
    assert run(["--conf", "dev", *night]) == run(["--conf", "dev", *night, "--env", "dev"]) == 0
    assert capsys.readouterr().out == 2 * by_env


def verbs(group: Any, *before: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below a group, with its words."""
    for name, command in group.commands.items():
        yield from verbs(command, *before, name) if hasattr(command, "commands") else [((*before, name), command)]


def test_every_verb_takes_its_environment_and_none_overrules_it(capsys: pytest.CaptureFixture[str]) -> None:
    import typer

    emr = typer.main.get_command(app).commands["emr"]  # type: ignore[attr-defined]
    without = {" ".join(words) for words, x in verbs(emr) if "--env" not in [o for p in x.params for o in p.opts]}
    # it builds the same for all of them
    assert without == {"package"}
    night = ["submit", "nightly", "--date", "2026-01-05", "--dry-run"]
    for command in (night, ["deploy"], ["configure"], ["status", "--date", "2026-01-05"], ["cost", "--plan"], ["run"]):
        more = ["--deployment", "x", "--", "tables"] if command == ["run"] else []
        assert run(["--conf", "production", "emr", *command, "--env", "staging", *more]) == 2, command
        assert "--conf production and --env staging name two configurations" in capsys.readouterr().err
    assert run(["--lake", "s3://other/lake", "emr", *night, "--env", "production"]) == 2
    assert "--lake s3://other/lake does nothing here" in capsys.readouterr().err


def test_commands_of_the_readme_are_there() -> None:
    told = (ROOT / "README.md").read_text().split("## On EMR")[1].split("## Where to read on")[0]
    known = {"configure", "package", "deploy", "submit", "status", "cost", "logs", "wait", "cancel"}
    assert set(re.findall(r"telematics emr (\w+)", told)) <= known
    import typer

    emr = typer.main.get_command(app).commands["emr"].commands  # type: ignore[attr-defined]
    assert known <= set(emr)
