"""Write what a load staged: quarantine, target, ledger, in this order, each append under its transaction id."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs import windows
from jobs.loading_admission import Admission
from jobs.loading_batch import Batch
from lake.delta import transaction_id
from lake.errors import LakeError
from lake.sources import FromPath
from lake.tables import LEDGER, POINTS, POLICY_DAYS, QUARANTINE
from transforms.parse import unmapped
from transforms.records import not_to_write, repeated, time_hash
from transforms.reference import chain, first_versions, repeated_keys, repeats

PLACE = ["source_file", "source_line"]
LINE = ["content_sha256", "source_line"]
MAX_BROADCAST_HASHES = 2_000_000
"""Some 50 MB; more are met only where a load was killed whose staged rows are gone."""
HELD = "source_file string, source_line bigint, status string"


@dataclass(frozen=True)
class Sums:
    """What became of a file's records."""

    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0

    def check(self, path: str) -> None:
        """Raise LakeError unless every record is accounted for."""
        parts = (self.accepted, self.duplicate, self.quarantined)
        if self.read != sum(parts) or min(parts) < 0:
            raise LakeError(f"{path}: {self.read} records read, but {' + '.join(map(str, parts))} accounted for")


@dataclass(frozen=True)
class Standing:
    """How accepted records stand to a bitemporal table: all versions of their keys, None where the keys are new, and
    whether each key is new and stated once, so that a plain append serves."""

    versions: DataFrame | None
    all_new: bool


def standing(batch: Batch, good: DataFrame, partitions: Iterable[Any]) -> Standing:
    """What the target has of the records' keys."""
    versions = _touched_versions(batch, good, partitions)
    return Standing(versions, versions is None and repeated_keys(good, batch.table).isEmpty())


@dataclass(frozen=True)
class Back:
    """Records that are not to be written although nothing is wrong with them: source_file, source_line, status. Of points,
    `contested` is how many records those and all others beside the first of a device and time are."""

    rows: DataFrame
    contested: int = 0


def held_back(batch: Batch, good: DataFrame, found: Standing | None, partitions: Iterable[Any]) -> Back:
    """Which records are held back."""
    if found is None:
        return _repeated_points(batch, good, partitions)
    if found.all_new:
        return Back(good.select(*PLACE, F.lit("").alias("status")).limit(0))
    return Back(repeats(good, _or_none(batch, found.versions), batch.table))


def _repeated_points(batch: Batch, good: DataFrame, partitions: Iterable[Any]) -> Back:
    known = batch.lake.read(POINTS.name).where((F.col("source") == batch.source.name) & F.col("event_date").isin(*partitions))
    hashes = repeated(good, known).localCheckpoint()
    # of a time that the target does not have, one record is the first
    beside = F.col("new") - F.when(F.col("old") == 0, 1).otherwise(0)
    found, contested = hashes.agg(F.count("*"), F.coalesce(F.sum(beside), F.lit(0))).collect()[0]
    if not found:
        return Back(batch.lake.spark.createDataFrame([], HELD))
    hashes = hashes.select("time_hash")
    hashes = F.broadcast(hashes) if found <= MAX_BROADCAST_HASHES else hashes
    candidates = (x.withColumn("time_hash", time_hash()).join(hashes, on="time_hash", how="left_semi") for x in (good, known))
    return Back(not_to_write(*candidates), contested)


def _touched_versions(batch: Batch, good: DataFrame, partitions: Iterable[Any]) -> DataFrame | None:
    if not batch.lake.exists(batch.table.name):
        return None
    versions = batch.lake.read(batch.table.name)
    for name in batch.table.partition_by:
        versions = versions.where(F.col(name).isin(*partitions))
    touched = versions.join(good.select(*batch.table.key).distinct(), on=list(batch.table.key), how="left_semi")
    return None if touched.isEmpty() else touched


def write_target(batch: Batch, app_id: str, new: DataFrame, found: Standing | None, *, resumed: bool) -> None:
    """Append points, or restate versions. `resumed` loads may have been here before they were killed."""
    if batch.table.name == POLICY_DAYS.name:
        # history was known elsewhere when it was: nights that are published would have seen it
        windows.forget(batch.lake)
    if found is None:
        batch.lake.append_once(batch.table.name, new, app_id)
        return
    versions = _or_none(batch, found.versions)
    if found.versions is not None and resumed:
        new = new.join(repeats(new, versions, batch.table), on=PLACE, how="left_anti")
        if new.isEmpty():
            return
    if found.all_new:
        batch.lake.append_once(batch.table.name, first_versions(new, batch.table), app_id)
        return
    closes, adds = chain(new, versions, batch.table)
    batch.lake.apply_versions(batch.table.name, closes if found.versions is not None else None, adds, app_id)


