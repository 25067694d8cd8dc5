"""A night that stopped: somebody is told, and a page in the place of the night's own says so until a later run draws that."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F

from expectations.gate import QualityGate
from jobs.alerting import expose, tell_stopped
from jobs.catalog import NAMES
from jobs.causes import cause, foreseen
from jobs.context import Gate
from jobs.nights import SCORE, Nights, read_nights
from jobs.nights_history import deadline, usual_minutes
from jobs.page import (
    DATA,
    Drawn,
    fetch_pages,
    folder_of,
    has_drift_report,
    has_site,
    is_newest,
    keep_findings,
    publish,
    put,
    read_page,
)
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import GateFailed, LakeError, LeaseHeld, LeaseLost, LeaseOver, NightRefused, NightsMissing
from lake.log import note
from lake.storage import fetch
from monitoring.night import Night
from monitoring.stopped import Stopped
from registry.store import CHAMPION

MAX_CAUSE = 1000


@dataclass(frozen=True)
class Where:
    """The night that stopped. `lake` is None where it could not be opened, `gate` where no job has begun; `again` is what the
    command that runs it once more has besides the date; `is_ours`: this process may write to the lake's folder."""

    conf: Conf
    date: dt.date
    lake: Lake | None = None
    gate: Gate | None = None
    again: str = ""
    is_ours: bool = True


@contextmanager
def telling(where: Where, failed_job: Callable[[Exception], str | None] | None = None) -> Iterator[None]:
    """Tell of what stops the night within, and raise it; without `failed_job` no job has begun."""
    try:
        yield
    except Exception as e:
        tell(where, e, failed_job(e) if failed_job else None, is_begun=failed_job is not None)
        raise


def tell(where: Where, failure: Exception, job: str | None = None, *, is_begun: bool = True) -> None:
    """Tell of the stopped night, by what is known without looking anywhere; then write its page. What goes wrong with either is
    logged and changes nothing else. Where another runs the night, it is not stopped and the pages are the other's."""
    lost = _lost(where, failure)
    if _is_anothers_night(lost) or _is_asked_wrongly(failure):
        return
    night = _stopped(where, failure, job, is_begun=is_begun)
    try:
        for complaint in tell_stopped(where.conf, night):
            note("the stopped night", date=where.date, cause=complaint.what)
    except Exception as e:
        note("nobody could be told of the stopped night", date=where.date, cause=cause(e))
    _expose(where.conf, night)
    # a date that nights would be left out before may be a slip of the hand, and its page would stay for good
    if lost is not None or not where.is_ours or isinstance(failure, NightsMissing):
        return
    try:
        _write(where, night, is_gates=isinstance(failure, GateFailed))
    except Exception as e:
        note("the page of the stopped night could not be written", date=where.date, cause=cause(e))


def _expose(conf: Conf, night: Stopped) -> None:
    """Its metrics, unless pages say that a later night has its own: a red light too many is better than none."""
    try:
        fetch(conf.kept("_reports"), conf.reports_path, DATA)
        is_last = is_newest(conf, night.date)
    except Exception as e:
        note("whether a later night has a page is not known", date=night.date, cause=cause(e))
        is_last = True
    for complaint in expose(conf, night) if is_last else ():
        note("the stopped night", date=night.date, cause=complaint.what)


def is_drawn(conf: Conf, date: dt.date) -> bool:
    """Whether the night's page is that of a stopped one, or none that can be read: then it is to be drawn again."""
    try:
        return isinstance(_page(conf, date), Stopped)
    except Exception as e:
        note("the night's page cannot be read: it is drawn again", date=date, cause=cause(e))
        return True


def _is_of_a_good_run(reports: Path, date: dt.date) -> bool:
    """Whether the night has a page that can be read, of a run that ended well."""
    try:
        return isinstance(read_page(folder_of(reports, date) / DATA), Night)
    except LakeError as e:
        note("the night's page cannot be read: it is drawn again", date=date, cause=cause(e))
        return False


