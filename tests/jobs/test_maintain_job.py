"""Compaction touches crowded partitions of this night, and nothing else."""

import datetime as dt

from pyspark.sql import functions as F

from jobs.context import JobResult
from jobs.maintain import MAX_SMALL_FILES, crowded_partitions, run
from jobs.nights import Attempt, record
from lake.clock import UTC
from lake.conf import Conf
from lake.delta import Lake
from tests.jobs.context import night
from tests.transforms.rows import date, day, days

D = date("2026-01-31")


def test_only_crowded_partitions_of_this_night_are_compacted(lake: Lake, conf: Conf) -> None:
    assert run(night(lake, conf, D)).message == "no job of this night is on record: nothing to maintain"
    began = dt.datetime.now(UTC) - dt.timedelta(minutes=1)
    record(lake, Attempt(D, "days", "run", began, began), "finished", JobResult(1, "made"))
    for month, rows in (("2026-01", MAX_SMALL_FILES + 1), ("2025-12", MAX_SMALL_FILES)):
        made = days(lake.spark, *(day(f"v{n}", f"{month}-30") for n in range(rows)))
        lake.append_once("gold.policy_days", made.repartitionByRange(rows, "vehicle_id"), month)
    result = run(night(lake, conf, D))
    assert result.detail["compacted"] == ["gold.policy_days local_month = '2026-01'"]
    files = lake.read("gold.policy_days").withColumn("file", F.input_file_name())
    counts = {
        r["local_month"]: (r["rows"], r["files"])
        for r in files.groupBy("local_month")
        .agg(F.count(F.lit(1)).alias("rows"), F.count_distinct("file").alias("files"))
        .collect()
    }
    assert counts == {"2026-01": (MAX_SMALL_FILES + 1, 1), "2025-12": (MAX_SMALL_FILES, MAX_SMALL_FILES)}
    # what an earlier night wrote is left alone
    assert crowded_partitions(lake, dt.datetime.now(UTC) + dt.timedelta(hours=1)) == []
