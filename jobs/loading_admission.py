"""Admission: each file is read once as a stream, in the executors, before Spark parses any of them.

Spark alone keeps half of a truncated gzip in silence or fails the whole read, and inflates a bomb until memory ends.
"""

import codecs
import csv
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from tempfile import NamedTemporaryFile
from typing import IO

import numpy as np

from lake.s3 import on_s3
from lake.storage import StoredFile, opened

CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 20
"""A record is a few hundred bytes; a thousand times that is no record."""
MAX_INFLATED_BYTES = 4 << 30
"""Delivery streams cut files at some 100 MB."""
MAX_RATIO = 200
"""Telematics text compresses 5 to 30 times; deflate ends at 1,032, which is where bombs are."""
RATIO_FROM_BYTES = 10 << 20
MAX_GZIP_MEMBERS = 100_000
"""A stream that zips each batch of records makes some thousands a file; members without content cost time and inflate nothing."""
SLICE_BYTES = 64 << 10
"""zlib hands back what follows a member as a copy: of a slice, not of a chunk."""
PARQUET_BATCH_ROWS = 65_536
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
GZIP_MAGIC = b"\x1f\x8b"
IS_SPACE = np.isin(np.arange(256), list(b" \t\n\r\x0b\x0c"))
"""By byte: white space, which is all that a blank line has."""


@dataclass(frozen=True)
class Wanted:
    """What a source's files must look like."""

    type: str
    encoding: str
    delimiter: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Admission:
    """What was found in a file; `records` are lines that are not blank, less a CSV header; `header` is a CSV's first line
    or a Parquet's schema; `columns` are its columns, of JSON lines those of the first. `reason` says why it is refused, or is
    None."""

    file: StoredFile
    content_sha256: str
    inflated_bytes: int = 0
    records: int = 0
    header: str = ""
    columns: tuple[str, ...] = ()
    reason: str | None = None


class Refused(Exception):
    """The file is refused; the message is the reason."""


def admit(file: StoredFile, wanted: Wanted) -> Admission:
    """Read a file to its end within bounded memory and say whether its records may be parsed."""
    digest = hashlib.sha256()
    found = Admission(file, "")
    with opened(file.path) as stream:
        chunks = _hashed(stream, digest)
        try:
            _check_path(file.path)
            found = _parquet(file, chunks, wanted) if wanted.type == "parquet" else _text(file, chunks, wanted)
        except Refused as e:
            found = replace(found, reason=str(e))
        for _ in chunks:
            pass
    return replace(found, content_sha256=digest.hexdigest())


def _check_path(path: str) -> None:
    """An object of S3 may be named `a/../b`, which Spark would take for another one."""
    place = path.partition("://")[2] or path.removeprefix("/")
    if {"", ".", ".."} & set(place.split("/")):
        raise Refused("path_not_plain")


def csv_columns(header: str, delimiter: str) -> list[str]:
    """Column names of a CSV header line; [] for an empty one."""
    return next(csv.reader([header], delimiter=delimiter), [])