def _page(conf: Conf, date: dt.date) -> Drawn | None:
    fetch(conf.kept("_reports"), conf.reports_path, DATA)
    return read_page(folder_of(conf.reports_path, date) / DATA)


def facts(where: Where, night: Stopped, lake: Lake, nights: Nights) -> Stopped:
    """The stopped night with what is published and recorded of it now."""
    scores = lake.read("gold.policy_scores").where((F.col("score_date") == F.lit(night.date)) & (F.col("role") == CHAMPION))
    recorded = as_recorded(night.date, nights, lake.read("gold.nights").collect())
    due, reports = deadline(night.date, where.conf.nightly.scores_by), where.conf.reports_path
    looked_up = {
        "scored": scores.count(), "deadline": f"{due:%Y-%m-%d %H:%M} UTC" if due else None,
        "drift_report": has_drift_report(reports, night.date), "data_docs": has_site(reports, night.date),
    }  # fmt: skip
    return night.model_copy(update=recorded | looked_up)


def as_recorded(date: dt.date, nights: Nights, rows: Iterable[Any]) -> dict[str, Any]:
    """What gold.nights, whose rows are given, says of a stopped night: what has finished, and whose scores stand."""
    done = nights.finished.get(date, frozenset())
    return {
        "is_scored_by_this_run": SCORE in done, "last_published": nights.last_scores, "withdrawn": nights.why_withdrawn(date),
        "finished": tuple(name for name in NAMES if name in done),
        "usual_minutes": usual_minutes(rows, [name for name in NAMES if name not in done]),
    }  # fmt: skip


def _lost(where: Where, failure: Exception) -> Exception | None:
    """What says that another may write to the lake; what a lost lease made fail may be any error. A commit may be lost to one who
    asks for no lease."""
    if isinstance(failure, (LeaseHeld, LeaseLost)) and not isinstance(failure, LeaseOver):
        return failure
    try:
        if where.lake is not None:
            where.lake.check_guard()
    except LeaseLost as e:
        return e
    except Exception as e:
        note("who holds the lease is not known", cause=cause(e))
    return failure if isinstance(failure, LeaseOver) else None


def _is_anothers_night(lost: Exception | None) -> bool:
    """Whether another goes on with it: a command of another kind may hold the lease for hours, and no night is run."""
    if isinstance(lost, LeaseHeld):
        return lost.is_of_a_night
    return lost is not None and not isinstance(lost, LeaseOver)


def _is_asked_wrongly(failure: Exception) -> bool:
    """A date or an option that cannot be: nothing has stopped that was running."""
    return isinstance(failure, NightRefused) and not isinstance(failure, NightsMissing)


def _stopped(where: Where, failure: Exception, job: str | None, *, is_begun: bool) -> Stopped:
    why = cause(foreseen(failure, where.conf.lake))[:MAX_CAUSE]
    # of nights that are missing the cause says which command runs them
    command = "" if isinstance(failure, NightsMissing) else f"telematics nightly --date {where.date}{where.again}"
    return Stopped(date=where.date, job=job, cause=why, command=command, is_begun=is_begun)


def _write(where: Where, night: Stopped, *, is_gates: bool) -> None:
    reports = where.conf.reports_path
    fetch_pages(where.conf, where.date)
    if not night.is_begun and _is_of_a_good_run(reports, where.date):
        # nothing of it has changed
        return
    if is_gates and isinstance(where.gate, QualityGate):
        where.gate.build_docs()
    put(reports, where.date, DATA, _looked_up(where, night).model_dump_json(indent=1))
    keep_findings(where.conf, where.date)
    for complaint in publish(where.conf, where.date):
        note("a page is left out", date=where.date, cause=complaint.what)


def _looked_up(where: Where, night: Stopped) -> Stopped:
    """With its facts, where the lake gives them."""
    if where.lake is None:
        return night
    try:
        return facts(where, night, where.lake, read_nights(where.lake))
    except Exception as e:
        note("the lake does not say how the stopped night stands", date=night.date, cause=cause(e))
        return night
