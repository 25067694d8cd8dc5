"""Admission: each file is read once as a stream, in the executors, before Spark parses any of them.

Spark alone keeps half of a truncated gzip in silence or fails the whole read, and inflates a bomb until memory ends.
"""

import codecs
import csv
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from tempfile import NamedTemporaryFile
from typing import IO

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
GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"


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
    or a Parquet's schema. `reason` says why it is refused, or is None."""

    file: StoredFile
    content_sha256: str
    inflated_bytes: int = 0
    records: int = 0
    header: str = ""
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
            found = _parquet(file, chunks, wanted) if wanted.type == "parquet" else _text(file, chunks, wanted)
        except Refused as e:
            found = replace(found, reason=str(e))
        for _ in chunks:
            pass
    return replace(found, content_sha256=digest.hexdigest())


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
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError as e:
            raise Refused("wrong_encoding") from e
        lines = (self._tail + chunk).split(b"\n")
        if max(map(len, lines)) > MAX_LINE_BYTES:
            raise Refused("line_too_long")
        self._tail = b"" if final else lines.pop()
        if self.first is None and lines:
            self.first = lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
        self.filled += sum(1 for x in lines if x and not x.isspace())


def _text(file: StoredFile, chunks: Iterator[bytes], wanted: Wanted) -> Admission:
    lines = _Lines(wanted.encoding)
    for chunk in _inflated(chunks, file.path.endswith(".gz")):
        lines.feed(chunk)
    lines.feed(b"", final=True)
    if lines.filled == 0:
        raise Refused("empty_file")
    found = Admission(file, "", lines.inflated, lines.filled)
    if wanted.type == "jsonl":
        return found
    header = (lines.first or b"").decode(wanted.encoding).rstrip("\r")
    _check_columns(wanted, csv_columns(header, wanted.delimiter))
    return replace(found, records=lines.filled - 1, header=header)


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
    stored = inflated = 0
    member = zlib.decompressobj(wbits=31)
    for chunk in _chain(first, chunks):
        stored += len(chunk)
        pending = chunk
        while pending:
            if member.eof:
                if not pending.strip(b"\0"):
                    break
                member = zlib.decompressobj(wbits=31)
            piece, pending = _piece(member, pending)
            inflated += len(piece)
            if inflated > MAX_INFLATED_BYTES or (inflated > RATIO_FROM_BYTES and inflated > MAX_RATIO * stored):
                raise Refused("inflates_too_much")
            yield piece
    if not member.eof:
        raise Refused("truncated_gzip")


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
        return _footer(file, file.path, wanted)
    with NamedTemporaryFile(suffix=".parquet") as copy:
        for chunk in chunks:
            copy.write(chunk)
        copy.flush()
        return _footer(file, copy.name, wanted)


def _footer(file: StoredFile, path: str, wanted: Wanted) -> Admission:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError) as e:
        raise Refused("not_parquet") from e
    schema = metadata.schema.to_arrow_schema()
    _check_columns(wanted, schema.names)
    shape = "\n".join(f"{x.name} {x.type}" for x in schema)
    return Admission(file, "", file.size_bytes, metadata.num_rows, shape)


def _check_columns(wanted: Wanted, there: list[str]) -> None:
    lacking = [x for x in wanted.columns if x not in there and x.split(".")[0] not in there]
    if lacking:
        raise Refused(f"header_lacks:{','.join(lacking)}")
