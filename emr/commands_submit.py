"""`telematics emr submit`: one command a start."""

import json
from typing import Annotated

import typer

from emr import starts
from emr.options import How, Target, of_env, with_how
from emr.request import emr_of, job_run, step
from emr.runs import Service
from emr.serverless import Serverless
from emr.starts import Start
from emr.steps import Steps
from emr.submit import Submitted, submit
from emr.watch import conclude
from emr.watching import attend, said
from jobs.commands_night import FirstOption, LastOption
from jobs.state import DateOption, SourceOption, State, day
from lake.errors import ConfigError

submit_app = typer.Typer(help="Start a run; prints its id.", no_args_is_help=True)


@submit_app.command("nightly")
@with_how
def nightly(context: typer.Context, date: DateOption, how: How) -> None:
    """One night, every job, in one application start."""
    run(of_env(context, how.env), starts.nightly(day(date)), how)


@submit_app.command("backfill")
@with_how
def backfill(context: typer.Context, first: FirstOption, last: LastOption, how: How) -> None:
    """Nights in order, in one application start."""
    if first is None or last is None:
        raise ConfigError("give --from D and --to D")
    run(of_env(context, how.env), starts.backfill(day(first), day(last)), how)


@submit_app.command("train")
@with_how
def train(context: typer.Context, date: DateOption, how: How) -> None:
    """A training as of a date; it ends in a candidate that awaits approval."""
    run(of_env(context, how.env), starts.train(day(date)), how)


@submit_app.command("maintain")
@with_how
def maintain(
    context: typer.Context,
    date: DateOption,
    how: How,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="bring the lake to this version's format instead")] = False,
) -> None:
    """The maintenance of a date: delete what is too old, compact, vacuum."""
    run(of_env(context, how.env), starts.maintain(day(date), upgrade), how)


@submit_app.command("replay")
@with_how
def replay(
    context: typer.Context,
    source: SourceOption,
    date: DateOption,
    how: How,
    reason: Annotated[str | None, typer.Option("--reason", help="only records held for it")] = None,
) -> None:
    """Judge a source's held records again; the date tells one submission from the next."""
    run(of_env(context, how.env), starts.replay(day(date), source, reason), how)


def service(here: State, target: Target) -> Service:
    """Where runs are started and looked at."""
    return Steps(here.conf, here.conf_name) if target is Target.EC2 else Serverless(here.conf, here.conf_name)


def run(here: State, of: Start, how: How) -> None:
    """Print the request, or submit it, print the run's id, and wait for it if asked to."""
    start = of.another(how.attempt)
    make = step if how.target is Target.EC2 else job_run
    request = make(here.conf, here.conf_name, start)
    if how.dry_run:
        print(json.dumps(request, indent=2))
        return
    there = service(here, how.target)
    done = submit(there, start)
    print(done.run_id, flush=True)
    tell(done, start)
    if how.attendance is not None:
        attend(there, done.run_id, how.attendance, emr_of(here.conf, here.conf_name).region, is_own=done.was_there is None)
    elif done.was_there is not None and done.was_there.has_ended:
        # a list of runs leaves out how long it took
        conclude(there.get(done.run_id))


def tell(done: Submitted, start: Start) -> None:
    """Say what came of a submission."""
    if done.was_there is None:
        said(f"submitted {start.token}")
        return
    said(f"nothing was sent: {done.was_there.describe()}, since {done.was_there.created_at:%Y-%m-%d %H:%M} UTC")
    if done.was_there.has_ended:
        said(f"to start it again give --attempt {start.attempt + 1}")
