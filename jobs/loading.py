"""Loading files into any table that takes files: list, admit, parse, judge, stage, then quarantine, target and ledger.

When a load is killed, the next one over the same files finds what was staged and judged, so the ledger's sums are those
of an undisturbed load, whichever table had been written.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame, Observation, Row
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from expectations.gate import BY_HAND, DOCS, make_gate
from jobs.loading_admission import Admission
from jobs.loading_batch import DUPLICATE_FILE, INGESTED, REFUSED, Batch, LoadResult, Plan, Progress, make_plan, some_of
from jobs.loading_facts import Judged, by_status, check_batch, drifted, observed, read_past, reasons_of, single
from jobs.loading_stage import Block, read_back, stage
from jobs.loading_write import (
    HELD,
    LINE,
    PLACE,
    Sums,
    held_back,
    held_records,
    ledger_row,
    load_id,
    quarantine,
    standing,
    sums_by_file,
    write_ledger,
    write_target,
)
from jobs.nights import PUBLICATION
from lake.clock import UTC, cutoff
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import GateFailed, InputError
from lake.files import Files
from lake.log import log
from lake.sources import Source
from lake.storage import StoredFile, list_files
from lake.tables import POINTS, POLICY_DAYS

__all__ = ["LoadResult", "knowledge_floor", "listed", "load", "load_listed", "open_from"]


@dataclass(frozen=True)
class Loaded:
    """What parsing gave: sums and time of receipt per file, and counts by reason."""

    sums: dict[str, Sums]
    received_ts: dict[str, dt.datetime | None]
    reasons: dict[str, Counter[str]]


def load(  # noqa: PLR0913 - what a command line can say about a load
    lake: Lake,
    conf: Conf,
    source: Source,
    files: Sequence[StoredFile],
    *,
    date: dt.date | None,
    received_at: dt.datetime | None,
    run_id: str,
    floor: dt.datetime | None,
    progress: Progress | None = None,
) -> LoadResult:
    """Load files named by hand (`listed`) into the source's table. Raises InputError where nothing says when they were received;
    refused files are in the result and stop no other."""
    if source.received is None and received_at is None and date is None:
        raise InputError(f"source '{source.name}' does not say when its files were received: give --received-at or --date")
    gate = make_gate(conf.reports_path / DOCS, BY_HAND)
    batch = Batch(lake, source, lake.table(source.target), date, received_at, floor, run_id, progress, gate=gate)
    return load_listed(batch, files)


def listed(inputs: Sequence[str]) -> list[StoredFile]:
    """Files of paths, folders and globs, each once, by path. Raises InputError where one matches no file."""
    files: dict[str, StoredFile] = {}
    for pattern in inputs:
        found = list_files(pattern)
        if not found:
            raise InputError(f"no files match '{pattern}'")
        files.update({f.path: f for f in found})
    return [files[path] for path in sorted(files)]


def load_listed(batch: Batch, files: Sequence[StoredFile]) -> LoadResult:
    """Load listed files: those that are known are not read, those with known content are counted as duplicates."""
    plan = make_plan(batch, files)
    added = read_past(batch, plan.parse)
    if added:
        log().warning("columns are read past", source=batch.source.name, files=some_of(added))
    try:
        loaded = _parse_and_write(batch, plan) if plan.parse else Loaded({}, {}, {})
    except GateFailed as e:
        _keep_out(batch, plan, e)
        raise
    copies = _copies(plan)
    write_ledger(batch, _ledger_rows(batch, plan, loaded, copies))
    if plan.parse:
        batch.lake.remove(_staging(batch, plan.parse))
    return _result(batch, plan, loaded, copies)


def _keep_out(batch: Batch, plan: Plan, failure: GateFailed) -> None:
    """Refuse in the ledger what a gate stopped, with the copies of it; as refused files they are tried again."""
    of_batch = {a.content_sha256 for a in plan.parse}
    stopped = [*plan.parse, *(a for a in plan.duplicates if a.content_sha256 in of_batch)]
    why = f"batch_stopped:{failure}"
    refused = (*plan.refused, *(replace(a, reason=why) for a in stopped))
    copies = tuple(a for a in plan.duplicates if a.content_sha256 not in of_batch)
    kept = replace(plan, parse=(), duplicates=copies, refused=refused)
    write_ledger(batch, _ledger_rows(batch, kept, Loaded({}, {}, {}), _copies(kept)))
    batch.lake.remove(_staging(batch, plan.parse))


def _copies(plan: Plan) -> dict[str, Sums]:
    return {a.file.path: Sums(read=a.records, duplicate=a.records) for a in plan.duplicates}


def knowledge_floor(lake: Lake) -> dt.datetime | None:
    """The cutoff of the last published night: nothing loaded now can have been known before. None before the first."""
    published = lake.read("gold.nights").where((F.col("job") == PUBLICATION) & (F.col("status") == "finished"))
    last = published.agg(F.max("night_date").alias("last")).collect()[0]["last"]
    return cutoff(last) if last is not None else None


def open_from(lake: Lake, target: str) -> dt.datetime | None:
    """The earliest time from which a load by hand can be known; None for history, which was known elsewhere when it was."""
    return None if target == POLICY_DAYS.name else knowledge_floor(lake)


def _parse_and_write(batch: Batch, plan: Plan) -> Loaded:
    admitted = plan.parse
    folder = _staging(batch, admitted)
    was_killed = _was_killed(batch)
    resumed = Files(batch.lake.spark).exists(f"{folder}/held/_SUCCESS")
    seen = Observation()
    schema = None if resumed else stage(batch, admitted, f"{folder}/rows", seen)
    staged = _read_staged(batch, f"{folder}/rows", schema)
    records, found = read_back(batch, admitted, staged)
    good, refused = records.where(F.size("reasons") == 0), records.where(F.size("reasons") > 0)
    # what a load that was killed has written, be it by another mapping, is not written beside itself
    there = _placed(batch, good, admitted) if was_killed and batch.table.name == POINTS.name else None
    # only a replay brings back what is in quarantine, whatever the rules say by now
    quarantined = held_records(batch, admitted)
    is_any_held = not quarantined.isEmpty()
    free = good.join(quarantined, on=LINE, how="left_anti") if is_any_held else good
    free = free if there is None else free.join(there, on=PLACE, how="left_anti")
    partitions = sorted({p for b in found for p in b.partitions})
    known = None if batch.table.name == POINTS.name else standing(batch, free, partitions)
    contested = None
    # of points, what another load has brought in since is a duplicate now; versions are compared when they are written
    if not resumed or known is None:
        found_back = held_back(batch, free, known, partitions)
        back, contested = found_back.rows, found_back.contested
        if is_any_held:
            stays = good.join(quarantined, on=LINE, how="left_semi").select(*PLACE, F.lit("quarantined").alias("status"))
            back = back.unionByName(stays)
        back = back if there is None else back.unionByName(there)
        back.write.mode("overwrite").parquet(f"{folder}/held")
    held = _read_staged(batch, f"{folder}/held", HELD)
    counts = held.groupBy("source_file", "status").count().collect()
    duplicate, present, placed, stayed = (by_status(counts, x) for x in ("duplicate", "present", "placed", "quarantined"))
    sums = sums_by_file(admitted, _refused(batch, found) + stayed, duplicate)
    batch.say(f"{sum(x.read for x in sums.values()):,} records judged")
    reasons = reasons_of(refused) if any(x.quarantined for x in sums.values()) else {}
    counted = staged.agg(*observed(batch)).collect()[0].asDict() if resumed else seen.get
    conflicts = None if contested is None else contested - duplicate.total() - present.total()
    check_batch(batch, plan, Judged(sums, reasons, counted, stayed.total(), conflicts))
    # of files that the ledger had before this run the quarantine was written before it was
    fresh = [a for a in admitted if not plan.is_settled(a)]
    if reasons and fresh:
        quarantine(batch, fresh, refused.where(F.col("source_file").isin([a.file.path for a in fresh])))
    if sum(x.accepted for x in sums.values()) > present.total() + placed.total():
        new = good.join(held, on=PLACE, how="left_anti") if counts else good
        write_target(batch, load_id(batch, batch.table.name, admitted), new, known, resumed=resumed)
    return Loaded(sums, _received(batch, admitted, found), single(reasons))


def _was_killed(batch: Batch) -> bool:
    """Whether an earlier load of the source left its staging behind: it may have written some of its tables."""
    folders = Files(batch.lake.spark).entries(f"{batch.lake.root}/_staging/load")
    return any(x.name.startswith(f"{batch.source.name}-") for x in folders)


def _placed(batch: Batch, good: DataFrame, admitted: Sequence[Admission]) -> DataFrame:
    """Records that the target has from the same line of the same content: source_file, source_line, status."""
    of_files = F.col("content_sha256").isin([a.content_sha256 for a in admitted]) & (F.col("source") == batch.source.name)
    there = batch.lake.read(batch.table.name).where(of_files).select(*LINE)
    return good.join(there, on=LINE, how="left_semi").select(*PLACE, F.lit("placed").alias("status")).localCheckpoint()


def _read_staged(batch: Batch, folder: str, schema: StructType | str | None) -> DataFrame:
    """A given schema saves a job that would ask the files for it."""
    reader = batch.lake.spark.read
    return (reader if schema is None else reader.schema(schema)).parquet(folder)


def _refused(batch: Batch, found: Sequence[Block]) -> Counter[str]:
    """Refused records by path; the parser cannot tell a CSV's header from a repeated one before lines are numbered."""
    header = 1 if batch.source.format.type == "csv" else 0
    refused = _sum((b.source_file, b.refused) for b in found)
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


