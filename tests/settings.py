"""Spark settings of the test session."""

TEST_SPARK = {
    "spark.master": "local[2,4]",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.buffer.pageSize": "1m",
    "spark.python.daemon.module": "lake.python_daemon",
    # a test run meets thousands of small plans: compiling them with the optimising compiler costs more than it gains
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=320m -XX:G1HeapRegionSize=4m",
    # and so does compiling a class for each of them; the same expressions are interpreted. The demo compiles.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
