"""Job `page`: the page of the night, the list of nights, and the data docs of the night's gates."""

import datetime as dt
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from expectations.gate import QualityGate
from expectations.results import read_results
from jobs import page_facts as facts
from jobs import page_models as about
from jobs.alerting import expose, raise_alerts
from jobs.context import JobContext, JobResult
from lake.conf import Conf
from lake.errors import Complaint, LakeError
from lake.storage import fetch, keep
from lake.stored import Stored
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
    reports = ctx.conf.reports_path
    fetch_pages(ctx.conf, ctx.date)
    if isinstance(ctx.gate, QualityGate):
        ctx.gate.build_docs()
    night, complaints = raise_alerts(ctx, collect(ctx, reports), had_stopped=_has_stopped(reports, ctx.date))
    put(reports, ctx.date, DATA, night.model_dump_json(indent=1))
    keep_findings(ctx.conf, ctx.date)
    complaints += publish(ctx.conf, ctx.date)
    found = verdict(night)
    detail = {"light": found.light, "page": str(folder_of(reports, ctx.date) / PAGE)}
    return JobResult(0, f"{found.light}: {found.sentence}", detail, (*complaints, *expose_newest(ctx.conf, night)))


def is_newest(conf: Conf, date: dt.date) -> bool:
    """Whether no later night has a page, be it one that stopped or that cannot be read."""
    pages = (conf.reports_path / "nights").glob(f"????-??-??/{DATA}")
    return max((path.parent.name for path in pages), default="") <= f"{date}"


def expose_newest(conf: Conf, night: Drawn) -> list[Complaint]:
    """Metrics of the last night: what runs an older one again, or takes its scores back, leaves them as they are."""
    return expose(conf, night) if is_newest(conf, night.date) else []


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


def put(reports: Path, date: dt.date, name: str, text: str) -> None:
    """Put a file of the night's there, whole or not at all: one that a kill has cut would be in the way of every later night."""
    Stored(str(folder_of(reports, date))).write(name, text.encode())


def fetch_pages(conf: Conf, date: dt.date) -> None:
    """The data of all nights as they are kept, for the list: a driver that is made anew has none, and on another machine a
    night may have been withdrawn since. Of this night also what another driver found of it."""
    fetch(conf.kept("_reports"), conf.reports_path, DATA)
    for folder in _folders(date):
        fetch(conf.kept(f"_reports/{folder}"), conf.reports_path / folder)


def keep_findings(conf: Conf, date: dt.date) -> None:
    """The drift report of the night, the results of its gates and their documentation."""
    for folder in _folders(date):
        keep(conf.reports_path / folder, conf.kept(f"_reports/{folder}"))


def publish(conf: Conf, date: dt.date) -> list[Complaint]:
    """Draw the night's page and keep what was drawn: what is kept besides may be newer than what is here. Returns what other
    nights are left out."""
    drawn, complaints = draw(conf.reports_path, date)
    keep(conf.reports_path, conf.kept("_reports"), drawn)
    return complaints


def _folders(date: dt.date) -> tuple[str, str]:
    return f"nights/{date}", f"data-docs/{date}"


def draw(reports: Path, date: dt.date) -> tuple[list[str], list[Complaint]]:
    """Draw the night's page, those beside it (whose links change) and the list. Returns which files that and the night's data
    are, and what other nights are left out."""
    nights, complaints = read_pages(reports)
    dates = sorted(nights)
    place = dates.index(date)
    drawn = range(max(place - 1, 0), min(place + 2, len(dates)))
    for i in drawn:
        before = dates[i - 1] if i else None
        after = dates[i + 1] if i + 1 < len(dates) else None
        put(reports, dates[i], PAGE, render_night(nights[dates[i]], before, after))
    Stored(str(reports)).write(PAGE, render_index(list(nights.values())).encode())
    return [PAGE, f"nights/{date}/{DATA}", *(f"nights/{dates[i]}/{PAGE}" for i in drawn)], complaints


def read_pages(reports: Path) -> tuple[dict[dt.date, Drawn], list[Complaint]]:
    """The data of every page that can be read, and a complaint of each that cannot."""
    nights, complaints = dict[dt.date, Drawn](), list[Complaint]()
    for path in sorted((reports / "nights").glob(f"*/{DATA}")):
        try:
            if (night := read_page(path)) is not None:
                nights[night.date] = night
        except LakeError as e:
            date = path.parent.name
            again = f"`telematics nightly --date {date} --rerun --from-job page` makes it again"
            complaints.append(Complaint(e.exit_code, f"night {date} is not in the list: {e}; {again}"))
    return nights, complaints


def read_page(path: Path) -> Drawn | None:
    """The data of a page, None where there is none. Raises LakeError for what is no such data.

    Keys that this code does not know are passed over: the deployment before draws pages again that a newer one wrote.
    """
    try:
        return _READER.validate_json(path.read_bytes(), extra="ignore") if path.is_file() else None
    except (OSError, ValidationError) as e:
        why = e.errors()[0]["msg"] if isinstance(e, ValidationError) else e.strerror
        raise LakeError(f"{path} cannot be read: {why}") from e


def _has_stopped(reports: Path, date: dt.date) -> bool:
    """Whether the page there is is of a night that stopped; what stops it before its first job has no row in gold.nights."""
    try:
        return isinstance(read_page(folder_of(reports, date) / DATA), Stopped)
    except LakeError:
        return False


def _warnings(docs: Path) -> list[str]:
    return [f"{table}: {r.line}" for table, results in read_results(docs) for r in results if not r.success]