def _ledger_rows(batch: Batch, plan: Plan, loaded: Loaded, copies: dict[str, Sums]) -> list[tuple[object, ...]]:
    """Rows for what the ledger does not have yet."""
    now = dt.datetime.now(UTC)
    outcomes = [
        *((a, INGESTED, loaded.sums[a.file.path], loaded.received_ts[a.file.path]) for a in plan.parse),
        *((a, DUPLICATE_FILE, copies[a.file.path], batch.received(a.file.path)) for a in plan.duplicates),
        *((a, REFUSED, Sums(), batch.received(a.file.path)) for a in plan.refused),
    ]
    fresh = [x for x in outcomes if plan.ledgered(x[0], x[1]) is None]
    return [ledger_row(batch, a, status, sums, received, now) for a, status, sums, received in fresh]


def _result(batch: Batch, plan: Plan, loaded: Loaded, copies: dict[str, Sums]) -> LoadResult:
    """Sums of a file that the ledger has for this batch are the ledger's: they were fixed when it was loaded first."""
    sums = {row.source_file: _of_ledger(row) for row in plan.again} | copies
    for a in plan.parse:
        row = plan.ledgered(a, INGESTED)
        sums[a.file.path] = _of_ledger(row) if row else loaded.sums[a.file.path]
    return LoadResult(
        source=batch.source.name, files=len(sums) + len(plan.refused), known=plan.known,
        duplicate_files=len(copies) + sum(row.status == DUPLICATE_FILE for row in plan.again),
        read=sum(x.read for x in sums.values()), accepted=sum(x.accepted for x in sums.values()),
        duplicate=sum(x.duplicate for x in sums.values()), quarantined=sum(x.quarantined for x in sums.values()),
        reasons=dict(sum(loaded.reasons.values(), Counter())), drifted=drifted(loaded.reasons, sums),
        refused=tuple((a.file.path, a.reason or "") for a in plan.refused), unmapped=read_past(batch, plan.parse),
    )  # fmt: skip


def _of_ledger(row: Row) -> Sums:
    return Sums(row["read"], row["accepted"], row["duplicate"], row["quarantined"])


def _staging(batch: Batch, admitted: Sequence[Admission]) -> str:
    """A folder that a load over the same files with the same settings finds again."""
    facts = [batch.source.model_dump_json(), str(batch.date), str(batch.received_at), str(batch.floor)]
    facts += sorted(f"{a.file.path} {a.content_sha256}" for a in admitted)
    return f"{batch.lake.root}/_staging/load/{batch.source.name}-{hashlib.sha256(chr(10).join(facts).encode()).hexdigest()[:16]}"


def _sum(pairs: Iterable[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for path, n in pairs:
        total[path] += n
    return total
