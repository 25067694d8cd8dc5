"""Training frames: built from the lake as known, named by their content, written once."""

import datetime as dt
import hashlib
import json
import uuid
from dataclasses import asdict, dataclass

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs.context import Gate
from lake.conf import Conf
from lake.delta import Lake, transaction_id
from lake.errors import TrainingRefused
from lake.tables import FRAMES, frame_prefix
from transforms.frames import FrameSpec, Sources, as_of_dates, left_out, training_frame

NAME_DIGITS = 16
_PART_DIGITS = 15
_PARTS = 4
"""A row's SHA-256 is summed in four parts of 15 hexadecimal digits (60 bits): sums do not depend on the rows' order, and
2^67 rows fit a decimal(38)."""


@dataclass(frozen=True)
class FramePart:
    """One as-of date of a frame; `observed` is its rows with driving in the longest window."""

    as_of_date: dt.date
    rows: int
    observed: int
    exposure_years: float
    claims: int
    incurred_minor: int


@dataclass(frozen=True)
class FrameResult:
    """A frame: `name` is its table; `left_out` maps "claim: recourse" and the like to rows (see transforms.frames)."""

    hash: str
    spec: FrameSpec
    df: DataFrame
    parts: tuple[FramePart, ...]
    left_out: dict[str, int]

    @property
    def name(self) -> str:
        """The table's name in the lake."""
        return f"frames.{self.hash}"

    @property
    def valuation(self) -> dt.date:
        """The date at whose cutoff outcomes were valued."""
        return self.spec.valuation


def build_frame(lake: Lake, conf: Conf, valuation: dt.date, gate: Gate) -> FrameResult:
    """Build the frame of the configured dates as valued at cutoff(valuation), and write it unless the lake has it.

    The same knowledge gives the same hash whatever arrived since and however files are laid out, and then no commit.
    Raises TrainingRefused naming the as-of dates that have no row, or no policy day before them, and whatever the gate raises.
    """
    t = conf.training
    dates = as_of_dates(valuation, t.horizon_days, t.maturity_days, t.as_of_dates)
    spec = FrameSpec(dates, t.horizon_days, valuation, t.feature_version)
    table = FRAMES[t.feature_version]
    sources = Sources(
        *(lake.read(x) for x in ("reference.policies", "reference.consents", "reference.claims", "gold.policy_days"))
    )
    staging = f"{lake.root}/_staging/frames-{uuid.uuid4().hex[:12]}"
    try:
        shaped = lake.shaped(f"frames.{frame_prefix(t.feature_version)}new", training_frame(sources, spec))
        shaped.write.format("parquet").save(staging)
        staged = lake.spark.read.schema(table.schema).parquet(staging)
        parts, digest = summarise(staged, spec)
        check_complete(parts, spec)
        _write(lake, f"frames.{digest}", staged, valuation, gate)
    finally:
        lake.remove(staging)
    lost = {f"{r['kind']}: {r['reason']}": r["rows"] for r in left_out(sources, spec).collect()}
    return FrameResult(digest, spec, lake.read(f"frames.{digest}"), parts, dict(sorted(lost.items())))


def _write(lake: Lake, name: str, staged: DataFrame, valuation: dt.date, gate: Gate) -> None:
    """Append the frame unless it is there. A kill may have left the table as it was created; no frame is empty."""
    if lake.read(name).isEmpty():
        gate(name, staged)
        lake.append_once(name, staged, transaction_id("frames", name, valuation, [name]))


def summarise(frame: DataFrame, spec: FrameSpec) -> tuple[tuple[FramePart, ...], str]:
    """Figures per as-of date, oldest first, and the hash of specification and content, in one pass."""
    measures = (
        F.count(F.lit(1)).alias("rows"),
        F.count_if(F.col("days_driven_365") > 0).alias("observed"),
        F.sum("exposure_years").alias("exposure_years"),
        F.sum("claims").alias("claims"),
        F.sum("incurred_minor").alias("incurred_minor"),
    )
    rows = frame.groupBy("as_of_date").agg(*measures, *_content_sums(frame.columns)).orderBy("as_of_date").collect()
    names = list(FramePart.__dataclass_fields__)
    return tuple(FramePart(**{n: row[n] for n in names}) for row in rows), _digest(rows, spec)


def _content_sums(columns: list[str]) -> list[Column]:
    row = F.sha2(F.to_json(F.struct(*columns), {"ignoreNullFields": "false"}), 256)
    starts = range(1, 1 + _PARTS * _PART_DIGITS, _PART_DIGITS)
    return [F.sum(F.conv(F.substring(row, s, _PART_DIGITS), 16, 10).cast("decimal(20,0)")).alias(f"_part_{s}") for s in starts]


def _digest(rows: list[Row], spec: FrameSpec) -> str:
    sums = [[str(r[c]) for c in r.asDict() if c.startswith("_part_") or c in ("as_of_date", "rows")] for r in rows]
    columns = list(FRAMES[spec.feature_version].names)
    text = json.dumps({"spec": asdict(spec), "columns": columns, "content": sums}, sort_keys=True, default=str)
    return frame_prefix(spec.feature_version) + hashlib.sha256(text.encode()).hexdigest()[:NAME_DIGITS]


def check_complete(parts: tuple[FramePart, ...], spec: FrameSpec) -> None:
    """Raise TrainingRefused where an as-of date has no row, or none with driving before it."""
    have = {p.as_of_date: p for p in parts}
    empty = [d for d in spec.as_of_dates if d not in have]
    unseen = [d for d in spec.as_of_dates if d in have and not have[d].observed]
    if not empty and not unseen:
        return
    why = [f"no insured policy with consent as of {', '.join(map(str, empty))}"] if empty else []
    why += [f"no policy days before {', '.join(map(str, unseen))}"] if unseen else []
    raise TrainingRefused(
        f"no training frame at valuation {spec.valuation}: {'; '.join(why)}: load more history, value later, "
        f"or lower training.as_of_dates or horizon_days"
    )
