"""Exposure under published prices that has come of age: old enough for its claims to have been reported."""

import datetime as dt
from itertools import pairwise

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.context import JobContext
from jobs.nights import Nights
from lake.clock import cutoff
from registry.store import CHAMPION
from transforms.claims import claims_in, match_claims
from transforms.exposure import COVER_KEY, earned_exposure

Ends = dict[dt.date, dt.date]


def matured_nights(ctx: JobContext, nights: Nights) -> Ends:
    """Nights whose prices' exposure came of age between the last published night and this one, and the night that closed each."""
    if ctx.previous is None:
        return {}
    published = {d for d in nights.published if d < ctx.date}
    age = dt.timedelta(days=ctx.conf.monitoring.claims_mature_days)
    every = sorted({*published, ctx.previous, ctx.date})
    return {night: end for night, end in pairwise(every) if ctx.previous < end + age <= ctx.date}


def mean_age_days(date: dt.date, ends: Ends) -> float:
    """Of their exposure at the cutoff of `date`."""
    lengths = [((end - night).days, (date - end).days) for night, end in ends.items()]
    days = sum(n for n, _ in lengths)
    return sum(n * (age + n / 2) for n, age in lengths) / days if days else 0.0


def matured(ctx: JobContext, ends: Ends) -> DataFrame:
    """Covers that a champion's or canary's model priced on those nights, with what they earned until the next: COVER_KEY,
    score_date, model_name, model_version, frequency, exposure_years and claims, all as known at the night's cutoff. Each exposure
    is held against its claims once, at the same age."""
    of_nights = F.col("score_date").isin(list(ends)) & (F.col("role") == CHAMPION) & ~F.col("fallback")
    scores = ctx.lake.read("gold.policy_scores").where(of_nights & (F.col("frequency") > 0))
    starts, stops = (_by_night({n: cutoff(d) for n, d in pairs}) for pairs in (zip(ends, ends, strict=True), ends.items()))
    spans = scores.select(
        *COVER_KEY, "score_date", "currency", "frequency", "lineage.model_name", "lineage.model_version",
        starts.alias("start_ts"), stops.alias("end_ts"),
    )  # fmt: skip
    policies, claims = (ctx.lake.read_known(f"reference.{x}", ctx.cutoff) for x in ("policies", "claims"))
    first, last = cutoff(min(ends)), cutoff(max(ends.values()))
    recent = claims.where((F.col("occurred_ts") >= F.lit(first)) & (F.col("occurred_ts") < F.lit(last)))
    priced = claims_in(earned_exposure(policies, spans), match_claims(recent, policies))
    return priced.where("exposure_years > 0").drop("start_ts", "end_ts", "currency", "incurred_minor")


def _by_night(values: dict[dt.date, dt.datetime]) -> Column:
    return F.create_map(*(F.lit(x) for pair in values.items() for x in pair))[F.col("score_date")]
