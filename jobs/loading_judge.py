"""The records of a load: staged, held back, judged, passed by the gate, written.

What was staged and what was held back are found again by a load over the same files, so it judges as an undisturbed one does.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, Observation, Row
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from jobs.loading_admission import Admission
from jobs.loading_batch import Batch, Plan
from jobs.loading_facts import Judged, by_status, check_batch, observed, reasons_of, single
from jobs.loading_stage import Block, read_back, stage
from jobs.loading_write import (
    HELD,
    LINE,
    PLACE,
    Standing,
    Sums,
    held_back,
    held_records,
    load_id,
    quarantine,
    standing,
    sums_by_file,
    write_target,
)
from lake.clock import UTC
from lake.files import Files
from lake.tables import POINTS


@dataclass(frozen=True)
class Loaded:
    """What parsing gave: sums and time of receipt per file, and counts by reason."""

    sums: dict[str, Sums]
    received_ts: dict[str, dt.datetime | None]
    reasons: dict[str, Counter[str]]


@dataclass(frozen=True)
class Staged:
    """Records of the admitted files as parsed: all, good, refused, and what is known of each block of them. `was_killed`: a load
    of the source that was killed may have written some of its tables; `resumed`: one of these files had held back its own."""

    folder: str
    was_killed: bool
    resumed: bool
    rows: DataFrame
    good: DataFrame
    refused: DataFrame
    blocks: Sequence[Block]
    seen: Observation

    @property
    def partitions(self) -> list[Any]:
        """Of the target that good records go to."""
        return sorted({p for b in self.blocks for p in b.partitions})


@dataclass(frozen=True)
class Held:
    """Good records that are not to be written (source_file, source_line, status), counted by file and status; what the target
    has of their keys, None of points; and what `Judged.conflicts` is taken from."""

    rows: DataFrame
    counts: Sequence[Row]
    standing: Standing | None
    contested: int | None

    def of(self, status: str) -> Counter[str]:
        """Records by path."""
        return by_status(self.counts, status)


def parse_and_write(batch: Batch, plan: Plan) -> Loaded:
    """Write quarantine and target from the files to be parsed. Raises GateFailed before either."""
    staged = _staged(batch, plan.parse)
    held = _held(batch, plan.parse, staged)
    judged = _judged(batch, plan.parse, staged, held)
    check_batch(batch, plan, judged)
    # of files that the ledger had before this run the quarantine was written before it was
    fresh = [a for a in plan.parse if not plan.is_settled(a)]
    if judged.reasons and fresh:
        quarantine(batch, fresh, staged.refused.where(F.col("source_file").isin([a.file.path for a in fresh])))
    if sum(x.accepted for x in judged.sums.values()) > held.of("present").total() + held.of("placed").total():
        new = staged.good.join(held.rows, on=PLACE, how="left_anti") if held.counts else staged.good
        write_target(batch, load_id(batch, batch.table.name, plan.parse), new, held.standing, resumed=staged.resumed)
    return Loaded(judged.sums, _received(batch, plan.parse, staged.blocks), single(judged.reasons))


def staging(batch: Batch, admitted: Sequence[Admission]) -> str:
    """A folder that a load over the same files with the same settings finds again."""
    facts = [batch.source.model_dump_json(), str(batch.date), str(batch.received_at), str(batch.floor)]
    facts += sorted(f"{a.file.path} {a.content_sha256}" for a in admitted)
    return f"{batch.lake.root}/_staging/load/{batch.source.name}-{hashlib.sha256(chr(10).join(facts).encode()).hexdigest()[:16]}"


def _staged(batch: Batch, admitted: Sequence[Admission]) -> Staged:
    folder, was_killed, seen = staging(batch, admitted), _was_killed(batch), Observation()
    resumed = Files(batch.lake.spark).exists(f"{folder}/held/_SUCCESS")
    schema = None if resumed else stage(batch, admitted, f"{folder}/rows", seen)
    rows = _read_staged(batch, f"{folder}/rows", schema)
    records, blocks = read_back(batch, admitted, rows)
    good, refused = records.where(F.size("reasons") == 0), records.where(F.size("reasons") > 0)
    return Staged(folder, was_killed, resumed, rows, good, refused, blocks, seen)


def _was_killed(batch: Batch) -> bool:
    """Whether an earlier load of the source left its staging behind: it may have written some of its tables."""
    folders = Files(batch.lake.spark).entries(f"{batch.lake.root}/_staging/load")
    return any(x.name.startswith(f"{batch.source.name}-") for x in folders)


def _read_staged(batch: Batch, folder: str, schema: StructType | str | None) -> DataFrame:
    """A given schema saves a job that would ask the files for it."""
    reader = batch.lake.spark.read
    return (reader if schema is None else reader.schema(schema)).parquet(folder)


def _held(batch: Batch, admitted: Sequence[Admission], staged: Staged) -> Held:
    place, of_points = f"{staged.folder}/held", batch.table.name == POINTS.name
    free, kept = _free(batch, admitted, staged)
    found = None if of_points else standing(batch, free, staged.partitions)
    contested = None
    # of points, what another load has brought in since is a duplicate now; versions are compared when they are written
    if of_points or not staged.resumed:
        back = held_back(batch, free, found, staged.partitions)
        reduce(DataFrame.unionByName, kept, back.rows).write.mode("overwrite").parquet(place)
        contested = back.contested
    rows = _read_staged(batch, place, HELD)
    return Held(rows, rows.groupBy("source_file", "status").count().collect(), found, contested)


def _free(batch: Batch, admitted: Sequence[Admission], staged: Staged) -> tuple[DataFrame, list[DataFrame]]:
    """Good records that nothing is known of yet, and frames of the others: source_file, source_line, status."""
    free, kept = staged.good, []
    # only a replay brings back what is in quarantine, whatever the rules say by now
    quarantined = held_records(batch, admitted)
    if not quarantined.isEmpty():
        free = free.join(quarantined, on=LINE, how="left_anti")
        kept.append(_marked(staged.good, quarantined, "quarantined"))
    # what a load that was killed has written, be it by another mapping, is not written beside itself
    if staged.was_killed and batch.table.name == POINTS.name:
        placed = _marked(staged.good, _written(batch, admitted), "placed").localCheckpoint()
        free = free.join(placed, on=PLACE, how="left_anti")
        kept.append(placed)
    return free, kept


def _marked(good: DataFrame, lines: DataFrame, status: str) -> DataFrame:
    return good.join(lines, on=LINE, how="left_semi").select(*PLACE, F.lit(status).alias("status"))


def _written(batch: Batch, admitted: Sequence[Admission]) -> DataFrame:
    """Lines that the target has from files of the same content."""
    of_files = F.col("content_sha256").isin([a.content_sha256 for a in admitted]) & (F.col("source") == batch.source.name)
    return batch.lake.read(batch.table.name).where(of_files).select(*LINE)


def _judged(batch: Batch, admitted: Sequence[Admission], staged: Staged, held: Held) -> Judged:
    duplicate, stayed = held.of("duplicate"), held.of("quarantined")
    sums = sums_by_file(admitted, _refused(batch, staged.blocks) + stayed, duplicate)
    batch.say(f"{sum(x.read for x in sums.values()):,} records judged")
    reasons = reasons_of(staged.refused) if any(x.quarantined for x in sums.values()) else {}
    seen = staged.rows.agg(*observed(batch)).collect()[0].asDict() if staged.resumed else staged.seen.get
    conflicts = None if held.contested is None else held.contested - duplicate.total() - held.of("present").total()
    return Judged(sums, reasons, seen, stayed.total(), conflicts)


def _refused(batch: Batch, found: Sequence[Block]) -> Counter[str]:
    """Refused records by path; the parser cannot tell a CSV's header from a repeated one before lines are numbered."""
    refused = Counter[str]()
    for block in found:
        refused[block.source_file] += block.refused
    header = 1 if batch.source.format.type == "csv" else 0
    return Counter({path: n - header for path, n in refused.items()})


def _received(batch: Batch, admitted: Sequence[Admission], found: Sequence[Block]) -> dict[str, dt.datetime | None]:
    """Per path: what was said of the file as a whole, else the latest of its records."""
    latest: dict[str, dt.datetime] = {}
    for b in found:
        if b.received_ts is not None:
            # Spark gives back local time without a zone
            received = b.received_ts.astimezone(UTC)
            latest[b.source_file] = max(received, latest.get(b.source_file, received))
    return {a.file.path: batch.received(a.file.path) or latest.get(a.file.path) for a in admitted}
