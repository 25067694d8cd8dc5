"""Faults of files that come from outside, beside those named in tests/loading."""

import datetime as dt
import json
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import functions as F

from jobs.loading_admission import Wanted, admit
from lake.conf import Conf
from lake.delta import Lake
from lake.log import configure, forget
from lake.storage import list_files
from tests.loading.files import CLAIMS, CLAIMS_HEADER, PHONE, hour, point, run, source, sums, write

CLAIM = "2025-12-01T08:00:00Z,open,5,2026-01-02T00:00:00Z"
MEMORY_BYTES = 16 << 20
"""The admission reads pieces of 1 MB and lines of at most 1 MB, and holds a few of each."""


def test_fault_13_a_truncated_parquet_is_refused_by_name(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    frame = pd.DataFrame([("c1", *CLAIM.split(","))], columns=CLAIMS_HEADER.split(","))
    frame.to_parquet(tmp_path / "good.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "good.parquet").read_bytes()[:-20])
    result = run(lake, conf, source(CLAIMS, format={"type": "parquet"}), tmp_path)
    assert (sums(result), result.refused) == ((1, 1, 0, 0), ((str(tmp_path / "cut.parquet"), "not_parquet"),))
    refused = lake.read("bronze.ledger").where(F.col("status") == "refused").collect()
    assert [(r.source_file, r.reason) for r in refused] == [(str(tmp_path / "cut.parquet"), "not_parquet")]


def test_fault_15_a_column_more_is_read_one_less_is_refused_one_retyped_is_held(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    files = {
        "added.csv": [f"{CLAIMS_HEADER},more", f"c1,{CLAIM},x"],
        "dropped.csv": [CLAIMS_HEADER.replace(",status", ""), "c2,2025-12-01T08:00:00Z,5,2026-01-02T00:00:00Z"],
        "retyped.csv": [CLAIMS_HEADER, f"c3,{CLAIM.replace(',5,', ',five,')}"],
    }
    for name, lines in files.items():
        write(tmp_path / name, lines)
    result = run(lake, conf, source(CLAIMS), tmp_path)
    assert (sums(result), result.reasons) == ((2, 1, 0, 1), {"wrong_type:incurred_minor": 1})
    assert [(Path(p).name, why) for p, why in result.refused] == [("dropped.csv", "header_lacks:status")]
    assert [r.claim_id for r in lake.read("reference.claims").collect()] == ["c1"]
    assert [(Path(p).name, columns) for p, columns in result.unmapped] == [("added.csv", "more")]
    unmapped = {Path(r.source_file).name: r.unmapped for r in lake.read("bronze.ledger").collect()}
    assert unmapped == {"added.csv": ["more"], "dropped.csv": [], "retyped.csv": []}


def test_fault_15_an_added_column_is_named_once_a_load_on_the_terminal_and_in_the_ledger(
    lake: Lake, conf: Conf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(tmp_path / "logs", "r")
    try:
        phone = source(PHONE, ignored=["seq"])
        for name, extra in (("a", {"seq": 1}), ("b", {"seq": 1, "battery": 0.5}), ("c", {"pos": {"lat": 1, "lon": 2, "z": 3}})):
            write(hour(tmp_path, f"{name}.jsonl.gz"), [point(n, **extra) for n in range(3)])
        result = run(lake, conf, phone, tmp_path / "date=2026-01-05")
    finally:
        forget()
    # what is inside a mapped object is not looked into
    assert (result.quarantined, {Path(r.source_file).name: r.unmapped for r in lake.read("bronze.ledger").collect()}) == (
        0, {"a.jsonl.gz": [], "b.jsonl.gz": ["battery"], "c.jsonl.gz": []},
    )  # fmt: skip
    events = [json.loads(x) for x in (tmp_path / "logs" / "telematics.jsonl").read_text().splitlines()]
    warned = [x["files"] for x in events if x["event"] == "columns are read past" and x["level"] == "warning"]
    assert warned == [f"{hour(tmp_path, 'b.jsonl.gz')} (battery)"]
    assert "b.jsonl.gz (battery)" in capsys.readouterr().err


def test_fault_17_a_file_days_late_lands_in_the_partition_of_its_day(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    late = hour(tmp_path, "late.jsonl", date="2026-01-09")
    run(lake, conf, source(PHONE), write(late, [point(20), point(10), point(0), point(-86400)]))
    found = {r.event_date.isoformat(): r["count"] for r in lake.read("bronze.points").groupBy("event_date").count().collect()}
    assert found == {"2026-01-05": 3, "2026-01-04": 1}
    # event_date is what the table's folders are cut by
    assert {p.name for p in (tmp_path / "lake" / "bronze" / "points").glob("event_date=*")} == {f"event_date={d}" for d in found}


def test_fault_18_a_line_of_100_mb_is_refused_within_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as stream:
        for _ in range(100):
            stream.write(b"[" * (1 << 20))
    tracemalloc.start()
    found = admit(list_files(str(path))[0], Wanted("jsonl", "utf-8", ",", ()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.reason, peak < MEMORY_BYTES) == ("line_too_long", True), peak


def test_fault_19_a_device_that_says_2038_is_held(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    doomsday = int(dt.datetime(2038, 1, 19, 3, 14, 7, tzinfo=dt.UTC).timestamp() * 1000)
    result = run(lake, conf, source(PHONE), write(hour(tmp_path), [point(0), point(1, ts=doomsday)]))
    assert (sums(result), result.reasons) == ((2, 1, 0, 1), {"event_in_future": 1})
