"""What docs/contract-night.md says of loading, in plain Python: from files of lines whose fate is known when they are made
to the rows of bronze.points, bronze.quarantine and bronze.ledger. Nothing here is taken from the product's code."""

import datetime as dt
import gzip
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """A line of a file. `record` holds the canonical columns of one that can be read, `reasons` what is wrong with it;
    neither: it is blank."""

    text: str
    record: tuple[tuple[str, Any], ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        return not self.record and not self.reasons


@dataclass(frozen=True)
class File:
    """A file as it is written; `header` is a CSV's first line."""

    path: Path
    lines: tuple[Line, ...]
    received: dt.datetime
    ending: str = "\n"
    mark: bool = False
    ends_open: bool = False
    header: str | None = None

    @property
    def texts(self) -> list[str]:
        return ([self.header] if self.header is not None else []) + [x.text for x in self.lines]

    @property
    def content(self) -> bytes:
        text = self.ending.join(self.texts) + ("" if self.ends_open else self.ending)
        raw = (("\ufeff" if self.mark else "") + text).encode()
        return gzip.compress(raw, mtime=0) if self.path.suffix == ".gz" else raw

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def is_empty(self) -> bool:
        return self.header is None and all(x.is_blank for x in self.lines)

    def numbered(self) -> list[tuple[int, Line]]:
        """Records with their lines, from 1."""
        first = 1 if self.header is None else 2
        return [(n, x) for n, x in enumerate(self.lines, start=first) if not x.is_blank]

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(self.content)


Place = tuple[dt.datetime, str, int]
Counts = tuple[int, int, int, int]


@dataclass
class Expected:
    """Bronze after some loads of one source."""

    source: str
    points: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """By record_id: payload, received_ts, path, line, content_sha256."""
    quarantine: dict[tuple[str, int], tuple[str, list[str]]] = field(default_factory=dict)
    """By content_sha256 and line: path, reasons."""
    ledger: dict[tuple[str, str, str], Counts] = field(default_factory=dict)
    """By path, content_sha256 and status: read, accepted, duplicate, quarantined."""

    def load(self, files: list[File], floor: dt.datetime | None) -> None:
        """Files that the ledger has are left alone; content that it has under another name counts as duplicate."""
        known = {(path, sha) for path, sha, status in self.ledger if status != "refused"}
        contents = {sha for _, sha, status in self.ledger if status == "ingested"}
        parsed = []
        for file in sorted(files, key=lambda f: str(f.path)):
            key = (str(file.path), file.sha256)
            if key in known:
                continue
            if file.is_empty:
                self.ledger[(*key, "refused")] = (0, 0, 0, 0)
            elif file.sha256 in contents:
                n = len(file.numbered())
                self.ledger[(*key, "duplicate_file")] = (n, 0, n, 0)
            else:
                contents.add(file.sha256)
                parsed.append(file)
        self._records(parsed, floor)

    def _records(self, files: list[File], floor: dt.datetime | None) -> None:
        """Of equal records the first by received_ts, path, line is accepted, unless one is there already."""
        good: list[tuple[Place, File, Line]] = []
        for file in files:
            received = max(file.received, floor) if floor else file.received
            held = 0
            for n, line in file.numbered():
                if reasons := judge(file, line):
                    self.quarantine[(file.sha256, n)] = (str(file.path), reasons)
                    held += 1
                else:
                    good.append(((received, str(file.path), n), file, line))
            read = len(file.numbered())
            self.ledger[(str(file.path), file.sha256, "ingested")] = (read, 0, read - held, held)
        for place, file, line in sorted(good, key=lambda x: x[0]):
            key = record_id(self.source, line)
            if key not in self.points:
                self.points[key] = (payload(line), *place, file.sha256)
                where = (str(file.path), file.sha256, "ingested")
                read, accepted, duplicate, held = self.ledger[where]
                self.ledger[where] = (read, accepted + 1, duplicate - 1, held)


def judge(file: File, line: Line) -> list[str]:
    """Reasons, of which one depends on when the file was received."""
    at = dict(line.record).get("event_ts")
    late = ["event_in_future"] if at is not None and at > file.received + DAY else []
    return sorted([*line.reasons, *late])


def payload(line: Line) -> str:
    """Canonical columns that are not null, as JSON."""
    given = {k: v for k, v in line.record if k not in ("device_id", "event_ts") and v is not None}
    return json.dumps(given, separators=(",", ":"))


def record_id(source: str, line: Line) -> str:
    """sha256 of source, device, event time in microseconds and payload."""
    record = dict(line.record)
    micros = (record["event_ts"] - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    parts = [source, record["device_id"], str(micros), payload(line)]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
