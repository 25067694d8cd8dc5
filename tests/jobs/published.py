"""A small lake with three published nights over two tables and the record, on disk or S3: what a restore goes by."""

import datetime as dt
from typing import Any

from jobs.context import JobResult
from jobs.nights import PUBLICATION, Attempt, record
from lake.delta import Lake
from lake.delta_log import standings
from lake.tables import TABLES
from tests.transforms.rows import frame, policy

FIRST = dt.date(2026, 3, 1)
DATES = tuple(FIRST + dt.timedelta(days=n) for n in range(3))
WRITTEN = ("reference.policies", "gold.credibility", "gold.nights")


def row(date: dt.date, feature: str) -> dict[str, Any]:
    return {"as_of_date": date, "feature_version": "v2", "feature": feature, "vehicles": 3, "km": float(date.day)}


def publish(lake: Lake, date: dt.date) -> None:
    """One night: a commit of each table, a row of a job, and the publication last."""
    n = (date - FIRST).days + 1
    policies = frame(lake.spark, TABLES["reference.policies"], [policy(n)])
    lake.append_once("reference.policies", policies.coalesce(1), f"night {date}")
    rows = frame(lake.spark, TABLES["gold.credibility"], [row(date, f"f{x}") for x in range(n)])
    lake.replace_where("gold.credibility", rows.coalesce(1), f"as_of_date = DATE'{date}'")
    at = dt.datetime.combine(date, dt.time(4), dt.UTC) + dt.timedelta(days=1)
    record(lake, Attempt(date, "features", f"r{n}", at, at), "finished", JobResult(n, "features"))
    end = at + dt.timedelta(minutes=5)
    record(lake, Attempt(date, PUBLICATION, f"r{n}", at, end), "finished", JobResult(n, "done", {"log": standings(lake)}))


def built(lake: Lake) -> Lake:
    """The nights, and the beginning of a fourth."""
    for date in DATES:
        publish(lake, date)
    later = DATES[-1] + dt.timedelta(days=1)
    at = dt.datetime.combine(later, dt.time(4), dt.UTC) + dt.timedelta(days=1)
    record(lake, Attempt(later, "features", "r4", at, at), "finished", JobResult(4, "features"))
    rows = frame(lake.spark, TABLES["gold.credibility"], [row(later, "f0")])
    lake.replace_where("gold.credibility", rows, f"as_of_date = DATE'{later}'")
    return lake
