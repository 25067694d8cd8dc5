"""Watching a run to its end: what changes is said, what is asked for too often or in vain is asked again, and what was started
here is not left behind."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from emr.aws import Refused, Unreachable
from emr.logs import Tail
from emr.runs import Phase, Run, Service
from lake.errors import RunCancelled, RunFailed, RunTimedOut, TelematicsError, WatchLost

STREAMS = ("stdout", "stderr")
LAST_LINES = 20
Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How often and how long, in seconds: between two looks, between two tries after no answer, for a cancelled run's end."""

    poll_s: float = 15.0
    retry_s: float = 2.0
    longest_retry_s: float = 60.0
    cancel_s: float = 60.0


PACE = Pace()


@dataclass(frozen=True)
class Terms:
    """When to give up, and what then: `is_ours` cancels on a time-out and an interrupt, else the run is left as it is."""

    timeout_s: float | None
    patience_s: float
    is_ours: bool


class Watch:
    """One watcher of one run."""

    def __init__(self, service: Service, run_id: str, tail: Tail, say: Say, pace: Pace | None = None) -> None:
        self.service, self.run_id, self.tail, self.say, self.pace = service, run_id, tail, say, pace or PACE
        self._said: tuple[str, int] | None = None

    def to_the_end(self, terms: Terms) -> Run:
        """The run when it has ended, whatever way. Raises RunTimedOut, RunCancelled, WatchLost, or KeyboardInterrupt where the
        run is not ours."""
        until = None if terms.timeout_s is None else time.monotonic() + terms.timeout_s
        try:
            with terminated_as_interrupted():
                run = self._until(until, terms.patience_s)
        except KeyboardInterrupt:
            if not terms.is_ours:
                self.say(f"run {self.run_id} goes on; stop it by: {self._by('cancel')}")
                raise
            return self._cancelled("interrupted", RunCancelled)
        if run is not None:
            return run
        late = f"{(terms.timeout_s or 0) / 60:g} minutes are over"
        if terms.is_ours:
            return self._cancelled(late, RunTimedOut)
        raise RunTimedOut(f"{late}; run {self.run_id} goes on (stop it by: {self._by('cancel')})")

    def _until(self, until: float | None, patience_s: float) -> Run | None:
        """The run when it has ended; None when it is too late."""
        while True:
            run = self.look(patience_s)
            self._tell(run)
            if run.has_ended:
                return run
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return None
            time.sleep(self.pace.poll_s if left is None else min(self.pace.poll_s, left))

    def look(self, patience_s: float) -> Run:
        """The run as it is now, asked for again while AWS does not answer. Raises WatchLost after `patience_s`."""
        try:
            return patiently(lambda: self.service.get(self.run_id), patience_s, self.say, self.pace)
        except Unreachable as e:
            silent = f"no answer for {patience_s / 60:g} minutes: {e}"
            raise WatchLost(f"{silent}; run {self.run_id} goes on: {self._by('wait')}") from e
        except Refused as e:
            raise WatchLost(f"{e}; run {self.run_id} goes on, if it is there: {self._by('wait')}") from e

    def _by(self, verb: str) -> str:
        """The command of a verb for this run."""
        return f"telematics emr {verb} {self.run_id} --env {self.service.conf_name}"

    def _tell(self, run: Run) -> None:
        if self._said != (run.state, run.attempt):
            self.say(run.describe())
            self._said = (run.state, run.attempt)
        if run.phase is not Phase.WAITING:
            self._tell_log(run)

    def _tell_log(self, run: Run) -> None:
        for stream in STREAMS:
            try:
                places = self.service.logs(run, stream)
            except TelematicsError:
                # the log is a help, the state is what counts
                return
            for line in self.tail.news(stream, places, to_the_end=run.has_ended):
                self.say(f"  {stream}: {line}")

    def _cancelled(self, why: str, error: type[RunCancelled | RunTimedOut]) -> Run:
        """Cancel and wait for the end. Returns a run that was faster; raises `error` otherwise."""
        self.say(f"{why}: cancelling run {self.run_id}")
        try:
            self.service.cancel(self.run_id)
        except TelematicsError as e:
            run = self._glance()
            if run is None or not run.has_ended:
                raise WatchLost(f"{why}; NOT cancelled: {e}; stop it by: {self._by('cancel')}") from e
        run = self._stopped()
        if run is not None and run.phase in (Phase.SUCCEEDED, Phase.FAILED) and not run.hit_its_limit:
            return run
        end = "cancelled" if run is not None else "is being cancelled"
        raise error(f"{why}; run {self.run_id} {end}")

    def _stopped(self) -> Run | None:
        until = time.monotonic() + self.pace.cancel_s
        while time.monotonic() < until:
            run = self._glance()
            if run is not None:
                self._tell(run)
                if run.has_ended:
                    return run
            time.sleep(min(self.pace.poll_s, max(0.0, until - time.monotonic())))
        return None

    def _glance(self) -> Run | None:
        try:
            return self.service.get(self.run_id)
        except TelematicsError:
            return None


def patiently(ask: Callable[[], T], patience_s: float, say: Say, pace: Pace | None = None) -> T:
    """What AWS answers, asked again while it does not. Raises Unreachable after `patience_s`."""

    def waiting(state: RetryCallState) -> None:
        say(f"no answer, asking again: {state.outcome.exception() if state.outcome else None}")

    pace = pace or PACE
    retrying = Retrying(
        retry=retry_if_exception_type(Unreachable), stop=stop_after_delay(patience_s), reraise=True,
        wait=wait_exponential_jitter(pace.retry_s, pace.longest_retry_s), before_sleep=waiting,
    )  # fmt: skip
    return retrying(ask)


def conclude(run: Run) -> None:
    """Raise what a run ended with: RunFailed, RunCancelled or RunTimedOut; nothing where it succeeded or goes on."""
    if run.hit_its_limit:
        raise RunTimedOut(f"run {run.id}: EMR ended {run.describe()}")
    if run.phase is Phase.FAILED:
        raise RunFailed(f"run {run.id}: {run.describe()}")
    if run.phase is Phase.CANCELLED:
        raise RunCancelled(f"run {run.id}: {run.describe()}")


def last_words(service: Service, run: Run, tail: Tail, say: Say) -> None:
    """Of a run that ended badly: the last lines of stderr, where the log is, and Spark's page."""
    try:
        places = service.logs(run, "stderr")
        text = tail.logs.read(places)
    except TelematicsError as e:
        say(f"the log cannot be read: {e}")
        return
    if text is None:
        say(f"no driver log at {places[0]}: it comes minutes after the start, and never of a run that did not start")
    else:
        say(f"the last lines of {places[0].rsplit('/', 1)[0]}/stderr.gz:")
        for line in text.splitlines()[-LAST_LINES:]:
            say(f"  {line}")
    if page := service.page(run):
        say(f"Spark's page, for an hour: {page}")


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """A SIGTERM in the body is a Ctrl-C: what ends a job of CI must not leave a run behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