def quarantine(batch: Batch, admitted: Sequence[Admission], refused: DataFrame) -> None:
    """Append refused records that are not there yet."""
    rows = refused.withColumn("quarantine_id", quarantine_id(batch.source.name))
    rows = rows.withColumn("source", F.lit(batch.source.name)).withColumn("target", F.lit(batch.table.name))
    rows = rows.withColumn("received_date", F.to_date("received_ts"))
    rows = rows.withColumn("released_as", F.lit(None)).withColumn("replayed_at", F.lit(None))
    if batch.lake.exists(QUARANTINE.name):
        rows = rows.join(_in_quarantine(batch, admitted).select("quarantine_id"), on="quarantine_id", how="left_anti")
    batch.lake.append_once(QUARANTINE.name, rows, load_id(batch, QUARANTINE.name, admitted))


def held_records(batch: Batch, admitted: Sequence[Admission]) -> DataFrame:
    """content_sha256 and source_line of records of these files that are held."""
    return _in_quarantine(batch, admitted).where(is_held()).select(*LINE)


def is_held() -> Column:
    """Of rows of bronze.quarantine: nothing has brought the record back."""
    return F.col("released_as").isNull()


def _in_quarantine(batch: Batch, admitted: Sequence[Admission]) -> DataFrame:
    """Rows of these files. Where paths say when files were received, older parts of the table are not read."""
    of_files = F.col("content_sha256").isin([a.content_sha256 for a in admitted])
    rows = batch.lake.read(QUARANTINE.name).where((F.col("source") == batch.source.name) & of_files)
    if not isinstance(batch.source.received, FromPath):
        return rows
    first = min(x for a in admitted if (x := batch.stated(a.file.path)) is not None)
    # nothing is received before it is said to be
    return rows.where((F.col("received_date") >= F.lit(first.date())) & (F.col("stated_ts") >= F.lit(first)))


def quarantine_id(source: str) -> Column:
    """Of a record with content_sha256 and source_line."""
    return F.sha2(F.to_json(F.array(F.lit(source), F.col("content_sha256"), F.col("source_line").cast("string"))), 256)


def ledger_row(
    batch: Batch, admission: Admission, status: str, sums: Sums, received_ts: dt.datetime | None, finished_at: dt.datetime
) -> tuple[Any, ...]:
    """A row of the ledger, in its columns' order. Raises LakeError if records are unaccounted for."""
    sums.check(admission.file.path)
    file = admission.file
    return (
        batch.source.name, batch.table.name, file.path, admission.content_sha256, file.fingerprint, status, admission.reason,
        list(unmapped(batch.source, admission.columns)), file.size_bytes, admission.inflated_bytes, received_ts, batch.date,
        sums.read, sums.accepted, sums.duplicate, sums.quarantined, batch.run_id, finished_at,
    )  # fmt: skip


def write_ledger(batch: Batch, rows: Sequence[tuple[Any, ...]]) -> None:
    """Append rows, if there are any."""
    if not rows:
        return
    key = [LEDGER.names.index(x) for x in LEDGER.key]
    app_id = transaction_id(f"load/{batch.source.name}", LEDGER.name, batch.date, ["/".join(row[i] for i in key) for row in rows])
    batch.lake.append_once(LEDGER.name, batch.lake.spark.createDataFrame(rows, LEDGER.schema).coalesce(1), app_id)


def sums_by_file(admitted: Sequence[Admission], refused: Counter[str], duplicate: Counter[str]) -> dict[str, Sums]:
    """Sums per path: what is neither refused nor a duplicate is in the target."""
    found = {}
    for a in admitted:
        path, read = a.file.path, a.records
        found[path] = Sums(read, read - refused[path] - duplicate[path], duplicate[path], refused[path])
    return found


def _or_none(batch: Batch, versions: DataFrame | None) -> DataFrame:
    return versions if versions is not None else batch.lake.spark.createDataFrame([], batch.table.schema)


def load_id(batch: Batch, table: str, admitted: Sequence[Admission]) -> str:
    """The transaction id of a load's append."""
    return transaction_id(f"load/{batch.source.name}", table, batch.date, [a.content_sha256 for a in admitted])
