"""A configuration on S3: what stands beside it is used, what is wrong is said, and a run is told its address."""

import json
from pathlib import Path

import pytest

from jobs.cli import run
from lake.conf import CONF_FOLDER, load_conf
from lake.errors import ConfigError
from lake.event_rules import load_rules
from lake.sources import load_source
from tests.servers import S3

SOURCE = (CONF_FOLDER / "sources" / "sim_phone.yml").read_text()


def put(s3: S3, bucket: str, **files: str) -> str:
    """Files below bucket/c, `__` for a slash; returns the configuration's address."""
    for name, text in files.items():
        key = f"c/{name.replace('__', '/')}.yml"
        s3.client().put_object(Bucket=bucket, Key=key, Body=text.encode())
    return f"s3://{bucket}/c/production.yml"


@pytest.fixture
def text() -> str:
    return (CONF_FOLDER / "production.yml").read_text()


def test_it_is_the_same_configuration_wherever_it_is(s3: S3, bucket: str, text: str) -> None:
    assert load_conf(put(s3, bucket, production=text)) == load_conf("production")


def test_sources_and_rules_beside_it_are_used_over_those_shipped(s3: S3, bucket: str, text: str) -> None:
    rules = next((CONF_FOLDER / "rules").glob("*.yml"))
    new = SOURCE.replace("name: sim_phone", "name: acme", 1)
    address = put(
        s3, bucket, production=text, sources__acme=new, **{"rules__acme-v1": rules.read_text().replace(rules.stem, "acme-v1")}
    )
    conf = load_conf(address)
    assert load_source("acme", conf.sources_path).name == "acme"
    assert load_source("sim_phone", conf.sources_path) == load_source("sim_phone", CONF_FOLDER / "sources")
    assert load_rules("acme-v1", conf.rules_path) and load_rules(rules.stem, conf.rules_path)
    # and a file of the same name is the one on S3
    put(s3, bucket, sources__sim_phone="not: a source")
    with pytest.raises(ConfigError, match=r"sim_phone\.yml"):
        load_source("sim_phone", load_conf(address).sources_path)


def test_a_folder_may_be_named_on_s3(s3: S3, bucket: str, tmp_path: Path) -> None:
    put(s3, bucket, sources__acme=SOURCE.replace("name: sim_phone", "name: acme", 1))
    path = tmp_path / "mine.yml"
    local = (CONF_FOLDER / "local.yml").read_text()
    path.write_text(f"{local}\nsources_folder: s3://{bucket}/c/sources\n")
    assert load_source("acme", load_conf(str(path)).sources_path).name == "acme"
    path.write_text(f"{local}\nrules_folder: s3://{bucket}/nothing\n")
    with pytest.raises(ConfigError, match=rf"rules_folder: s3://{bucket}/nothing has no \.yml file"):
        load_conf(str(path))


def test_what_is_not_there_or_wrong_is_one_line(s3: S3, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    missing, there = f"s3://{bucket}/nowhere.yml", f"s3://{bucket}/c/production.yml"
    for address, text, why in (
        (missing, None, f"no configuration can be read from {missing}: {missing}: An error occurred (NoSuchKey)"),
        (there, "lake: [", "production.yml is not YAML"),
        (there, "lake: x\nlunch: y\n", "c/production.yml: landing"),
        (there, "- lake\n", f"{there}: not a mapping"),
        (there, "lake: x\nlake: y\n", f"{there}: line 1: repeated: lake"),
        (there, "lake: x\nsources_folder: 3\n", "sources_folder: Input should be a valid string"),
    ):
        if text is not None:
            put(s3, bucket, production=text)
        assert run(["--conf", address, "emr", "submit", "nightly", "--date", "2026-01-05", "--dry-run"]) == 2
        said = capsys.readouterr().err
        assert why in said and said.count("\n") == 1


def test_a_deployed_configuration_is_what_a_run_is_told(
    s3: S3, bucket: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "production.yml"
    path.write_text(text.replace("insurityai-telematics-production-artifacts", bucket))
    assert run(["emr", "deploy", "--env", str(path), "--conf-only"]) == 0
    address = capsys.readouterr().out.strip()
    assert address.startswith(f"s3://{bucket}/telematics/conf/production-") and address.endswith("/production.yml")
    night = ["emr", "submit", "nightly", "--date", "2026-01-05", "--dry-run"]
    assert run(["--conf", address, *night]) == 0
    spark = json.loads(capsys.readouterr().out)["jobDriver"]["sparkSubmit"]
    assert spark["entryPointArguments"][:2] == ["--conf", address]
    # sources and rules went with it
    assert load_conf(address).sources_path != CONF_FOLDER / "sources"
    # the same again is the same address; another source another one
    assert run(["emr", "deploy", "--env", str(path), "--conf-only"]) == 0
    assert capsys.readouterr().out.strip() == address
    assert run(["--conf", str(path), *night]) == 2
    assert "--conf-only` puts it on S3" in capsys.readouterr().err
