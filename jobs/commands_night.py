"""Commands of the night: nightly, and every job of the catalogue."""

import datetime as dt
from typing import Annotated

import typer
from pyspark.sql import Row
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from jobs.catalog import CATALOG, Job, job
from jobs.expiring import vacuum_one
from jobs.nightly import NightlyOptions, context_for, run_job, run_night
from jobs.nights import SCORE, Recorder, read_nights
from jobs.state import DateOption, FormatOption, MaybeDate, State, check_order, day, state, terminal
from jobs.stopped import Where, tell
from lake.delta import Lake
from lake.delta_log import check_whole
from lake.errors import Complaint, ConfigError, raise_for
from lake.features import check_version
from lake.format_version import upgrade as upgrade_lake

HAS_OWN_COMMANDS = ("reference", "ingest", "features", "maintain")
"""Jobs whose name also does other things than their part of a night."""


FirstOption = Annotated[dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="first night of several")]
LastOption = Annotated[dt.datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="last night of several")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("nightly")(nightly)
    app.command("nights")(history)
    app.command("maintain")(maintain)
    app.command("features")(features)
    for one in CATALOG:
        if one.name not in HAS_OWN_COMMANDS:
            app.command(one.name, help=f"Job of the night: {one.meaning}.")(_command(one))


def _command(job: Job):  # type: ignore[no-untyped-def]
    def command(context: typer.Context, date: DateOption) -> None:
        run_one(state(context), job, day(date))

    return command


def history(
    context: typer.Context,
    last: Annotated[int, typer.Option(min=1, help="nights at most, the newest first")] = 14,
    form: FormatOption = "table",
) -> None:
    """Nights that were run: how each stands, its light, scores, seconds, cost, and minutes from the deadline to its scores."""
    from jobs.looking import write
    from jobs.nights_history import COLUMNS, SHOWN, lines

    here = state(context)
    found = lines(here.existing_lake.read("gold.nights").collect(), here.conf.nightly)[:last]
    names = SHOWN if form == "table" else COLUMNS
    write([Row(**{n: getattr(x, n) for n in names}) for x in found], names, form)  # type: ignore[arg-type]


def features(
    context: typer.Context,
    date: MaybeDate = None,
    version: Annotated[str | None, typer.Option(help="only this version; else those that a night publishes")] = None,
    first: FirstOption = None,
    last: LastOption = None,
) -> None:
    """Job of the night: windows over policy days. Or --from D1 --to D2: again for published nights, as known at their cutoffs."""
    here, wanted = state(context), dates(date, first, last)
    if version is None and date is not None:
        run_one(here, job("features"), day(date))
        return
    if version is not None:
        check_version(version)
    from jobs.features_rebuild import rebuild

    nights = read_nights(here.lake)
    nights.check_log(here.lake)
    contexts = [context_for(here.lake, here.conf, one, nights, here.run_id) for one in wanted]
    with terminal.status(f"features of {len(wanted)} nights"):
        here.lake.kept(lambda: rebuild(contexts, nights, version, print))


def maintain(
    context: typer.Context,
    date: MaybeDate = None,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="bring a lake of an older version to this one's format")] = False,
    vacuum: Annotated[str | None, typer.Option(help="a table whose unreferenced files are to be deleted now")] = None,
    older_than: Annotated[int | None, typer.Option(help="with --vacuum: days; at least, and else, the configured")] = None,
) -> None:
    """Job of the night: delete what is too old, compact small files, vacuum. Or --upgrade, or --vacuum."""
    here = state(context)
    if [date is not None, upgrade, vacuum is not None].count(True) != 1 or (older_than is not None and vacuum is None):
        raise ConfigError("give one of --date D, --upgrade, and --vacuum TABLE [--older-than DAYS]")
    if date is not None:
        run_one(here, job("maintain"), day(date))
    elif vacuum is not None:
        days = older_than if older_than is not None else here.conf.retention.unreferenced_files
        vacuum_one(here.lake, here.conf, vacuum, days)
        print(f"{vacuum}: vacuumed of files older than {days} days")
    else:
        check_whole(here.older_lake)
        print("\n".join(upgrade_lake(here.older_lake) or ["nothing to upgrade"]))


def run_one(here: State, job: Job, date: dt.date) -> None:
    """Run one job for a date and print its line. Raises last for what it went on without."""
    nights = read_nights(here.lake)
    nights.check_log(here.lake)
    nights.check_order(date)
    if job.name == SCORE:
        nights.check_rescored(date)
    with terminal.status(f"{job.name} {date}"), Recorder(here.lake) as recorder:
        context = context_for(here.lake, here.conf, date, nights, here.run_id)
        result, seconds = here.lake.kept(lambda: run_job(job, context, recorder))
    print(f"{date} {job.name}: {result.message} ({seconds:.1f} s)")
    raise_for(result.complaints)


def nightly(
    context: typer.Context,
    date: MaybeDate = None,
    first: FirstOption = None,
    last: LastOption = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="run finished jobs again")] = False,
    from_job: Annotated[
        str | None, typer.Option(help="with --rerun: begin at this job; those before it must have finished")
    ] = None,
) -> None:
    """Run a night, or several in order. What is finished is skipped; a night that is published says so.

    A refused file, a changed column or a batch that a gate stopped keeps no night from being published: the exit code says so."""
    if from_job is not None and not rerun:
        raise ConfigError("--from-job goes with --rerun")
    here, options = state(context), NightlyOptions(rerun, from_job)
    raise_for([complaint for one in dates(date, first, last) for complaint in run_nights(here, one, options)])


def _opened(here: State, date: dt.date) -> Lake:
    """The lake; a night that does not get as far as opening it has stopped too."""
    conf = here.conf
    try:
        return here.lake
    except Exception as e:
        tell(Where(conf, date, is_ours=here.holds_lease), e, is_begun=False)
        raise


def dates(date: dt.datetime | None, first: dt.datetime | None, last: dt.datetime | None) -> list[dt.date]:
    """The nights asked for. Raises ConfigError unless it is --date, or --from and --to in order."""
    if date is not None and first is None and last is None:
        return [day(date)]
    if date is not None or first is None or last is None:
        raise ConfigError("give --date D, or --from D --to D")
    check_order(first, last)
    return [day(first) + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def run_nights(here: State, date: dt.date, options: NightlyOptions) -> list[Complaint]:
    """One night with a live line on the terminal and a lasting line a job. Returns what it was published without."""
    lake = _opened(here, date)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True) as live:
        task = live.add_task(f"night {date}", total=None)

        def finished(night: dt.date, name: str, message: str, seconds: float) -> None:
            print(f"{night} {name}: {message} ({seconds:.1f} s)", flush=True)
            live.update(task, description=f"night {night}: after {name}")

        found = run_night(lake, here.conf, date, options, here.run_id, finished)
    print(_nothing_to_do(lake, date) if found is None else f"{date} published", flush=True)
    return found or []


def _nothing_to_do(lake: Lake, date: dt.date) -> str:
    nights = read_nights(lake)
    if (why := nights.why_withdrawn(date)) is None:
        return f"{date} is published already: nothing to do (--rerun runs it again)"
    again = f"`telematics nightly --date {date} --rerun --from-job score` scores it again"
    later = nights.priced_without(date)
    then = again if later is None else f"those of {later} were compared without them"
    return f"{date} is published and its scores were withdrawn: {why}; {then}"
