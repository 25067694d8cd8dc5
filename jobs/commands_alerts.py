"""Commands of alerts: what fired, and who is not to be told for a while."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.state import As, FormatOption, MaybeDate, day, state

if TYPE_CHECKING:
    from lake.conf import Conf

alerts_app = typer.Typer(help="Alerts of the nights, and silences.", no_args_is_help=True)
Reason = Annotated[str, typer.Option(help="why, for those who wonder")]
TABLE = "gold.alerts"
COLUMNS = "score_date,state,severity,rule,subject,nights,text,why,owner,runbook"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(alerts_app, name="alerts")


@alerts_app.command("list")
def list_alerts(
    context: typer.Context,
    date: MaybeDate = None,
    everything: Annotated[bool, typer.Option("--all", help="also those that nobody is told of, with why")] = False,
    limit: Annotated[int, typer.Option(min=1, help="rows at most")] = 50,
    form: FormatOption = "table",
) -> None:
    """Alerts that fired, the newest night first, and the silences there are."""
    from jobs.looking import select, write

    here = state(context)
    wanted = [f"score_date = DATE'{day(date)}'"] if date else []
    wanted += [] if everything else ["state = 'firing'"]
    columns = COLUMNS if everything or form != "table" else "score_date,severity,rule,subject,nights,text,runbook"
    order = "score_date desc,state,severity,rule,subject"
    lake = here.existing_lake
    rows, names = (
        select(lake, TABLE, " AND ".join(wanted) or None, columns, order, limit)
        if lake.exists(TABLE)
        else ([], columns.split(","))
    )
    if rows or form != "table":
        write(rows, names, form)  # type: ignore[arg-type]
    else:
        print("no alerts")
    if form == "table":
        _print_silences(here.conf)


@alerts_app.command("silence")
def silence(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(help="a rule of alerts.yaml")],
    until: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="last night that it holds for")],
    reason: Reason,
    subject: Annotated[str, typer.Option(help="only this column, source or segment")] = "",
    by: As = None,
) -> None:
    """Tell nobody of a rule's alerts for a while; they are still counted, kept and on the page."""
    from jobs.silences import keep_silence
    from lake.errors import InputError
    from monitoring.alerting import Silence
    from monitoring.rules import load_rules
    from registry.actors import actor

    conf = state(context).conf
    known = load_rules(conf.alerts_path).rules
    if rule not in known:
        raise InputError(f"unknown rule '{rule}': choose {', '.join(known)}")
    wanted = Silence(rule, subject, day(until), reason, actor(conf, by).name)
    number = keep_silence(conf, wanted, dt.datetime.now(dt.UTC).date())
    print(f"silence {number}: {wanted.describe()}; end it early with `telematics alerts end {number} --reason …`")


@alerts_app.command("end")
def end(context: typer.Context, number: Annotated[int, typer.Argument(min=1)], reason: Reason, by: As = None) -> None:
    """End a silence early."""
    from jobs.silences import end as run
    from registry.actors import actor

    conf = state(context).conf
    print(f"ended silence {number}: {run(conf, number, actor(conf, by).name, reason).describe()}")


def _print_silences(conf: "Conf") -> None:
    from jobs.silences import silences

    for kept in silences(conf):
        print(f"silence {kept.number}: {kept.silence.describe()}")
