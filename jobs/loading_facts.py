"""What is known of a load before it is committed, from aggregations that are made anyway, and the gate that judges it."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from expectations import batches
from expectations.batches import batch_suite, null_share
from expectations.row_rules import POSITION_IS_NOT_KEPT
from jobs.loading_admission import Admission
from jobs.loading_batch import REFUSED, Batch, Plan
from jobs.loading_write import Sums
from lake.sources import SET_BY_LOADER
from lake.tables import POINTS
from transforms.parse import STATED, unmapped

MIN_RECORDS_OF_DRIFT = 10
"""Of fewer records all may be wrong by chance."""
USUAL_NIGHTS, MIN_NIGHTS = 7, 3
"""Last nights of the source whose median is the usual one, a whole week for its weekends; fewer than three are no habit."""
Reasons = dict[str, Counter[tuple[str, ...]]]
"""By path, how often these reasons were given together."""


@dataclass(frozen=True)
class Judged:
    """What became of the records of the files that were parsed; `conflicts` is None where a load that was killed had counted."""

    sums: dict[str, Sums]
    reasons: Reasons
    seen: Mapping[str, int]
    stayed: int
    conflicts: int | None


def observed(batch: Batch) -> list[Column]:
    """Aggregates over judged rows, to be taken while they are written."""
    good = (F.size("reasons") == 0) & ~F.col("_blank")
    counts = {"good": good, **{null_share(x): good & F.col(x).isNull() for x in _optional(batch)}}
    if batch.table.name == POINTS.name:
        counts[batches.AHEAD] = good & (F.col("event_ts") > F.col(STATED))
        late = F.col("event_ts") < F.col(STATED) - F.expr(f"INTERVAL {batches.LATE_DAYS} DAYS")
        counts[batches.LATE] = good & late
    return [F.count_if(condition).alias(name) for name, condition in counts.items()]


def _optional(batch: Batch) -> list[str]:
    """Columns that the source maps and that may be null; of reference rows and days null says something."""
    if batch.table.name != POINTS.name:
        return []
    return [x.name for x in batch.table.columns if x.nullable and x.name in batch.source.columns and x.name not in SET_BY_LOADER]


def reasons_of(refused: DataFrame) -> Reasons:
    """Count refused records by path and reasons."""
    found: Reasons = {}
    for row in refused.groupBy("source_file", "reasons").count().collect():
        found.setdefault(row["source_file"], Counter())[tuple(row["reasons"])] = row["count"]
    return found


def single(reasons: Reasons) -> dict[str, Counter[str]]:
    """How often each reason was given, by path."""
    found: dict[str, Counter[str]] = {path: Counter() for path in reasons}
    for path, together in reasons.items():
        for several, n in together.items():
            found[path].update(dict.fromkeys(several, n))
    return found


def drifted(reasons: Mapping[str, Counter[str]], sums: Mapping[str, Sums]) -> tuple[tuple[str, str], ...]:
    """(path, what) of files where every record is malformed or lacks a mapped column: their provider has changed them."""
    gone = ("wrong_type:", "missing:", "malformed_")
    return tuple(
        (path, f"in every record: {reason}")
        for path, of_file in sorted(reasons.items())
        for reason, n in sorted(of_file.items())
        if reason.startswith(gone) and n == sums[path].read >= MIN_RECORDS_OF_DRIFT
    )


def read_past(batch: Batch, admitted: Sequence[Admission]) -> tuple[tuple[str, str], ...]:
    """(path, columns) of files with columns that are neither mapped nor ignored."""
    found = ((a.file.path, unmapped(batch.source, a.columns)) for a in admitted)
    return tuple((path, ", ".join(columns)) for path, columns in found if columns)


def check_batch(batch: Batch, plan: Plan, judged: Judged) -> None:
    """Put the load before its gate. Raises GateFailed where nothing of it may be committed."""
    if batch.gate is not None:
        measured = measures(batch, plan, judged)
        batch.gate.judge(batch_suite(batch.source, measured), measured, "was not loaded")


def measures(batch: Batch, plan: Plan, judged: Judged) -> dict[str, float]:
    """Values by the names of `expectations.batches`; shares only of so many records that they say something."""
    total = _total(judged.sums.values())
    good = judged.seen["good"]
    short = abs(good - total.accepted - total.duplicate - judged.stayed)
    columns = {c for a in plan.parse for c in unmapped(batch.source, a.columns)}
    parts = total.accepted + total.duplicate + total.quarantined
    found: dict[str, float] = {batches.UNACCOUNTED: abs(total.read - parts) + short, batches.UNMAPPED: len(columns)}
    if total.read >= batch.source.limits.min_records:
        found |= _shares(batch, total, judged) | _of_good(batch, good, judged)
    return found | _against_usual(batch, plan, total)


def _shares(batch: Batch, total: Sums, judged: Judged) -> dict[str, float]:
    # a file of which nothing is accepted brings nothing in, and must not keep the others out
    bringing = {path: x for path, x in judged.sums.items() if x.accepted + x.duplicate}
    together = _total(bringing.values())
    found = {
        batches.QUARANTINED: _share(together.quarantined - _withheld(judged, bringing), together.read),
        batches.QUARANTINED_OF_ALL: _share(total.quarantined - _withheld(judged, judged.sums), total.read),
        batches.WITHHELD: _share(_withheld(judged, judged.sums), total.read),
    }
    # a reference table that is delivered whole says again what it said
    return found | ({batches.DUPLICATE: _share(total.duplicate, total.read)} if batch.table.name == POINTS.name else {})


def _of_good(batch: Batch, good: int, judged: Judged) -> dict[str, float]:
    found = {name: _share(n, good) for name, n in judged.seen.items() if name != "good"}
    if batch.table.name == POINTS.name and judged.conflicts is not None:
        found[batches.CONFLICT] = _share(judged.conflicts, good)
    return found


def _withheld(judged: Judged, paths: Iterable[str]) -> int:
    """Records that nothing is wrong with but for a policy or consent."""
    together = (judged.reasons.get(path, Counter()) for path in paths)
    return sum(n for of_file in together for several, n in of_file.items() if set(several) <= set(POSITION_IS_NOT_KEPT))


def _against_usual(batch: Batch, plan: Plan, total: Sums) -> dict[str, float]:
    """Of a night's points: records of the night against the median of the last ones."""
    if batch.table.name != POINTS.name or batch.date is None:
        return {}
    nights: Counter[object] = Counter()
    for row in plan.ledger:
        if row.status != REFUSED and row.batch_date is not None and row.batch_date < batch.date:
            nights[row.batch_date] += row.read
    last = [nights[date] for date in sorted(nights, key=str)[-USUAL_NIGHTS:]]
    usual = statistics.median(last) if len(last) >= MIN_NIGHTS else 0
    tonight = total.read + sum(a.records for a in plan.duplicates) + sum(row.read for row in plan.again)
    return {batches.OF_USUAL: tonight / usual} if usual >= batch.source.limits.min_records else {}


def _total(sums: Iterable[Sums]) -> Sums:
    parts = [(x.read, x.accepted, x.duplicate, x.quarantined) for x in sums]
    return Sums(*(sum(column) for column in zip(*parts, strict=True))) if parts else Sums()


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def by_status(counts: Sequence[Row], status: str) -> Counter[str]:
    """Of rows with source_file, status and count: the counts of a status by path."""
    total: Counter[str] = Counter()
    for row in counts:
        if row["status"] == status:
            total[row["source_file"]] += row["count"]
    return total
