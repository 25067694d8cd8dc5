"""Bring quarantined records back: judge them again by today's mapping, rules and reference tables.

The files they came from are read again, for no_policy and no_consent keep no text. The target is written before the
records are released, so after a kill the same replay finds them held, sees that they are there, and releases them.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.loading_admission import Admission
from jobs.loading_batch import Batch, admit_all
from jobs.loading_stage import blocks, check_nothing_lost, numbered, stage
from jobs.loading_write import HELD, LINE, PLACE, held_back, quarantine_id, standing, write_target
from lake.clock import UTC
from lake.delta import Lake, transaction_id
from lake.errors import InputError
from lake.storage import list_files
from lake.tables import POINTS

QUARANTINE = "bronze.quarantine"
ACCEPTED, DUPLICATE = "accepted", "duplicate"
MAX_NAMED_FILES = 3


@dataclass(frozen=True)
class Replayed:
    """What became of held records; `unread` are files whose records could not be judged: path, why."""

    source: str
    judged: int = 0
    accepted: int = 0
    duplicate: int = 0
    unread: tuple[tuple[str, str], ...] = ()

    def describe(self) -> str:
        """One line for people."""
        still = self.judged - self.accepted - self.duplicate
        return (
            f"{self.source}: {self.judged:,} held records judged again: {self.accepted:,} accepted, "
            f"{self.duplicate:,} duplicate, {still:,} still held"
        )

    def raise_for_unread(self) -> None:
        """Raise InputError naming files that are gone or not what they were, if there are any."""
        if self.unread:
            named = ", ".join(f"{path} ({why})" for path, why in self.unread[:MAX_NAMED_FILES])
            more = len(self.unread) - MAX_NAMED_FILES
            more_text = f" and {more} more" if more > 0 else ""
            raise InputError(f"{len(self.unread)} files cannot be read again, their records stay: {named}{more_text}")


def held(lake: Lake, source: str | None = None, reason: str | None = None) -> DataFrame:
    """Records in quarantine, of a source and with a reason where given. A reason also matches without its column."""
    rows = lake.read(QUARANTINE).where(F.col("released_as").isNull())
    rows = rows if source is None else rows.where(F.col("source") == source)
    wanted = F.lit(reason)
    is_meant = F.exists("reasons", lambda x: (x == wanted) | (F.split_part(x, F.lit(":"), F.lit(1)) == wanted))
    return rows if reason is None else rows.where(is_meant)


def replay(batch: Batch, reason: str | None) -> Replayed:
    """Judge the source's held records again and bring in those that nothing is wrong with any more.

    `batch` has neither date nor received_at: reference tables count as they are now, and a file was received when it was.
    """
    records = held(batch.lake, batch.source.name, reason)
    files = {(r.source_file, r.content_sha256) for r in records.select("source_file", "content_sha256").distinct().collect()}
    admitted, unread = _readable(batch, files)
    if not admitted:
        return Replayed(batch.source.name, unread=unread)
    return replace(_judged(replace(batch, receipts=_receipts(records)), admitted, records), unread=unread)


def _readable(batch: Batch, files: set[tuple[str, str]]) -> tuple[list[Admission], tuple[tuple[str, str], ...]]:
    """Files that are still what they were, and the others with what is wrong."""
    listed = {path: list_files(path) for path, _ in sorted(files)}
    there = [found[0] for path, found in listed.items() if [f.path for f in found] == [path]]
    now = {a.file.path: a for a in admit_all(batch, there)}
    wrong = {(path, sha): _wrong(now.get(path), sha) for path, sha in sorted(files)}
    good = [now[path] for (path, _), why in wrong.items() if why is None]
    return good, tuple((path, why) for (path, _), why in wrong.items() if why is not None)


def _wrong(admission: Admission | None, content_sha256: str) -> str | None:
    if admission is None:
        return "gone"
    return "its content has changed" if admission.content_sha256 != content_sha256 else admission.reason


def _receipts(records: DataFrame) -> dict[str, dt.datetime]:
    """When each file was said to be received: one instant a file, where its records do not say."""
    stated = records.where(F.col("stated_ts").isNotNull()).groupBy("source_file").agg(F.min("stated_ts").alias("stated_ts"))
    return {r.source_file: r.stated_ts.astimezone(UTC) for r in stated.collect()}


def _judged(batch: Batch, admitted: Sequence[Admission], records: DataFrame) -> Replayed:
    folder = f"{batch.lake.root}/_staging/replay/{batch.run_id}"
    try:
        schema = stage(batch, admitted, f"{folder}/rows")
        staged = batch.lake.spark.read.schema(schema).parquet(f"{folder}/rows")
        found = blocks(batch, staged)
        check_nothing_lost(batch, admitted, found)
        again = numbered(batch, staged, found).join(records.select(*LINE), on=LINE, how="left_semi")
        judged = again.agg(F.count(F.lit(1)), F.count_if(F.size("reasons") == 0)).collect()[0]
        if not judged[1]:
            return Replayed(batch.source.name, judged[0])
        outcomes = _brought_back(batch, again.where(F.size("reasons") == 0), folder)
        return Replayed(batch.source.name, judged[0], outcomes[ACCEPTED], outcomes[DUPLICATE])
    finally:
        batch.lake.remove(folder)


def _brought_back(batch: Batch, good: DataFrame, folder: str) -> Counter[str]:
    """Write the target, then release; how many records by outcome."""
    ids = good.select(quarantine_id(batch.source.name).alias("quarantine_id"), *PLACE).localCheckpoint()
    # first of all, so that a night which is under way begins anew, even if this is killed before its last commit
    batch.lake.mark(QUARANTINE, ids.withColumn("replayed_at", F.lit(dt.datetime.now(UTC))), ["replayed_at"])
    partition = batch.table.partition_by[0] if batch.table.partition_by else None
    partitions = [r[0] for r in good.select(partition).distinct().collect()] if partition else []
    known = None if batch.table.name == POINTS.name else standing(batch, good, partitions)
    held_back(batch, good, known, partitions).write.parquet(f"{folder}/held")
    not_new = batch.lake.spark.read.schema(HELD).parquet(f"{folder}/held")
    digest = ids.agg(F.bit_xor(F.xxhash64("quarantine_id")), F.count(F.lit(1))).collect()[0]
    app_id = transaction_id(f"replay/{batch.source.name}", batch.table.name, None, [f"{digest[0]} of {digest[1]}"])
    write_target(batch, app_id, good.join(not_new, on=PLACE, how="left_anti"), known, resumed=False)
    return _release(batch, ids.join(not_new, on=PLACE, how="left"))


def _release(batch: Batch, ids: DataFrame) -> Counter[str]:
    outcome = F.when(F.col("status") == DUPLICATE, DUPLICATE).otherwise(ACCEPTED).alias("released_as")
    rows = ids.select("quarantine_id", outcome)
    batch.lake.mark(QUARANTINE, rows, ["released_as"])
    return Counter({r["released_as"]: r["count"] for r in rows.groupBy("released_as").count().collect()})
