"""What the commands that wait share: lines for people, and an end that is the run's."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from emr.logs import Logs, Tail
from emr.runs import Phase, Run, Service
from emr.watch import Terms, Watch, conclude, last_words
from jobs.state import terminal
from lake.masking import without_secrets


@dataclass(frozen=True)
class Attendance:
    """How long to wait, in minutes, and whether to cancel then; None: what this command started."""

    timeout_minutes: float | None
    patience_minutes: float
    is_to_cancel: bool | None


def said(line: str) -> None:
    """Print a line for people, not for scripts. What a driver wrote is shown as it is, but for secrets."""
    terminal.print(without_secrets(line), markup=False, soft_wrap=True)


def attend(service: Service, run_id: str, attendance: Attendance, region: str, *, is_own: bool) -> None:
    """Watch a run to its end. Raises what it ended with, after its last words."""
    tail = Tail(Logs(region))
    timeout = attendance.timeout_minutes
    terms = Terms(
        timeout_s=None if timeout is None else timeout * 60, patience_s=attendance.patience_minutes * 60,
        is_ours=is_own if attendance.is_to_cancel is None else attendance.is_to_cancel,
    )  # fmt: skip
    run = Watch(service, run_id, tail, said).to_the_end(terms)
    ended(service, run, tail)


def ended(service: Service, run: Run, tail: Tail) -> None:
    """Raise what a run ended with, after its last words; nothing where it goes on or succeeded."""
    if run.phase in (Phase.FAILED, Phase.CANCELLED):
        last_words(service, run, tail, said)
    conclude(run)


def printed(lines: Iterable[str], out: Callable[[str], None] = print) -> None:
    """Lines for scripts."""
    for line in lines:
        out(line)
