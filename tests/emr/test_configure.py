"""Terraform's outputs into a configuration, and the doctor of an account made of moto, the S3 server and the fake."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from emr.configure import OUTPUTS, configure, found, with_value
from emr.health import ENDPOINTS
from jobs.cli import run
from lake.conf import CONF_FOLDER, load_conf
from lake.errors import ConfigError, InputError
from tests.conftest import ROOT
from tests.emr.given import CLUSTER, Account

ACCOUNT = "123456789012"
ROLES = {x: f"arn:aws:iam::{ACCOUNT}:role/telematics-production-{x}" for x in ("night", "train", "maintain", "replay")}
LOG_STORE = "spark.io.delta.storage.S3DynamoDBLogStore.ddb"


def outputs(bucket: str = "ours", **changed: Any) -> str:
    values = {
        "region": "us-east-1", "application_id": "00abc123", "role_arns": ROLES, "lake": f"s3://{bucket}/lake",
        "landing_root": f"s3://{bucket}", "entry_point": f"s3://{bucket}/telematics/entry.py", "log_uri": f"s3://{bucket}/emr/",
        "tracking_uri": "https://mlflow.example:5000", "lock_table": "delta-log", "anchor": f"s3://{bucket}/registry",
        "alerts_topic": f"arn:aws:sns:us-east-1:{ACCOUNT}:alerts", "cluster_id": None, "buckets": {"lake": bucket},
    } | changed  # fmt: skip
    return json.dumps({name: {"sensitive": False, "type": "string", "value": x} for name, x in values.items()})


@pytest.fixture
def production(tmp_path: Path) -> Path:
    path = tmp_path / "production.yml"
    path.write_text((CONF_FOLDER / "production.yml").read_text())
    return path


def test_every_key_is_filled_and_nothing_else_changes(production: Path) -> None:
    before = production.read_text()
    changed = configure(production, outputs(), is_dry_run=False)
    conf = load_conf(str(production))
    assert conf.emr is not None
    assert (conf.lake, conf.landing.root, conf.registry.anchor) == ("s3://ours/lake", "s3://ours", "s3://ours/registry")
    assert conf.emr.execution_role_arns.model_dump() == ROLES
    assert (conf.emr.application_id, conf.emr.log_uri, conf.emr.ec2) == ("00abc123", "s3://ours/emr/", None)
    assert conf.spark[f"{LOG_STORE}.tableName"] == "delta-log"
    assert conf.alerts.channels.sns == f"arn:aws:sns:us-east-1:{ACCOUNT}:alerts"
    after = production.read_text()
    assert [x for x in before.splitlines() if "#" in x] == [x for x in after.splitlines() if "#" in x or "archives" in x]
    assert len(before.splitlines()) == len(after.splitlines())
    # as many lines out as in, and the second time there is nothing to do
    assert len(changed) == 2 * len([x for x in changed if x.startswith("+")])
    assert configure(production, outputs(), is_dry_run=False) == []


def test_keys_are_those_that_terraform_gives_out() -> None:
    given = (ROOT / "emr/terraform/outputs.tf").read_text()
    assert {x.split(".")[0] for x in OUTPUTS.values()} <= {part.split('"')[1] for part in given.split("\noutput ")[1:]}
    page = (ROOT / "docs/terraform.md").read_text().split("## Outputs")[1].split("| `buckets`")[0]
    for key, output in OUTPUTS.items():
        assert f"`{output.split('.')[0]}`" in page and (key[-1] in page or key[-1] in ROLES), key


def test_a_dry_run_and_a_refusal_write_nothing(production: Path) -> None:
    before = production.read_text()
    assert configure(production, outputs(), is_dry_run=True) != []
    with pytest.raises(ConfigError, match=r"would be no configuration: emr\.application_id"):
        configure(production, outputs(application_id="Not An Id"), is_dry_run=False)
    for text, why in (
        ("terraform: command not found", "this is not what `terraform output -json` prints"),
        (
            outputs(lake=None, role_arns={"night": ROLES["night"]}),
            r"missing or null: lake, role_arns\.maintain, role_arns\.replay",
        ),
        (outputs(region=["us-east-1"]), "no text: region"),
    ):
        with pytest.raises(InputError, match=why):
            configure(production, text, is_dry_run=False)
    assert production.read_text() == before
    assert [x.name for x in production.parent.iterdir()] == ["production.yml"]


def test_the_lines_of_a_deployment_are_left(production: Path) -> None:
    entry, archives = (
        "s3://ours/telematics/entry/entry-1.py",
        "s3://ours/telematics/environments/environment-arm64-1.tar.gz#environment",
    )
    text = with_value(production.read_text(), ("emr", "entry_point"), entry)
    production.write_text(with_value(text, ("emr", "spark_submit", "spark.archives"), archives))
    configure(production, outputs(), is_dry_run=False)
    emr = load_conf(str(production)).emr
    assert emr is not None and (emr.entry_point, emr.spark_submit["spark.archives"]) == (entry, archives)


def test_a_cluster_is_added_where_none_was_named(production: Path) -> None:
    configure(production, outputs(cluster_id=CLUSTER), is_dry_run=False)
    conf = load_conf(str(production))
    assert conf.emr is not None and conf.emr.ec2 is not None and conf.emr.ec2.cluster_id == CLUSTER
    assert conf.emr.spark_submit["spark.driver.cores"] == "4"
    assert ("emr", "ec2", "cluster_id") not in found(outputs())


def test_a_value_goes_to_its_own_mapping() -> None:
    text = "a:\n  region: x  # why\n  b:\n    region: y\n\n# c\nregion: z\n"
    assert with_value(text, ("a", "b", "region"), "n") == text.replace(": y", ': "n"')
    assert with_value(text, ("a", "region"), "n") == text.replace("x  #", '"n"  #')
    assert yaml.safe_load(with_value(text, ("a", "b", "new", "key"), "0123"))["a"]["b"] == {"region": "y", "new": {"key": "0123"}}
    assert yaml.safe_load(with_value(text, ("d",), "e: f"))["d"] == "e: f"


def test_command_reads_a_file_or_stdin(
    production: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    (production.parent / "out.json").write_text(outputs())
    command = ["emr", "configure", "--env", str(production)]
    assert run([*command, "--from", str(production.parent / "out.json"), "--dry-run"]) == 0
    assert "+  root: s3://ours" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(outputs()))
    assert run(command) == 0
    assert load_conf(str(production)).lake == "s3://ours/lake"
    assert run([*command, "--from", "nowhere.json"]) == 3
    assert run(["emr", "configure", "--env", "moon"]) == 2


@pytest.fixture
def aws(cloud: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """What the configuration names, made."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST"))
    try:
        for name in ("IAM", "STS", "SNS", "DYNAMODB", "EC2"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", f"http://{host}:{port}")
        iam = boto3.client("iam", region_name="us-east-1")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                 "Principal": {"Service": "emr-serverless.amazonaws.com"}}]}  # fmt: skip
        for arn in ROLES.values():
            iam.create_role(RoleName=arn.rsplit("/", 1)[1], AssumeRolePolicyDocument=json.dumps(trust))
        boto3.client("sns", region_name="us-east-1").create_topic(Name="alerts")
        keys = {"tablePath": "HASH", "fileName": "RANGE"}
        boto3.client("dynamodb", region_name="us-east-1").create_table(
            TableName="delta-log", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": k, "KeyType": v} for k, v in keys.items()],
            AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
        )  # fmt: skip
        ec2 = boto3.client("ec2", region_name="us-east-1")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        cloud.fake.subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]]
        for service in ENDPOINTS:
            ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.us-east-1.{service}")
        for key in ("telematics/entry.py", "telematics/environment.tar.gz"):
            cloud.s3.client().put_object(Bucket=cloud.bucket, Key=key, Body=b"x")
        yield cloud
    finally:
        server.stop()


