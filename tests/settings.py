"""Spark settings of the test session."""

TEST_SPARK = {
    "spark.master": "local[2,4]",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
}
