"""A night, then what was learned since: which of its results would move, by how much, and that nothing was written."""

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs import features, score
from jobs.context import JobResult
from jobs.nights import PUBLICATION, Attempt, record
from lake.conf import load_conf
from lake.delta import Lake
from lake.tables import TABLES, TRIPS
from tests.jobs.context import night
from tests.registry.given import conf_with_champion
from tests.training.given import trained
from tests.transforms.rows import consent, date, day, frame, policy, ts
from tests.world import command, write_conf

D = date("2026-01-31")
THEN, LATER = ts("2026-01-31T12:00:00"), ts("2026-02-01T05:00:00")
SUPERSEDED = {"known_to": LATER}


def trip(name: str, start: str, km: int, **over: Any) -> dict[str, Any]:
    base: dict[str, Any] = {c.name: 0 for c in TRIPS.columns if c.type == "bigint"}
    at = ts(start)
    base |= {"trip_id": name, "source": "test", "device_id": "d1", "segmentation_version": "gap300-v1", "tz": "UTC"}
    base |= {"start_ts": at, "end_ts": at + dt.timedelta(hours=1), "start_date": at.date(), "local_date": at.date()}
    return base | {"distance_mm": km * 1_000_000, "known_from": THEN} | over


def event(name: str, trip_id: str, start: str, **over: Any) -> dict[str, Any]:
    at = ts(start)
    base = {"event_id": name, "trip_id": trip_id, "source": "test", "device_id": "d1", "kind": "brake", "start_ts": at}
    return base | {"end_ts": at, "start_date": at.date(), "duration_ms": 1000, "rung": 3, "known_from": THEN} | over


TRIP_ROWS = [
    trip("grows", "2026-01-29T08:00:00", 10, **SUPERSEDED), trip("grows", "2026-01-29T08:00:00", 25, known_from=LATER),
    trip("joined", "2026-01-29T08:30:00", 3, superseded_by="grows", **SUPERSEDED),
    trip("late", "2026-01-20T08:00:00", 5, known_from=LATER),
    trip("braked", "2026-01-28T08:00:00", 7), trip("same", "2026-01-27T08:00:00", 7),
    # it lies on the night's own date, which is in no window of the night
    trip("today", "2026-01-31T08:00:00", 9, known_from=LATER),
]  # fmt: skip
EVENT_ROWS = [
    event("e1", "grows", "2026-01-29T08:10:00"), event("e2", "grows", "2026-01-29T09:10:00", known_from=LATER),
    event("e3", "braked", "2026-01-28T08:10:00", known_from=LATER), event("e4", "same", "2026-01-27T08:10:00"),
]  # fmt: skip
DAY_ROWS = [
    day("v1", "2026-01-29", **SUPERSEDED), day("v1", "2026-01-29", distance_mm=25_000_000, known_from=LATER),
    day("v1", "2026-01-20", distance_mm=5_000_000, known_from=LATER), day("v1", "2026-01-31", known_from=LATER),
    *(day(f"v{n}", "2026-01-29") for n in (2, 3, 5, 6)),
]  # fmt: skip
POLICY_ROWS = [
    policy(1), policy(2), policy(3), policy(4, known_from=LATER), policy(5, **SUPERSEDED),
    policy(5, valid_to=ts("2026-01-20"), known_from=LATER), policy(6),
]  # fmt: skip
CONSENT_ROWS = [
    *(consent(n) for n in (1, 2, 4, 5, 6)), consent(3, **SUPERSEDED), consent(3, valid_to=ts("2026-01-15"), known_from=LATER),
]  # fmt: skip


