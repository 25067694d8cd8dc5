"""Job `performance`: claims that occurred under published champion scores, against what those expected.

Cost follows the new data. The exposure of a night's scores is closed by the next night, so expected claims are carried:
the job reads the scores of the last published night, the performance rows of that night, policies and claims, never
older scores. Actual claims are counted anew every night, for they are reported late, change and turn out to be nil.
What a night's cover was is taken as known when the next night closed it; a cancellation learned later changes actual
claims but not exposure that was earned. A holder's fairness groups are, on both sides, those that were known when the day began:
a group that is learned later begins then.
"""

import datetime as dt
from dataclasses import replace

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.context import JobContext, JobResult
from jobs.decisions import publish_decisions
from jobs.matured import Ends, matured, matured_nights
from jobs.nights import Nights, read_nights
from jobs.segments import BANDS, FAIRNESS_GROUPS, grown, segmented
from jobs.shadow import publish_shadow
from lake.clock import cutoff
from lake.delta import Lake
from lake.errors import LakeError
from lake.tables import PERFORMANCE
from monitoring.performance import ALL, Experience, Key, by_segment, members, performance_rows, with_groups
from monitoring.segment_bias import Mature
from registry.store import CHAMPION
from transforms.claims import EVENT, match_claims
from transforms.exposure import COVER_KEY, earned_exposure

TABLE = "gold.performance"
FIRST_SCORED = "first_scored"
"""Of the job's detail: since when claims count."""


def run(ctx: JobContext) -> JobResult:
    """Publish gold.performance, gold.shadow and gold.decisions for the date; no performance on a first night, whose scores have
    no exposure yet.

    Raises LakeError where the night before lacks its performance rows although there were scores before it.
    """
    nights = read_nights(ctx.lake)
    ends = matured_nights(ctx, nights)
    detail = nights.details.get((ctx.date, "score"), {})
    # by the versions that the last run of `score` names
    priced = matured(ctx, ends).persist() if ends and detail else None
    try:
        result = _performance(ctx, nights, priced, ends)
        shadows, decisions = publish_shadow(ctx, detail, priced, ends), publish_decisions(ctx, detail, priced, ends)
    finally:
        if priced is not None:
            priced.unpersist()
    said = f"; {shadows} challengers held against the champion" if shadows else ""
    return replace(result, rows=result.rows + shadows + decisions, message=result.message + said)


def _performance(ctx: JobContext, nights: Nights, priced: DataFrame | None, ends: Ends) -> JobResult:
    first = _first_scored(ctx, nights)
    if ctx.previous is None or first is None:
        return JobResult(0, "no scores were published before this night: no exposure to measure")
    policies = ctx.lake.read_known("reference.policies", ctx.cutoff)
    before = _last_rows(ctx.lake, first, ctx.previous)
    experience = {k: _carried(r).aged((ctx.date - ctx.previous).days) for k, r in before.items()}
    for key, new in _new_experience(ctx, ctx.previous, policies).items():
        experience[key] = experience.get(key, Experience()).plus(new)
    claims = _actual(ctx, first, policies)
    mature = grown(ctx, nights, {k: _mature(r) for k, r in before.items()}, priced, ends, policies)
    rows = performance_rows(ctx.date, experience, claims, mature)
    df = ctx.spark.createDataFrame(rows, PERFORMANCE.schema).coalesce(1)
    ctx.lake.publish(TABLE, df, f"score_date = DATE'{ctx.date}'", ctx.gate)
    return JobResult(len(rows), _message(experience, claims), {FIRST_SCORED: str(first)})


def _message(experience: dict[Key, Experience], claims: dict[Key, int]) -> str:
    whole = experience.get((ALL, ALL), Experience())
    return (
        f"{claims.get((ALL, ALL), 0)} claims, {whole.expected:.1f} expected in {whole.car_years:.1f} car-years "
        f"of mean age {whole.maturity_days:.0f} days"
    )


