"""Rows for a fit come to the driver in parts, and none is lost or there twice."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.frame_rows import collected


def test_parts_together_are_all_rows_once(spark: SparkSession) -> None:
    rows = spark.range(1000).select(F.format_string("p%d", F.col("id") % 300).alias("policy_id"), "id")
    whole = rows.toPandas()
    found = collected(rows, "policy_id", part_bytes=3000)
    assert found.sort_values("id").reset_index(drop=True).equals(whole)
    # more than one part came, so their order is not that of the rows
    assert not found.equals(whole)
    assert collected(rows, "policy_id").equals(whole)


def test_no_rows_are_an_empty_frame(spark: SparkSession) -> None:
    found = collected(spark.range(0), "id")
    assert found.empty and list(found.columns) == ["id"]
