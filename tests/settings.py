"""Spark settings of the test session."""

TEST_SPARK = {
    "spark.master": "local[2,4]",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    # a test run meets thousands of small plans: compiling them with the optimising compiler costs more than it gains
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=320m",
}
