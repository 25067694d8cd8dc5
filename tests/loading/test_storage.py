"""Listing files on disk and on S3; the S3 server runs on this machine's loopback."""

from pathlib import Path

import pytest

from jobs.loading_admission import Wanted, admit
from lake.errors import InputError
from lake.storage import join, list_files, opened, spark_path
from tests.servers import S3

NAMES = ("date=2026-01-05/hour=01/a.jsonl", "date=2026-01-06/hour=02/b.jsonl", "date=2026-01-06/_tmp/c.jsonl", "other/d.csv")


def _names(pattern: str, root: str) -> list[str]:
    return [f.path.removeprefix(root) for f in list_files(pattern)]


def test_local_paths_globs_and_folders(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    root = f"{tmp_path}/"
    assert _names(f"{root}date=*/hour=*/*.jsonl", root) == list(NAMES[:2])
    assert _names(f"{root}date=2026-01-06", root) == [NAMES[1]]  # what begins with _ is not finished
    assert _names(f"{root}**/*.csv", root) == [NAMES[3]]
    assert _names(root + NAMES[0], root) == [NAMES[0]]
    assert _names(f"{root}nothing*", root) == []
    before = list_files(root + NAMES[0])[0].fingerprint
    (tmp_path / NAMES[0]).write_text("xy")
    assert list_files(root + NAMES[0])[0].fingerprint != before


def test_landing_globs_stay_below_their_root() -> None:
    assert join("s3://bucket/raw/", "a/*.gz") == "s3://bucket/raw/a/*.gz"
    for pattern in ("../secret/*", "a/../../b", "/etc/*"):
        with pytest.raises(InputError, match="leaves the folder"):
            join("/data", pattern)


def test_spark_takes_a_path_as_it_is() -> None:
    assert spark_path("/a/[1] {x}*.csv") == r"file:///a/\[1\] \{x\}\*.csv"


def test_s3_globs_and_prefixes(s3: S3, bucket: str) -> None:
    for name in NAMES:
        s3.client().put_object(Bucket=bucket, Key=f"raw/{name}", Body=b"{}\n")
    root = f"s3://{bucket}/raw/"
    assert _names(f"{root}date=*/hour=*/*.jsonl", root) == list(NAMES[:2])
    assert _names(f"{root}date=2026-01-06", root) == [NAMES[1]]
    assert _names(f"{root}**/*.csv", root) == [NAMES[3]]
    with opened(root + NAMES[0]) as stream:
        assert stream.read() == b"{}\n"
    found = admit(list_files(root + NAMES[0])[0], Wanted("jsonl", "utf-8", ",", ()))
    assert (found.records, found.reason) == (1, None)
    with pytest.raises(InputError, match="cannot list s3://nosuch/"):
        list_files("s3://nosuch/x")


def test_fault_18_a_gzip_bomb_is_refused_within_bounded_memory(tmp_path: Path) -> None:
    import gzip
    import tracemalloc

    bomb = tmp_path / "bomb.jsonl.gz"
    with gzip.open(bomb, "wb") as stream:
        for _ in range(64):
            stream.write(b"\n" * (1 << 20))  # 64 MB of line breaks in some 64 kB
    tracemalloc.start()
    found = admit(list_files(str(bomb))[0], Wanted("jsonl", "utf-8", ",", ()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.reason == "inflates_too_much"
    # a megabyte of empty lines is some 60 MB of list at most; 64 of them would be gigabytes
    assert peak < 200 << 20
