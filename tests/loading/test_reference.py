"""Reference rows: what is new makes a version, and any order of files gives the same chain."""

import datetime as dt
from itertools import permutations
from pathlib import Path

from jobs.context import JobResult
from jobs.loading import knowledge_floor
from jobs.nights import Attempt, record
from lake.clock import UTC, as_known
from lake.conf import Conf
from lake.delta import Lake
from lake.tables import CLAIMS as CLAIMS_TABLE
from tests.loading.files import CLAIMS, CLAIMS_HEADER, run, source, sums, utc, write
from transforms.reference import chain, repeats

STATES = {
    "a": [("open", 1000, 1), ("open", 1500, 3)],
    "b": [("closed", 1500, 5)],
    "c": [("reopened", 1800, 7)],
}


def line(status: str, incurred: int | str, day: int, claim: str = "c1") -> str:
    return f"{claim},2025-12-01T08:00:00Z,{status},{incurred},2026-01-{day:02d}T00:00:00Z"


def timeline(lake: Lake) -> list[tuple[str, int, int, int | None]]:
    rows = lake.read("reference.claims").where("claim_id = 'c1'").orderBy("known_from").collect()
    return [
        (r.status, r.incurred_minor, utc(r.known_from).day, utc(r.known_to).day if r.known_to else None) for r in rows
    ]  # fmt: skip


