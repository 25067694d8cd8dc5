"""What a load is about: its settings, its result, and which of the listed files are to be parsed."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pyspark.sql import functions as F

from expectations.gate import QualityGate
from jobs.loading_admission import Admission, Wanted, admit
from lake.clock import UTC, cutoff, last_second
from lake.delta import Lake
from lake.errors import InputError
from lake.sources import FromPath, Source, Time
from lake.storage import StoredFile
from lake.tables import Table
from transforms.parse import file_columns

Progress = Callable[[str], None]
INGESTED, DUPLICATE_FILE, REFUSED = "ingested", "duplicate_file", "refused"
MAX_NAMED_FILES = 3
HOW_REFUSED = "`telematics show bronze.ledger --where \"status = 'refused'\"` has all"
HOW_HELD = "`telematics quarantine show` has the records"
ADMISSION_SLICES = 16


@dataclass(frozen=True)
class Batch:
    """One load of one source. `floor` is the earliest time of receipt that is still open, None for an import of history.

    `receipts` are the times of receipt that were stated for files that were loaded before, `gate` judges the load before its
    first commit.
    """

    lake: Lake
    source: Source
    table: Table
    date: dt.date | None
    received_at: dt.datetime | None
    floor: dt.datetime | None
    run_id: str
    progress: Progress | None = None
    receipts: Mapping[str, dt.datetime] = field(default_factory=dict)
    gate: QualityGate | None = None

    def say(self, line: str) -> None:
        """Tell whoever watches."""
        if self.progress is not None:
            self.progress(f"{self.source.name}: {line}")

    def stated(self, path: str) -> dt.datetime | None:
        """When the file as a whole was received, None where each record says so or nothing does."""
        if isinstance(self.source.received, Time):
            return None
        if isinstance(self.source.received, FromPath):
            return received_by_path(self.source.received, path)
        if path in self.receipts:
            return self.receipts[path]
        if self.received_at is not None:
            return self.received_at
        return last_second(self.date) if self.date else None

    def received(self, path: str) -> dt.datetime | None:
        """The same, not before the floor."""
        stated = self.stated(path)
        return stated if stated is None or self.floor is None else max(stated, self.floor)


@dataclass(frozen=True)
class LoadResult:
    """What became of every record. `known` files were loaded before and not read again; `drifted` are those (path, what) where
    every record is malformed or lacks a mapped column, `unmapped` those (path, columns) with columns that are read past."""

    source: str
    files: int = 0
    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    known: int = 0
    duplicate_files: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    refused: tuple[tuple[str, str], ...] = ()
    drifted: tuple[tuple[str, str], ...] = ()
    unmapped: tuple[tuple[str, str], ...] = ()

    def describe(self) -> str:
        """One line for people, without what `raise_for_refused` says."""
        parts = [f"{self.source}: {self.files:,} files, {self.read:,} records read, {self.accepted:,} accepted, "
                 f"{self.duplicate:,} duplicate, {self.quarantined:,} quarantined"]  # fmt: skip
        if self.reasons:
            parts.append(", ".join(f"{n:,} {reason}" for reason, n in sorted(self.reasons.items(), key=lambda x: (-x[1], x[0]))))
        if self.known:
            parts.append(f"{self.known:,} files known already")
        return "; ".join(parts)

    def raise_for_refused(self) -> None:
        """Raise InputError naming refused files and those with a column that cannot be read, if there are any."""
        if self._complaints():
            raise InputError("; ".join(self._complaints()))

    def _complaints(self) -> list[str]:
        found = [f"{len(self.refused)} files refused: {some_of(self.refused)}: {HOW_REFUSED}"] if self.refused else []
        return [*found, f"not as mapped: {some_of(self.drifted)}: {HOW_HELD}"] if self.drifted else found


def some_of(files: Sequence[tuple[str, str]]) -> str:
    """The first few of (path, why), and how many more there are."""
    named = ", ".join(f"{path} ({why})" for path, why in files[:MAX_NAMED_FILES])
    more = len(files) - MAX_NAMED_FILES
    return f"{named} and {more} more" if more > 0 else named


@dataclass(frozen=True)
class Plan:
    """Files of a load by what happens to them, and the ledger's rows of the source as they were before it.

    `again` are the ledger's rows of files that this very batch took in before: the ledger is written last, so all of theirs
    is where it belongs, and every write of it would be a repeated transaction.
    """

    parse: tuple[Admission, ...] = ()
    duplicates: tuple[Admission, ...] = ()
    refused: tuple[Admission, ...] = ()
    known: int = 0
    again: tuple[Any, ...] = ()
    ledger: tuple[Any, ...] = ()
    run_id: str = ""

    def is_settled(self, admission: Admission) -> bool:
        """Whether an earlier run has taken the file in to the end."""
        row = self.ledgered(admission, INGESTED)
        return row is not None and row.run_id != self.run_id

    def ledgered(self, admission: Admission, status: str) -> Any | None:
        """The ledger's row for this file and status, if it was written before."""
        return self._by_file.get((admission.file.path, admission.content_sha256, status))

    @cached_property
    def _by_file(self) -> dict[tuple[str, str, str], Any]:
        return {(x.source_file, x.content_sha256, x.status): x for x in self.ledger}


