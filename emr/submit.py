"""Starting a run once: what is there is attached to, what is under way is waited for, and only then is a request sent."""

import datetime as dt
from dataclasses import dataclass

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from emr.aws import Refused, Unreachable
from emr.runs import Run, Service
from emr.starts import Named, Start, named
from lake.errors import NotSubmitted

TRIES, FIRST_WAIT_S, LONGEST_WAIT_S = 4, 1.0, 20.0
"""Of a start that EMR put off, each with boto3's own tries and the same token."""


@dataclass(frozen=True)
class Submitted:
    """A run, and whether it was there before."""

    run_id: str
    was_there: Run | None


def submit(service: Service, start: Start) -> Submitted:
    """Start the run, or find the one of its name. Raises NotSubmitted with the reason where there is none afterwards."""
    same, live = _looked(service, start)
    if same is not None:
        return Submitted(same.id, same)
    if live is not None:
        raise NotSubmitted(f"{live.describe()}; run {live.id}: wait for it or cancel it before another attempt")
    try:
        return Submitted(_sent(service, start), None)
    except (Refused, Unreachable) as e:
        # the answer may be lost and the run there, or somebody else was faster by the same token
        found = _looked(service, start, after=e)[0]
        if found is not None:
            return Submitted(found.id, found)
        raise NotSubmitted(f"{e}{_hint(e, start)}") from e


def _sent(service: Service, start: Start) -> str:
    if not service.retries_safely:
        return service.start(start)
    retrying = Retrying(
        retry=retry_if_exception_type(Unreachable), stop=stop_after_attempt(TRIES), reraise=True,
        wait=wait_exponential_jitter(FIRST_WAIT_S, LONGEST_WAIT_S),
    )  # fmt: skip
    return retrying(service.start, start)


def _looked(service: Service, start: Start, after: Exception | None = None) -> tuple[Run | None, Run | None]:
    """The run of the start's name, and one of another attempt that has not ended."""
    first = start.another(0).name.rsplit(" ", 1)[0]
    try:
        runs = [x for x in service.runs(since(start.date)) if x.name.rsplit(" ", 1)[0] == first]
    except (Refused, Unreachable) as e:
        if after is None:
            raise NotSubmitted(f"not known whether {start.name} is there, so nothing was sent: {e}") from e
        raise NotSubmitted(f"{after}; whether it came about is not known ({e}): submit again, the run is started once") from e
    same = max((x for x in runs if x.name == start.name), key=lambda x: x.created_at, default=None)
    return same, next((x for x in runs if not x.has_ended and x.name != start.name), None)


def since(date: dt.date) -> dt.datetime:
    """The earliest moment at which something of a date can have been started."""
    return dt.datetime.combine(date, dt.time(), dt.UTC) - dt.timedelta(days=1)


def _hint(error: Refused | Unreachable, start: Start) -> str:
    if isinstance(error, Refused) and error.code == "ConflictException":
        return f"; the token was used for another request: give --attempt {start.attempt + 1}"
    return ""


def _is_of(run: Run, name: Named, date: dt.date) -> bool:
    """Any command (`emr run`) is of the day on which it was sent; a date in it may be anything."""
    return run.created_at.date() == date if name.kind == "run" else name.is_of(date)


def latest(service: Service, kind: str, date: dt.date) -> Run:
    """The newest run of a kind and date. Raises NotSubmitted where there is none."""
    found = [(x, n) for x in service.runs(since(date)) if (n := named(x.name)) and n.kind == kind and _is_of(x, n, date)]
    if not found:
        raise NotSubmitted(f"EMR has no run {kind} of {date}")
    return max(found, key=lambda x: (x[0].created_at, x[1].attempt))[0]
