"""Faults 8 to 11 of the network, put between the platform and a real S3 server. What is asserted is rows and versions."""

import datetime as dt
import gzip
import time

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.loading_admission import Wanted, admit
from lake.conf_sections import S3Limits
from lake.delta import Lake
from lake.errors import LakeError
from lake.s3 import failure_of_s3, session_settings
from lake.storage import list_files
from lake.tables import DRIFT
from tests.s3.shim import Fault, faults, toxic
from tests.servers import ACCESS_KEY, S3, SECRET_KEY

TABLE = "gold.drift"
D = dt.date(2026, 1, 5)
BOUND_S = 75.0
"""Two tries of 15 s with the waits between them, and what Delta does around one request."""


@pytest.fixture
def lake(spark: SparkSession, bucket: str) -> Lake:
    """A lake on S3 with one night of one row, whose requests are tried twice."""
    settings = spark._jsc.hadoopConfiguration()
    for name, value in session_settings(S3Limits(retries=1), own_jars=True).items():
        if name.startswith("spark.hadoop.fs.s3a."):
            settings.set(name.replace("spark.hadoop.fs.s3a.", f"fs.s3a.bucket.{bucket}."), value)
    lake = Lake(spark, f"s3://{bucket}/lake")
    lake.append_once(TABLE, rows(lake, "first"), "first")
    return lake


def rows(lake: Lake, *columns: str) -> DataFrame:
    """A drift row for each name."""
    values = {"score_date": D, "column": None, "kind": "feature"}
    given = [tuple({**values, "column": c}.get(x.name, _any(x.type)) for x in DRIFT.columns) for c in columns]
    return lake.spark.createDataFrame(given, DRIFT.schema).coalesce(1)


def _any(kind: str) -> object:
    return {"double": 0.5, "bigint": 1, "int": 1, "boolean": False, "string": "x"}.get(kind)


def held(lake: Lake) -> list[str]:
    return sorted(r["column"] for r in lake.read(TABLE).select("column").collect())


def line_of(failure: BaseException, lake: Lake) -> str:
    """The one line a user gets."""
    found = failure if isinstance(failure, LakeError) else failure_of_s3(failure, lake.root)
    assert found is not None, f"no one line for {str(failure)[:2000]}"
    line = str(found)
    assert lake.root.removeprefix("s3://").split("/")[0] in line and "\n" not in line, line
    assert SECRET_KEY not in str(failure) and ACCESS_KEY not in line
    return line


def accept(name: str, df: DataFrame) -> None:
    """A gate that has nothing to say."""


def test_fault_08_507_fails_without_a_commit_and_the_rerun_is_clean(s3: S3, lake: Lake) -> None:
    version = lake.version(TABLE)
    with faults(s3, Fault("PUT", r"\.parquet", "507 InsufficientStorage")), pytest.raises(Exception) as failed:
        lake.append_once(TABLE, rows(lake, "second"), "second")
    assert "507" in line_of(failed.value, lake)
    assert (held(lake), lake.version(TABLE)) == (["first"], version)
    lake.append_once(TABLE, rows(lake, "second"), "second")
    assert held(lake) == ["first", "second"]


def test_fault_09_503_slow_down_is_waited_out_or_fails_in_bounded_time(s3: S3, lake: Lake) -> None:
    with faults(s3, Fault("PUT", r"\.parquet|\.json", "503 SlowDown", times=3)):
        lake.append_once(TABLE, rows(lake, "second"), "second")
    assert held(lake) == ["first", "second"]
    began = time.monotonic()
    with faults(s3, Fault("PUT", r"\.parquet", "503 SlowDown")), pytest.raises(Exception) as failed:
        lake.append_once(TABLE, rows(lake, "third"), "third")
    assert time.monotonic() - began < BOUND_S
    assert "503" in line_of(failed.value, lake)
    assert held(lake) == ["first", "second"]


