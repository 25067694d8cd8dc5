"""Bring quarantined records back: judge them again by today's mapping, rules and reference tables.

The files they came from are read again, for no_policy and no_consent keep no text. The target is written before the
records are released, so after a kill the same replay finds them held, sees that they are there, and releases them.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs.loading_admission import Admission
from jobs.loading_batch import Batch, admit_all, some_of
from jobs.loading_stage import read_back, stage
from jobs.loading_write import HELD, LINE, PLACE, held_back, is_held, quarantine_id, standing, write_target
from lake.clock import UTC
from lake.delta import Lake, transaction_id
from lake.errors import InputError
from lake.storage import list_files
from lake.tables import POINTS, QUARANTINE

ACCEPTED, DUPLICATE = "accepted", "duplicate"
HELD_KEY = (*QUARANTINE.key, *QUARANTINE.partition_by)


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
            raise InputError(f"{len(self.unread)} files cannot be read again, their records stay: {some_of(self.unread)}")


def held(lake: Lake, source: str | None = None, reason: str | None = None) -> DataFrame:
    """Records in quarantine, of a source and with a reason where given. A reason also matches without its column."""
    rows = lake.read(QUARANTINE.name).where(is_held())
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
        again = read_back(batch, admitted, staged)[0].join(records.select(*LINE), on=LINE, how="left_semi")
        facts = again.agg(*_facts(batch)).collect()[0]
        if not facts["good"]:
            return Replayed(batch.source.name, facts["judged"])
        duplicate = _bring_back(batch, again.where(F.size("reasons") == 0), records.select(*HELD_KEY), facts, folder)
        return Replayed(batch.source.name, facts["judged"], facts["good"] - duplicate, duplicate)
    finally:
        batch.lake.remove(folder)


def _facts(batch: Batch) -> list[Column]:
    """Records judged and good; of the good ones a digest of which they are, and the target's partitions."""
    is_good = F.size("reasons") == 0
    partition = F.col(batch.table.partition_by[0]) if batch.table.partition_by else F.lit(None)
    return [
        F.count(F.lit(1)).alias("judged"),
        F.count_if(is_good).alias("good"),
        F.bit_xor(F.when(is_good, F.xxhash64(*LINE))).alias("digest"),
        F.collect_set(F.when(is_good, partition)).alias("partitions"),
    ]


def _bring_back(batch: Batch, good: DataFrame, records: DataFrame, facts: Row, folder: str) -> int:
    """Write the target, then release. Returns how many of the records are duplicates of what the target has."""
    ids = good.select(quarantine_id(batch.source.name).alias("quarantine_id"), *PLACE)
    ids = ids.join(records, on="quarantine_id", how="inner").localCheckpoint()
    # first of all, so that a night which is under way begins anew, even if this is killed before its last commit
    batch.lake.mark(QUARANTINE.name, ids.withColumn("replayed_at", F.lit(dt.datetime.now(UTC))), ["replayed_at"])
    known = None if batch.table.name == POINTS.name else standing(batch, good, facts["partitions"])
    held_back(batch, good, known, facts["partitions"]).rows.write.parquet(f"{folder}/held")
    not_new = batch.lake.spark.read.schema(HELD).parquet(f"{folder}/held")
    which = f"{facts['digest']} of {facts['good']}"
    app_id = transaction_id(f"replay/{batch.source.name}", batch.table.name, None, [which])
    write_target(batch, app_id, good.join(not_new, on=PLACE, how="left_anti"), known, resumed=False)
    outcome = F.when(F.col("status") == DUPLICATE, DUPLICATE).otherwise(ACCEPTED).alias("released_as")
    released = ids.join(not_new, on=PLACE, how="left").select(*HELD_KEY, outcome)
    batch.lake.mark(QUARANTINE.name, released, ["released_as"])
    return not_new.where(F.col("status") == DUPLICATE).count()
