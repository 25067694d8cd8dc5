"""`telematics`: the one command line. Every failure is one line and a non-zero exit code (lake.errors); a traceback
comes only with --debug."""

import sys
import time
import traceback
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console

from jobs import (
    commands_alerts,
    commands_data,
    commands_explain,
    commands_lease,
    commands_look,
    commands_model,
    commands_night,
    commands_places,
    commands_quarantine,
    commands_release,
    commands_restated,
    commands_restore,
    commands_rules,
    commands_scores,
)
from jobs.causes import cause, foreseen
from jobs.state import State
from lake.errors import ConfigError, TelematicsError
from lake.log import forget, log
from lake.masking import without_secrets

INTERRUPTED = 130
UsageError: Any = typer.BadParameter.__bases__[0]
"""What typer raises for a missing or unknown option or command; it exports only the subclasses."""
app = typer.Typer(
    name="telematics",
    help="Usage-based motor insurance on Spark: raw points to scored policies, one night at a time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def options(
    context: typer.Context,
    conf: Annotated[str, typer.Option(help="configuration: local, staging, production, a path, or an s3:// address")] = "local",
    lake: Annotated[str | None, typer.Option(help="lake root, a folder or s3://bucket/prefix; over the configuration's")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks and every log line")] = False,
) -> None:
    """Options of every command; they stand before its name."""
    here = State(conf, lake, debug)
    started: list[State] = context.obj
    started.append(here)
    context.obj = here
    context.call_on_close(here.close)


for module in (
    commands_night, commands_data, commands_quarantine, commands_lease, commands_model, commands_look, commands_restated,
    commands_rules, commands_places, commands_explain, commands_alerts,
    commands_scores, commands_release, commands_restore,
):  # fmt: skip
    module.register(app)
for entry in entry_points(group="telematics.commands"):
    # other layers above jobs (emr) add their commands without being imported here
    app.add_typer(entry.load(), name=entry.name)


def run(arguments: list[str]) -> int:
    """Run one command line in this process. Returns the exit code; prints the one-line cause of a failure."""
    started = time.monotonic()
    forget()
    states: list[State] = []
    code = _run(arguments, states)
    if structlog.is_configured():
        seconds = round(time.monotonic() - started, 3)
        with suppress(OSError):
            log().info("command ended", command=arguments, exit_code=code, seconds=seconds)
        for state in states:
            state.keep_log()
    return code


_NO_DATE = "does not match the formats '%Y-%m-%d'"
"""What typer says of a date, in the notation of C."""


def _run(arguments: list[str], states: list[State]) -> int:
    debug = "--debug" in arguments
    errors = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    try:
        code = typer.main.get_command(app).main(args=arguments, prog_name="telematics", standalone_mode=False, obj=states)
        return code if isinstance(code, int) else 0
    except typer.Exit as e:
        return e.exit_code
    except UsageError as e:
        # a group without a command has printed its help, and says nothing more
        if e.format_message():
            said = cause(ConfigError(e.format_message())).replace(_NO_DATE, "is no date: give YYYY-MM-DD")
            errors.print(f"error: {said} ({_usage_hint(said)})")
        return ConfigError.exit_code
    except (KeyboardInterrupt, typer.Abort):
        errors.print("interrupted")
        return INTERRUPTED
    except Exception as raised:
        if debug:
            errors.print(without_secrets(traceback.format_exc()))
        is_known = isinstance(raised, TelematicsError)
        error = raised if is_known else foreseen(raised, states[0].conf.lake if states else None)
        line = f"error: {cause(error)}"
        errors.print(line)
        # the log is on the lake's disk, which may be what is full
        with suppress(OSError):
            if structlog.is_configured():
                log().error("command failed", cause=line)
        return error.exit_code if isinstance(error, TelematicsError) else 1


def _usage_hint(message: str) -> str:
    """Options of every command are asked for behind it by whoever is new."""
    of_all = next((x for x in ("--conf", "--lake", "--debug") if f"No such option: {x}" in message), None)
    return f"{of_all} stands before the command: telematics {of_all} ..." if of_all else "see telematics --help"


def main() -> None:
    """Console entry point."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
