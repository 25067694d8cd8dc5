"""The night: the catalogue's jobs in order, resumable, with one line per job in gold.nights."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, replace

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from expectations.gate import DOCS, make_gate
from jobs import stopped
from jobs.catalog import NAMES, Job, waves
from jobs.causes import cause, foreseen
from jobs.context import JobContext, JobResult, cores
from jobs.ingest import INPUTS, LOADED
from jobs.limits import limited
from jobs.nights import PUBLICATION, Attempt, Nights, Recorder, read_nights
from jobs.stopped import Where
from lake.conf import Conf
from lake.delta import Lake
from lake.delta_log import standings
from lake.errors import CommitLost, Complaint, ConfigError, NightRefused, TelematicsError
from lake.log import log

Progress = Callable[[dt.date, str, str, float], None]
"""Called with date, job, one line and seconds when a job has ended."""
MAX_MESSAGE = 400


@dataclass(frozen=True)
class NightlyOptions:
    """How to run: `rerun` runs finished jobs again, from `from_job` on."""

    rerun: bool = False
    from_job: str | None = None

    def jobs(self, nights: Nights, date: dt.date) -> tuple[str, ...]:
        """Names of the jobs to run, in order. Raises ConfigError for an unknown --from-job."""
        if self.from_job is not None and self.from_job not in NAMES:
            raise ConfigError(f"unknown job '{self.from_job}': the night has {', '.join(NAMES)}")
        if not self.rerun:
            return nights.remaining(date)
        return NAMES[NAMES.index(self.from_job) :] if self.from_job else NAMES

    def check(self, nights: Nights, date: dt.date) -> None:
        """Raise NightRefused where a job before --from-job has not finished for the date on what is loaded, and where scores
        that were withdrawn would come back between those that were compared without them."""
        nights.check_rescored(date)
        before = NAMES[: NAMES.index(self.from_job)] if self.from_job in NAMES else ()
        missing = [name for name in before if name not in nights.finished.get(date, frozenset())]
        if missing:
            again = f" --rerun --from-job {missing[0]}" if date in nights.published else ""
            mend = f"run `telematics nightly --date {date}{again}`"
            since = "since more was loaded or scores were withdrawn"
            why = f"{', '.join(missing)} did not finish for night {date}, or not {since}"
            raise NightRefused(f"--from-job {self.from_job}: {why}: {mend}")


def resumable(lake: Lake, nights: Nights, date: dt.date) -> Nights:
    """The nights as a resume must see them: where files were loaded or held records brought back after the night's ingest had
    finished, none of its jobs counts as finished, or those would be in no night. Of a published night they wait for the next.

    What they write has then moved, also where they were killed before the ledger; no clock is asked."""
    ingest = nights.details.get((date, "ingest"))
    if date in nights.published or ingest is None:
        return nights
    if {name: list(x) for name, x in standings(lake, LOADED).items()} == ingest.get(INPUTS):
        return nights
    return replace(nights, finished={**nights.finished, date: frozenset()})


def now() -> dt.datetime:
    """Wall clock, for gold.nights and the log only."""
    return dt.datetime.now(dt.UTC)


def context_for(lake: Lake, conf: Conf, date: dt.date, nights: Nights, run_id: str) -> JobContext:
    """What the jobs of a night get."""
    gate = make_gate(conf.reports_path / DOCS, f"{date}")
    return JobContext(conf, lake, date, nights.previous(date), run_id, gate, nights.previous_scores(date))


def run_job(job: Job, context: JobContext, recorder: Recorder) -> tuple[JobResult, float]:
    """Run one job with a bounded retry of unforeseen failures, and record every attempt.

    A TelematicsError but a lost commit is final: it says what is wrong, and trying again would not mend it.
    """
    retry = Retrying(
        stop=stop_after_attempt(context.conf.nightly.attempts),
        wait=wait_exponential(context.conf.nightly.retry_wait_s),
        retry=retry_if_exception(lambda e: _may_pass(e) and not recorder.interrupted.is_set()),
        reraise=True,
    )
    for attempt in retry:
        with attempt:
            return _attempt(job, context, recorder)
    raise AssertionError("tenacity returns or raises")


def _may_pass(failure: BaseException) -> bool:
    return isinstance(failure, CommitLost) or (isinstance(failure, Exception) and not isinstance(failure, TelematicsError))


def _attempt(job: Job, context: JobContext, recorder: Recorder) -> tuple[JobResult, float]:
    started = now()
    log().info("job started", job=job.name, date=context.date)
    try:
        with limited(context.spark.sparkContext, job.name, context.conf.nightly.job_timeout_s):
            result = job.run(context)
    except Exception as e:
        found = foreseen(e, context.lake.root)
        message = f"{type(found).__name__}: {cause(found)}"[:MAX_MESSAGE]
        recorder.failures.append((job.name, e))
        _record(recorder, context, job.name, started, "failed", JobResult(0, message))
        log().error("job failed", job=job.name, date=context.date, cause=message)
        raise
    seconds = _record(recorder, context, job.name, started, "finished", result)
    log().info("job finished", job=job.name, date=context.date, rows=result.rows, message=result.message, seconds=seconds)
    return result, seconds


def _record(recorder: Recorder, context: JobContext, name: str, started: dt.datetime, status: str, result: JobResult) -> float:
    finished = now()
    recorder.add(Attempt(context.date, name, context.run_id, started, finished), status, result)
    return round((finished - started).total_seconds(), 3)


def run_night(
    lake: Lake, conf: Conf, date: dt.date, options: NightlyOptions, run_id: str, progress: Progress
) -> list[Complaint] | None:
    """Run one night. Returns what it was published without, and None where it was published already and nothing ran.

    Raises NightRefused out of date order, and the failing job's error otherwise.
    """
    where = Where(conf, date, lake, again=" --rerun" if options.rerun else "")
    with stopped.telling(where):
        nights = read_nights(lake)
        nights.check_log(lake)
        earlier = nights.to_run_first(date)
    complaints: list[Complaint] = []
    for one in earlier:
        complaints += run_night(lake, conf, one, NightlyOptions(), run_id, progress) or []
    if date in nights.published and not options.rerun:
        return None
    with stopped.telling(where):
        nights = read_nights(lake) if earlier else nights
        as_left = resumable(lake, nights, date)
    names = options.jobs(as_left, date)
    options.check(as_left, date)
    context = context_for(lake, conf, date, nights, run_id)
    if "page" not in names and stopped.is_drawn(conf, date):
        names = (*names, "page")
    again = where.again if date in nights.published else ""
    _publish(names, context, again, progress)
    return [*complaints, *read_nights(lake).complaints(date)]


def _publish(names: tuple[str, ...], context: JobContext, again: str, progress: Progress) -> None:
    """Run the jobs, then record that the night is published."""
    started, recorder = now(), Recorder(context.lake)
    where = Where(context.conf, context.date, context.lake, context.gate, again)
    with stopped.telling(where, recorder.failed_job), recorder:
        rows = _run_all(names, context, recorder, progress)
        detail = {"log": standings(context.lake), "cores": cores(context.spark)}
        _record(recorder, context, PUBLICATION, started, "finished", JobResult(rows, f"published {context.date}", detail))


def _run_all(names: tuple[str, ...], context: JobContext, recorder: Recorder, progress: Progress) -> int:
    """Run the jobs, and every job again where a commit of theirs is lost; returns their rows."""
    rows = _run_jobs(names, context, recorder, progress)
    try:
        context.lake.check_commits()
    except CommitLost as e:
        # it was there when it was made, and jobs have gone on from it
        log().warning("a commit of this night is lost: every job runs again", cause=str(e))
        rows = _run_jobs(NAMES, context, recorder, progress)
        context.lake.check_commits()
    return rows


def _run_jobs(names: tuple[str, ...], context: JobContext, recorder: Recorder, progress: Progress) -> int:
    """Run the jobs in order until all is committed; returns their rows."""
    rows = sum(_run_wave(wave, context, recorder, progress) for wave in waves(names))
    recorder.flush()
    return rows


def _run_wave(wave: tuple[Job, ...], context: JobContext, recorder: Recorder, progress: Progress) -> int:
    """Run the wave's jobs beside each other; returns their rows. Raises the first failure, when all have ended."""
    if any(job.reads_nights for job in wave):
        recorder.flush()
    ended = [run_job(wave[0], context, recorder)] if len(wave) == 1 else _side_by_side(wave, context, recorder)
    if any(job.is_remembered for job in wave):
        recorder.flush()
    for job, (result, seconds) in zip(wave, ended, strict=True):
        progress(context.date, job.name, result.message, seconds)
    return sum(result.rows for result, _ in ended)


def _side_by_side(wave: tuple[Job, ...], context: JobContext, recorder: Recorder) -> list[tuple[JobResult, float]]:
    """Each job in a thread that knows the log's context; an interrupt ends the retries of all."""
    with ThreadPoolExecutor(len(wave), thread_name_prefix="job") as pool:
        running = [pool.submit(copy_context().run, run_job, job, context, recorder) for job in wave]
        try:
            wait(running)
        except KeyboardInterrupt:
            recorder.interrupted.set()
            raise
    return [one.result() for one in running]
