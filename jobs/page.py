"""Job `page`: the page of the night, the list of nights, and the data docs of the night's gates."""

import datetime as dt
from pathlib import Path

from expectations.gate import QualityGate
from expectations.results import read_results
from jobs import page_facts as facts
from jobs.context import JobContext, JobResult
from lake.storage import fetch, keep
from monitoring.night import Night
from monitoring.page import render_index, render_night
from monitoring.verdict import verdict

DATA = "page.json"
PAGE = "index.html"


def run(ctx: JobContext) -> JobResult:
    """Write nights/<date>/index.html and the list of nights below the reports folder, from the gold tables alone."""
    reports, kept = ctx.conf.reports_path, ctx.conf.kept("_reports")
    fetch(kept, reports, DATA)  # a driver that is made anew for each night draws the list of all nights
    if isinstance(ctx.gate, QualityGate):
        ctx.gate.build_docs()
    night = collect(ctx, reports)
    folder = reports / "nights" / f"{ctx.date}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_text(night.model_dump_json(indent=1))
    draw(reports, ctx.date)
    keep(reports, kept)
    found = verdict(night)
    return JobResult(0, f"{found.light}: {found.sentence}", {"light": found.light, "page": str(folder / PAGE)})


def collect(ctx: JobContext, reports: Path) -> Night:
    """Everything on the page; drift and performance may be absent."""
    totals = facts.totals(ctx)
    tonight = [r for r in totals if r["score_date"] == ctx.date]
    in_force, missing = facts.cover(ctx)
    shifts, watched = facts.shifts(ctx)
    sources, refused = facts.received(ctx)
    quarantine, withheld = facts.quarantine(ctx)
    docs = reports / "data-docs" / f"{ctx.date}"
    return Night(
        date=ctx.date, previous=ctx.previous, in_force=in_force, missing=missing,
        books=facts.books(totals, ctx.date, ctx.previous), fallbacks=facts.fallbacks(tonight), moved=facts.moved(tonight),
        movers=facts.movers(ctx), outcomes=facts.outcomes(ctx), shifts=shifts, columns_watched=watched, sources=sources,
        quarantine=quarantine, withheld=withheld, refused=refused, warnings=_warnings(docs), models=facts.models(tonight),
        seconds=facts.seconds(ctx), drift_report=(reports / "nights" / f"{ctx.date}" / "drift.html").is_file(),
        data_docs=(docs / "site" / PAGE).is_file(),
    )  # fmt: skip


def draw(reports: Path, date: dt.date) -> None:
    """Draw the night's page, those beside it (whose links change) and the list."""
    nights = read_nights(reports)
    dates = sorted(nights)
    place = dates.index(date)
    for i in range(max(place - 1, 0), min(place + 2, len(dates))):
        before = dates[i - 1] if i else None
        after = dates[i + 1] if i + 1 < len(dates) else None
        (reports / "nights" / f"{dates[i]}" / PAGE).write_text(render_night(nights[dates[i]], before, after))
    (reports / PAGE).write_text(render_index(list(nights.values())))


def read_nights(reports: Path) -> dict[dt.date, Night]:
    """The data of every page there is."""
    nights = (Night.model_validate_json(path.read_text()) for path in (reports / "nights").glob(f"*/{DATA}"))
    return {night.date: night for night in nights}


def _warnings(docs: Path) -> list[str]:
    return [f"{table}: {r.line}" for table, results in read_results(docs) for r in results if not r.success]