@pytest.mark.parametrize("entry", [True, False])
def test_fault_10_connection_reset_on_put_is_never_a_duplicate(s3: S3, lake: Lake, entry: bool) -> None:
    """The server takes the log entry, or the data, and its answer is lost: whatever the writer makes of it, run again it holds
    the row once."""
    with faults(s3, Fault("PUT", r"_delta_log/\d+\.json" if entry else r"part-.*\.parquet", "lost", times=1)):
        try:
            lake.append_once(TABLE, rows(lake, "second"), "second")
        except Exception as e:
            line_of(e, lake)
    lake.append_once(TABLE, rows(lake, "second"), "second")
    assert held(lake) == ["first", "second"]
    assert lake.version(TABLE) == 2  # made, first, second


def test_fault_10_body_cut_in_mid_get_never_gives_short_data(s3: S3, lake: Lake, bucket: str) -> None:
    lines = "".join(f'{{"n": {n}, "filler": "{n * 7919 % 100003}"}}\n' for n in range(30_000)).encode()
    s3.client().put_object(Bucket=bucket, Key="raw/points.jsonl.gz", Body=gzip.compress(lines))
    (listed,) = list_files(f"s3://{bucket}/raw/")
    wanted = Wanted("jsonl", "utf-8", ",", ())
    with faults(s3, Fault("GET", r"points\.jsonl\.gz", "cut", times=2)):
        assert (admit(listed, wanted).records, admit(listed, wanted).reason) == (30_000, None)
    with faults(s3, Fault("GET", r"points\.jsonl\.gz", "cut")), pytest.raises(LakeError, match=bucket):
        admit(listed, wanted)  # and never a file that is refused as truncated
    table = f"s3://{bucket}/plain"
    lake.spark.range(200_000).selectExpr("id", "sha2(cast(id as string), 256) AS t").coalesce(1).write.parquet(table)
    want = lake.spark.range(200_000).selectExpr("sum(crc32(sha2(cast(id as string), 256)))").first()[0]
    with faults(s3, Fault("GET", r"part-.*\.parquet", "cut", times=2)):
        assert lake.spark.read.parquet(table).selectExpr("sum(crc32(t))").first()[0] == want
    with toxic(s3, "limit_data", bytes=100_000), pytest.raises(Exception) as failed:  # every connection ends after 100 kB
        lake.spark.read.parquet(table).selectExpr("sum(crc32(t))").first()
    line_of(failed.value, lake)


@pytest.mark.slow
def test_fault_10_endpoint_that_hangs_fails_within_the_time_out(s3: S3, lake: Lake) -> None:
    began = time.monotonic()
    with toxic(s3, "timeout", timeout=0), pytest.raises(Exception) as failed:  # nothing is ever answered
        lake.append_once(TABLE, rows(lake, "second"), "second")
    assert time.monotonic() - began < BOUND_S
    line_of(failed.value, lake)
    lake.append_once(TABLE, rows(lake, "second"), "second")
    assert held(lake) == ["first", "second"]


def test_fault_10_connection_reset_by_the_network_is_retried(s3: S3, lake: Lake) -> None:
    with toxic(s3, "reset_peer", timeout=0), pytest.raises(Exception) as failed:
        lake.append_once(TABLE, rows(lake, "second"), "second")
    line_of(failed.value, lake)
    assert held(lake) == ["first"]


@pytest.mark.parametrize("after", [0, 2])
def test_fault_11_credentials_expire_in_mid_run_and_nothing_is_half_published(s3: S3, lake: Lake, after: int) -> None:
    """They expire before, or while the staged rows are put in place."""
    with faults(s3, Fault("PUT", "/lake/", "400 ExpiredToken", after=after)), pytest.raises(Exception) as failed:
        lake.publish(TABLE, rows(lake, "new", "newer"), f"score_date = DATE'{D}'", accept)
    line_of(failed.value, lake)
    assert held(lake) == ["first"]
    lake.publish(TABLE, rows(lake, "new", "newer"), f"score_date = DATE'{D}'", accept)
    assert held(lake) == ["new", "newer"]
