"""`telematics emr wait`, `status`, `logs`, `cancel` and `cost`: of a run by its id, or of the newest one of a date."""

import datetime as dt
import time
from dataclasses import dataclass
from typing import Annotated, cast, get_args

import typer

from emr import costs, starts
from emr.aws import Unreachable
from emr.commands_submit import service
from emr.logs import Logs, Tail
from emr.options import (
    PATIENCE_MINUTES,
    CancelOption,
    EnvOption,
    PatienceOption,
    Target,
    TargetOption,
    TimeoutOption,
    grouped,
    of_env,
)
from emr.request import emr_of
from emr.runs import Run, Service
from emr.submit import latest
from emr.watch import PACE, STREAMS, conclude, patiently
from emr.watching import Attendance, attend, printed, said
from jobs.state import MaybeDate, State, day
from lake.errors import ConfigError, InputError, WatchLost

RunArgument = Annotated[str | None, typer.Argument(metavar="[RUN]", help="id of a job run or step")]
StartOption = Annotated[str, typer.Option("--start", help=f"with --date: {', '.join(starts.KINDS)}")]
FollowOption = Annotated[bool, typer.Option("--follow", help="new lines as they come, until the run has ended")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `telematics emr`."""
    for command in (wait, status, logs, cancel, cost):
        app.command(command.__name__)(command)


@dataclass(frozen=True)
class Which:
    """The run that is meant, as given."""

    env: str | None
    run_id: str | None
    date: dt.datetime | None
    start: str
    target: Target


with_which = grouped(
    "which", Which,
    {
        "env": (EnvOption, None), "run_id": (RunArgument, None), "date": (MaybeDate, None), "start": (StartOption, "nightly"),
        "target": (TargetOption, Target.SERVERLESS),
    },
)  # fmt: skip


def found(here: State, which: Which) -> tuple[Service, Run]:
    """The run asked for, and where it is. An id of a step says by itself that it is one."""
    run_id, date, start = which.run_id, which.date, which.start
    if (run_id is None) == (date is None):
        raise ConfigError("give a run's id, or --date D")
    if start not in get_args(starts.Kind):
        raise ConfigError(f"no start '{start}': there are {', '.join(starts.KINDS)}")
    there = service(here, Target.EC2 if run_id is not None and run_id.startswith("s-") else which.target)
    if run_id is None:
        run_id = latest(there, start, day(cast(dt.datetime, date))).id
    return there, there.get(run_id)


def region(here: State) -> str:
    """Of the configuration's application."""
    return emr_of(here.conf, here.conf_name).region


@with_which
def wait(
    context: typer.Context,
    which: Which,
    timeout: TimeoutOption = None,
    patience: PatienceOption = PATIENCE_MINUTES,
    cancel: CancelOption = None,
) -> None:
    """Watch a run to its end, and end as it ends."""
    here = of_env(context, which.env)
    try:
        there, run = patiently(lambda: found(here, which), patience * 60, said)
    except Unreachable as e:
        raise WatchLost(f"no answer for {patience:g} minutes: {e}; a run that is there goes on") from e
    attend(there, run.id, Attendance(timeout, patience, cancel), region(here), is_own=False)


@with_which
def status(
    context: typer.Context,
    which: Which,
) -> None:
    """One line on how a run stands; ends as the run ended."""
    here = of_env(context, which.env)
    there, run = found(here, which)
    took = f", {run.seconds / 60:.1f} minutes" if run.seconds is not None else ""
    print(f"{run.id} {run.describe()}{took}; created {run.created_at:%Y-%m-%d %H:%M} UTC")
    if page := there.page(run):
        said(f"Spark's page, for an hour: {page}")
    conclude(run)


@with_which
def logs(
    context: typer.Context,
    which: Which,
    stream: Annotated[str, typer.Option(help="stdout or stderr of the driver")] = "stdout",
    last: Annotated[int | None, typer.Option(min=1, help="lines at most, from the end")] = None,
    follow: FollowOption = False,
) -> None:
    """The driver's log as EMR has put it on S3."""
    if stream not in STREAMS:
        raise ConfigError(f"no stream '{stream}': there are {', '.join(STREAMS)}")
    here = of_env(context, which.env)
    there, run = found(here, which)
    reader = Logs(region(here))
    if follow:
        follow_log(there, run, stream, Tail(reader))
        return
    places = there.logs(run, stream)
    text = reader.read(places)
    if text is None:
        raise InputError(
            f"run {run.id} ({run.state}) has no log yet at {places[0]}: EMR puts it there some minutes after the start"
        )
    lines = text.splitlines()
    printed(lines if last is None else lines[-last:])


def follow_log(there: Service, run: Run, stream: str, tail: Tail) -> None:
    """Print lines as they come until the run has ended."""
    while True:
        printed(tail.news(stream, there.logs(run, stream), to_the_end=run.has_ended))
        if run.has_ended:
            return
        time.sleep(PACE.poll_s)
        run = there.get(run.id)


@with_which
def cancel(
    context: typer.Context,
    which: Which,
) -> None:
    """Ask for a run's end; what it has not committed is not written."""
    here = of_env(context, which.env)
    there, run = found(here, which)
    if run.has_ended:
        print(f"{run.id} has ended already: {run.describe()}")
        return
    there.cancel(run.id)
    print(f"{run.id} is being cancelled; telematics emr wait {run.id} --env {here.conf_name} says when it is")


@with_which
def cost(
    context: typer.Context,
    which: Which,
    month: Annotated[str | None, typer.Option("--month", help="YYYY-MM: all runs, against the budget")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="of compute at the planned scale, from measured throughputs")] = False,
) -> None:
    """vCPU-hours, GB-hours and dollars: of a run by job, of a month by night, or of the plan."""
    here = of_env(context, which.env)
    if [which.run_id is not None or which.date is not None, month is not None, plan].count(True) != 1:
        raise ConfigError("give one of a run's id, --date D, --month YYYY-MM and --plan")
    if plan:
        from emr.plan import report

        print(report(here.conf))
    elif month is not None:
        first, after = costs.month(month)
        there = service(here, which.target)
        printed(costs.of_month(month, [there.get(x.id) for x in there.runs(first, after)], emr_of(here.conf, here.conf_name)))
    else:
        there, run = found(here, which)
        stdout = Logs(region(here)).read(there.logs(run, "stdout"))
        printed(costs.of_run(run, emr_of(here.conf, here.conf_name).prices, stdout))
