"""What the list of nights says, when scores are late, and a job that takes too long."""

import datetime as dt
import json
import time
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.limits import limited
from jobs.nights_history import deadline, lines, minutes_late, seconds_taken, usual_minutes
from lake.clock import cutoff
from lake.conf_sections import Nightly
from lake.errors import TimedOut

D = dt.date(2026, 3, 2)
NIGHTLY = Nightly(scores_by="06:00", dollars_per_vcpu_hour=0.05)


def attempt(job: str, hour: float, seconds: float = 360.0, date: dt.date = D, **changes: Any) -> dict[str, Any]:
    started = cutoff(date) + dt.timedelta(hours=hour)
    row = {
        "night_date": date,
        "job": job,
        "status": "finished",
        "rows": 10,
        "detail": "{}",
        "started_at": started,
        "seconds": seconds,
    }
    return row | {"finished_at": started + dt.timedelta(seconds=seconds)} | changes


def night(date: dt.date = D, hour: float = 1.0) -> list[dict[str, Any]]:
    jobs = [attempt("ingest", hour, date=date), attempt("score", hour + 0.2, date=date, rows=90)]
    page = attempt("page", hour + 0.4, date=date, detail=json.dumps({"light": "green"}))
    return [*jobs, page, attempt("night", hour, 3000.0, date, detail=json.dumps({"cores": 4}))]


def test_a_published_night() -> None:
    (found,) = lines(night(), NIGHTLY)
    assert (found.night, found.status, found.light, found.scores) == (D, "published", "green", 90)
    # three jobs of six minutes by four cores are 1.2 vCPU-hours
    assert (found.seconds, found.dollars) == (1080.0, pytest.approx(1.2 * 0.05))
    # begun at 01:00, scores at 01:18
    assert found.minutes_late == pytest.approx(-282)
    assert found.published_at is not None and found.published_at > found.started_at


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([attempt("ingest", 1), attempt("trips", 2, status="failed")], "stopped in trips"),
        ([attempt("ingest", 1)], "unfinished after ingest"),
        ([attempt("trips", 1, status="failed"), attempt("trips", 2)], "unfinished after trips"),
        ([*night(), attempt("score", 9, status="failed")], "published"),
    ],
)
def test_how_a_night_stands(rows: list[dict[str, Any]], status: str) -> None:
    (found,) = lines(rows, NIGHTLY)
    assert found.status == status


def test_the_newest_comes_first_and_failed_attempts_cost_too() -> None:
    nights = [*night(), *night(D + dt.timedelta(days=1)), attempt("score", 1.1, status="failed")]
    found = lines(nights, NIGHTLY)
    assert [x.night for x in found] == [D + dt.timedelta(days=1), D]
    assert [x.seconds for x in found] == [1080.0, 1440.0]


def test_what_ran_beside_another_counts_once_and_a_withdrawal_is_no_job() -> None:
    # drift and performance begin together, six and nine minutes; page ten minutes later; a night and a withdrawal span all
    pair = [attempt("drift", 1.0), attempt("performance", 1.0, 540.0), attempt("page", 1.25, 60.0)]
    rows = [*pair, attempt("maintain", 1.25, 30.0), attempt("night", 1.0, 9000.0, detail='{"cores": 4}')]
    assert seconds_taken([*rows, attempt("withdrawal", 5.0, 100.0)]) == 600.0
    (found,) = lines(rows, NIGHTLY)
    assert (found.seconds, found.dollars) == (600.0, round(4 / 6 * 0.05, 4))
    assert usual_minutes(rows, ["drift", "performance"]) == pytest.approx(9)
    # of a job that ran again its last run is the rule
    assert usual_minutes([*rows, attempt("page", 9, 120.0)], ["page"]) == pytest.approx(2)


def test_scores_are_late_by_their_first_run() -> None:
    assert deadline(D, "06:30") == dt.datetime(2026, 3, 3, 6, 30, tzinfo=dt.UTC) and deadline(D, None) is None
    late = [attempt("score", 6.0), attempt("score", 9.0)]
    assert minutes_late(D, late, "06:00") == pytest.approx(6)
    assert minutes_late(D, late, None) is None
    assert minutes_late(D, [attempt("score", 1, status="failed")], "06:00") is None
    # history that is run now has no deadline
    assert minutes_late(D, [attempt("ingest", 25), attempt("score", 26)], "06:00") is None


def test_what_a_night_takes_as_a_rule() -> None:
    nights = [r for n in range(9) for r in night(D + dt.timedelta(days=n))]
    assert usual_minutes(nights) == pytest.approx(18)
    assert usual_minutes(nights, ["page"]) == pytest.approx(6)
    assert usual_minutes([attempt("score", 1)]) is None


def slow(spark: SparkSession, seconds: float) -> int:
    def wait(batches: Any) -> Any:
        for batch in batches:
            time.sleep(seconds)
            yield batch

    return spark.range(2).mapInArrow(wait, "id bigint").agg(F.count("id")).collect()[0][0]  # type: ignore[no-any-return]


def test_a_job_that_takes_too_long_is_ended_and_the_next_runs(spark: SparkSession) -> None:
    began = time.monotonic()
    said = r"^trips took longer than nightly.job_timeout_minutes allows \(0.025\)$"
    with pytest.raises(TimedOut, match=said), limited(spark.sparkContext, "trips", 1.5):
        slow(spark, 60.0)
    assert time.monotonic() - began < 30
    with limited(spark.sparkContext, "trips", 60.0):
        assert slow(spark, 0.0) == 2


def test_a_failure_in_time_is_its_own(spark: SparkSession) -> None:
    with pytest.raises(ZeroDivisionError), limited(spark.sparkContext, "trips", 60.0):
        _ = 1 / 0


def test_a_limit_is_of_minutes() -> None:
    assert Nightly(job_timeout_minutes=2).job_timeout_s == 120 and Nightly().job_timeout_s is None
