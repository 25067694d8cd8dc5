"""Deployments on a real S3 server: refused when untested, whole or not there, pointed at and gone back from."""

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emr.archive import sha256_of
from emr.commands_package import chosen
from emr.deploy import ENTRY, Place, deploy, earlier, place_of, point
from emr.package import DEPLOYED, Manifest
from emr.request import job_run
from emr.starts import nightly
from jobs.cli import run
from lake.conf import CONF_FOLDER, load_conf
from lake.errors import ConfigError, EnvironmentProblem
from tests.conftest import ROOT
from tests.servers import S3


@pytest.fixture
def place(s3: S3, bucket: str) -> Place:
    return Place(f"s3://{bucket}/telematics", s3.client())


@pytest.fixture
def conf_file(bucket: str, tmp_path: Path) -> Path:
    """Production's, with the place in the test's bucket."""
    path = tmp_path / "production.yml"
    text = (CONF_FOLDER / "production.yml").read_text()
    path.write_text(text.replace("insurityai-telematics-production-artifacts", bucket))
    return path


def id_of(printed: str) -> str:
    return printed.removeprefix("deployment ").split(":")[0]


def packaged(folder: Path, content: bytes) -> Manifest:
    """An archive that counts as tested; its content is nobody's business here."""
    folder.mkdir(exist_ok=True)
    (folder / "new.tar.gz").write_bytes(content)
    (folder / "p.whl").write_bytes(b"wheel " + content)
    digest = sha256_of(folder / "new.tar.gz")
    name = f"environment-arm64-{digest[:16]}.tar.gz"
    (folder / "new.tar.gz").rename(folder / name)
    wheel = sha256_of(folder / "p.whl")
    return Manifest(
        name, digest, len(content), 1, "arm64", "p.whl", wheel, "0" * 64, "c0ffee", self_test={"sha256": digest, "ran": True}
    )


def names(place: Place) -> list[str]:
    bucket = place.root.removeprefix("s3://").split("/")[0]
    found = place.client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return sorted(x["Key"].removeprefix("telematics/") for x in found)


def test_deployment_is_below_hashes(place: Place, tmp_path: Path) -> None:
    manifest = packaged(tmp_path, b"one")
    found = deploy(place, "production", manifest, tmp_path)
    assert earlier(place, found.id, "production") == found
    assert found.archives == f"{place.root}/environments/{manifest.archive}#environment"
    kept = names(place)
    assert [x.split("/")[0] for x in kept] == ["deployments", "entry", "environments"]
    body = place.client.get_object(Bucket=place.root.split("/")[2], Key=f"telematics/{kept[1]}")["Body"].read()
    assert body == ENTRY.read_bytes()
    # the same again is the same deployment, and writes nothing
    assert deploy(place, "production", manifest, tmp_path) == found
    assert names(place) == kept


def test_pointing_and_going_back_change_what_is_submitted_next(
    place: Place, conf_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def submitted() -> tuple[str, str]:
        # a run is told a name, so the request is made of the file under one
        request = job_run(load_conf(str(conf_file)), "production", nightly(dt.date(2026, 1, 5)))["jobDriver"]["sparkSubmit"]
        return request["entryPoint"], request["sparkSubmitParameters"]

    for name in ("1", "2"):
        packaged(tmp_path / name, name.encode()).write(tmp_path / name)
    command = ["emr", "deploy", "--env", str(conf_file)]
    assert run([*command, "--out", str(tmp_path / "1")]) == 0
    first = capsys.readouterr().out
    was = submitted()
    assert run([*command, "--out", str(tmp_path / "2"), "--no-point"]) == 0
    second = capsys.readouterr().out
    assert submitted() == was
    assert run([*command, "--to", id_of(second)]) == 0
    assert capsys.readouterr().out == second and submitted() != was
    # and back
    assert run([*command, "--to", id_of(first)]) == 0
    said = capsys.readouterr()
    assert said.out == first and "schedules do after Terraform's next apply" in said.err
    assert submitted() == was


def test_a_deployment_that_is_not_ours_or_not_whole_is_not_pointed_at(place: Place, conf_file: Path, tmp_path: Path) -> None:
    found, before = deploy(place, "staging", packaged(tmp_path / "1", b"one"), tmp_path / "1"), conf_file.read_text()
    with pytest.raises(EnvironmentProblem, match=r"deployments/ has no 0123\.json"):
        earlier(place, "0123", "staging")
    with pytest.raises(EnvironmentProblem, match=f"deployment {found.id} is of staging, not of production"):
        earlier(place, found.id, "production")
    with pytest.raises(EnvironmentProblem, match=r"is not whole: .*gone is not there"):
        point(place, replace(found, archive=place.uri("gone")), conf_file)
    assert conf_file.read_text() == before


def test_untested_or_changed_archive_is_refused_before_anything_is_sent(place: Place, tmp_path: Path) -> None:
    manifest = packaged(tmp_path, b"one")
    for wrong in (None, {"sha256": "of another", "ran": True}):
        with pytest.raises(EnvironmentProblem, match="has not passed its self-test"):
            deploy(place, "production", replace(manifest, self_test=wrong), tmp_path)
    (tmp_path / manifest.archive).write_bytes(b"two")
    with pytest.raises(EnvironmentProblem, match="is not what was tested"):
        deploy(place, "production", manifest, tmp_path)
    assert names(place) == []


def test_an_archive_for_another_machine_is_neither_chosen_nor_sent(place: Place, tmp_path: Path) -> None:
    ours = packaged(tmp_path, b"one")
    other = replace(ours, archive=ours.archive.replace("arm64", "x86_64"), arch="x86_64")
    ours.write(tmp_path)
    newer = other.write(tmp_path)
    os.utime(newer, (2e9, 2e9))
    assert chosen(tmp_path, None) == ours
    with pytest.raises(EnvironmentProblem, match="is for x86_64, and what runs it is arm64"):
        deploy(place, "production", chosen(tmp_path, other.archive), tmp_path)
    assert names(place) == []
    assert f'architecture = "{DEPLOYED.upper()}"' in (ROOT / "emr/terraform/modules/serverless/main.tf").read_text()


class Stopping:
    """A client that passes calls on until it has to write a key with the given start."""

    def __init__(self, client: Any, at: str) -> None:
        self.client, self.at = client, at

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def put_object(self, **request: Any) -> Any:
        if request["Key"].startswith(f"telematics/{self.at}"):
            raise KeyboardInterrupt
        return self.client.put_object(**request)


@pytest.mark.parametrize("at", ["environments/", "entry/", "deployments/"])
def test_stopped_anywhere_there_is_no_half_deployment(place: Place, tmp_path: Path, at: str) -> None:
    manifest = packaged(tmp_path, b"one")
    with pytest.raises(KeyboardInterrupt):
        deploy(Place(place.root, Stopping(place.client, at)), "production", manifest, tmp_path)
    assert not [x for x in names(place) if x.startswith("deployments/")]
    found = deploy(place, "production", manifest, tmp_path)
    assert earlier(place, found.id, "production") == found


def test_place_is_the_entry_points_folder() -> None:
    production = load_conf("production")
    assert place_of(production, None).root == "s3://insurityai-telematics-production-artifacts/telematics"
    assert production.emr is not None
    deployed = production.emr.model_copy(update={"entry_point": "s3://b/telematics/entry/entry-0.py"})
    assert place_of(production.model_copy(update={"emr": deployed}), None).root == "s3://b/telematics"
    with pytest.raises(ConfigError, match="no `emr` section"):
        place_of(load_conf("local"), None)
