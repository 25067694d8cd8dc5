"""The page of a night that stopped: in the place of the night's own, until a later run draws that."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from pyspark.sql import functions as F

from expectations.gate import QualityGate
from jobs.alerting import tell_stopped
from jobs.catalog import NAMES
from jobs.causes import cause, foreseen
from jobs.context import JobContext
from jobs.nights import SCORE, Nights, read_nights
from jobs.nights_history import deadline, usual_minutes
from jobs.page import DATA, draw, folder_of, has_drift_report, has_site, read_page
from lake.errors import CommitLost, GateFailed, LeaseLost
from lake.log import log
from lake.storage import fetch, keep
from monitoring.stopped import Stopped
from registry.store import CHAMPION

MAX_CAUSE = 1000


def tell(ctx: JobContext, job: str | None, failure: Exception) -> None:
    """Write the page of the stopped night. A page that cannot be written is logged and changes nothing else."""
    if isinstance(failure, (LeaseLost, CommitLost)):
        # another writes: the pages are its own
        return
    try:
        _write(ctx, job, failure)
    except Exception as e:
        log().error("the page of the stopped night could not be written", date=ctx.date, cause=cause(e))


def is_drawn(ctx: JobContext) -> bool:
    """Whether the night's page is that of a stopped one."""
    fetch(ctx.conf.kept("_reports"), ctx.conf.reports_path, DATA)
    return isinstance(read_page(folder_of(ctx.conf.reports_path, ctx.date) / DATA), Stopped)


def _write(ctx: JobContext, job: str | None, failure: Exception) -> None:
    reports, kept = ctx.conf.reports_path, ctx.conf.kept("_reports")
    fetch(kept, reports, DATA)
    if isinstance(failure, GateFailed) and isinstance(ctx.gate, QualityGate):
        ctx.gate.build_docs()
    folder = folder_of(reports, ctx.date)
    folder.mkdir(parents=True, exist_ok=True)
    night = facts(ctx, job, failure, read_nights(ctx.lake))
    (folder / DATA).write_text(night.model_dump_json(indent=1))
    draw(reports, ctx.date)
    keep(reports, kept)
    for complaint in tell_stopped(ctx.conf, night):
        log().error("the stopped night", date=ctx.date, cause=complaint.what)


def facts(ctx: JobContext, job: str | None, failure: Exception, nights: Nights) -> Stopped:
    """What the page says, from what is published and recorded now."""
    scores = ctx.lake.read("gold.policy_scores").where((F.col("score_date") == F.lit(ctx.date)) & (F.col("role") == CHAMPION))
    recorded = as_recorded(ctx.date, nights, ctx.lake.read("gold.nights").collect())
    again = " --rerun" if ctx.date in nights.published else ""
    return Stopped(
        date=ctx.date, job=job, cause=cause(foreseen(failure, ctx.lake.root))[:MAX_CAUSE], scored=scores.count(),
        command=f"telematics nightly --date {ctx.date}{again}", **recorded,
        deadline=f"{due:%Y-%m-%d %H:%M} UTC" if (due := deadline(ctx.date, ctx.conf.nightly.scores_by)) else None,
        drift_report=has_drift_report(reports := ctx.conf.reports_path, ctx.date), data_docs=has_site(reports, ctx.date),
    )  # fmt: skip


def as_recorded(date: dt.date, nights: Nights, rows: Iterable[Any]) -> dict[str, Any]:
    """What gold.nights, whose rows are given, says of a stopped night: what has finished, and whose scores stand."""
    done = nights.finished.get(date, frozenset())
    return {
        "is_scored_by_this_run": SCORE in done, "last_published": nights.last_scores, "withdrawn": nights.why_withdrawn(date),
        "finished": [name for name in NAMES if name in done],
        "usual_minutes": usual_minutes(rows, [name for name in NAMES if name not in done]),
    }  # fmt: skip
