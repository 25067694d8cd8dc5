"""A copy on a real S3 server, as replication leaves it, brought back to another bucket."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.nights import read_nights
from jobs.restoring import plan
from lake.delta import Lake
from lake.delta_log import check_whole
from lake.stored import Stored
from tests.jobs.published import DATES, WRITTEN, built
from tests.servers import S3
from tests.world import command, write_conf


@pytest.mark.slow
def test_the_last_whole_night_from_bucket_to_bucket(spark: SparkSession, s3: S3, bucket: str, tmp_path: Path) -> None:
    made = built(Lake(spark, f"s3://{bucket}/lake"))
    source, there = Stored(made.root), s3.new_bucket()
    newest = made.read("gold.credibility").where(f"as_of_date = DATE'{DATES[-1]}'").inputFiles()
    gone = newest[0].split("/lake/")[1]
    assert plan(source).night == DATES[-1]
    s3.client().delete_object(Bucket=bucket, Key=f"lake/{gone}")
    planned = plan(source)
    assert planned.night == DATES[-2]
    assert planned.passed == [f"{DATES[-1]}: gold.credibility version 3 is not whole"]

    conf = write_conf(tmp_path / "conf.yml", tmp_path)
    said = command(conf, "--lake", f"s3://{there}/lake", "restore", "apply", "--from", made.root)
    assert said.code == 0, said.err
    lake = Lake(spark, f"s3://{there}/lake")
    check_whole(lake)
    read_nights(lake).check_log(lake)
    assert read_nights(lake).published == DATES[:-1]
    counts = {name: lake.read(name).count() for name in WRITTEN}
    # a policy a night; one feature the first night and two the second; two rows of the record a night
    assert counts == {"reference.policies": 2, "gold.credibility": 1 + 2, "gold.nights": 4}
