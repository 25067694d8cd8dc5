"""Sums that are moved on from those of an earlier date are the sums over all days, whatever became known in between."""

import datetime as dt
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lake.clock import cutoff
from lake.feature import VA
from lake.features import FEATURES, sum_columns, terms_of
from lake.tables import POLICY_DAYS
from tests.transforms.rows import date, day, days, ts
from transforms.window_steps import differing, moved_on, with_counts
from transforms.windows import DRIVEN, window_sums

TERMS = terms_of(*FEATURES)
COLUMNS = ["vehicle_id", "as_of_date", *(c.name for c in sum_columns()), DRIVEN]
FIRST = date("2026-01-31")
DAY = dt.timedelta(days=1)
VEHICLES = 30


def in_full(history: DataFrame, as_of: dt.date) -> DataFrame:
    """The sums by definition, kept: what the table has as of a date."""
    return window_sums(history, as_of, TERMS, with_driven=True).localCheckpoint()


def by_vehicle(sums: DataFrame, *columns: str) -> dict[str, dict[str, Any]]:
    return {r["vehicle_id"]: r.asDict() for r in sums.select(*(columns or COLUMNS)).collect()}


def random_history(rng: random.Random, first: dt.date, last: dt.date) -> list[dict[str, Any]]:
    """Versions of the days of vehicles that begin, pause and end, most known at noon of the day after, some late by up to a
    year; restated, gone and come back at any time, some exactly at a cutoff."""
    rows: list[dict[str, Any]] = []
    for n in range(VEHICLES):
        begin = first - dt.timedelta(days=rng.randint(-5, 420))
        end = begin + dt.timedelta(days=rng.choice([3, 30, 400, 900]))
        span = (min(end, last) - begin).days
        for offset in rng.sample(range(span), min(span, rng.randint(1, 12))) if span > 0 else []:
            rows += versions(rng, f"v{n}", begin + dt.timedelta(days=offset), last)
    return rows


def versions(rng: random.Random, vehicle: str, on: dt.date, last: dt.date) -> Iterator[dict[str, Any]]:
    known = dt.datetime.combine(on + DAY, dt.time(12), dt.UTC)
    if rng.random() < 0.3:
        known += dt.timedelta(days=rng.randint(1, 370))
    for _ in range(rng.choice([1, 1, 2, 3])):
        until = rng.choice([known + dt.timedelta(hours=rng.randint(1, 900)), cutoff(last - rng.randint(0, 20) * DAY), None])
        until = until if until is None or until > known else None
        yield day(vehicle, f"{on}", known_from=known, known_to=until, **content(rng))
        if until is None:
            return
        # the version after it begins when it ends, or the day is gone for a while
        known = until + rng.choice([dt.timedelta(0), dt.timedelta(days=2)])


def content(rng: random.Random) -> dict[str, Any]:
    """Sums of a day; what not every source knows is null on some days, and the time by speed and acceleration on many."""
    optional = {x.name for x in POLICY_DAYS.columns if x.nullable and x.type == "bigint"}
    found = {x.name: rng.randint(0, 10**9) for x in POLICY_DAYS.columns if x.type == "bigint"}
    unknown = {name: None for name in optional if rng.random() < 0.2}
    return found | unknown | {VA: [rng.randint(0, 9) for _ in range(117)] if rng.random() < 0.4 else None}


@pytest.mark.parametrize("seed", [1, 2])
def test_moving_on_gives_what_all_days_give(spark: SparkSession, seed: int) -> None:
    rng = random.Random(seed)
    dates = [FIRST]
    for gap in (1, 1, rng.randint(2, 6), 1, rng.choice([30, 95])):
        dates.append(dates[-1] + gap * DAY)
    history = days(spark, *random_history(rng, FIRST, dates[-1])).localCheckpoint()
    sums, compared = in_full(history, FIRST), 0
    for before, as_of in pairwise(dates):
        sums = moved_on(history, sums, before, as_of, TERMS).localCheckpoint()
        found, expected = by_vehicle(sums), by_vehicle(in_full(history, as_of))
        assert found == expected, f"as of {as_of} from {before}"
        compared += len(found)
    assert compared > 3 * VEHICLES


def test_counts_follow_from_the_days_driven(spark: SparkSession) -> None:
    rng = random.Random(7)
    history = days(spark, *random_history(rng, FIRST, FIRST))
    names = ["vehicle_id", *(f"{name}_{w}" for name in ("days_driven", "span_days") for w in (7, 28, 90, 365))]
    kept = in_full(history, FIRST)
    assert by_vehicle(with_counts(kept.select(*COLUMNS)), *names) == by_vehicle(kept, *names)


def test_a_day_comes_a_day_goes_and_a_day_is_restated(spark: SparkSession) -> None:
    """From 31 January to 1 February: the 31st enters, the 24th leaves the week, the 28th has 30 km instead of 10, the 29th is
    gone, and the 20th of the year before leaves nothing but the days of the year."""
    learned = ts("2026-02-01T03:00:00")
    history = days(
        spark,
        day("v1", "2026-01-31"),
        day("v1", "2026-01-24"),
        day("v1", "2026-01-28", known_to=learned),
        day("v1", "2026-01-28", distance_mm=30_000_000, known_from=learned),
        day("v1", "2026-01-29", known_to=learned),
        day("gone", "2025-01-31"),
        day("stays", "2025-06-01"),
    )
    before = in_full(history, FIRST)
    assert by_vehicle(before, "vehicle_id", "distance_mm_7")["v1"]["distance_mm_7"] == 30_000_000
    found = by_vehicle(moved_on(history, before, FIRST, FIRST + DAY, TERMS))
    assert found.keys() == {"v1", "stays"}
    # 10 (31st) + 30 (28th); in four weeks 10 (24th) more
    assert (found["v1"]["distance_mm_7"], found["v1"]["distance_mm_28"], found["v1"]["trips_7"]) == (40_000_000, 50_000_000, 4)
    assert [dt.date(1970, 1, 1) + n * DAY for n in found["v1"][DRIVEN]] == [
        date(x) for x in ("2026-01-24", "2026-01-28", "2026-01-31")
    ]
    assert (found["stays"]["distance_mm_90"], found["stays"]["distance_mm_365"]) == (0, 10_000_000)


def test_what_stays_as_it_was_is_not_read(spark: SparkSession) -> None:
    texts = ["2025-01-30", "2025-01-31", "2025-02-01", "2025-11-02", "2025-11-03", "2026-01-03", "2026-01-24", "2026-01-25",
             "2026-01-31", "2026-02-01"]  # fmt: skip
    restated = day("v1", "2025-08-08", known_from=cutoff(FIRST))
    rows = days(spark, *(day("v1", t, known_from=ts("2024-01-01")) for t in texts), restated)
    kept = sorted(str(r["local_date"]) for r in differing(rows, FIRST, FIRST + DAY).collect())
    # a year, 90, 28 and 7 days before the 31st, and the 31st itself
    assert kept == ["2025-01-31", "2025-08-08", "2025-11-02", "2026-01-03", "2026-01-24", "2026-01-31"]