def _hashed(stream: IO[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        digest.update(chunk)
        yield chunk


@dataclass
class _Lines:
    """Counts lines that are not blank in a stream of chunks; holds no more than the line it is in."""

    encoding: str
    filled: int = 0
    first: bytes | None = None
    inflated: int = 0
    _tail: bytes = b""
    _decoder: codecs.IncrementalDecoder = field(init=False)

    def __post_init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder(self.encoding)()

    def feed(self, chunk: bytes, final: bool = False) -> None:
        """Take in one chunk. Raises Refused for a line over the limit or bytes that are not of the encoding."""
        self.inflated += len(chunk)
        self._decode(chunk, final)
        end = chunk.rfind(b"\n") + 1
        whole, self._tail = (self._tail + chunk[:end], chunk[end:]) if end else (b"", self._tail + chunk)
        if final and self._tail:
            whole, self._tail = self._tail + b"\n", b""
        if len(self._tail) > MAX_LINE_BYTES:
            raise Refused("line_too_long")
        if whole:
            self._count(whole)

    def _decode(self, chunk: bytes, final: bool) -> None:
        if chunk.isascii() and not self._decoder.getstate()[0]:
            return
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError as e:
            raise Refused("wrong_encoding") from e

    def _count(self, whole: bytes) -> None:
        """Take in lines that have ended."""
        if self.first is None:
            if whole.startswith(UTF_16):
                raise Refused("wrong_encoding")
            whole = whole.removeprefix(codecs.BOM_UTF8)
            self.first = whole[: whole.index(b"\n")]
        text = np.frombuffer(whole, np.uint8)
        ends = np.flatnonzero(text == ord("\n"))
        begins = np.r_[0, ends[:-1] + 1]
        if (ends - begins).max() > MAX_LINE_BYTES:
            raise Refused("line_too_long")
        # files that were put one after another have a mark in the middle, which the parser takes off as well
        marked = (text[begins] == codecs.BOM_UTF8[0]) & (self.encoding == "utf-8")
        doubtful = np.flatnonzero(IS_SPACE[text[begins]] | marked)
        lines = (whole[begins[i] : ends[i]].removeprefix(codecs.BOM_UTF8 if marked[i] else b"") for i in doubtful.tolist())
        blank = sum(1 for line in lines if not line.strip())
        self.filled += len(ends) - blank


def _text(file: StoredFile, chunks: Iterator[bytes], wanted: Wanted) -> Admission:
    lines = _Lines(wanted.encoding)
    for chunk in _inflated(chunks, file.path.endswith(".gz")):
        lines.feed(chunk)
    lines.feed(b"", final=True)
    if lines.filled == 0:
        raise Refused("empty_file")
    if lines.filled == 1 and b"\r" in (lines.first or b"").rstrip(b"\r"):
        raise Refused("lines_end_in_cr")
    found = Admission(file, "", lines.inflated, lines.filled)
    if wanted.type == "jsonl":
        return replace(found, columns=_json_columns(lines.first or b""))
    header = (lines.first or b"").decode(wanted.encoding).rstrip("\r")
    columns = csv_columns(header, wanted.delimiter)
    _check_columns(wanted, columns)
    return replace(found, records=lines.filled - 1, header=header, columns=tuple(columns))


def _json_columns(line: bytes) -> tuple[str, ...]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return ()
    return tuple(record) if isinstance(record, dict) else ()


def _inflated(chunks: Iterator[bytes], named_gz: bool) -> Iterator[bytes]:
    """Inflated bytes in bounded pieces; several gzip members in a row are one stream, as gzip has it.

    Spark tells compression by the name, so content that belies it is refused rather than misread.
    """
    first = next(chunks, b"")
    zipped = first.startswith(GZIP_MAGIC)
    if first and zipped != named_gz:
        raise Refused("corrupt_gzip" if named_gz else "gzip_without_gz_suffix")
    if not zipped:
        yield from _limited(first, chunks)
        return
    stored = inflated = members = 0
    member = zlib.decompressobj(wbits=31)
    for chunk in _slices(_chain(first, chunks)):
        stored += len(chunk)
        pending = chunk
        while pending:
            if member.eof:
                if not pending.strip(b"\0"):
                    break
                member, members = zlib.decompressobj(wbits=31), members + 1
                if members >= MAX_GZIP_MEMBERS:
                    raise Refused("too_many_gzip_members")
            piece, pending = _piece(member, pending)
            inflated += len(piece)
            if inflated > MAX_INFLATED_BYTES or (inflated > RATIO_FROM_BYTES and inflated > MAX_RATIO * stored):
                raise Refused("inflates_too_much")
            yield piece
    if not member.eof:
        raise Refused("truncated_gzip")


def _slices(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for begin in range(0, len(chunk), SLICE_BYTES):
            yield chunk[begin : begin + SLICE_BYTES]


def _piece(member: "zlib._Decompress", pending: bytes) -> tuple[bytes, bytes]:
    try:
        piece = member.decompress(pending, CHUNK_BYTES)
    except zlib.error as e:
        raise Refused("corrupt_gzip") from e
    return piece, member.unused_data if member.eof else member.unconsumed_tail


def _limited(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in _chain(first, chunks):
        size += len(chunk)
        if size > MAX_INFLATED_BYTES:
            raise Refused("inflates_too_much")
        yield chunk


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _parquet(file: StoredFile, chunks: Iterator[bytes], wanted: Wanted) -> Admission:
    if file.size_bytes == 0:
        raise Refused("empty_file")
    if not on_s3(file.path):
        return _pages(file, file.path, wanted)
    with NamedTemporaryFile(suffix=".parquet") as copy:
        for chunk in chunks:
            copy.write(chunk)
        copy.flush()
        return _pages(file, copy.name, wanted)


def _pages(file: StoredFile, path: str, wanted: Wanted) -> Admission:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as e:
        raise Refused("not_parquet") from e
    with content:
        schema = content.schema_arrow
        _check_columns(wanted, schema.names)
        nested = [x.name for x in schema if x.name in wanted.columns and pa.types.is_nested(x.type)]
        if nested:
            raise Refused(f"retyped:{','.join(nested)}")
        try:
            for _ in content.iter_batches(PARQUET_BATCH_ROWS, columns=list(wanted.columns)):
                pass
        except (pa.ArrowException, OSError) as e:
            raise Refused("corrupt_parquet") from e
        # Spark reads those of old writers, which are INT96
        stored = [content.schema.column(i) for i in range(len(content.schema))]
        if nanos := [x.path for x in stored if x.physical_type == "INT64" and "nanoseconds" in str(x.logical_type)]:
            raise Refused(f"nanoseconds:{','.join(nanos)}")
        shape = "\n".join(f"{x.name} {x.type}" for x in schema)
        return Admission(file, "", file.size_bytes, content.metadata.num_rows, shape, tuple(schema.names))


def _check_columns(wanted: Wanted, there: list[str]) -> None:
    lacking = [x for x in wanted.columns if x not in there and x.split(".")[0] not in there]
    if lacking:
        raise Refused(f"header_lacks:{','.join(lacking)}")
