import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from jobs.context import JobContext, JobResult
from jobs.nights import WITHDRAWAL, Attempt, record
from jobs.page import DATA, draw, run
from lake.clock import cutoff, last_second
from lake.conf import Conf
from lake.delta import Lake
from tests.jobs.context import exposing
from tests.monitoring.test_page import night, stopped

D = dt.date(2026, 3, 2)
BEFORE = D - dt.timedelta(days=1)
LONG_AGO = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
LINEAGE = ("pure-premium-liability", "7", "run", "v1", "ab" * 8, cutoff(D))


def append(lake: Lake, name: str, *rows: dict[str, Any]) -> None:
    schema = lake.table(name).schema
    lake.append_once(
        name, lake.spark.createDataFrame([tuple(r.get(n) for n in schema.names) for r in rows], schema).coalesce(1), name
    )


def policy(n: int) -> dict[str, Any]:
    return {
        "policy_id": f"p{n}", "vehicle_id": f"v{n}", "coverage": "liability", "valid_from": LONG_AGO, "currency": "EUR",
        "known_from": LONG_AGO,
    }  # fmt: skip


def score(n: int, date: dt.date, price: float, **changes: Any) -> dict[str, Any]:
    row = {
        "policy_id": f"p{n}", "vehicle_id": f"v{n}", "coverage": "liability", "score_date": date, "role": "champion",
        "pure_premium": price, "currency": "EUR", "fallback": False, "lineage": LINEAGE,
        "reasons": [("brake_per_100km_90", "harsh braking", 3.0, 0.2)],
    }  # fmt: skip
    return row | changes


def context(lake: Lake, conf: Conf, date: dt.date, previous: dt.date | None) -> JobContext:
    return JobContext(conf, lake, date, previous, "test", lambda name, df: None)


@pytest.fixture
def book(lake: Lake) -> Lake:
    """p1 and p2 are scored on both nights, p3 is in force and forgotten on the second."""
    append(lake, "reference.policies", policy(1), policy(2), policy(3))
    moved = {"previous_pure_premium": 100.0, "change": 0.5, "change_reason": "brake_per_100km_90"}
    append(
        lake, "gold.policy_scores", score(1, BEFORE, 100.0), score(2, BEFORE, 300.0), score(3, BEFORE, 200.0),
        score(1, D, 150.0, **moved), score(2, D, 300.0, fallback=True, fallback_reason="no_trips"),
    )  # fmt: skip
    file = {
        "source": "sim_phone", "target": "bronze.points", "source_file": "a.gz", "content_sha256": "x", "status": "ingested",
        "batch_date": D, "read": 10, "accepted": 7, "duplicate": 1, "quarantined": 2, "received_ts": last_second(D),
    }  # fmt: skip
    refused = file | {"source_file": "b.gz", "content_sha256": "y", "status": "refused", "reason": "truncated_gzip"}
    append(lake, "bronze.ledger", file, refused | dict.fromkeys(("read", "accepted", "duplicate", "quarantined"), 0))
    bad = {
        "source": "sim_phone", "target": "bronze.points", "source_file": "a.gz", "source_line": 1, "content_sha256": "x",
        "received_ts": last_second(D),
    }  # fmt: skip
    append(
        lake, "bronze.quarantine", bad | {"quarantine_id": "1", "reasons": ["malformed_json"]},
        bad | {"quarantine_id": "2", "reasons": ["malformed_json", "missing:lat"]},
    )  # fmt: skip
    started = dt.datetime(2026, 3, 3, 1, tzinfo=dt.UTC)
    for job, start, end in ((WITHDRAWAL, -9, -8), ("score", 0, 9), ("drift", 9, 39), ("performance", 9, 29)):
        at = Attempt(D, job, "test", started + dt.timedelta(seconds=start), started + dt.timedelta(seconds=end))
        record(lake, at, "finished", JobResult(2, "done"))
    return lake


def test_two_nights_without_drift_and_performance(book: Lake, conf: Conf) -> None:
    nights = conf.reports_path / "nights"
    first = run(context(book, conf, BEFORE, None))
    # all three scored, nothing else to tell
    assert first.detail["light"] == "green"
    assert f"{D}" not in (nights / f"{BEFORE}" / "index.html").read_text()

    second = run(context(book, conf, D, BEFORE))
    assert second.detail["light"] == "red"
    data = json.loads((nights / f"{D}" / DATA).read_text())
    assert (data["in_force"], data["missing"], data["fallbacks"]) == (3, 1, {"no_trips": 1})
    # (150 + 300) / 2 against (100 + 300 + 200) / 3
    assert [(b["scored"], b["mean"], b["mean_before"], b["total_before"]) for b in data["books"]] == [(2, 225.0, 200.0, 600.0)]
    assert data["moved"] == {"5%": 1, "10%": 1, "25%": 1}
    assert [(m["policy_id"], m["change"], m["why"]) for m in data["movers"]] == [("p1", 0.5, "harsh braking (last 90 days)")]
    assert data["quarantine"] == {"malformed_json": 2, "missing:lat": 1}
    assert [(s["files"], s["refused_files"], s["read"], s["quarantined"]) for s in data["sources"]] == [(2, 1, 10, 2)]
    assert data["sources"][0]["refused"] == {"b.gz": "truncated_gzip"}
    assert data["seconds"] == {"score": 9.0, "performance": 20.0, "drift": 30.0}
    # drift and performance ran beside each other
    assert data["vcpu_hours"] == pytest.approx(39 * book.spark.sparkContext.defaultParallelism / 3600)
    assert [(m["name"], m["version"]) for m in data["models"]] == [("pure-premium-liability", "7")]

    page = (nights / f"{D}" / "index.html").read_text()
    assert "1 of 3 covers in force have no score" in page
    # the night before has learned that there is one after it
    assert f'href="../{D}/index.html"' in (nights / f"{BEFORE}" / "index.html").read_text()
    assert f"nights/{BEFORE}/index.html" in (conf.reports_path / "index.html").read_text()


def test_metrics_are_those_of_the_last_night(book: Lake, conf: Conf, tmp_path: Path) -> None:
    mine, file = exposing(conf, tmp_path)
    run(context(book, mine, D, BEFORE))
    of_the_last = file.read_text()
    # an operator runs the night before again: it is green, and the last is red
    assert run(context(book, mine, BEFORE, None)).detail["light"] == "green"
    assert file.read_text() == of_the_last and "telematics_night_light 2.0" in of_the_last


def test_the_page_of_a_stopped_night_stands_until_the_nights_own_is_drawn(tmp_path: Path) -> None:
    folder = tmp_path / "nights" / f"{D}"
    folder.mkdir(parents=True)
    said = []
    for data in (stopped(date=D), night(date=D)):
        (folder / DATA).write_text(data.model_dump_json())
        draw(tmp_path, D)
        pages = (folder / "index.html").read_text(), (tmp_path / "index.html").read_text()
        said.append([("The night stopped in job score" in page, "All 90 prices are in place" in page) for page in pages])
    assert said == [[(True, False)] * 2, [(False, True)] * 2]