def test_files_in_another_order_give_the_same_chain(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    for name in "cab":
        file = write(tmp_path / f"{name}.csv", [CLAIMS_HEADER, *(line(*state) for state in STATES[name])])
        run(lake, conf, source(CLAIMS), file)
    # each state is known until the next one
    assert timeline(lake) == [("open", 1000, 1, 3), ("open", 1500, 3, 5), ("closed", 1500, 5, 7), ("reopened", 1800, 7, None)]


def test_any_order_of_states_gives_one_chain(lake: Lake) -> None:
    states = [state for name in "abc" for state in STATES[name]]
    ends = {1: 3, 3: 5, 5: 7, 7: None}
    for first in list(permutations(states, 3))[::9]:
        last = next(x for x in states if x not in first)
        records = lake.spark.createDataFrame([_record(*x, n) for n, x in enumerate(first)], _RECORD)
        empty = lake.spark.createDataFrame([], CLAIMS_TABLE.schema)
        _, adds = chain(records, empty, CLAIMS_TABLE)
        closes, more = chain(lake.spark.createDataFrame([_record(*last, 9)], _RECORD), adds, CLAIMS_TABLE)
        rows = [row for part in (adds, closes, more) for row in part.select("known_from", "known_to").collect()]
        assert {utc(begin).day: utc(end).day if end else None for begin, end in rows} == ends


def test_what_was_known_at_some_time_since_is_a_duplicate(lake: Lake) -> None:
    # chain: A from day 1, B from day 3
    both = lake.spark.createDataFrame([_record("A", 1, 1, 1), _record("B", 1, 3, 2)], _RECORD)
    _, versions = chain(both, lake.spark.createDataFrame([], CLAIMS_TABLE.schema), CLAIMS_TABLE)
    late = [
        _record("A", 1, 2, 1),  # known then: duplicate
        _record("A", 1, 4, 2),  # B was known: news
        _record("A", 1, 4, 4),  # the same as line 2: duplicate
        _record("B", 1, 3, 5, received=9),  # stated and known before, and received again: duplicate
        _record("A", 1, 1, 6, received=9),
    ]
    found = repeats(lake.spark.createDataFrame(late, _RECORD), versions, CLAIMS_TABLE)
    assert sorted(r.source_line for r in found.collect()) == [1, 4, 5, 6]


def test_a_state_that_is_left_and_taken_up_again_in_one_load_is_no_duplicate(lake: Lake) -> None:
    empty = lake.spark.createDataFrame([], CLAIMS_TABLE.schema)
    _, versions = chain(lake.spark.createDataFrame([_record("closed", 900, 1, 1)], _RECORD), empty, CLAIMS_TABLE)
    load = lake.spark.createDataFrame([_record("reopened", 1800, 5, 1), _record("closed", 900, 6, 2)], _RECORD)
    assert repeats(load, versions, CLAIMS_TABLE).isEmpty()


def test_a_late_older_state_never_takes_the_place_of_a_newer_one(lake: Lake) -> None:
    newer = lake.spark.createDataFrame([_record("closed", 3000, 6, 1)], _RECORD)
    _, versions = chain(newer, lake.spark.createDataFrame([], CLAIMS_TABLE.schema), CLAIMS_TABLE)
    # stated on day 5, and come when the night of day 6 was published
    older = lake.spark.createDataFrame([_record("open", 1000, 5, 2, received=7)], _RECORD)
    assert repeats(older, versions, CLAIMS_TABLE).isEmpty()
    closes, adds = chain(older, versions, CLAIMS_TABLE)
    assert closes.isEmpty()
    stored = versions.unionByName(adds)
    for day in range(7, 12):
        known = as_known(stored, dt.datetime(2026, 1, day, tzinfo=UTC)).collect()
        assert [(r.status, r.incurred_minor) for r in known] == [("closed", 3000)]
    # what was stated after both holds
    last = lake.spark.createDataFrame([_record("open", 1000, 8, 3)], _RECORD)
    closes, adds = chain(last, stored, CLAIMS_TABLE)
    assert [(r.known_from.day, r.known_to.day) for r in closes.collect()] == [(6, 8)]
    assert [(r.status, r.known_from.day, r.known_to) for r in adds.collect()] == [("open", 8, None)]


def test_a_cumulative_file_adds_only_what_is_new(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    write(tmp_path / "1.csv", [CLAIMS_HEADER, line("open", 1000, 1), line("closed", 900, 2), line("open", "-50", 2, "c2")])
    assert sums(run(lake, conf, source(CLAIMS), tmp_path / "1.csv")) == (3, 3, 0, 0)
    before = [line("open", 1000, 1), line("closed", 900, 2), line("open", "-50", 2, "c2")]
    write(tmp_path / "2.csv", [CLAIMS_HEADER, *before, line("open", "much", 3), line("open", 7, 3), CLAIMS_HEADER])
    # three known, one of a wrong type, one new, and a header in the middle; claims may be negative
    floor = dt.datetime(2026, 1, 9, tzinfo=UTC)
    result = run(lake, conf, source(CLAIMS), tmp_path / "2.csv", floor=floor)
    assert sums(result) == (6, 1, 3, 2)
    assert result.reasons == {"wrong_type:incurred_minor": 1, "repeated_header": 1}
    # what is stated for day 3 came after the night of day 8 was published, so it is known from day 9 on
    assert timeline(lake) == [("open", 1000, 1, 2), ("closed", 900, 2, 9), ("open", 7, 9, None)]


def test_header_must_have_the_mapped_columns(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    file = write(tmp_path / "x.csv", ["claim_id,occurred,status", "c1,2025-12-01,open"])
    result = run(lake, conf, source(CLAIMS), file)
    assert result.refused == ((str(file), "header_lacks:incurred,known_from"),)


def test_the_floor_is_the_last_published_cutoff(lake: Lake) -> None:
    assert knowledge_floor(lake) is None
    now = dt.datetime(2026, 1, 20, tzinfo=UTC)
    for day, job, status in [(5, "night", "finished"), (6, "night", "failed"), (7, "ingest", "finished")]:
        record(lake, Attempt(dt.date(2026, 1, day), job, "r", now, now), status, JobResult(0, ""))
    assert knowledge_floor(lake) == dt.datetime(2026, 1, 6, tzinfo=UTC)


_RECORD = (
    "claim_id string, policy_id string, vehicle_id string, coverage string, occurred_ts timestamp, reported_ts timestamp, "
    "status string, incurred_minor bigint, currency string, received_ts timestamp, stated_ts timestamp, "
    "source_file string, source_line bigint"
)


def _record(status: str, incurred: int, day: int, line_: int, received: int | None = None) -> tuple[object, ...]:
    then = dt.datetime(2025, 12, 1, tzinfo=UTC)
    stated = dt.datetime(2026, 1, day, tzinfo=UTC)
    known = dt.datetime(2026, 1, received or day, tzinfo=UTC)
    return ("c1", "p1", "v1", "liability", then, then, status, incurred, "EUR", known, stated, "f", line_)
