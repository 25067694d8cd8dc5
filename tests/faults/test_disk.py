"""A disk that is full in the middle of a load: a file system of a megabyte, where one can be mounted."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lake.delta import Lake
from tests.faults.test_kills import configured
from tests.loading.files import hour, point, write
from tests.world import command

pytestmark = pytest.mark.slow
RECORDS = 6_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here: it takes root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_fault_08_a_full_disk_ends_with_one_line_no_commit_and_a_clean_rerun(
    spark: SparkSession, small_disk: Path, tmp_path: Path
) -> None:
    chance = random.Random(8)
    lines = [point(n, pos={"lat": chance.uniform(40, 50), "lon": chance.uniform(0, 20)}) for n in range(RECORDS)]
    file = write(hour(tmp_path / "phone"), lines)
    conf, lake = configured(small_disk, tmp_path), Lake(spark, str(small_disk / "lake"))
    lake.create("bronze.points")
    load = ("ingest", "--source", "phone", "--input", str(file))
    said = command(conf, *load)
    assert (said.code, said.err.strip()) == (
        5, "error: the disk is full: make room and run the same command again",
    )  # fmt: skip
    assert lake.version("bronze.points") == 0
    assert not lake.exists("bronze.ledger")
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    said = command(conf, *load)
    assert said.code == 0, said.err
    assert f"{RECORDS:,} accepted" in said.out
    assert (lake.version("bronze.points"), lake.read("bronze.points").count()) == (1, RECORDS)