def received_by_path(rule: FromPath, path: str) -> dt.datetime | None:
    """The last second of the day or hour the path names; None where it names none."""
    found = re.search(rule.path_pattern, path)
    if found is None:
        return None
    try:
        day = dt.datetime.strptime(found["date"], "%Y-%m-%d").replace(tzinfo=UTC)
        hour = found.groupdict().get("hour")
        end = day + (dt.timedelta(days=1) if hour is None else dt.timedelta(hours=int(hour) + 1))
    except ValueError:
        return None
    return end - dt.timedelta(seconds=1)


def make_plan(batch: Batch, files: Sequence[StoredFile]) -> Plan:
    """Sort out files that are known, admit the others, and find those whose content was loaded under another name."""
    ledger = tuple(batch.lake.read("bronze.ledger").where(F.col("source") == batch.source.name).collect())
    # what this very run has written for this batch is written again where one of its commits was lost, and else found there
    trusted = tuple(x for x in ledger if x.run_id != batch.run_id or x.batch_date != batch.date)
    done = {(x.source_file, x.fingerprint): x for x in trusted if x.status != REFUSED}
    fresh = [f for f in files if (f.path, f.fingerprint) not in done]
    known = [done[f.path, f.fingerprint] for f in files if (f.path, f.fingerprint) in done]
    again = tuple(x for x in known if _same_batch(batch, x))
    batch.say(f"{len(fresh):,} of {len(files):,} files to read")
    admitted = [_with_receipt(batch, a) for a in admit_all(batch, fresh)]
    good = [a for a in admitted if a.reason is None]
    parse, duplicates = _by_content(batch, good, trusted)
    refused = tuple(a for a in admitted if a.reason is not None)
    return Plan(parse, duplicates, refused, len(known) - len(again), again, ledger, batch.run_id)


def in_batch(batch: Batch, files: Sequence[StoredFile]) -> list[StoredFile]:
    """Files that the ledger has for this batch's date as they are now; a file that was refused, has changed since, or was
    loaded when the night was published, has not been in it."""
    if batch.date is None:
        raise ValueError("a batch without a date is in no night")
    of_batch = (F.col("source") == batch.source.name) & (F.col("batch_date") == F.lit(batch.date)) & (F.col("status") != REFUSED)
    of_batch &= F.col("received_ts").isNull() | (F.col("received_ts") < F.lit(cutoff(batch.date)))
    rows = batch.lake.read("bronze.ledger").where(of_batch).select("source_file", "fingerprint").collect()
    taken = {(x.source_file, x.fingerprint) for x in rows}
    return [f for f in files if (f.path, f.fingerprint) in taken]


def _same_batch(batch: Batch, row: Any) -> bool:
    return batch.date is not None and row.batch_date == batch.date


def _with_receipt(batch: Batch, admission: Admission) -> Admission:
    lacks = not isinstance(batch.source.received, Time) and batch.stated(admission.file.path) is None
    return replace(admission, reason="path_lacks_received") if lacks and admission.reason is None else admission


def admit_all(batch: Batch, files: Sequence[StoredFile]) -> list[Admission]:
    """Admit files in the executors; in their order."""
    if not files:
        return []
    layout = batch.source.format
    wanted = Wanted(layout.type, layout.encoding, layout.delimiter, () if layout.type == "jsonl" else file_columns(batch.source))
    context = batch.lake.spark.sparkContext
    return context.parallelize(files, min(len(files), ADMISSION_SLICES)).map(lambda f: admit(f, wanted)).collect()


Files = tuple[Admission, ...]


def _by_content(batch: Batch, good: list[Admission], ledger: tuple[Any, ...]) -> tuple[Files, Files]:
    """(to parse, duplicates): each content once, under the name the ledger has for this batch, else the first by name."""
    ingested = {x.content_sha256: x for x in ledger if x.status == INGESTED}
    parse: dict[str, Admission] = {}
    duplicates = []
    for a in sorted(good, key=lambda a: (not _is_its_own(batch, a, ingested), a.file.path)):
        other = a.content_sha256 in ingested and not _is_its_own(batch, a, ingested)
        if other or a.content_sha256 in parse:
            duplicates.append(a)
        else:
            parse[a.content_sha256] = a
    return tuple(parse.values()), tuple(duplicates)


def _is_its_own(batch: Batch, admission: Admission, ingested: dict[str, Any]) -> bool:
    row = ingested.get(admission.content_sha256)
    return row is not None and row.source_file == admission.file.path and _same_batch(batch, row)
