"""A run as its watcher sees it, of EMR Serverless or a step on EC2, and what both can be asked."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from emr.starts import Start

_TIME_LIMIT = ("timeout", "timed out", "time out")


class Phase(StrEnum):
    """What a state means for whoever waits."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "in a state that is new to us"


ENDED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED})
SERVERLESS_PHASES = {
    "SUBMITTED": Phase.WAITING, "PENDING": Phase.WAITING, "SCHEDULED": Phase.WAITING, "QUEUED": Phase.WAITING,
    "RUNNING": Phase.RUNNING, "CANCELLING": Phase.STOPPING,
    "SUCCESS": Phase.SUCCEEDED, "FAILED": Phase.FAILED, "CANCELLED": Phase.CANCELLED,
}  # fmt: skip
STEP_PHASES = {
    "PENDING": Phase.WAITING, "RUNNING": Phase.RUNNING, "CANCEL_PENDING": Phase.STOPPING,
    "COMPLETED": Phase.SUCCEEDED, "FAILED": Phase.FAILED, "CANCELLED": Phase.CANCELLED, "INTERRUPTED": Phase.CANCELLED,
}  # fmt: skip


@dataclass(frozen=True)
class Billed:
    """What AWS billed a run for, in hours of a vCPU, of a GB of memory, and of a GB of disk beyond what is free."""

    vcpu_h: float
    gb_h: float
    storage_gb_h: float


@dataclass(frozen=True)
class Run:
    """One look at a run. `attempt` is EMR's own count of starts; `seconds` are None until it has ended, `limit_minutes` where EMR
    has no limit (a step) or does not say (a list of runs)."""

    id: str
    name: str
    state: str
    phase: Phase
    details: str
    created_at: dt.datetime
    attempt: int = 1
    seconds: int | None = None
    limit_minutes: int | None = None
    billed: Billed | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.phase in ENDED

    @property
    def hit_its_limit(self) -> bool:
        """Whether EMR ended it at its time limit: it took that long, or it was cancelled and EMR says so. What a failure says of
        time-outs is its own: of a socket, a future, a lock."""
        if self.limit_minutes is None or self.phase not in (Phase.FAILED, Phase.CANCELLED):
            return False
        if self.seconds is not None and self.seconds >= self.limit_minutes * 60:
            return True
        return self.phase is Phase.CANCELLED and any(x in self.details.lower() for x in _TIME_LIMIT)

    def describe(self) -> str:
        """One line."""
        again = f", EMR's attempt {self.attempt}" if self.attempt > 1 else ""
        return f"{self.name or self.id}: {self.phase} ({self.state}{again})" + (f": {self.details}" if self.details else "")


class Service(Protocol):
    """What starts, shows and stops runs. Raises Unreachable where AWS does not answer for now, Refused where it says no."""

    conf_name: str
    """The environment that names it."""
    retries_safely: bool
    """Whether a start whose answer was lost may be sent again."""

    def start(self, start: Start) -> str:
        """Start a run; returns its id."""
        ...

    def get(self, run_id: str) -> Run:
        """A run as it is now."""
        ...

    def runs(self, since: dt.datetime, until: dt.datetime | None = None) -> Iterator[Run]:
        """Runs created in [since, until), from all pages; details may be short."""
        ...

    def cancel(self, run_id: str) -> None:
        """Ask for a run's end."""
        ...

    def logs(self, run: Run, stream: str) -> list[str]:
        """Where on S3 the driver's stdout or stderr may be, the likeliest first."""
        ...

    def page(self, run: Run) -> str | None:
        """The address of Spark's page; None where there is none."""
        ...
