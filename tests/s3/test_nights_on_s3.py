"""A night on a real S3 server, landing folder and all, gives the rows that the same night gave on disk.

It is the world's last night: a copy of the world's tables as that night found them, and what had landed for it, are put on S3.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.conf import load_conf
from lake.delta import Lake
from lake.storage import keep
from lake.tables import TABLES
from tests.servers import S3, SECRET_KEY
from tests.world import NIGHTS, Said, World, command

pytestmark = pytest.mark.slow
LAST = str(NIGHTS[-1])
WRITTEN = (
    "bronze.points", "bronze.quarantine", "bronze.ledger", "silver.trips", "silver.events", "gold.policy_days",
    "gold.policy_features", "gold.policy_scores", "gold.drift", "gold.performance",
)  # fmt: skip
"""What every night of the world adds rows to."""


@dataclass(frozen=True)
class Twin:
    """The night on S3, and the world that had it on disk."""

    world: World
    conf: Path
    folder: Path
    bucket: str

    @property
    def root(self) -> str:
        """The lake."""
        return f"s3://{self.bucket}/lake"

    @property
    def landing(self) -> str:
        """The landing folder."""
        return f"s3://{self.bucket}/landing"

    def telematics(self, *arguments: str) -> Said:
        """A command line on this lake."""
        said = command(self.conf, "--lake", self.root, *arguments)
        assert said.code == 0, f"{arguments}: {said.err}"
        return said

    def placed(self, text: str) -> str:
        """The text without the names of the landing folders, which legitimately differ."""
        return text.replace(self.landing, "").replace(str(self.world.landing), "")


@pytest.fixture(scope="module")
def twin(world: World, s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    folder = tmp_path_factory.mktemp("twin")
    twin = Twin(world, folder / "conf.yml", folder, s3.new_bucket())
    conf = yaml.safe_load(world.conf.read_text())
    conf["landing"]["root"] = twin.landing
    # the same champion
    twin.conf.write_text(yaml.safe_dump(conf | {"mlflow_tracking_uri": load_conf(str(world.conf)).tracking_uri}))
    keep(landed_since(world, folder / "landing"), twin.landing)
    keep(world.before, twin.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # what a lake on S3 has on disk goes below ./var
        twin.telematics("nightly", "--date", LAST)
        yield twin


def landed_since(world: World, folder: Path) -> Path:
    """The landing files that the nights before had not taken: a lake knows its files by their paths, and these are others."""
    taken = {r.source_file for r in Lake(world.spark, str(world.before)).read("bronze.ledger").select("source_file").collect()}
    files = [f for name in ("reference", "sim_phone") for f in (world.landing / name).rglob("*") if f.is_file()]
    for file in (f for f in files if str(f) not in taken):
        target = folder / file.relative_to(world.landing)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return folder


def files_of(df: DataFrame) -> set[str]:
    return {f.rsplit("/", 1)[-1] for f in df.inputFiles()}


def rows(twin: Twin, df: DataFrame, name: str, files: set[str]) -> list[str]:
    """Rows of these files as JSON, without the columns of the run and the names of places; of a file's fingerprint the size,
    for the rest is its time on disk and its ETag on S3."""
    columns = [c for c in TABLES[name].compared if c in df.columns]
    shown = [F.substring_index(c, "-", 1).alias(c) if c == "fingerprint" else F.col(c) for c in columns]
    of_files = df.where(F.substring_index(F.input_file_name(), "/", -1).isin(sorted(files)))
    return sorted(twin.placed(r[0]) for r in of_files.select(F.to_json(F.struct(*shown))).collect())


@pytest.mark.parametrize("name", [name for name in TABLES if name != "gold.nights"])
def test_a_night_gives_the_same_rows_on_s3_as_on_disk(twin: Twin, name: str) -> None:
    there, here = Lake(twin.world.spark, twin.root).read(name), twin.world.lake.read(name)
    # a file that both have was there before the night, and is the same to the byte: Delta writes no file twice
    before = files_of(there) & files_of(here)
    found = rows(twin, there, name, files_of(there) - before)
    assert found == rows(twin, here, name, files_of(here) - before)
    assert found or name not in WRITTEN


def test_the_night_is_published_on_s3_as_on_disk(twin: Twin) -> None:
    def of_the_night(lake: Lake) -> list[tuple[Any, ...]]:
        nights = lake.read("gold.nights").where(F.col("night_date") == F.lit(LAST)).collect()
        first = min(nights, key=lambda r: r.started_at).run_id
        # files of nights before are not in the landing folder on S3
        said = {r.job: re.sub(r"; [\d,]+ files known already", "", r.message) for r in nights}
        return sorted((r.job, r.status, r.rows, twin.placed(said[r.job])) for r in nights if r.run_id == first)

    found = of_the_night(Lake(twin.world.spark, twin.root))
    assert found == of_the_night(twin.world.lake)
    assert "night" in {job for job, *_ in found}
    again = twin.telematics("nightly", "--date", LAST)
    assert again.out.strip() == f"{LAST} is published already: nothing to do (--rerun runs it again)"


def test_reports_and_logs_outlive_the_driver(s3: S3, twin: Twin) -> None:
    keys = keys_of(s3, twin.bucket)
    night = f"lake/_reports/nights/{LAST}"
    assert {f"{night}/index.html", f"{night}/drift.html", "lake/_reports/index.html"} <= keys
    assert any(k.startswith("lake/_logs/") and k.endswith("telematics.jsonl") for k in keys)
    assert not [k for k in keys if k.startswith("lake/_staging/") and not k.endswith("/")]  # markers of folders
    index = s3.client().get_object(Bucket=twin.bucket, Key="lake/_reports/index.html")["Body"].read().decode()
    assert LAST in index


def test_no_secret_is_in_what_a_night_on_s3_writes(s3: S3, twin: Twin) -> None:
    secret = SECRET_KEY.encode()
    files = [f for f in (twin.folder / "var").rglob("*") if f.is_file()]
    assert any(f.name == "telematics.jsonl" for f in files)
    assert [f for f in files if secret in f.read_bytes()] == []
    client = s3.client()
    read = {k: client.get_object(Bucket=twin.bucket, Key=k)["Body"].read() for k in keys_of(s3, twin.bucket)}
    assert [k for k, body in read.items() if secret in body] == []
    nights: list[dict[str, Any]] = json.loads(twin.telematics("show", "gold.nights", "--format", "json").out)
    assert nights
    assert SECRET_KEY not in json.dumps(nights)


def keys_of(s3: S3, bucket: str) -> set[str]:
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {x["Key"] for page in pages for x in page.get("Contents", [])}
