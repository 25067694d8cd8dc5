"""Nights of the jobs trips and days over points written straight to bronze."""

import datetime as dt
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from jobs import days, trips
from jobs.context import JobContext
from lake.conf import load_conf
from lake.delta import Lake
from tests.transforms.driving import devices, point, points

MONDAY = dt.date(2026, 1, 5)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SOURCE = "sim_phone"
TABLES = ("silver.trips", "silver.events", "gold.policy_days")
Rows = dict[str, list[tuple[Any, ...]]]


def accept(table: str, df: DataFrame) -> None:
    """A gate that everything passes."""


def driven(seconds: float, device: str = "d", night: int = 0, **given: Any) -> dict[str, Any]:
    """A point at 10 m/s that many seconds after Monday noon, received within the given night after Monday's."""
    received = dt.datetime.combine(MONDAY + dt.timedelta(days=night), dt.time(20), dt.UTC)
    return point(seconds, device, source=SOURCE, received_ts=received, speed_mps=10.0, **given)


class Play:
    """A lake in which device d sits in car v1 and e in v2."""

    def __init__(self, spark: SparkSession, folder: Path, lake: type[Lake] = Lake) -> None:
        self.conf = load_conf("local").model_copy(update={"lake": str(folder)})
        self.lake = lake(spark, self.conf.lake)
        mapped = devices(spark, ("d", "v1", START, None, START), ("e", "v2", START, None, START))
        self.lake.append_once("reference.devices", mapped, "devices")

    def receive(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Accept points in bronze."""
        self.lake.append_once("bronze.points", points(self.lake.spark, rows), name)

    def context(self, night: int, previous: int | None) -> JobContext:
        """Night `night` after Monday's."""
        dates = [None if n is None else MONDAY + dt.timedelta(days=n) for n in (night, previous)]
        assert dates[0] is not None
        return JobContext(self.conf, self.lake, dates[0], dates[1], "run", accept)

    def run(self, night: int, previous: int | None) -> tuple[str, str]:
        """Both jobs; their messages."""
        ctx = self.context(night, previous)
        return trips.run(ctx).message, days.run(ctx).message

    def rows(self) -> Rows:
        """Every version of every row, in order."""
        return {name: _sorted(self.lake.read(name)) for name in TABLES}

    def known(self, night: int) -> Rows:
        """Rows as known at the night's cutoff."""
        at = self.context(night, None).cutoff
        return {name: _sorted(self.lake.read_known(name, at)) for name in TABLES}

    def current(self) -> Rows:
        """Rows as they are now, without their knowledge times."""
        now = {name: self.lake.read_current(name).drop("known_from", "known_to") for name in TABLES}
        return {name: _sorted(df) for name, df in now.items()}


def _sorted(df: DataFrame) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in df.collect()), key=repr)
