"""What the book is cut by for actual against expected, and the mature experience of each segment."""

import datetime as dt
from collections.abc import Mapping
from functools import reduce
from operator import or_

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.context import JobContext
from jobs.decisions import limits_of
from jobs.matured import Ends
from jobs.nights import Nights
from lake.clock import cutoff
from monitoring.performance import SEGMENTS, Key, by_segment, with_groups
from monitoring.segment_bias import Mature
from transforms.exposure import COVER_KEY, in_force

BANDS = tuple(s for s in SEGMENTS if s not in COVER_KEY)
FAIRNESS_GROUPS = "reference.fairness_groups"


def segmented(ctx: JobContext, covers: DataFrame, policies: DataFrame, at: dt.datetime) -> DataFrame:
    """Covers with the bands of their policies at `at`, and the fairness groups of their holders as known then."""
    bands = in_force(policies, at).select(*COVER_KEY, *BANDS)
    banded = covers.join(bands, on=list(COVER_KEY), how="left")
    return with_groups(banded, ctx.lake.read(FAIRNESS_GROUPS), F.lit(at))


def grown(
    ctx: JobContext, nights: Nights, before: Mapping[Key, Mature], priced: DataFrame | None, ends: Ends, policies: DataFrame
) -> dict[Key, Mature]:
    """Mature experience by segment: that of the night before, and what came of age since.

    Only what tonight's champions priced: where one of a coverage is another than the night before, all begins anew, for what an
    earlier version got wrong says nothing of this one.
    """
    details = (nights.details.get((d, "score"), {}) if d else {} for d in (ctx.date, ctx.previous))
    tonight, last = (x.get("models", {}) for x in details)
    carried = before if tonight == last else {}
    new = _came_of_age(ctx, priced, ends, policies, tonight) if priced is not None and tonight else {}
    limits = limits_of(ctx)
    return {k: carried.get(k, Mature()).after(ctx.date, new.get(k, Mature()), limits) for k in sorted({*carried, *new})}


def _came_of_age(
    ctx: JobContext, priced: DataFrame, ends: Ends, policies: DataFrame, models: dict[str, list[str]]
) -> dict[Key, Mature]:
    by_champion = (
        (F.col("coverage") == coverage) & (F.col("model_name") == name) & (F.col("model_version") == version)
        for coverage, (name, version, *_) in models.items()
    )
    mine = priced.where(reduce(or_, by_champion))
    expected = F.sum(F.col("frequency") * F.col("exposure_years")).alias("expected")
    found: dict[Key, Mature] = {}
    for night in ends:  # one, but after nights that ran late
        covers = segmented(ctx, mine.where(F.col("score_date") == F.lit(night)), policies, cutoff(night))
        for r in by_segment(covers, [F.sum("claims").alias("claims"), expected]).collect():
            old = found.get((r["segment"], r["value"]), Mature())
            found[r["segment"], r["value"]] = Mature(old.claims + r["claims"], old.expected + r["expected"])
    return found
