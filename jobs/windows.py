"""gold.window_sums: the windows' sums as of a date, from those of the night before or over all days."""

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lake.clock import cutoff
from lake.delta import Lake
from lake.features import FEATURES, sums_definition, terms_of
from transforms.window_steps import moved_on, with_counts
from transforms.windows import days_before, window_sums

TABLE = "gold.window_sums"
DAYS = "gold.policy_days"
MAX_STEP_DAYS = 28
"""Beyond, more days enter and leave than a step saves."""


def put_sums(lake: Lake, date: dt.date, previous: dt.date | None) -> str:
    """Write the sums as of a date; how they were come by, in words. `previous` is a published night before it: what was known at
    its cutoff stays what it was, so the sums as of it can be gone on from."""
    near = previous is not None and (date - previous).days <= MAX_STEP_DAYS
    before = previous if near and previous is not None and not _stored(lake, previous).isEmpty() else None
    sums = full_sums(lake, date) if before is None else stepped_sums(lake, before, date)
    lake.replace_where(TABLE, sums.withColumn("definition", F.lit(sums_definition())), of_date(date))
    return "in full" if before is None else f"from those of {before}"


def of_date(date: dt.date) -> str:
    """The rows as of a date."""
    return f"as_of_date = DATE'{date}'"


def full_sums(lake: Lake, date: dt.date) -> DataFrame:
    """The sums over all policy days as known at cutoff(date)."""
    days = lake.read_known(DAYS, cutoff(date)).where(days_before([date]))
    return window_sums(days, date, terms_of(*FEATURES), with_driven=True)


def stepped_sums(lake: Lake, before: dt.date, date: dt.date) -> DataFrame:
    """The same from the stored sums as of `before` and the days that make the difference."""
    return moved_on(lake.read(DAYS), _stored(lake, before), before, date, terms_of(*FEATURES))


def read_sums(lake: Lake, date: dt.date) -> DataFrame:
    """The stored sums as of a date, with counts of days."""
    return with_counts(_stored(lake, date))


def sums_again(lake: Lake, date: dt.date, in_full: bool = False) -> DataFrame:
    """As `read_sums`; `in_full`, or where those stored are not this code's or have expired, from all policy days."""
    if in_full or _stored(lake, date).isEmpty():
        return with_counts(full_sums(lake, date))
    return read_sums(lake, date)


def forget(lake: Lake) -> None:
    """Delete all sums: days have come that were known before the nights that the sums are of."""
    lake.delete_where(TABLE, "TRUE")


def _stored(lake: Lake, date: dt.date) -> DataFrame:
    return lake.read(TABLE).where(of_date(date)).where(F.col("definition") == sums_definition())