def append(lake: Lake, name: str, rows: list[dict[str, Any]], learned: bool) -> None:
    """Rows as they stood when the night ran, or what was learned since."""
    if not learned:
        rows = [r | {"known_to": None, "superseded_by": None} for r in rows if r["known_from"] < LATER]
        lake.append_once(name, frame(lake.spark, TABLES[name], rows), name)
        return
    closed = frame(lake.spark, TABLES[name], [r for r in rows if r.get("known_to")])
    adds = frame(lake.spark, TABLES[name], [r for r in rows if r["known_from"] >= LATER])
    lake.apply_versions(name, closed if not closed.isEmpty() else None, adds, f"{name} later")


TABLES_OF = {
    "silver.trips": TRIP_ROWS, "silver.events": EVENT_ROWS, "gold.policy_days": DAY_ROWS, "reference.policies": POLICY_ROWS,
    "reference.consents": CONSENT_ROWS,
}  # fmt: skip


def published_scores(lake: Lake) -> pd.DataFrame:
    return lake.read("gold.policy_scores").toPandas().sort_values("policy_id").reset_index(drop=True)


def price(km: float, trips: int, days: int, span: int) -> float:
    """What the model says of a car that did nothing but drive so, outside Spark; every day had 1,000 s of motion."""
    facts = {
        "km": km, "days_driven": days, "trips": trips, "moving_hours": days / 3.6, "log_km_per_day": math.log1p(km / span),
        "brake_per_100km": 0.0, "accelerate_per_100km": 0.0, "corner_per_100km": 0.0, "speeding_share": None, "phone_share": None,
        "night_share": 0.0, "rush_share": 0.0, "mean_trip_km": km / trips, "mean_speed_kmh": km / days * 3.6, "completeness": 0.8,
    }  # fmt: skip
    row = {f"{name}_{w}": value for name, value in facts.items() for w in (90, 365)}
    return float(trained().scorer.score(pd.DataFrame([row])).iloc[0]["pure_premium"])


@pytest.fixture(scope="module")
def past(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Path, pd.DataFrame]:
    """A published night, its scores, and all that was learned since."""
    root = tmp_path_factory.mktemp("restated")
    store = conf_with_champion()
    given = {"mlflow_tracking_uri": store.tracking_uri, "registry": {"history": store.registry_history}}
    conf_file = write_conf(root / "conf.yml", root, **given)
    conf = load_conf(str(conf_file))
    lake = Lake(spark, conf.lake)
    for name, rows in TABLES_OF.items():
        append(lake, name, rows, learned=False)
    ctx = night(lake, conf, D)
    features.run(ctx)
    started = dt.datetime(2026, 2, 1, 1, tzinfo=dt.UTC)
    for job, result in (("score", score.run(ctx)), (PUBLICATION, JobResult(0, ""))):
        record(lake, Attempt(D, job, "r", started, started + dt.timedelta(seconds=9)), "finished", result)
    scores = published_scores(lake)
    for name, rows in TABLES_OF.items():
        append(lake, name, rows, learned=True)
    return lake, conf_file, scores


