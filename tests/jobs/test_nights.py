"""Which night may run, and what a resume runs: on the record's logic, without a lake."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from jobs.catalog import NAMES, waves
from jobs.nightly import NightlyOptions
from jobs.nights import WITHDRAWAL, Nights, standing
from lake.errors import ConfigError, NightRefused


def d(day: int) -> dt.date:
    return dt.date(2026, 1, day)


def nights(published: list[int] | None = None, begun: dict[int, tuple[str, ...]] | None = None) -> Nights:
    done = {d(n): frozenset((*NAMES, "night")) for n in published or []}
    started = {d(n): frozenset(jobs) for n, jobs in (begun or {}).items()}
    return Nights(tuple(sorted(done)), {**done, **started}, {}, {})


def test_the_first_night_needs_no_other() -> None:
    assert nights().to_run_first(d(8)) == ()


def test_the_night_after_the_last_needs_no_other() -> None:
    assert nights([5, 6]).to_run_first(d(7)) == ()


def test_a_published_night_needs_no_other() -> None:
    assert nights([5, 6, 7]).to_run_first(d(6)) == ()


def test_a_begun_night_is_finished_first() -> None:
    assert nights([5], {6: ("reference",)}).to_run_first(d(7)) == (d(6),)


def test_a_begun_first_night_is_finished_first() -> None:
    assert nights([], {5: ("reference",)}).to_run_first(d(6)) == (d(5),)


def test_a_night_has_stopped_by_a_job_that_failed_since_the_published_one_was_begun() -> None:
    ended = {(d(n), "night"): dt.datetime(2026, 1, n + 1, 4) for n in (5, 6)}

    def has_stopped(failed: dict[dt.date, dt.datetime], night: int = 7) -> bool:
        return replace(nights([5, 6]), finished_at=ended, failed=failed).has_stopped(d(night))

    assert not has_stopped({})
    # an earlier attempt at it, and one at the night before, whose end may not have arrived
    assert has_stopped({d(7): dt.datetime(2026, 1, 8, 1)}) and has_stopped({d(6): dt.datetime(2026, 1, 7, 1)})
    # not every night again; but a rerun of an old one that failed since is told as any
    assert not has_stopped({d(5): dt.datetime(2026, 1, 6, 1)}) and has_stopped({d(5): dt.datetime(2026, 1, 7, 9)})
    # the first night
    assert has_stopped({d(5): dt.datetime(2026, 1, 6, 1)}, 5) and not nights().has_stopped(d(5))


def test_a_gap_is_refused_and_the_line_says_how_to_fill_it() -> None:
    with pytest.raises(
        NightRefused, match=r"skip 2 night\(s\) from 2026-01-06: run `telematics nightly --from 2026-01-06 --to 2026-01-08`"
    ):
        nights([5]).to_run_first(d(8))


def test_a_gap_after_a_begun_first_night_is_refused() -> None:
    with pytest.raises(NightRefused, match="from 2026-01-06"):
        nights([], {5: ("reference",)}).to_run_first(d(8))


def test_a_date_before_the_first_published_night_is_refused() -> None:
    with pytest.raises(NightRefused, match="before the first published night 2026-01-05"):
        nights([5]).to_run_first(d(4))


def test_previous_is_the_last_published_before() -> None:
    assert nights([5, 6, 8]).previous(d(8)) == d(6)
    assert nights([5]).previous(d(5)) is None


def test_a_resume_runs_from_the_first_unfinished_job() -> None:
    record = nights([], {5: ("reference", "ingest", "days")})
    # days finished, trips did not: everything from trips on runs, days again among it
    assert NightlyOptions().jobs(record, d(5)) == NAMES[NAMES.index("trips") :]


def test_a_rerun_runs_everything_or_from_a_job_on() -> None:
    record = nights([5])
    assert NightlyOptions(rerun=True).jobs(record, d(5)) == NAMES
    assert NightlyOptions(rerun=True, from_job="score").jobs(record, d(5)) == NAMES[NAMES.index("score") :]


def test_a_rerun_from_a_job_needs_those_before_it() -> None:
    begun = nights([], {5: ("reference", "ingest", "trips")})
    NightlyOptions(rerun=True, from_job="days").check(begun, d(5))
    with pytest.raises(NightRefused, match="--from-job score: days, features did not finish for night 2026-01-05"):
        NightlyOptions(rerun=True, from_job="score").check(begun, d(5))
    with pytest.raises(NightRefused, match="did not finish for night 2026-01-06"):
        NightlyOptions(rerun=True, from_job="score").check(begun, d(6))


def test_what_ran_before_an_earlier_job_ran_again_does_not_stand() -> None:
    def attempts(**minutes: int) -> dict[tuple[dt.date, str], Any]:
        at = {name: dt.datetime(2026, 1, 6, 3, minute) for name, minute in minutes.items()}
        one = {name: {"job": name, "status": "finished", "started_at": t, "finished_at": t} for name, t in at.items()}
        return {(d(5), name): row for name, row in one.items()}

    assert standing(d(5), attempts(reference=1, ingest=2, trips=3)) == {"reference", "ingest", "trips"}
    assert standing(d(5), attempts(reference=1, ingest=4, trips=3)) == {"reference", "ingest"}
    # jobs of a pair run beside each other
    pair = attempts(**dict.fromkeys(NAMES, 1) | {"drift": 3, "performance": 2, "page": 4, "maintain": 4})
    assert standing(d(5), pair) == set(NAMES)
    assert standing(d(6), pair) == set()
    failed = attempts(reference=1, ingest=2)
    failed[(d(5), "ingest")]["status"] = "failed"
    assert standing(d(5), failed) == {"reference"}


def test_a_withdrawal_undoes_the_scores_that_came_before_it() -> None:
    at = {name: dt.datetime(2026, 1, 6, 3, n) for n, name in enumerate((*NAMES[: NAMES.index("drift")], WITHDRAWAL), 1)}
    rows: dict[tuple[dt.date, str], Any] = {
        (d(5), name): {"job": name, "status": "finished", "started_at": t, "finished_at": t} for name, t in at.items()
    }
    done = standing(d(5), rows)
    assert done == set(NAMES[: NAMES.index("score")])
    stopped = Nights((), {d(5): done}, {}, {}, frozenset([d(5)]))
    assert stopped.remaining(d(5)) == NAMES[NAMES.index("score") :]
    # what had followed the scores goes with them
    rows[(d(5), "drift")] = rows[(d(5), "score")] | {"job": "drift"}
    assert "drift" not in standing(d(5), rows)
    later = dt.datetime(2026, 1, 6, 4)
    rows[(d(5), "score")] |= {"started_at": later, "finished_at": later}
    assert standing(d(5), rows) == {*done, "score"}


def test_scores_stand_unless_withdrawn() -> None:
    record = replace(nights([5, 6]), withdrawn=frozenset([d(6)]), details={(d(6), WITHDRAWAL): {"reason": "no", "by": "ann"}})
    assert (record.last_scores, record.previous_scores(d(7)), record.previous(d(7))) == (d(5), d(5), d(6))
    assert (record.why_withdrawn(d(6)), record.why_withdrawn(d(5))) == ("no (ann)", None)
    assert replace(record, withdrawn=frozenset([d(5), d(6)])).last_scores is None


@pytest.mark.parametrize("from_job", [None, "score", "days", "page"])
def test_withdrawn_scores_do_not_come_back_below_those_that_were_compared_without_them(from_job: str | None) -> None:
    again = NightlyOptions(rerun=True, from_job=from_job)
    between = replace(nights([5, 6, 7, 8]), withdrawn=frozenset([d(6), d(8)]), with_scores=frozenset([d(5), d(7)]))
    with pytest.raises(
        NightRefused,
        match=r"scores of 2026-01-06 were withdrawn and those of 2026-01-07 were .*: `telematics scores withdraw --date",
    ):
        again.check(between, d(6))
    # the newest may, and so may one beneath which all were withdrawn; a night that stands is only run again
    again.check(between, d(8))
    again.check(between, d(7))
    again.check(replace(between, withdrawn=frozenset([d(6), d(7), d(8)]), with_scores=frozenset([d(5)])), d(6))


def test_a_published_night_without_its_scores_begins_again_at_them() -> None:
    record = replace(nights([5]), finished={d(5): frozenset(NAMES) - {"score"}})
    with pytest.raises(
        NightRefused, match=r"score did not finish .*: run `telematics nightly --date 2026-01-05 --rerun --from-job score`"
    ):
        NightlyOptions(rerun=True, from_job="page").check(record, d(5))


def test_an_unknown_job_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="unknown job 'scores': the night has reference, ingest"):
        NightlyOptions(rerun=True, from_job="scores").jobs(nights(), d(5))


def test_the_last_four_jobs_run_in_pairs_and_a_part_of_a_pair_alone() -> None:
    names = [tuple(job.name for job in wave) for wave in waves(NAMES)]
    assert names[-2:] == [("drift", "performance"), ("page", "maintain")]
    assert [name for wave in names for name in wave] == list(NAMES)
    assert [tuple(j.name for j in wave) for wave in waves(("performance", "page"))] == [("performance",), ("page",)]
