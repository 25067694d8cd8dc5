"""`telematics emr`: the same night on a cluster. The command line of jobs finds this through an entry point."""

import typer

from emr import commands_package, commands_runs
from emr.commands_submit import submit_app

app = typer.Typer(help="Package, deploy, submit, watch and pay for runs on EMR.", no_args_is_help=True)
app.add_typer(submit_app, name="submit")
commands_runs.add_to(app)
commands_package.add_to(app)
