"""One Spark pass over a table into the one row that its suite is checked on."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.checks import NO_ROWS, Check
from expectations.suites import Suite


def key_check(suite: Suite) -> Check:
    """Rows beyond the first of each key; measured by `profile`, for it needs a grouping of its own."""
    name = f"rows with a repeated key: {', '.join(suite.key)}"
    return Check(name, "", None, NO_ROWS, "stop", "a key identifies one row")


def profile(df: DataFrame, suite: Suite) -> DataFrame:
    """One row: every check's measure as a double named after the check. `df` is read twice, the second time its key only."""
    measures = [F.expr(check.measure).cast("double").alias(check.name) for check in suite.checks]
    repeated = (
        df.groupBy(*suite.key)
        .count()
        .select(F.coalesce(F.sum(F.col("count") - 1), F.lit(0)).cast("double").alias(key_check(suite).name))
    )
    return df.agg(*measures).crossJoin(repeated)
