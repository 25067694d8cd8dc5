"""Options that several commands of `telematics emr` have, a way to give them to each, and the environment they all name."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from emr.watching import Attendance
from jobs.state import State, state
from lake.errors import ConfigError


class Target(StrEnum):
    """Where a start runs."""

    SERVERLESS = "serverless"
    EC2 = "ec2"


EnvOption = Annotated[str | None, typer.Option("--env", help="dev, staging, production, a file, or an s3:// address")]
AttemptOption = Annotated[int, typer.Option("--attempt", min=1, help="raise it to start again what EMR has already run")]
TargetOption = Annotated[Target, typer.Option("--target", help="the application, or a step of the EC2 cluster")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="print the request, send nothing")]
WaitOption = Annotated[bool, typer.Option("--wait", help="watch it to its end, and end as it ends")]
TimeoutOption = Annotated[float | None, typer.Option("--timeout", min=0, help="minutes to watch it, then it is cancelled")]
PatienceOption = Annotated[float, typer.Option("--patience", min=0, help="minutes without an answer from AWS until giving up")]
CancelOption = Annotated[
    bool | None, typer.Option("--cancel/--no-cancel", help="on Ctrl-C and time-out; without it, only what this command started")
]
PATIENCE_MINUTES = 10.0
Command = Callable[..., None]


def of_env(context: typer.Context, env: str | None) -> State:
    """The invocation in the configuration that --env names; without it in that of --conf. Raises ConfigError where both are given
    and differ."""
    here, source = state(context), context.find_root().get_parameter_source("conf")
    if env is None:
        return here
    # its default is nobody's choice
    if source is not None and source.name != "DEFAULT" and here.conf_name != env:
        raise ConfigError(f"--conf {here.conf_name} and --env {env} name two configurations: leave out --conf")
    here.conf_name = env
    return here


@dataclass(frozen=True)
class How:
    """The options that every start has, as given."""

    env: str | None
    attempt: int
    target: Target
    dry_run: bool
    wait: bool
    timeout: float | None
    patience: float
    cancel: bool | None

    def __post_init__(self) -> None:
        if not self.wait and (self.timeout is not None or self.cancel is not None):
            raise ConfigError("--timeout, --cancel and --no-cancel go with --wait")

    @property
    def attendance(self) -> Attendance | None:
        """How it is waited for; None where it is not."""
        return Attendance(self.timeout, self.patience, self.cancel) if self.wait else None


_OF_EVERY_START: dict[str, tuple[Any, Any]] = {
    "env": (EnvOption, None), "attempt": (AttemptOption, 1), "target": (TargetOption, Target.SERVERLESS),
    "dry_run": (DryRunOption, False), "wait": (WaitOption, False), "timeout": (TimeoutOption, None),
    "patience": (PatienceOption, PATIENCE_MINUTES), "cancel": (CancelOption, None),
}  # fmt: skip


def grouped(name: str, made: Callable[..., Any], options: dict[str, tuple[Any, Any]]) -> Callable[[Command], Command]:
    """A way to give a command options that it gets as one: its parameter `name` becomes those options (annotation and default by
    name), and `made` of them is what it gets."""

    def decorate(command: Command) -> Command:
        own = [p for x, p in inspect.signature(command).parameters.items() if x != name]
        added = [
            inspect.Parameter(x, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
            for x, (kind, default) in options.items()
        ]

        def called(**given: Any) -> None:
            command(**{name: made(**{x: given.pop(x) for x in options})}, **given)

        called.__doc__ = command.__doc__
        called.__name__ = command.__name__
        keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        called.__signature__ = inspect.Signature([*keyword_only, *added])  # type: ignore[attr-defined]
        called.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
        return called

    return decorate


with_how = grouped("how", How, _OF_EVERY_START)
"""A start's command gets a How."""
