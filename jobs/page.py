"""Job `page`: the page of the night, the list of nights, and the data docs of the night's gates."""

import datetime as dt
from pathlib import Path

from pydantic import TypeAdapter

from expectations.gate import QualityGate
from expectations.results import read_results
from jobs import page_facts as facts
from jobs import page_models as about
from jobs.alerting import expose, raise_alerts
from jobs.context import JobContext, JobResult
from lake.storage import fetch, keep
from monitoring.night import AGAINST_FRAME, Night
from monitoring.page import render_index, render_night
from monitoring.stopped import Stopped
from monitoring.verdict import verdict

DATA = "page.json"
PAGE = "index.html"
Drawn = Night | Stopped
_READER: TypeAdapter[Drawn] = TypeAdapter(Drawn)


def run(ctx: JobContext) -> JobResult:
    """Write nights/<date>/index.html and the list of nights below the reports folder, from the gold tables alone."""
    reports, kept = ctx.conf.reports_path, ctx.conf.kept("_reports")
    fetch(kept, reports, DATA)  # a driver that is made anew for each night draws the list of all nights
    if isinstance(ctx.gate, QualityGate):
        ctx.gate.build_docs()
    night, complaints = raise_alerts(ctx, collect(ctx, reports))
    folder = folder_of(reports, ctx.date)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_text(night.model_dump_json(indent=1))
    draw(reports, ctx.date)
    keep(reports, kept)
    found = verdict(night)
    detail = {"light": found.light, "page": str(folder / PAGE)}
    return JobResult(0, f"{found.light}: {found.sentence}", detail, (*complaints, *expose(ctx.conf, night)))


def collect(ctx: JobContext, reports: Path) -> Night:
    """Everything on the page; drift and performance may be absent."""
    totals = facts.totals(ctx)
    tonight = [r for r in totals if r["score_date"] == ctx.date]
    in_force, missing = facts.cover(ctx)
    watched, attempts = facts.watched(ctx), facts.attempts(ctx)
    vcpu_hours, dollars = facts.spent(ctx, attempts)
    deadline, late = facts.lateness(ctx, attempts)
    quarantine, withheld = facts.quarantine(ctx)
    docs = reports / "data-docs" / f"{ctx.date}"
    return Night(
        date=ctx.date, previous=ctx.previous_scores, in_force=in_force, missing=missing,
        books=facts.books(totals, ctx.date, ctx.previous_scores), fallbacks=facts.fallbacks(tonight), moved=facts.moved(tonight),
        movers=facts.movers(ctx), outcomes=facts.outcomes(ctx), shifts=facts.strongest(watched), watched=watched,
        columns_watched=sum(s.kind in AGAINST_FRAME for s in watched), sources=facts.received(ctx),
        quarantine=quarantine, withheld=withheld, warnings=_warnings(docs), models=about.models(tonight),
        usual_records=facts.usual_records(ctx), cached_models=about.cached_models(ctx), vcpu_hours=vcpu_hours, dollars=dollars,
        deadline=deadline, minutes_late=late, shadows=about.shadows(ctx), decisions=about.decisions(ctx),
        seconds=facts.seconds(attempts), drift_report=has_drift_report(reports, ctx.date), data_docs=has_site(reports, ctx.date),
    )  # fmt: skip


def folder_of(reports: Path, date: dt.date) -> Path:
    """Where the night's page and its data are."""
    return reports / "nights" / f"{date}"


def has_drift_report(reports: Path, date: dt.date) -> bool:
    """Whether the page can link to it."""
    return (folder_of(reports, date) / "drift.html").is_file()


def has_site(reports: Path, date: dt.date) -> bool:
    """Whether the night's gates have their data docs."""
    return (reports / "data-docs" / f"{date}" / "site" / PAGE).is_file()


def draw(reports: Path, date: dt.date) -> None:
    """Draw the night's page, those beside it (whose links change) and the list."""
    nights = read_nights(reports)
    dates = sorted(nights)
    place = dates.index(date)
    for i in range(max(place - 1, 0), min(place + 2, len(dates))):
        before = dates[i - 1] if i else None
        after = dates[i + 1] if i + 1 < len(dates) else None
        (folder_of(reports, dates[i]) / PAGE).write_text(render_night(nights[dates[i]], before, after))
    (reports / PAGE).write_text(render_index(list(nights.values())))


def read_nights(reports: Path) -> dict[dt.date, Drawn]:
    """The data of every page there is."""
    found = [night for path in (reports / "nights").glob(f"*/{DATA}") if (night := read_page(path)) is not None]
    return {night.date: night for night in found}


def read_page(path: Path) -> Drawn | None:
    """The data of a page, None where there is none."""
    return _READER.validate_json(path.read_text()) if path.is_file() else None


def _warnings(docs: Path) -> list[str]:
    return [f"{table}: {r.line}" for table, results in read_results(docs) for r in results if not r.success]
