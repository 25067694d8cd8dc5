"""`telematics emr`: the same night on a cluster. The command line of jobs finds this through an entry point."""

import json
from typing import Annotated

import typer

from emr.commands_package import add_to
from emr.request import nightly_request
from emr.submit import client, submit
from jobs.state import DateOption, day, state
from lake.errors import ConfigError

app = typer.Typer(help="Submit to EMR Serverless.", no_args_is_help=True)
submit_app = typer.Typer(help="Start an application run.", no_args_is_help=True)
app.add_typer(submit_app, name="submit")
add_to(app)


@submit_app.command("nightly")
def nightly(
    context: typer.Context,
    date: DateOption,
    attempt: Annotated[int, typer.Option(min=1, help="raise it to run a night again that EMR has already run")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the request, send nothing")] = False,
) -> None:
    """Run one night, every job, in one application start; prints the job run's id."""
    invocation = state(context)
    conf = invocation.conf
    request = nightly_request(conf, invocation.conf_name, day(date), attempt)
    if dry_run:
        print(json.dumps(request, indent=2))
        return
    if conf.emr is not None:
        print(submit(request, client(conf.emr.region)))


@app.command("cost")
def cost(
    context: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="of compute at the planned scale, from measured throughputs")] = False,
) -> None:
    """What compute costs a month; of runs, see AWS's own bill until this knows them."""
    from emr.plan import report

    if not plan:
        raise ConfigError("give --plan: the cost of single runs is not told yet")
    print(report(state(context).conf))