@pytest.mark.slow
def test_what_would_move_and_by_how_much(past: tuple[Lake, Path, pd.DataFrame]) -> None:
    lake, conf, _ = past
    before = {name: lake.version(name) for name in TABLES}
    said = command(conf, "restated", "--date", str(D), "--format", "json")
    assert said.code == 0, said.err
    assert {name: lake.version(name) for name in TABLES} == before
    found = json.loads(said.out)

    trips = {t["trip_id"]: t for t in found["trips"]}
    shown = ("change", "distance_mm_then", "distance_mm_now", "events_then", "events_now", "superseded_by")
    assert {k: tuple(t[x] for x in shown) for k, t in trips.items()} == {
        "grows": ("changed", 10_000_000, 25_000_000, 1, 2, None),
        "joined": ("gone", 3_000_000, None, 0, None, "grows"),
        "late": ("added", None, 5_000_000, None, 0, None),
        "braked": ("changed", 7_000_000, 7_000_000, 0, 1, None),
    }
    # the largest move first
    assert found["trips"][0]["trip_id"] == "grows"
    assert found["summary"]["trips"] | {"distance_mm": None} == {
        "rows": 4, "added": 1, "changed": 2, "gone": 1, "distance_mm": None,
    }  # fmt: skip
    # then 10 + 3 + 7 km, now 25 + 5 + 7
    assert found["summary"]["trips"]["distance_mm"] == [{"then": 20_000_000, "now": 37_000_000, "largest": 15_000_000}]

    days = {(d["vehicle_id"], d["local_date"]): (d["change"], d["moved"]) for d in found["policy_days"]}
    assert days[("v1", "2026-01-29")] == ("changed", [{"column": "distance_mm", "then": 10e6, "now": 25e6}])
    change, moved = days[("v1", "2026-01-20")]
    assert (change, {m["column"]: (m["then"], m["now"]) for m in moved}["trips"]) == ("added", (0.0, 2.0))
    assert len(days) == 2

    values = {f["vehicle_id"]: {m["column"]: (m["then"], m["now"]) for m in f["moved"]} for f in found["features"]}
    # v1: a day of 10 km two days before becomes 25 km, and a day of 5 km eleven days before comes besides
    assert (values["v1"]["km_365"], values["v1"]["km_7"], values["v1"]["days_driven_28"]) == ((10, 30), (10, 25), (1, 2))
    assert values["v4"]["km_365"] == (None, 0) and set(values) == {"v1", "v4"}

    scores = {s["policy_id"]: s for s in found["scores"]}
    spec = trained().scorer.spec
    then, now, mean = price(10, 2, 1, 2), price(30, 4, 2, 11), spec.fallback_frequency * spec.fallback_severity
    assert then != now
    assert {p: (s["change"], s["reason"]) for p, s in scores.items() if p != "p1"} == {
        "p3": ("changed", "no_consent"), "p4": ("added", "cover_learned_later"), "p5": ("gone", "cover_not_in_force"),
    }  # fmt: skip
    expected = {"p1": (then, now), "p3": (then, mean), "p4": (None, mean), "p5": (then, None)}
    for policy_id, (old, new) in expected.items():
        s = scores[policy_id]
        assert s["pure_premium_then"] == (None if old is None else pytest.approx(old, rel=1e-9)), policy_id
        assert s["pure_premium_now"] == (None if new is None else pytest.approx(new, rel=1e-9)), policy_id
        assert s["change_amount"] == pytest.approx((new or 0) - (old or 0), rel=1e-6)
    assert scores["p1"]["change_share"] == pytest.approx(now / then - 1, abs=1e-8)
    assert scores["p1"]["reason"].endswith(("_90", "_365"))
    assert (found["summary"]["scores"]["rows"], found["summary"]["scores_published"]) == (4, 5)
    assert found["summary"]["reference"] == {"policies": 2, "devices": 0, "consents": 1, "claims": 0}


@pytest.mark.slow
def test_the_night_rerun_gives_what_it_gave(past: tuple[Lake, Path, pd.DataFrame]) -> None:
    lake, conf, scores = past
    ctx = night(lake, load_conf(str(conf)), D)
    features.run(ctx)
    score.run(ctx)
    pd.testing.assert_frame_equal(published_scores(lake), scores)


def test_a_night_that_was_never_published_is_refused(past: tuple[Lake, Path, pd.DataFrame]) -> None:
    said = command(past[1], "restated", "--date", "2026-01-30")
    assert (said.code, said.err.strip().count("\n")) == (8, 0)
    assert "night 2026-01-30 has not been published" in said.err


def test_tables_and_csv_print_the_rows(past: tuple[Lake, Path, pd.DataFrame]) -> None:
    said = command(past[1], "restated", "--date", str(D), "--format", "csv", "--limit", "1")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == "# trips" and lines[2].startswith("changed,grows,d1,2026-01-29T08:00:00Z,2026-01-29,10000000,25000000,1,2")
    assert "scores_published: 5" in said.err
