"""Admission counts what is there, whatever the pieces a file comes in: hundreds of files, no Spark."""

import gzip
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import loading_admission
from jobs.loading_admission import Admission, Wanted, admit
from lake.storage import list_files

LINES = st.lists(
    st.one_of(
        st.sampled_from(["", " ", "\t\r", "{}", '{"a": 1}', "x" * 90]), st.text(max_size=12).map(lambda s: s.replace("\n", " "))
    ),
    max_size=12,
)
EVERY = settings(max_examples=200, deadline=None, derandomize=True, database=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("admission")


def admitted(path: Path, content: bytes, chunk: int = 7, encoding: str = "utf-8", form: str = "jsonl") -> Admission:
    """Read in pieces of a few bytes, so that every boundary falls somewhere; lines may have 100 bytes."""
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading_admission, "CHUNK_BYTES", chunk)
        patch.setattr(loading_admission, "MAX_LINE_BYTES", 100)
        columns = ("a",) if form == "csv" else ()
        return admit(list_files(str(path))[0], Wanted(form, encoding, ",", columns))


def records(content: bytes) -> int:
    """Lines that hold more than ASCII white space; a mark at the start is none of it."""
    return sum(1 for x in content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if x.strip(b" \t\r\x0b\x0c"))


def expected(content: bytes) -> str | None:
    """Why the content is refused, or None."""
    if any(len(x) > 100 for x in content.split(b"\n")):
        return "line_too_long"
    return "empty_file" if records(content) == 0 else None


@EVERY
@given(lines=LINES, chunk=st.integers(1, 40), mark=st.booleans(), ending=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_records_do_not_depend_on_chunks(folder: Path, lines: list[str], chunk: int, mark: bool, ending: str, last: bool) -> None:
    content = (("\ufeff" if mark else "") + ending.join(lines) + (ending if last else "")).encode()
    found = admitted(folder / "plain.jsonl", content, chunk)
    assert found.reason == expected(content)
    if found.reason is None:
        assert (found.records, found.inflated_bytes) == (records(content), len(content))


@EVERY
@given(lines=LINES, chunk=st.integers(2, 40), cuts=st.lists(st.integers(0, 150), max_size=3), padding=st.integers(0, 9))
def test_gzip_members_in_a_row_are_one_file(folder: Path, lines: list[str], chunk: int, cuts: list[int], padding: int) -> None:
    content = "\n".join(lines).encode()
    places = [0, *sorted(cuts), len(content)]
    members = b"".join(gzip.compress(content[a:b], mtime=0) for a, b in pairwise(places))
    found = admitted(folder / "members.jsonl.gz", members + b"\0" * padding, chunk)
    assert found.reason == expected(content)
    if found.reason is None:
        assert (found.records, found.inflated_bytes) == (records(content), len(content))


@EVERY
@given(cut=st.integers(1, 200), chunk=st.integers(2, 40))
def test_fault_13_a_gzip_cut_anywhere_is_refused(folder: Path, cut: int, chunk: int) -> None:
    whole = gzip.compress(b'{"a": 1}\n' * 5, mtime=0) + gzip.compress(b'{"b": 2}\n' * 5, mtime=0)
    at = len(gzip.compress(b'{"a": 1}\n' * 5, mtime=0))
    left = len(whole) - min(cut, len(whole) - 2)
    found = admitted(folder / "cut.jsonl.gz", whole[:left], chunk)
    # a cut between two members leaves a whole file, which nothing can tell from one that was meant so
    assert found.reason == (None if left == at else "truncated_gzip")


@EVERY
@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_gzip_with_a_flipped_byte_is_refused(folder: Path, place: int, flip: int) -> None:
    content = b"".join(b'{"n": %d}\n' % (n * n * 7919) for n in range(40))
    stored = bytearray(gzip.compress(content, mtime=0))
    # behind the header, whose flags may be read as more header
    stored[10 + place % (len(stored) - 10)] ^= flip
    assert admitted(folder / "flipped.jsonl.gz", bytes(stored), 64).reason is not None


@EVERY
@given(text=st.text(min_size=1, max_size=20), junk=st.sampled_from([b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf"]),
       place=st.integers(0, 20), chunk=st.integers(1, 9))  # fmt: skip
def test_bytes_of_another_encoding_refuse_the_file(folder: Path, text: str, junk: bytes, place: int, chunk: int) -> None:
    before, after = text[:place].encode(), text[place:].encode()
    content = b"{}" + before + junk + after
    assert admitted(folder / "mixed.jsonl", content, chunk).reason == "wrong_encoding"
    # in ISO-8859-1 every byte is a character
    assert admitted(folder / "latin.jsonl", content, chunk, "iso-8859-1").reason is None


@EVERY
@given(length=st.integers(90, 120), before=st.integers(0, 3), chunk=st.integers(1, 250), ended=st.booleans())
def test_the_longest_line_is_judged_exactly(folder: Path, length: int, before: int, chunk: int, ended: bool) -> None:
    content = b"{}\n" * before + b"x" * length + (b"\n{}\n" if ended else b"")
    assert (admitted(folder / "long.jsonl", content, chunk).reason == "line_too_long") == (length > 100)


@EVERY
@given(columns=st.lists(st.sampled_from(["a", "b", "é", "c d"]), min_size=1, max_size=4, unique=True), mark=st.booleans(),
       rows=st.integers(0, 4), quoted=st.booleans(), chunk=st.integers(1, 9))  # fmt: skip
def test_a_csv_header_is_no_record(folder: Path, columns: list[str], mark: bool, rows: int, quoted: bool, chunk: int) -> None:
    header = ",".join(f'"{x}"' if quoted else x for x in columns)
    content = (("\ufeff" if mark else "") + header + "\n" + "1,2\n" * rows).encode()
    found = admitted(folder / "table.csv", content, chunk, form="csv")
    assert (found.reason, found.records) == ((None, rows) if "a" in columns else ("header_lacks:a", 0))


@EVERY
@given(blanks=st.integers(100_000, 300_000), level=st.integers(1, 9))
def test_fault_18_no_more_is_inflated_than_the_limit_and_a_piece(folder: Path, blanks: int, level: int) -> None:
    packer = zlib.compressobj(level, wbits=31)
    stored = packer.compress(b"\n" * blanks) + packer.flush()
    path, inflated = folder / "bomb.jsonl.gz", 0
    path.write_bytes(stored)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading_admission, "CHUNK_BYTES", 1024)
        patch.setattr(loading_admission, "MAX_INFLATED_BYTES", 50_000)
        piece = loading_admission._piece

        def counted(member: "zlib._Decompress", pending: bytes) -> tuple[bytes, bytes]:
            nonlocal inflated
            found = piece(member, pending)
            inflated += len(found[0])
            return found

        patch.setattr(loading_admission, "_piece", counted)
        found = admit(list_files(str(path))[0], Wanted("jsonl", "utf-8", ",", ()))
    assert found.reason == "inflates_too_much"
    assert inflated <= 50_000 + 1024
