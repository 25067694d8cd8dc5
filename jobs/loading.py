"""Loading files into any table that takes files: list, admit, parse, judge, stage, then quarantine, target and ledger.

When a load is killed, the next one over the same files finds what was staged and judged, so the ledger's sums are those
of an undisturbed load, whichever table had been written.
"""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pyspark.sql import Row
from pyspark.sql import functions as F

from expectations.gate import BY_HAND, DOCS, make_gate
from jobs.loading_batch import DUPLICATE_FILE, INGESTED, REFUSED, Batch, LoadResult, Plan, Progress, make_plan, some_of
from jobs.loading_facts import drifted, read_past
from jobs.loading_judge import Loaded, parse_and_write, staging
from jobs.loading_write import Sums, ledger_row, write_ledger
from jobs.nights import PUBLICATION
from lake.clock import UTC, cutoff
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import GateFailed, InputError
from lake.log import log
from lake.sources import Source
from lake.storage import StoredFile, list_files
from lake.tables import POLICY_DAYS

__all__ = ["LoadResult", "knowledge_floor", "listed", "load", "load_listed", "open_from"]


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
        loaded = parse_and_write(batch, plan) if plan.parse else Loaded({}, {}, {})
    except GateFailed as e:
        _keep_out(batch, plan, e)
        raise
    copies = _copies(plan)
    write_ledger(batch, _ledger_rows(batch, plan, loaded, copies))
    if plan.parse:
        batch.lake.remove(staging(batch, plan.parse))
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
    batch.lake.remove(staging(batch, plan.parse))


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
