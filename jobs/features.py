"""Job `features`: windows as of the night's date for every vehicle insured at its cutoff."""

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.context import JobContext, JobResult
from lake.clock import cutoff
from lake.delta import Lake
from lake.features import FEATURE_VERSION_1
from transforms.exposure import valid_at
from transforms.windows import days_before, window_features

TABLE = "gold.policy_features"


def run(ctx: JobContext) -> JobResult:
    """Publish gold.policy_features for the date. Raises what the gate raises; the table then stays as it was."""
    predicate = f"as_of_date = DATE'{ctx.date}' AND feature_version = '{FEATURE_VERSION_1}'"
    rows = ctx.lake.publish(TABLE, features_as_of(ctx.lake, ctx.date), predicate, ctx.gate)
    return JobResult(
        rows, f"features {FEATURE_VERSION_1} of {rows} vehicles as of {ctx.date}", {"feature_version": FEATURE_VERSION_1}
    )


def features_as_of(lake: Lake, date: dt.date) -> DataFrame:
    """Features of the vehicles of policies in force at cutoff(date), all as known then."""
    known = cutoff(date)
    insured = lake.read_known("reference.policies", known).where(valid_at(known)).select("vehicle_id").distinct()
    days = lake.read_known("gold.policy_days", known).where(days_before([date]))
    return window_features(days, insured.withColumn("as_of_date", F.lit(date)))
