"""Taking a night's scores back: readers see those of the last good night again."""

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from typing import Any

from pyspark.sql import functions as F

from jobs.context import JobResult
from jobs.nights import WITHDRAWAL, Attempt, read_nights, record
from jobs.page import DATA, Drawn, expose_newest, fetch_pages, folder_of, publish, put, read_page
from jobs.stopped import as_recorded
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import Complaint, InputError, LakeError
from monitoring.stopped import Stopped
from registry.actors import Actor

TABLE = "gold.policy_scores"


@dataclass(frozen=True)
class Withdrawn:
    """`rows` scores are gone; readers see those of `now`, None where none are left. `version` of the table has them still.
    `complaints` are of the page and the metrics, which may not say so."""

    rows: int
    now: dt.date | None
    version: int | None
    complaints: tuple[Complaint, ...] = ()


def withdraw(lake: Lake, conf: Conf, date: dt.date, reason: str, by: Actor) -> Withdrawn:
    """Take back the scores of the newest scored night, whatever its role; again changes nothing.

    What was done is recorded before it is done, so a kill leaves a withdrawal that a second call completes. Raises InputError
    for a date without scores, and for one that is not the newest: what came later was compared with it.
    """
    nights, dates = read_nights(lake), _dates(lake)
    _check(date, dates, nights.withdrawn)
    version, rows = lake.version(TABLE), lake.read(TABLE).where(F.col("score_date") == F.lit(date)).count()
    now = max((d for d in dates if d < date), default=None)
    if date not in nights.withdrawn:
        _record(lake, date, rows, {"reason": reason, "by": by.name, "verified": by.verified, "table_version": version})
    lake.delete_where(TABLE, f"score_date = DATE'{date}'")
    return Withdrawn(rows, now, version, tuple(_mark_page(lake, conf, date)))


def _dates(lake: Lake) -> set[dt.date]:
    return {r["score_date"] for r in lake.read(TABLE).select("score_date").distinct().collect()}


def _check(date: dt.date, dates: set[dt.date], gone: frozenset[dt.date]) -> None:
    if date not in dates and date not in gone:
        raise InputError(f"there are no scores of {date} to withdraw: `telematics nights` lists the nights")
    later = sorted(d for d in dates if d > date)
    if later:
        raise InputError(f"{later[-1]} was scored after {date} and compared with it: withdraw the newest first")


def _record(lake: Lake, date: dt.date, rows: int, detail: dict[str, object]) -> None:
    at = dt.datetime.now(dt.UTC)
    attempt = Attempt(date, WITHDRAWAL, uuid.uuid4().hex[:12], at, at)
    record(lake, attempt, "finished", JobResult(rows, f"withdrawn by {detail['by']}: {detail['reason']}", detail))


def _mark_page(lake: Lake, conf: Conf, date: dt.date) -> list[Complaint]:
    """The page says so, be it that of a stopped night, whose scores readers saw as well; and the metrics, where no later night
    has its own. Returns what was left undone."""
    reports = conf.reports_path
    fetch_pages(conf, date)
    path = folder_of(reports, date) / DATA
    try:
        page = read_page(path)
    except LakeError as e:
        again = f"`telematics nightly --date {date} --rerun --from-job score` makes it again"
        return [Complaint(e.exit_code, f"the page does not say that the scores are withdrawn: {e}; {again}")]
    if page is None:
        return []
    marked = page.model_copy(update=_changes(lake, date, page))
    # keys that a newer deployment wrote stay
    put(reports, date, DATA, json.dumps(json.loads(path.read_text()) | marked.model_dump(mode="json"), indent=1))
    return [*publish(conf, date), *expose_newest(conf, marked)]


def _changes(lake: Lake, date: dt.date, page: Drawn) -> dict[str, Any]:
    nights = read_nights(lake)
    recorded = as_recorded(date, nights, lake.read("gold.nights").collect()) if isinstance(page, Stopped) else {}
    return recorded | ({"scored": 0} if recorded else {}) | {"withdrawn": nights.why_withdrawn(date)}
