"""`telematics emr`: the same night on a cluster. The command line of jobs finds this through an entry point."""

import typer

from emr import commands_package, commands_runs
from emr.commands_configure import configure
from emr.commands_submit import submit_app
from jobs.doctor import OF_AN_ENVIRONMENT, Check
from lake.conf import Conf
from lake.errors import ConfigError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def options(context: typer.Context) -> None:
    """Package, deploy, submit, watch and pay for runs on EMR."""
    lake = context.find_root().params.get("lake")
    if lake is not None:
        raise ConfigError(f"--lake {lake} does nothing here: a run on EMR has the lake of its configuration (--env E)")


app.add_typer(submit_app, name="submit")
commands_runs.add_to(app)
commands_package.add_to(app)
app.command("configure")(configure)


def _account_checks(conf: Conf) -> list[Check]:
    from emr.health import account_checks

    return account_checks(conf)


# jobs know nothing of EMR: what is above them adds its checks to their doctor
OF_AN_ENVIRONMENT["emr"] = _account_checks
