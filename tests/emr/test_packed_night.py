"""The packed archive, unpacked elsewhere: spark-submit runs its self-test and a real night from it on a real S3 server.

It is the world's last night, as in tests/s3/test_nights_on_s3.py. The driver and every worker have the archive's Python, an empty
PYTHONPATH, and nothing of the project beside them.
"""

import shutil
from pathlib import Path

import pytest
import yaml
from pyspark.sql import functions as F

from emr.package import ROOT, build, this_arch
from emr.self_test import run_job, spark_submit, unpack
from lake.conf import load_conf
from lake.delta import Lake
from lake.jars import DELTA_JARS, S3_JARS
from lake.storage import keep
from tests.conftest import S3_PORT
from tests.s3.test_nights_on_s3 import landed_since
from tests.servers import S3, aws_environment
from tests.settings import TEST_SPARK
from tests.world import NIGHTS, World

pytestmark = pytest.mark.slow
LAST = str(NIGHTS[-1])


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a worker's: the archive below ./environment, and the entry point."""
    out = tmp_path_factory.mktemp("package")
    manifest = build(this_arch(), out, level=1)
    folder = tmp_path_factory.mktemp("worker")
    unpack(out / manifest.archive, folder)
    (out / manifest.archive).unlink()
    shutil.copy(ROOT / "emr" / "entry.py", folder)
    return folder


def test_self_test_runs_a_job_from_the_archive(worker: Path) -> None:
    found = run_job(worker)
    assert found["modules"] > 150 and found["rows"] == 10
    assert found["prefix_is_archive"] and found["forbidden"] == []
    assert found["pyspark"] == "4.1.1" and found["delta_from"].endswith(".jar")


def test_a_night_runs_from_the_archive_on_s3(worker: Path, world: World, s3: S3, tmp_path: Path) -> None:
    bucket = s3.new_bucket()
    root, landing = f"s3://{bucket}/lake", f"s3://{bucket}/landing"
    keep(landed_since(world, tmp_path / "landing"), landing)
    keep(world.before, root)
    conf = yaml.safe_load(world.conf.read_text())
    conf["landing"]["root"] = landing
    # as on EMR: Java, Delta and the way to S3's credentials come with Spark; of the test's settings those of many small plans
    small = {k: v for k, v in TEST_SPARK.items() if k.startswith(("spark.sql.", "spark.default.", "spark.buffer."))}
    conf |= {"lake": root, "jars": None, "spark": small, "mlflow_tracking_uri": load_conf(str(world.conf)).tracking_uri}
    (tmp_path / "conf.yml").write_text(yaml.safe_dump(conf))
    arguments = ["--conf", str(tmp_path / "conf.yml"), "nightly", "--date", LAST]
    # the JVM is there before the configuration is read
    java = {"JAVA_TOOL_OPTIONS": TEST_SPARK["spark.driver.extraJavaOptions"]}
    spark_submit(worker, worker / "entry.py", arguments, DELTA_JARS + S3_JARS, **aws_environment(S3_PORT), **java)
    found, expected = premiums(Lake(world.spark, root)), premiums(world.lake)
    assert expected and found == expected


def premiums(lake: Lake) -> dict[tuple[str, ...], float]:
    """The night's pure premiums by policy, vehicle, coverage and role."""
    scores = lake.read("gold.policy_scores").where(F.col("score_date") == F.lit(LAST)).collect()
    return {(r.policy_id, r.vehicle_id, r.coverage, r.role): r.pure_premium for r in scores}
