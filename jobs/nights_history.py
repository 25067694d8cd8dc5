"""What gold.nights tells of each night: how it stands, how long it took, what it cost, and whether its scores came in time."""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from statistics import median
from typing import Any

from jobs.catalog import NAMES
from jobs.nights import PUBLICATION, withdrawn
from lake.clock import cutoff
from lake.conf_sections import Nightly

IN_TIME = dt.timedelta(days=1)
"""A night that begins later after its cutoff is a backfill or a rerun of history: no deadline is its own."""
USUAL_NIGHTS = 7
SECONDS_AN_HOUR, SECONDS_A_MINUTE = 3600, 60


@dataclass(frozen=True)
class NightLine:
    """A night. `seconds` is what all attempts at its jobs took, `dollars` that by the cores of its last run."""

    night: dt.date
    status: str
    light: str | None
    scores: int | None
    seconds: float
    dollars: float | None
    minutes_late: float | None
    started_at: dt.datetime
    published_at: dt.datetime | None


COLUMNS = [f.name for f in fields(NightLine)]
SHOWN = [name for name in COLUMNS if name != "started_at"]
"""As wide as a terminal."""


def lines(rows: Iterable[Any], nightly: Nightly) -> list[NightLine]:
    """The nights, newest first, from rows of gold.nights."""
    by_night: dict[dt.date, list[Any]] = {}
    for row in sorted(rows, key=lambda r: r["started_at"]):
        by_night.setdefault(row["night_date"], []).append(row)
    return [_line(date, by_night[date], nightly) for date in sorted(by_night, reverse=True)]


def _line(date: dt.date, rows: list[Any], nightly: Nightly) -> NightLine:
    done = {r["job"]: r for r in rows if r["status"] == "finished"}
    published, seconds = done.get(PUBLICATION), seconds_taken(rows)
    cores = _detail(published).get("cores")
    late, is_withdrawn = minutes_late(date, rows, nightly.scores_by), bool(withdrawn(rows))
    return NightLine(
        # what its page says since, and not what the job said before
        night=date, status=_status(rows), light="red" if is_withdrawn else _detail(done.get("page")).get("light"),
        scores=done["score"]["rows"] if "score" in done and not is_withdrawn else None, seconds=round(seconds, 1),
        dollars=round(cost(seconds, cores, nightly)[1], 4) if cores else None,
        minutes_late=None if late is None else round(late, 1), started_at=_utc(rows[0]["started_at"]),
        published_at=_utc(published["finished_at"]) if published is not None else None,
    )  # fmt: skip


def seconds_taken(rows: Iterable[Any]) -> float:
    """Wall time in which jobs of the catalogue ran, in all attempts given; what ran beside another counts once."""
    taken, until = dt.timedelta(), None
    for start, end in sorted((r["started_at"], r["finished_at"]) for r in rows if r["job"] in NAMES):
        begun = start if until is None else max(start, until)
        taken += max(end - begun, dt.timedelta())
        until = end if until is None else max(end, until)
    return taken.total_seconds()


def cost(seconds: float, cores: int, nightly: Nightly) -> tuple[float, float]:
    """(vCPU-hours, dollars at the configured price) of all cores for so long."""
    hours = seconds * cores / SECONDS_AN_HOUR
    return hours, hours * nightly.dollars_per_vcpu_hour


def _status(rows: list[Any]) -> str:
    """By the last attempt at anything; a published night stays so while a rerun of it is under way."""
    if withdrawn(rows):
        return "withdrawn"
    if any(r["job"] == PUBLICATION and r["status"] == "finished" for r in rows):
        return "published"
    last = rows[-1]
    return f"stopped in {last['job']}" if last["status"] == "failed" else f"unfinished after {last['job']}"


def deadline(date: dt.date, scores_by: str | None) -> dt.datetime | None:
    """When a night's scores have to be there; None without a deadline."""
    if scores_by is None:
        return None
    hour, minute = (int(x) for x in scores_by.split(":"))
    return cutoff(date) + dt.timedelta(hours=hour, minutes=minute)


def minutes_late(date: dt.date, rows: Iterable[Any], scores_by: str | None) -> float | None:
    """From the deadline until the night's scores first were there, below zero where they came early.

    None without a deadline, without scores, and for a night that began over a day after its cutoff.
    """
    due, found = deadline(date, scores_by), sorted((r for r in rows if r["night_date"] == date), key=lambda r: r["started_at"])
    scored = [_utc(r["finished_at"]) for r in found if r["job"] == "score" and r["status"] == "finished"]
    if due is None or not scored or _utc(found[0]["started_at"]) > cutoff(date) + IN_TIME:
        return None
    return (scored[0] - due).total_seconds() / SECONDS_A_MINUTE


def usual_minutes(rows: Iterable[Any], jobs: Iterable[str] = NAMES) -> float | None:
    """What these jobs' last runs took together on the median of the last nights that were published; None where none was."""
    wanted, last = set(jobs), dict[dt.date, dict[str, Any]]()
    every = sorted(rows, key=lambda r: r["started_at"])
    published = sorted({r["night_date"] for r in every if r["job"] == PUBLICATION and r["status"] == "finished"})[-USUAL_NIGHTS:]
    for r in every:
        if r["job"] in wanted and r["status"] == "finished" and r["night_date"] in published:
            last.setdefault(r["night_date"], {})[r["job"]] = r
    return median(seconds_taken(of.values()) for of in last.values()) / SECONDS_A_MINUTE if last else None


def _detail(row: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["detail"] or "{}") if row is not None else {}
    return found


def _utc(at: dt.datetime) -> dt.datetime:
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).replace(microsecond=0)
