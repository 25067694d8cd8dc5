"""`telematics`: the one command line. Every failure is one line and a non-zero exit code (lake.errors); a traceback
comes only with --debug."""

import sys
import time
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console

from jobs import (
    commands_data,
    commands_lease,
    commands_look,
    commands_model,
    commands_night,
    commands_quarantine,
    commands_restated,
)
from jobs.state import State
from lake.errors import ConfigError, EnvironmentProblem, TelematicsError
from lake.log import forget, log
from lake.s3 import failure_of_s3

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
    conf: Annotated[str, typer.Option(help="configuration: local, staging, production, or a path")] = "local",
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
    commands_night, commands_data, commands_quarantine, commands_lease, commands_model, commands_look, commands_restated
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


def _run(arguments: list[str], states: list[State]) -> int:
    debug = "--debug" in arguments
    errors = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    try:
        code = typer.main.get_command(app).main(args=arguments, prog_name="telematics", standalone_mode=False, obj=states)
        return code if isinstance(code, int) else 0
    except typer.Exit as e:
        return e.exit_code
    except UsageError as e:
        errors.print(f"{one_line(ConfigError(e.format_message()))} (see telematics --help)")
        return ConfigError.exit_code
    except (KeyboardInterrupt, typer.Abort):
        errors.print("interrupted")
        return INTERRUPTED
    except Exception as raised:
        if debug:
            raise
        error = _foreseen(raised, states)
        errors.print(one_line(error))
        # the log is on the lake's disk, which may be what is full
        with suppress(OSError):
            if structlog.is_configured():
                log().error("command failed", cause=one_line(error))
        return error.exit_code if isinstance(error, TelematicsError) else 1


def _foreseen(error: Exception, states: list[State]) -> Exception:
    """A full disk or an error of S3 as what it means to the user; any other as it is."""
    if isinstance(error, TelematicsError):
        return error
    if "No space left on device" in str(error):
        return EnvironmentProblem("the disk is full: make room and run the same command again")
    return (failure_of_s3(error, states[0].conf.lake) if states else None) or error


def one_line(error: Exception) -> str:
    """The cause in one line; for what nobody foresaw, its type and how to see more."""
    text = " ".join(str(error).split())
    if isinstance(error, TelematicsError):
        return f"error: {text}"
    return f"error: {type(error).__name__}: {text[:400]} (a defect: run again with --debug for the traceback)"


def main() -> None:
    """Console entry point."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
