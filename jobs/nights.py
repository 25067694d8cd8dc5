"""gold.nights: what was tried, what was published, and which date may run next."""

import datetime as dt
import json
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from threading import Event
from typing import Any

from pyspark.sql import functions as F
from tenacity import retry, stop_after_attempt, wait_fixed

from jobs.catalog import NAMES, waves
from jobs.context import JobResult
from lake.delta import Lake
from lake.delta_log import check_published
from lake.errors import Complaint, NightRefused, NightsMissing
from lake.log import log
from lake.masking import all_without_secrets, without_secrets
from lake.tables import NIGHTS

SCORE = "score"
PUBLICATION = "night"
"""The job name of the row that publishes a night; written last."""
WITHDRAWAL = "withdrawal"
"""The job name of the row that says that a night's scores are withdrawn; what is scored after it stands again."""
COMPLAINTS = "complaints"


@dataclass(frozen=True)
class Nights:
    """What gold.nights says: dates that were published, and jobs that stand finished of dates that were begun."""

    published: tuple[dt.date, ...]
    finished: dict[dt.date, frozenset[str]]
    details: dict[tuple[dt.date, str], dict[str, Any]]
    finished_at: dict[tuple[dt.date, str], dt.datetime]
    withdrawn: frozenset[dt.date] = frozenset()
    """Dates whose scores were withdrawn and not made again."""
    failed: dict[dt.date, dt.datetime] = field(default_factory=dict)
    """When an attempt at a job of the date failed last."""
    with_scores: frozenset[dt.date] = frozenset()
    """Dates whose scores stand, whether the night is published or not."""

    def previous(self, date: dt.date) -> dt.date | None:
        """The last published night before `date`."""
        earlier = [d for d in self.published if d < date]
        return max(earlier) if earlier else None

    def previous_scores(self, date: dt.date) -> dt.date | None:
        """The last published night before `date` whose scores stand: those that a price is compared with."""
        return max((d for d in self._scored if d < date), default=None)

    @property
    def last_scores(self) -> dt.date | None:
        """The last published night whose scores stand."""
        return max(self._scored, default=None)

    @property
    def _scored(self) -> list[dt.date]:
        return [d for d in self.published if d not in self.withdrawn]

    def why_withdrawn(self, date: dt.date) -> str | None:
        """Why the date's scores are withdrawn, and by whom; None where they are not."""
        detail = self.details[(date, WITHDRAWAL)] if date in self.withdrawn else None
        return None if detail is None else f"{detail['reason']} ({detail['by']})"

    def priced_without(self, date: dt.date) -> dt.date | None:
        """The newest night whose scores were compared without the date's, which were withdrawn; None where there is none."""
        return max((d for d in self.with_scores if d > date), default=None) if date in self.withdrawn else None

    def check_rescored(self, date: dt.date) -> None:
        """Raise NightRefused where withdrawn scores would come back between those that were compared without them."""
        if (later := self.priced_without(date)) is not None:
            mend = f"`telematics scores withdraw --date {later} --reason ...` first, and score both again"
            raise NightRefused(f"the scores of {date} were withdrawn and those of {later} were compared without them: {mend}")

    def has_stopped(self, date: dt.date) -> bool:
        """Whether a job failed in the night, in the published one before it, or in another since that was published."""
        before = self.previous(date)
        since = None if before is None else self.finished_at[(before, PUBLICATION)]
        return any(before is None or since is None or d >= before or at > since for d, at in self.failed.items())

    def remaining(self, date: dt.date) -> tuple[str, ...]:
        """Jobs of the night that have not finished, in order: from the first unfinished one on."""
        done = self.finished.get(date, frozenset())
        first = next((i for i, name in enumerate(NAMES) if name not in done), len(NAMES))
        return NAMES[first:]

    def check_order(self, date: dt.date) -> None:
        """Raise NightRefused for a date before the first published night: what was known then cannot be told apart."""
        if self.published and date < self.published[0]:
            first = self.published[0]
            raise NightRefused(f"night {date} is before the first published night {first}: nights run in date order")

    def to_run_first(self, date: dt.date) -> tuple[dt.date, ...]:
        """Earlier nights that were begun and not published, oldest first. Raises NightRefused for a date before
        the first published night, NightsMissing for one that would leave a gap of nights that never ran."""
        self.check_order(date)
        if date in self.published:
            return ()
        last = self.previous(date)
        begun = tuple(sorted(d for d in self.finished if d < date and d not in self.published and (last is None or d > last)))
        first = last + dt.timedelta(days=1) if last else (begun[0] if begun else date)
        never = [d for n in range((date - first).days) if (d := first + dt.timedelta(days=n)) not in begun]
        if never:
            mend = f"run `telematics nightly --from {never[0]} --to {date}`"
            raise NightsMissing(f"night {date} would skip {len(never)} night(s) from {never[0]}: {mend}")
        return begun

    def complaints(self, date: dt.date) -> list[Complaint]:
        """What the night's jobs went on without, in the last finished attempt at each."""
        details = [self.details.get((date, name), {}) for name in NAMES]
        return [Complaint(**x) for detail in details for x in detail.get(COMPLAINTS, [])]

    def check_log(self, lake: Lake) -> None:
        """Raise LakeError for a table whose log lacks what it had at the last publication, be it of a rerun."""
        publications = [k for k in self.details if k[1] == PUBLICATION]
        if publications:
            last = max(publications, key=lambda k: self.finished_at[k])
            check_published(lake, self.details[last].get("log", {}), f"{last[0]}")


