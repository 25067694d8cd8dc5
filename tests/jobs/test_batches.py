"""Batches adapt to a worker's memory, and a worker makes a model once."""

import os
from collections.abc import Iterable, Iterator

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs.batches import (
    BYTES_A_COLUMN,
    BYTES_A_ROW,
    COPIES,
    FEWEST,
    MOST,
    SHARE,
    batches_of,
    bytes_of,
    rows_a_batch,
    worker_bytes,
)
from jobs.score_rows import Scoring, in_worker, loaded, scored_ddl
from tests.training.given import the_frame, trained

GIB = 2**30


def test_rows_follow_the_memory_and_the_width() -> None:
    # 14 GB of an executor leave Python 1.4 GB for four workers: a quarter of a worker's at 2 x (2,000 + 60 x 40) bytes a row
    memory = 1.4 * GIB / 4
    assert rows_a_batch(memory, 40) == int(SHARE * memory / (COPIES * (BYTES_A_ROW + BYTES_A_COLUMN * 40))) == 10_676
    assert rows_a_batch(memory / 2, 40) == pytest.approx(10_676 / 2, abs=1)
    assert rows_a_batch(memory, 100) < rows_a_batch(memory, 40)
    assert (rows_a_batch(0.0, 40), rows_a_batch(64 * GIB, 40)) == (FEWEST, MOST)


@pytest.mark.parametrize(
    ("text", "expected"), [("512m", 512 * 2**20), ("14g", 14 * GIB), ("14G", 14 * GIB), ("1400", 1400 * 2**20), ("2gb", 2 * GIB)]
)
def test_sparks_notation_of_memory(text: str, expected: float) -> None:
    assert bytes_of(text) == expected


def test_spark_hands_over_so_many_rows_at_once_and_afterwards_as_before(spark: SparkSession) -> None:
    assert worker_bytes(spark) > 0

    def sizes(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        return (pd.DataFrame({"n": [len(batch)]}) for batch in batches)

    rows = spark.range(6_000).coalesce(1).mapInPandas(sizes, "n bigint")
    with batches_of(spark, 1_500):
        assert [r["n"] for r in rows.collect()] == [1_500] * 4
    assert [r["n"] for r in rows.collect()] == [6_000]


def test_a_worker_makes_a_model_once_for_all_its_tasks(spark: SparkSession) -> None:
    scorings = [Scoring(role, "liability", trained().scorer.parts()) for role in ("champion", "challenger")]
    shared = spark.sparkContext.broadcast(scorings)

    def told(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The task of the night, and then which worker did it with which objects."""
        rows = sum(len(out) for out in in_worker(shared)(batches))
        made = {str(id(loaded(scoring))) for scoring in shared.value}
        yield pd.DataFrame({"pid": [os.getpid()], "rows": [rows], "made": [",".join(sorted(made))]})

    wanted = [*dict.fromkeys([*trained().scorer.spec.inputs, "km_365", "days_driven_365", "completeness_365"])]
    frame = the_frame().head(64)[["policy_id", "vehicle_id", "coverage", *wanted]].assign(consented=True)
    tasks = spark.createDataFrame(frame).repartition(8).mapInPandas(told, "pid int, rows bigint, made string")
    seen = pd.DataFrame([r.asDict() for r in [*tasks.collect(), *tasks.collect()]])
    assert len(seen) == 16 > seen["pid"].nunique()
    # champion and challenger have the same files here, so they are one object, and each worker has one
    assert seen.groupby("pid")["made"].nunique().tolist() == [1] * seen["pid"].nunique()
    assert not seen["made"].str.contains(",").any()
    assert seen["rows"].sum() == 2 * 2 * 64
    assert "reasons" in scored_ddl()
