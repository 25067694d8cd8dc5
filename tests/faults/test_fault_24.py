"""VACUUM of what must stay: a retention below the configured one, and frames that a registered model is made from."""

import os
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.expiring import expire_frames
from lake.conf import CONF_FOLDER, Conf, load_conf
from lake.delta import Lake
from registry.store import connect
from tests.lake.test_delta import consent
from tests.world import command, write_conf

OLD_DAYS = 500


def files(lake: Lake) -> list[str]:
    return sorted(str(x) for x in Path(lake.root).rglob("*.parquet"))


def refused(lake: Lake, path: Path, code: int, *arguments: str, words: str) -> None:
    before = files(lake)
    said = command(path, "maintain", "--vacuum", *arguments)
    assert said.code == code and said.err.strip().count("\n") == 0 and words in said.err, said.err
    assert files(lake) == before


def test_fault_24_a_vacuum_below_the_configured_retention_is_refused(spark: SparkSession, lake: Lake, tmp_path: Path) -> None:
    path = write_conf(tmp_path / "conf.yml", tmp_path, retention={"unreferenced_files": 9})
    for policy in ("p1", "p2"):
        lake.append_once("reference.consents", consent(lake, policy_id=policy), policy)
    lake.compact("reference.consents", "")
    refused(lake, path, 2, "reference.consents", "--older-than", "8", words="retention.unreferenced_files is 9")
    refused(lake, path, 6, "reference.claims", words="there is no table reference.claims")
    assert sorted(x.policy_id for x in lake.read("reference.consents").collect()) == ["p1", "p2"]
    below = write_conf(tmp_path / "below.yml", tmp_path, retention={"unreferenced_files": 6})
    refused(lake, below, 2, "reference.consents", words="retention.unreferenced_files")


def test_fault_24_a_frame_that_a_registered_version_pins_is_never_touched(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    path = write_conf(tmp_path / "conf.yml", tmp_path)
    old = time.time() - OLD_DAYS * 86_400
    for name in ("frames.pinned", "frames.free"):
        lake.create(name)
        for file in Path(lake.path(name)).rglob("*"):
            os.utime(file, (old, old))
    lake.create("frames.young")
    gone, why = expire_frames(lake, conf)
    assert gone == [] and why is not None and "frames are left alone: no MLflow store" in why
    client = connect(conf)
    client.create_registered_model("pure-premium-liability")
    client.create_model_version("pure-premium-liability", "file:///nowhere", tags={"frame_hash": "pinned"})
    refused(lake, path, 6, "frames.pinned", words="a registered model is made from this frame")
    assert expire_frames(lake, conf) == (["frames.free"], None)
    assert [lake.exists(f"frames.{x}") for x in ("pinned", "free", "young")] == [True, False, True]
    client.create_model_version("pure-premium-liability", "file:///nowhere")
    assert "does not say what frame" in str(expire_frames(lake, load_conf("local", lake=conf.lake))[1])


@pytest.mark.parametrize("retention", [{"history": 900}, {"bronze": 400}, {"raw": 30}, {"scores": 90}])
def test_a_retention_that_would_take_what_is_needed_is_a_configuration_error(tmp_path: Path, retention: dict[str, int]) -> None:
    # three as-of dates 180 days apart, 60 days of maturity and a window of 365: 965 days; scores come of age in 60, and 31 more
    said = command(write_conf(tmp_path / "conf.yml", tmp_path, retention=retention), "tables")
    assert said.code == 2 and next(iter(retention)) in said.err, said.err


def test_the_documented_retentions_are_those_of_every_configuration() -> None:
    page = (CONF_FOLDER.parent / "docs" / "contract-lake.md").read_text()
    for name in ("local", "staging", "production"):
        kept = load_conf(name).retention.model_dump(exclude={"unreferenced_files", "vacuum_every_nights"})
        for key, days in kept.items():
            [line] = [x for x in page.splitlines() if x.startswith(f"| `{key}` |")]
            assert line.endswith(f"| {'null' if days is None else days} |"), line
