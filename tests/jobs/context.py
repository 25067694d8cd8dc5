"""A job's context over a test lake, with a gate that passes."""

import datetime as dt

from pyspark.sql import DataFrame

from jobs.context import JobContext
from lake.conf import Conf
from lake.delta import Lake


def passing(_: str, __: DataFrame) -> None:
    """A gate that finds nothing."""


def night(lake: Lake, conf: Conf, date: dt.date, previous: dt.date | None = None) -> JobContext:
    """The context of a night."""
    return JobContext(conf, lake, date, previous, f"run-{date}", passing)