def read_nights(lake: Lake) -> Nights:
    """Read gold.nights; its newest row per night and job counts."""
    rows = lake.read("gold.nights").select("night_date", "job", "status", "detail", "started_at", "finished_at").collect()
    newest: dict[tuple[dt.date, str], Any] = {}
    for row in sorted(rows, key=lambda r: r["started_at"]):
        newest[(row["night_date"], row["job"])] = row
    published = {row["night_date"] for row in rows if row["job"] == PUBLICATION and row["status"] == "finished"}
    finished = {date: standing(date, newest) for date in {row["night_date"] for row in rows}}
    details = {k: json.loads(r["detail"] or "{}") for k, r in newest.items() if r["status"] == "finished"}
    ended = {k: r["finished_at"] for k, r in newest.items() if r["status"] == "finished"}
    failed = {r["night_date"]: r["started_at"] for r in sorted(rows, key=lambda r: r["started_at"]) if r["status"] == "failed"}
    return Nights(tuple(sorted(published)), finished, details, ended, withdrawn(rows), failed, _dates_after(rows, SCORE))


def withdrawn(rows: Iterable[Any]) -> frozenset[dt.date]:
    """Dates whose last finished row among `score` and the withdrawals is a withdrawal."""
    return _dates_after(rows, WITHDRAWAL)


def _dates_after(rows: Iterable[Any], last_job: str) -> frozenset[dt.date]:
    about = (r for r in rows if r["status"] == "finished" and r["job"] in (SCORE, WITHDRAWAL))
    last = {r["night_date"]: r["job"] for r in sorted(about, key=lambda r: r["started_at"])}
    return frozenset(date for date, job in last.items() if job == last_job)


def standing(date: dt.date, newest: dict[tuple[dt.date, str], Any]) -> frozenset[str]:
    """Jobs of the date that finished, and began when all before them had: one that ran again since left the later behind, and so
    did a withdrawal, which undoes `score`.

    `newest` has, per date and job, the last attempt's job, status, started_at and finished_at.
    """
    found: set[str] = set()
    before = dt.datetime.min
    for wave in waves(NAMES):
        rows = [row for job in wave if (row := _last(date, job.name, newest)) is not None]
        found |= {row["job"] for row in rows if row["status"] == "finished" and row["started_at"] >= before}
        before = max([before, *(row["finished_at"] for row in rows)])
    return frozenset(found - {WITHDRAWAL})


def _last(date: dt.date, job: str, newest: dict[tuple[dt.date, str], Any]) -> Any:
    """The last attempt at the job, of `score` the withdrawal where that came later; None for neither."""
    names = (job, WITHDRAWAL) if job == SCORE else (job,)
    rows = [row for name in names if (row := newest.get((date, name))) is not None]
    return max(rows, key=lambda r: r["started_at"], default=None)


@dataclass(frozen=True)
class Attempt:
    """One attempt at a job, for gold.nights."""

    night_date: dt.date
    job: str
    run_id: str
    started_at: dt.datetime
    finished_at: dt.datetime


class Recorder:
    """Appends rows of gold.nights beside the next job's work: one commit takes as long as a small job.

    A row that a kill loses is that of a job whose work is committed already: it runs again, and changes nothing. What a
    job must find again when it runs again needs a `flush` before the next one.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="gold.nights")
        self._pending: list[Future[None]] = []
        self.interrupted = Event()
        self.failures: list[tuple[str, Exception]] = []
        """(job, error) of the attempts that failed."""

    def failed_job(self, error: Exception) -> str | None:
        """The job that failed with this very error, None where none did."""
        return next((job for job, failure in self.failures if failure is error), None)

    def add(self, attempt: Attempt, status: str, result: JobResult) -> None:
        """Append the attempt's row, some time before `flush` returns."""
        self._pending.append(self._pool.submit(record, self._lake, attempt, status, result))

    def flush(self) -> None:
        """Return when every row is committed. Raises what kept one from it."""
        pending, self._pending = self._pending, []
        for row in pending:
            row.result()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        """Flush, also where a job failed: its row says so, and its failure is what is raised."""
        try:
            self.flush()
        except Exception as e:
            if failure is None:
                raise
            log().error("a row of gold.nights is lost", cause=f"{type(e).__name__}: {e}")
        finally:
            self._pool.shutdown()


@retry(stop=stop_after_attempt(3), wait=wait_fixed(1), reraise=True)
def record(lake: Lake, attempt: Attempt, status: str, result: JobResult) -> None:
    """Append the attempt's row, once however often it is tried."""
    seconds = (attempt.finished_at - attempt.started_at).total_seconds()
    complaints = all_without_secrets([asdict(x) for x in result.complaints])
    detail = result.detail | ({COMPLAINTS: complaints} if complaints else {})
    row = (
        attempt.night_date, attempt.job, status, result.rows, without_secrets(result.message),
        json.dumps(detail, sort_keys=True, default=str), attempt.run_id, attempt.started_at, attempt.finished_at, seconds,
    )  # fmt: skip
    df = lake.spark.createDataFrame([row], NIGHTS.schema).coalesce(1)
    lake.append_once(
        "gold.nights", df, f"nights/{attempt.run_id}/{attempt.night_date}/{attempt.job}/{attempt.started_at.isoformat()}"
    )


def champion_of_record(lake: Lake, date: dt.date) -> dict[str, Any]:
    """Detail of the night's first finished `score` since its scores were last withdrawn, if they were: the model version a
    rerun must use again; {} if there is none."""
    of_night = (F.col("night_date") == F.lit(date)) & F.col("job").isin(SCORE, WITHDRAWAL) & (F.col("status") == "finished")
    rows = lake.read("gold.nights").where(of_night).orderBy("started_at").select("job", "detail").collect()
    since = max((n + 1 for n, r in enumerate(rows) if r["job"] == WITHDRAWAL), default=0)
    return json.loads(rows[since]["detail"] or "{}") if len(rows) > since else {}
