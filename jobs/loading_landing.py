"""What has landed for a night: files new to the ledger and received before the cutoff, or on a rerun those it had."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from expectations.gate import QualityGate
from jobs.context import JobContext, JobResult
from jobs.loading import knowledge_floor, load_listed
from jobs.loading_batch import Batch, LoadResult, in_batch
from lake.clock import cutoff
from lake.errors import Complaint, GateFailed, InputError
from lake.sources import Source, load_source
from lake.storage import StoredFile, join, list_files

NAMING_FILES = ("refused", "drifted", "unmapped")
"""Of a load's result, what names files: bronze.ledger has them."""


def load_landed(ctx: JobContext, is_wanted: Callable[[str], bool]) -> JobResult:
    """Load the landing files of every configured source whose target is wanted; one line that names what there was.

    Refused files, changed columns and stopped batches are complaints. Raises InputError for the sources whose files cannot be
    listed, when all others have been loaded."""
    sources = [load_source(name, ctx.conf.sources_path) for name in ctx.conf.landing.sources]
    published = knowledge_floor(ctx.lake)
    is_rerun = published is not None and published >= ctx.cutoff
    results, failed, stopped = [], [], []
    for source in (x for x in sources if is_wanted(x.target)):
        try:
            results.append(_load(ctx, source, is_rerun))
        except InputError as e:
            failed.append(f"{source.name}: {e}")
        except GateFailed as e:
            stopped.append(Complaint.of(e, source.name))
    if failed:
        raise InputError("; ".join(failed))
    found = [r for r in results if r is not None and (r.files or r.known)]
    message = "; ".join([*(r.describe() for r in found if r.files), *(x.what for x in stopped)]) or "no new files"
    detail = {r.source: {k: v for k, v in asdict(r).items() if k not in NAMING_FILES} for r in found}
    return JobResult(sum(r.accepted for r in found), message, detail, (*stopped, *_complaints(found)))


def _complaints(found: Sequence[LoadResult]) -> list[Complaint]:
    complaints = []
    for result in found:
        try:
            result.raise_for_refused()
        except InputError as e:
            complaints.append(Complaint.of(e, result.source))
    return complaints


def _load(ctx: JobContext, source: Source, is_rerun: bool) -> LoadResult | None:
    files = list_files(join(ctx.conf.landing.root, ctx.conf.landing.sources[source.name]))
    # what one night came to know is fixed by its predecessor's cutoff, which a rerun finds again
    floor = cutoff(ctx.previous) if ctx.previous else None
    gate = ctx.gate if isinstance(ctx.gate, QualityGate) else None
    batch = Batch(ctx.lake, source, ctx.lake.table(source.target), ctx.date, None, floor, ctx.run_id, gate=gate)
    taken = in_batch(batch, files) if is_rerun else [f for f in files if _is_in_time(batch, f, ctx)]
    return load_listed(batch, taken) if taken else None


def _is_in_time(batch: Batch, file: StoredFile, ctx: JobContext) -> bool:
    """A file that states no time of its own is read, and refused with the reason or judged record by record."""
    received = batch.received(file.path)
    return received is None or received < ctx.cutoff
