"""Deployments on a real S3 server: refused when untested, whole before the pointer, gone back from."""

import datetime as dt
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emr.archive import sha256_of
from emr.commands_package import chosen
from emr.deploy import ENTRY, Place, current, deploy, earlier, place_of, point
from emr.package import DEPLOYED, Manifest
from lake.conf import CONF_FOLDER, load_conf
from lake.errors import ConfigError, EnvironmentProblem
from tests.conftest import ROOT
from tests.servers import S3

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
CONF = CONF_FOLDER / "production.yml"


@pytest.fixture
def place(s3: S3, bucket: str) -> Place:
    return Place(f"s3://{bucket}/telematics", s3.client())


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


def test_deployment_is_below_hashes_and_pointed_at(place: Place, tmp_path: Path) -> None:
    manifest = packaged(tmp_path, b"one")
    found = deploy(place, "production", CONF, manifest, tmp_path, NOW)
    assert current(place) == found == earlier(place, found.id)
    assert found.archives == f"{place.root}/environments/{manifest.archive}#environment"
    kept = names(place)
    assert len(kept) == 6
    assert [x.split("/")[0] for x in kept] == ["conf", "current.json", "deployments", "entry", "environments", "wheels"]
    body = place.client.get_object(Bucket=place.root.split("/")[2], Key=f"telematics/{kept[3]}")["Body"].read()
    assert body == ENTRY.read_bytes()
    # the same again is the same deployment, and writes nothing
    assert deploy(place, "production", CONF, manifest, tmp_path, NOW) == found
    assert names(place) == kept


def test_going_back_is_a_pointer(place: Place, tmp_path: Path) -> None:
    first = deploy(place, "production", CONF, packaged(tmp_path / "1", b"one"), tmp_path / "1", NOW)
    second = deploy(place, "production", CONF, packaged(tmp_path / "2", b"two"), tmp_path / "2", NOW)
    assert current(place) == second
    point(place, earlier(place, first.id), NOW)
    assert current(place) == first
    found = place.read("current.json")
    assert found is not None and found[0]["previous"] == second.id
    with pytest.raises(EnvironmentProblem, match=r"deployments/ has no 0123\.json"):
        earlier(place, "0123")


def test_untested_or_changed_archive_is_refused_before_anything_is_sent(place: Place, tmp_path: Path) -> None:
    manifest = packaged(tmp_path, b"one")
    for wrong in (None, {"sha256": "of another", "ran": True}):
        with pytest.raises(EnvironmentProblem, match="has not passed its self-test"):
            deploy(place, "production", CONF, replace(manifest, self_test=wrong), tmp_path, NOW)
    (tmp_path / manifest.archive).write_bytes(b"two")
    with pytest.raises(EnvironmentProblem, match="is not what was tested"):
        deploy(place, "production", CONF, manifest, tmp_path, NOW)
    assert names(place) == []


def test_an_archive_for_another_machine_is_neither_chosen_nor_sent(place: Place, tmp_path: Path) -> None:
    ours = packaged(tmp_path, b"one")
    other = replace(ours, archive=ours.archive.replace("arm64", "x86_64"), arch="x86_64")
    ours.write(tmp_path)
    newer = other.write(tmp_path)
    os.utime(newer, (2e9, 2e9))
    assert chosen(tmp_path, None) == ours
    with pytest.raises(EnvironmentProblem, match="is for x86_64, and what runs it is arm64"):
        deploy(place, "production", CONF, chosen(tmp_path, other.archive), tmp_path, NOW)
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


@pytest.mark.parametrize("at", ["environments/", "wheels/", "entry/", "conf/", "deployments/", "current.json"])
def test_stopped_anywhere_the_pointer_names_the_old_one(place: Place, tmp_path: Path, at: str) -> None:
    old = deploy(place, "staging", CONF_FOLDER / "staging.yml", packaged(tmp_path / "1", b"one"), tmp_path / "1", NOW)
    # another entry and configuration too, so that every part is new
    place.client.delete_object(Bucket=place.root.split("/")[2], Key="telematics/" + old.entry.removeprefix(f"{place.root}/"))
    manifest = packaged(tmp_path / "2", b"two")
    with pytest.raises(KeyboardInterrupt):
        deploy(Place(place.root, Stopping(place.client, at)), "production", CONF, manifest, tmp_path / "2", NOW)
    assert current(place) == old
    new = deploy(place, "production", CONF, manifest, tmp_path / "2", NOW)
    assert current(place) == new


def test_pointer_never_names_what_is_not_there_and_two_deployers_see_each_other(place: Place, tmp_path: Path) -> None:
    found = deploy(place, "production", CONF, packaged(tmp_path / "1", b"one"), tmp_path / "1", NOW)
    with pytest.raises(EnvironmentProblem, match=r"is not whole: .*gone is not there"):
        point(place, replace(found, id="x", wheel=place.uri("gone")), NOW)
    before = place.read("current.json")
    assert before is not None
    place.replace("current.json", {"a": 1}, before[1])
    with pytest.raises(EnvironmentProblem, match="changed by another deployment meanwhile"):
        place.replace("current.json", {"b": 1}, before[1])
    body = json.loads(place.client.get_object(Bucket=place.root.split("/")[2], Key="telematics/current.json")["Body"].read())
    assert body == {"a": 1}


def test_place_is_the_entry_points_folder() -> None:
    production = load_conf("production")
    assert place_of(production, None).root == "s3://insurityai-telematics-production-artifacts/telematics"
    assert production.emr is not None
    deployed = production.emr.model_copy(update={"entry_point": "s3://b/telematics/entry/entry-0.py"})
    assert place_of(production.model_copy(update={"emr": deployed}), None).root == "s3://b/telematics"
    with pytest.raises(ConfigError, match="no `emr` section"):
        place_of(load_conf("local"), None)


def test_what_is_uploaded_without_being_pointed_at_can_be_pointed_at_later(place: Place, tmp_path: Path) -> None:
    first = deploy(place, "production", CONF, packaged(tmp_path / "one", b"one"), tmp_path / "one", NOW)
    second = deploy(place, "production", CONF, packaged(tmp_path / "two", b"two"), tmp_path / "two", NOW, pointing=False)
    assert current(place) == first
    assert earlier(place, second.id) == second
    point(place, second, NOW)
    assert current(place) == second
