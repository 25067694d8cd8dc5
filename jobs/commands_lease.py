"""Commands of the lease: show, release."""

from typing import Annotated

import typer

from jobs.state import FormatOption, state

lease_app = typer.Typer(help="Who may write to the lake.", no_args_is_help=True)
COLUMNS = ("number", "state", "owner", "host", "process", "command", "since", "changed_s_ago", "may_be_taken")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(lease_app, name="lease")


@lease_app.command("show")
def show(context: typer.Context, form: FormatOption = "table") -> None:
    """The lake's lease: who writes, or wrote last; no row where nobody has yet."""
    from pyspark.sql import Row

    from jobs.looking import write
    from lake.lease_chain import is_over, stands

    here = state(context)
    here.check_there()
    found = stands(here.lease_store)
    rows = []
    if found.held is not None:
        over = is_over(found, here.lease_store, here.takeover_after_s)
        rows = [{
            "number": found.number, "state": found.held.state, "owner": found.held.owner, "host": found.held.host,
            "process": found.held.processes[0][0], "command": found.held.command, "since": found.held.since,
            "changed_s_ago": round(found.age_s), "may_be_taken": over,
        }]  # fmt: skip
    write([Row(**row) for row in rows], list(COLUMNS), form)  # type: ignore[arg-type]


@lease_app.command("release")
def release(
    context: typer.Context, number: Annotated[int, typer.Argument(help="the lease to end, as `telematics lease show` names it")]
) -> None:
    """End a lease whose holder is gone. One that still runs stops before its next commit; what it staged is lost, no row is."""
    from lake.lease_chain import release_by_hand

    here = state(context)
    here.check_there()
    print(f"lease {number} is ended: {release_by_hand(here.lease_store, number)}")
