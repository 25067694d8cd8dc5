"""Rows for a fit come to the driver in parts, and none is lost or there twice."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.frame_rows import collected, drawn


def test_parts_together_are_all_rows_once(spark: SparkSession) -> None:
    rows = spark.range(1000).select(F.format_string("p%d", F.col("id") % 300).alias("policy_id"), "id")
    whole = rows.toPandas()
    found = collected(rows, 1000, "policy_id", part_bytes=3000)
    assert found.sort_values("id").reset_index(drop=True).equals(whole)
    # more than one part came, so their order is not that of the rows
    assert not found.equals(whole)
    assert collected(rows, 1000, "policy_id").equals(whole)


def test_no_rows_are_an_empty_frame(spark: SparkSession) -> None:
    found = collected(spark.range(0), 0, "id")
    assert found.empty and list(found.columns) == ["id"]


def test_policies_are_drawn_whole_and_the_same_again(spark: SparkSession) -> None:
    rows = spark.range(20_000).select(F.format_string("p%d", F.col("id") % 10_000).alias("policy_id"), "id")
    first, again, other = (drawn(rows, 20_000, "policy_id", 5_000, seed).toPandas() for seed in (1, 1, 2))
    assert first.sort_values("id", ignore_index=True).equals(again.sort_values("id", ignore_index=True))
    assert set(first["policy_id"]) != set(other["policy_id"])
    assert (first.groupby("policy_id").size() == 2).all()
    # 2,500 of 10,000 policies: four standard deviations are 173
    assert abs(first["policy_id"].nunique() - 2_500) < 173
    assert drawn(rows, 20_000, "policy_id", 20_000, seed=1).count() == 20_000