def _first_scored(ctx: JobContext, nights: Nights) -> dt.date | None:
    """The first date before this night that had scores: as the night before recorded it, for old scores may be gone since."""
    detail = nights.details.get((ctx.previous, "performance"), {}) if ctx.previous else {}
    if FIRST_SCORED in detail:
        return dt.date.fromisoformat(detail[FIRST_SCORED])
    earlier = ctx.lake.read("gold.policy_scores").where(F.col("score_date") < F.lit(ctx.date))
    found: dt.date | None = earlier.agg(F.min("score_date")).collect()[0][0]
    return found


def _last_rows(lake: Lake, first: dt.date, previous: dt.date) -> dict[Key, Row]:
    """The rows of the night before, by segment."""
    rows = lake.read(TABLE).where(F.col("score_date") == F.lit(previous)).collect()
    if not rows and first < previous:
        raise LakeError(f"{TABLE} has no rows for {previous}, but scores since {first}: rerun that night from job performance")
    return {(r["segment"], r["value"]): r for r in rows}


def _carried(r: Row) -> Experience:
    return Experience(r["earned_car_years"], r["expected_claims"], r["maturity_days"])


def _mature(r: Row) -> Mature:
    """Nothing of a row that was written before the table had these columns."""
    return Mature(r["mature_claims"] or 0, r["mature_expected_claims"] or 0.0, r["off_since"])


def _new_experience(ctx: JobContext, previous: dt.date, policies: DataFrame) -> dict[Key, Experience]:
    """What the prices in force since the night `previous` expected until this night's cutoff, while their cover was in force."""
    start = cutoff(previous)
    in_force_then = (F.col("score_date") == F.lit(ctx.previous_scores)) & (F.col("role") == CHAMPION)
    scores = ctx.lake.read("gold.policy_scores").where(in_force_then)
    spans = scores.where("frequency IS NOT NULL").select(
        *COVER_KEY, "frequency", F.lit(start).alias("start_ts"), F.lit(ctx.cutoff).alias("end_ts")
    )
    earned = segmented(ctx, earned_exposure(policies, spans), policies, start)
    expected = F.sum(F.col("frequency") * F.col("exposure_years")).alias("expected")
    sums = [F.sum("exposure_years").alias("years"), expected, members()]
    mean_age_days = (ctx.date - previous).days / 2
    rows = by_segment(earned, sums).collect()
    return {(r["segment"], r["value"]): Experience(r["years"], r["expected"], mean_age_days, r["members"]) for r in rows}


def _actual(ctx: JobContext, first: dt.date, policies: DataFrame) -> dict[Key, int]:
    """Claim events since the first scores' cutoff, as known now, on cover that the scores of that day could hold: in force
    when the day began, and known by then."""
    since = F.col("occurred_ts") >= F.lit(cutoff(first))
    claims = ctx.lake.read_known("reference.claims", ctx.cutoff).where(since & (F.col("occurred_ts") < F.lit(ctx.cutoff)))
    events = (
        match_claims(claims, policies).where(F.col("outcome") == EVENT).withColumn("_day", F.date_trunc("day", "occurred_ts"))
    )
    covers = policies.drop("currency").join(_first_known(ctx), on=[*COVER_KEY, "valid_from"], how="inner")
    scored = events.select("claim_id", *COVER_KEY, "_day").join(covers, on=list(COVER_KEY), how="inner")
    in_force_then = (F.col("valid_from") <= F.col("_day")) & (F.col("valid_to").isNull() | (F.col("valid_to") > F.col("_day")))
    in_force_then &= F.col("first_known_ts") < F.col("_day")
    bands = [F.max_by(b, "valid_from").alias(b) for b in BANDS]
    once = scored.where(in_force_then).groupBy("claim_id", *COVER_KEY, "_day").agg(*bands)
    grouped = with_groups(once, ctx.lake.read(FAIRNESS_GROUPS), F.col("_day"))
    rows = by_segment(grouped, [F.count(F.lit(1)).alias("claims")]).collect()
    return {(r["segment"], r["value"]): r["claims"] for r in rows}


def _first_known(ctx: JobContext) -> DataFrame:
    """Of each cover, from when any version of it was known."""
    versions = ctx.lake.read("reference.policies").where(F.col("known_from") < F.lit(ctx.cutoff))
    return versions.groupBy(*COVER_KEY, "valid_from").agg(F.min("known_from").alias("first_known_ts"))
