"""A job's context over a test lake, with a gate that passes; metrics to a file."""

import datetime as dt
from pathlib import Path

from pyspark.sql import DataFrame

from jobs.context import JobContext
from lake.conf import Conf
from lake.delta import Lake


def passing(_: str, __: DataFrame) -> None:
    """A gate that finds nothing."""


def night(lake: Lake, conf: Conf, date: dt.date, previous: dt.date | None = None) -> JobContext:
    """The context of a night."""
    return JobContext(conf, lake, date, previous, f"run-{date}", passing)


def exposing(conf: Conf, tmp_path: Path) -> tuple[Conf, Path]:
    """A configuration whose metrics go to a file, and the file."""
    path = tmp_path / "night.prom"
    return conf.model_copy(update={"alerts": conf.alerts.model_copy(update={"prometheus_textfile": str(path)})}), path