@pytest.fixture
def configured(aws: Account, production: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TELEMATICS_EMR__LOG_URI")
    configure(production, outputs(aws.bucket, tracking_uri=aws.fake_address, cluster_id=CLUSTER), is_dry_run=False)
    text = production.read_text().replace("s3://insurityai-telematics-production-artifacts/", f"s3://{aws.bucket}/")
    production.write_text(text)
    return production


def test_doctor_finds_all_that_a_configuration_names(aws: Account, configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--env", str(configured)]) == 0, capsys.readouterr()
    lines = capsys.readouterr().out.splitlines()
    assert all(x.startswith("ok") for x in lines)
    names = [x[5:].split(":")[0] for x in lines]
    assert names == [
        "placeholders", "credentials", "bucket of lake", "bucket of landing", "bucket of artifacts", "bucket of logs",
        "bucket of anchor", "lease store", "entry point", "environment archive", "application", "endpoints",
        "role of night", "role of train", "role of maintain", "role of replay", "log store", "alerts topic", "MLflow", "cluster",
    ]  # fmt: skip


def test_doctor_names_what_is_missing_and_how_to_mend_it(
    aws: Account, configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("iam", region_name="us-east-1").delete_role(RoleName="telematics-production-replay")
    aws.s3.client().delete_object(Bucket=aws.bucket, Key="telematics/entry.py")
    aws.fake.release = "emr-7.13.0"
    ec2 = boto3.client("ec2", region_name="us-east-1")
    other = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    aws.fake.subnets = [ec2.create_subnet(VpcId=other, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]]
    text = (
        configured.read_text().replace("tableName: delta-log", "tableName: other-log").replace(f"{aws.bucket}/lake", "gone/lake")
    )
    configured.write_text(text.replace(":alerts", ":nobody").replace(ROLES["train"], ROLES["train"].replace(ACCOUNT, "0" * 12)))
    assert run(["doctor", "--env", str(configured)]) == 5
    said = capsys.readouterr()
    failed = {x[5:].split(":")[0]: x for x in said.out.splitlines() if x.startswith("FAIL")}
    assert set(failed) == {
        "placeholders", "bucket of lake", "lease store", "entry point", "application", "endpoints", "role of train",
        "role of replay", "log store", "alerts topic",
    }  # fmt: skip
    for name, part in {
        "entry point": "telematics emr deploy", "application": "emr-7.13.0", "role of replay": "Apply emr/terraform",
        "placeholders": "telematics emr configure", "log store": "other-log", "bucket of lake": "s3://gone",
        "lease store": "gone/lake/_leases", "endpoints": "has no endpoint of s3, dynamodb, sts, kms, sns",
        "role of train": "is not of this account",
    }.items():  # fmt: skip
        assert part in failed[name], failed[name]
    assert said.err.startswith("error: 10 check(s) failed")


def test_doctor_without_credentials_says_that_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert run(["doctor", "--env", "production"]) == 5
    lines = capsys.readouterr().out.splitlines()
    assert [x[5:].split(":")[0] for x in lines] == ["placeholders", "credentials"]
    assert "no credentials were found" in lines[1] and "aws sso login" in lines[1]
    assert run(["doctor", "--env", "local"]) == 2


def test_endpoints_that_are_asked_for_are_made() -> None:
    network = (ROOT / "emr/terraform/variables_network.tf").read_text()
    assert set(ENDPOINTS) <= set(re.findall(r'"([a-z0-9.]+)"', network.split("interface_services")[1].split("}")[0])) | {
        "s3",
        "dynamodb",
    }
