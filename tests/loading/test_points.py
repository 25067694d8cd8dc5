"""Raw points: every record is accepted, a duplicate or quarantined with its reasons, once."""

import datetime as dt
import shutil
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from jobs import loading
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import InputError
from tests.loading.files import NOON, PHONE, hour, point, run, source, sums, utc, write


def test_fault_14_a_nasty_file_is_accounted_for_line_by_line(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    deep = '{"device":"d1","x":' + "[" * 21 + "]" * 21 + "}"
    lines = [
        "\ufeff" + point(0),  # 1: a byte-order mark is no part of the record
        point(0),  # 2: line 1 once more
        "\t \x0b\x0c",  # 3: blank, no record
        '{"device": "d1", "ts": ',  # 4
        "[1, 2]",  # 5
        point(1) + point(2),  # 6: two records on a line
        deep,  # 7
        point(3, pos={"lat": 91, "lon": 0}),  # 8
        point(4, speed="fast"),  # 9
        point(5, speed=float("nan")),  # 10: json writes NaN
        point(6, device=None),  # 11
        point(7, ts=1000),  # 12: 1970
        point(8, ts=4_070_908_800_000),  # 13: 2099
        point(9, phone="maybe", heading=400),  # 14: two reasons
        point(10, phone=1, note='"}{" in a text'),  # 15: good
    ]
    file = write(hour(tmp_path), lines, ending=b"\r\n")
    result = run(lake, conf, source(PHONE), file)
    # 15 lines, one blank: 14 records; lines 1 and 15 good, 2 a duplicate, 11 others refused
    assert sums(result) == (14, 2, 1, 11)
    found = {r.source_line: sorted(r.reasons) for r in lake.read("bronze.quarantine").collect()}
    assert found == {
        4: ["malformed_json"], 5: ["malformed_json"], 6: ["malformed_json"], 7: ["malformed_json"],
        8: ["out_of_range:lat"], 9: ["wrong_type:speed_mps"], 10: ["not_finite:speed_mps"], 11: ["missing:device_id"],
        12: ["event_before_2000"], 13: ["event_in_future"], 14: ["out_of_range:heading_deg", "wrong_type:phone_use"],
    }  # fmt: skip
    raw = {r.source_line: r.raw_text for r in lake.read("bronze.quarantine").collect()}
    assert raw[9] == lines[8]
    points = {r.source_line: r for r in lake.read("bronze.points").collect()}
    assert set(points) == {1, 15}
    assert points[1].speed_mps == pytest.approx(10.0)  # 36 km/h
    assert (points[1].lat, points[1].phone_use, points[15].phone_use) == (48.1, False, True)
    # the folder says hour 13, so what it holds was there by 13:59:59
    assert utc(points[1].received_ts) == dt.datetime(2026, 1, 5, 13, 59, 59, tzinfo=dt.UTC)
    row = lake.read("bronze.ledger").collect()[0]
    assert (row.read, row.accepted, row.duplicate, row.quarantined, row.status) == (14, 2, 1, 11, "ingested")


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_a_mark_alone_on_the_first_line_is_a_blank_line(lake: Lake, conf: Conf, tmp_path: Path, ending: bytes) -> None:
    file = write(hour(tmp_path), ["\ufeff", point(0), "", "\t\t"], ending=ending)
    assert sums(run(lake, conf, source(PHONE), file)) == (1, 1, 0, 0)
    assert lake.read("bronze.points").first()["source_line"] == 2


def test_fault_16_points_count_once_however_often_they_come(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    phone = source(PHONE)
    first = write(hour(tmp_path, "a.jsonl.gz"), [point(0), point(1)])
    copy = hour(tmp_path, "copy.jsonl.gz")
    shutil.copyfile(first, copy)
    again = write(hour(tmp_path, "b.jsonl.gz"), [point(1), point(2)])
    # a and its copy are one content; b repeats point 1 and adds point 2
    result = run(lake, conf, phone, tmp_path)
    assert sums(result) == (6, 3, 3, 0)
    assert result.duplicate_files == 1
    statuses = {Path(r.source_file).name[0]: (r.status, r.read, r.duplicate) for r in lake.read("bronze.ledger").collect()}
    assert statuses == {"a": ("ingested", 2, 0), "c": ("duplicate_file", 2, 2), "b": ("ingested", 2, 1)}
    # known files are not read again; a copy under a new name is a duplicate, once
    renamed = hour(tmp_path, "renamed.jsonl.gz", of_day="14")
    renamed.parent.mkdir()
    shutil.copyfile(again, renamed)
    later = run(lake, conf, phone, tmp_path)
    assert (later.known, sums(later)) == (3, (2, 0, 2, 0))
    points = lake.read("bronze.points").collect()
    assert len(points) == 3
    # of the two lines with point 1 the first file's stays
    assert {(Path(r.source_file).name[0], r.source_line) for r in points} == {("a", 1), ("a", 2), ("b", 2)}


def test_same_time_with_another_payload_is_kept(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    file = write(hour(tmp_path), [point(0), point(0, speed=72.0)])
    assert sums(run(lake, conf, source(PHONE), file)) == (2, 2, 0, 0)
    assert lake.read("bronze.points").select("record_id").distinct().count() == 2


def test_a_load_killed_before_the_ledger_gives_the_same_sums(
    lake: Lake, conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(hour(tmp_path), [point(0), point(0), point(1), "{"])
    options = {"date": dt.date(2026, 1, 5)}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loading, "write_ledger", killed)
        with pytest.raises(KeyboardInterrupt):
            run(lake, conf, source(PHONE), file, **options)
    assert lake.read("bronze.points").count() == 2 and not lake.exists("bronze.ledger")
    shutil.rmtree(tmp_path / "lake" / "_staging")  # even without what was staged
    assert sums(run(lake, conf, source(PHONE), file, **options)) == (4, 2, 1, 1)
    # forced again for the same date: read again, the same sums, nothing new in any table
    assert sums(run(lake, conf, source(PHONE), file, **options)) == (4, 2, 1, 1)
    counts = {name: lake.read(f"bronze.{name}").count() for name in ("points", "quarantine", "ledger")}
    assert counts == {"points": 2, "quarantine": 1, "ledger": 1}
    assert not list((tmp_path / "lake" / "_staging" / "load").iterdir())


def test_fault_13_refused_files_stop_no_other_and_are_named(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    good = write(hour(tmp_path, "good.jsonl.gz"), [point(0)])
    content = good.read_bytes()
    broken = {
        "cut.jsonl.gz": (content[:-9], "truncated_gzip"),
        "crc.jsonl.gz": (content[:-8] + b"\0\0\0\0" + content[-4:], "corrupt_gzip"),
        "nothing.jsonl": (b"", "empty_file"),
        "long.jsonl": (b"x" * (1 << 20) + b"x\n", "line_too_long"),
        "latin.jsonl": ('{"device": "Jos\u00e9"}\n'.encode("iso-8859-1"), "wrong_encoding"),
        "plain.jsonl.gz": (b"{}\n", "corrupt_gzip"),
        "zipped.jsonl": (content, "gzip_without_gz_suffix"),
    }
    for name, (bytes_, _) in broken.items():
        hour(tmp_path, name).write_bytes(bytes_)
    result = run(lake, conf, source(PHONE), tmp_path / "date=*" / "hour=*" / "*")
    assert sums(result) == (1, 1, 0, 0)
    assert {Path(p).name: reason for p, reason in result.refused} == {name: reason for name, (_, reason) in broken.items()}
    refused = lake.read("bronze.ledger").where(F.col("status") == "refused").collect()
    assert len(refused) == 7 and {r.read for r in refused} == {0}
    with pytest.raises(InputError, match=r"7 files refused: .*crc.jsonl.gz \(corrupt_gzip\).* and 4 more"):
        result.raise_for_refused()
    # tried again, with no second row in the ledger
    assert len(run(lake, conf, source(PHONE), tmp_path / "date=2026-01-05").refused) == 7
    assert lake.read("bronze.ledger").count() == 8


def test_a_late_file_is_known_from_the_floor_on(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    file = write(hour(tmp_path), [point(0)])
    floor = dt.datetime(2026, 1, 8, tzinfo=dt.UTC)
    run(lake, conf, source(PHONE), file, floor=floor)
    assert utc(lake.read("bronze.points").collect()[0].received_ts) == floor


def test_received_at_must_be_said_where_the_source_does_not(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    silent = source(PHONE, received=None)
    file = write(tmp_path / "x.jsonl", [point(0)])
    with pytest.raises(InputError, match="give --received-at or --date"):
        run(lake, conf, silent, file)
    run(lake, conf, silent, file, received_at=NOON + dt.timedelta(hours=1))
    assert utc(lake.read("bronze.points").collect()[0].received_ts) == NOON + dt.timedelta(hours=1)
    with pytest.raises(InputError, match="no files match"):
        run(lake, conf, silent, tmp_path / "none*.jsonl", received_at=NOON)


def test_lines_keep_their_numbers_in_a_file_read_in_pieces(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    file = write(hour(tmp_path, "plain.jsonl"), [point(i) if i != 300 else "{" for i in range(400)])
    lake.spark.conf.set("spark.sql.files.maxPartitionBytes", "10000")
    try:
        assert sums(run(lake, conf, source(PHONE), file)) == (400, 399, 0, 1)
    finally:
        lake.spark.conf.unset("spark.sql.files.maxPartitionBytes")
    assert lake.read("bronze.quarantine").collect()[0].source_line == 301
    seconds = F.unix_timestamp("event_ts") - int(NOON.timestamp())
    assert lake.read("bronze.points").where(seconds + 1 != F.col("source_line")).isEmpty()
