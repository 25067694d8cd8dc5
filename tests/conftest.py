"""One Spark session for a whole run or worker of it, a fresh lake per test, and the folder of real data where it exists."""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lake.conf import Conf, load_conf
from lake.delta import Lake
from lake.session import spark_session
from tests.servers import S3, aws_environment, free_port, s3_server
from tests.settings import TEST_SPARK
from tests.world import World, build

ROOT = Path(__file__).parents[1]
S3_PORT = free_port()
# the JVM and its Python workers see the variables that are there when they start, so they are there from the beginning
os.environ.update(aws_environment(S3_PORT))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In a run of several workers the tests of a file stay on one of them, and those of all files that look at the world: what
    they share is made once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", maxsplit=1)[0]
            return "world" if looks_at_the_world(file) else file

    return ByFile(config, log)


@cache
def looks_at_the_world(file: str) -> bool:
    """Whether a test of the file, a path from the root, asks for the fixture `world` or what is made from it."""
    return bool(re.search(r"\b(world: World|stopped: StoppedNight)\b", (ROOT / file).read_text()))


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The session; nothing stops it in between. It can reach S3, which costs its start nothing measurable."""
    yield spark_session(load_conf("local").model_copy(update={"spark": TEST_SPARK}), "tests", s3=True)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A real S3 server for the whole run; this process and its children reach it by the standard variables of AWS."""
    with s3_server(tmp_path_factory.mktemp("s3"), S3_PORT) as server:
        yield server


@pytest.fixture
def bucket(s3: S3) -> str:
    """A fresh bucket's name; a lake in it is f"s3://{bucket}/lake"."""
    return s3.new_bucket()


@pytest.fixture
def conf(tmp_path: Path) -> Conf:
    """The local configuration over an empty lake."""
    return load_conf("local").model_copy(update={"lake": str(tmp_path / "lake"), "spark": TEST_SPARK})


@pytest.fixture
def lake(spark: SparkSession, conf: Conf) -> Lake:
    """An empty lake."""
    return Lake(spark, conf.lake)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of public drives and policies; tests that need it skip where it is not."""
    folder = Path(os.environ.get("TELEMATICS_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data is not at {folder}: set TELEMATICS_DATA")
    return folder


@pytest.fixture(scope="session")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A lake after four nights. Tests may look at it, and run what leaves its tables as they are."""
    return build(spark, tmp_path_factory.mktemp("world"))
