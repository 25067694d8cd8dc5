"""Python workers that are killed in the middle of a write."""

import datetime as dt
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from lake.delta import Lake

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ROWS = [(f"d{n}", f"v{n}", START, None, START, None, None) for n in range(20)]
NAME = "reference.devices"


def through_workers(lake: Lake, mark: Path, kills: int) -> DataFrame:
    """The rows by way of Python workers, of which that many are killed after they have passed some on."""

    def passed(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            yield batch
            seen = len(list(mark.glob("*")))
            if seen < kills:
                (mark / str(seen)).touch()
                os.kill(os.getpid(), signal.SIGKILL)

    mark.mkdir()
    schema = lake.table(NAME).schema
    return lake.spark.createDataFrame(ROWS, schema).coalesce(1).mapInPandas(passed, schema)


def test_fault_06_a_killed_worker_is_replaced_and_no_row_is_lost_or_doubled(lake: Lake, tmp_path: Path) -> None:
    lake.append_once(NAME, through_workers(lake, tmp_path / "mark", kills=1), "devices")
    assert len(list((tmp_path / "mark").iterdir())) == 1
    assert sorted(r.device_id for r in lake.read(NAME).collect()) == sorted(row[0] for row in ROWS)


def test_fault_07_a_worker_that_always_dies_fails_the_write_with_the_cause_and_no_commit(lake: Lake, tmp_path: Path) -> None:
    lake.create(NAME)
    before = lake.version(NAME)
    with pytest.raises((PySparkException, Py4JJavaError), match="Python worker exited unexpectedly"):
        lake.append_once(NAME, through_workers(lake, tmp_path / "mark", kills=100), "devices")
    # local[2,4]: four attempts
    assert len(list((tmp_path / "mark").iterdir())) == 4
    assert lake.version(NAME) == before
    assert lake.read(NAME).isEmpty()
    lake.append_once(NAME, lake.spark.createDataFrame(ROWS, lake.table(NAME).schema), "devices")
    assert lake.read(NAME).count() == len(ROWS)
