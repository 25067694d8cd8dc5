"""National varieties of CSV, damaged Parquet, drifting schemas and hostile files."""

import datetime as dt
import gzip
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from jobs.loading_admission import MAX_GZIP_MEMBERS, Wanted, admit
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import InputError
from lake.storage import list_files
from tests.loading.files import CLAIMS, PHONE, hour, point, run, source, sums, utc, write
from transforms.records import PAYLOAD

DRIVE = """
name: drive
description: a spreadsheet of the tests
format: {type: csv, delimiter: ";", decimal: ",", thousands: ".", encoding: windows-1252}
received: {columns: [Tag, Zeit], format: "dd.MM.yyyy h:mm:ss a", zone: Europe/Berlin}
consent: {required: false, waiver: made up}
columns:
  device_id: {column: Gerät}
  event_ts: {time: {columns: [Tag, Zeit], format: "dd.MM.yyyy h:mm:ss a", zone: Europe/Berlin}}
  altitude_m: {column: Höhe, unit: m}
"""
JSONL = Wanted("jsonl", "utf-8", ",", ())


def test_a_german_spreadsheet(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    lines = [
        "Gerät;Tag;Zeit;Höhe",
        "A–€;05.01.2026;1:30:00 PM;1.234,5",
        '"a;b";05.01.2026;12:00:00 AM;12,5',
        "c;05.01.2026;1:30:00 PM;12.5",  # a point that groups no thousands is no number
    ]
    file = write(tmp_path / "drive.csv", [x.encode("windows-1252") for x in lines], ending=b"\r\n")
    result = run(lake, conf, source(DRIVE), file)
    assert (sums(result), result.reasons) == ((3, 2, 0, 1), {"wrong_type:altitude_m": 1})
    points = {r.device_id: r for r in lake.read("bronze.points").collect()}
    # Berlin is an hour ahead in January; 12 AM is midnight
    assert utc(points["A–€"].event_ts) == dt.datetime(2026, 1, 5, 12, 30, tzinfo=dt.UTC)
    assert utc(points["a;b"].event_ts) == dt.datetime(2026, 1, 4, 23, tzinfo=dt.UTC)
    assert (points["A–€"].altitude_m, points["a;b"].altitude_m) == (1234.5, 12.5)


def test_a_json_line_is_read_alike_by_type_and_as_text(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    # the same numbers in quotes do not fit the types, and are read as text
    values = {"speed": 36.125, "heading": 1e-7}
    file = write(hour(tmp_path), [point(0, **values), point(0, **{k: str(v) for k, v in values.items()})])
    assert sums(run(lake, conf, source(PHONE), file)) == (2, 1, 1, 0)
    row = lake.read("bronze.points").select("speed_mps", "heading_deg", F.to_json(F.struct(*PAYLOAD)).alias("payload")).first()
    assert row is not None and (row.speed_mps, row.heading_deg) == (36.125 * (1 / 3.6), 1e-7)


def test_a_damaged_page_refuses_the_file_and_no_other(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    stamps = pa.array([dt.datetime(2026, 1, 2)] * 3, pa.timestamp("ns"))
    table = pa.table({
        "claim_id": ["a", "b", "c"], "occurred": ["2025-12-01T08:00:00Z"] * 3,
        "status": pa.array(["open"] * 3).dictionary_encode(),
        "incurred": pa.array([5, 6, 7]).cast(pa.decimal128(21, 0)), "known_from": stamps,
    })  # fmt: skip
    # times as INT96, as old writers have them
    pq.write_table(table, tmp_path / "good.parquet", use_deprecated_int96_timestamps=True)
    pq.write_table(table, tmp_path / "bad.parquet", compression="zstd")
    content = bytearray((tmp_path / "bad.parquet").read_bytes())
    content[4:200] = b"\xff" * 196
    (tmp_path / "bad.parquet").write_bytes(content)
    pq.write_table(table, tmp_path / "nanos.parquet")
    nested = table.set_column(0, "claim_id", pa.array([["a"], ["b"], ["c"]]))
    pq.write_table(nested, tmp_path / "nested.parquet")
    result = run(lake, conf, source(CLAIMS, format={"type": "parquet"}), tmp_path)
    assert {Path(p).stem: why for p, why in result.refused} == {
        "bad": "corrupt_parquet", "nanos": "nanoseconds:known_from", "nested": "retyped:claim_id",
    }  # fmt: skip
    assert (result.read, result.accepted, sorted(r.incurred_minor for r in lake.read("reference.claims").collect())) == (
        3, 3, [5, 6, 7],
    )  # fmt: skip


def test_a_retyped_column_is_named_and_other_files_go_on(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    write(hour(tmp_path, "good.jsonl.gz"), [point(n, extra=1) for n in range(3)])
    write(hour(tmp_path, "changed.jsonl.gz"), [point(n, device="d2", heading="north") for n in range(10)])
    result = run(lake, conf, source(PHONE), tmp_path)
    assert sums(result) == (13, 3, 0, 10)
    with pytest.raises(InputError, match=r"not as mapped: .*changed.jsonl.gz \(in every record: wrong_type:heading_deg\)"):
        result.raise_for_refused()


def test_files_in_other_line_ends_and_encodings_are_refused(tmp_path: Path) -> None:
    contents = {
        "mac.csv": (b"a;b\r1;2\r3;4", "lines_end_in_cr"),
        "wide.csv": ("a;b\n1;2\n".encode("utf-16"), "wrong_encoding"),
        "hole.csv": (b"a;b\n\x81;2\n", "wrong_encoding"),
    }
    for name, (content, reason) in contents.items():
        (tmp_path / name).write_bytes(content)
        assert admit(list_files(str(tmp_path / name))[0], Wanted("csv", "windows-1252", ";", ("a", "b"))).reason == reason


def test_a_long_line_and_countless_gzip_members_end_early(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "long.jsonl.gz", "wb") as stream:
        for _ in range(100):
            stream.write(b"x" * (1 << 20))  # one line of 100 MB
    found = admit(list_files(str(tmp_path / "long.jsonl.gz"))[0], JSONL)
    assert found.reason == "line_too_long"
    (tmp_path / "members.jsonl.gz").write_bytes(gzip.compress(b"", mtime=0) * (MAX_GZIP_MEMBERS + 1))
    begun = time.process_time()
    assert admit(list_files(str(tmp_path / "members.jsonl.gz"))[0], JSONL).reason == "too_many_gzip_members"
    assert time.process_time() - begun < 20
