"""What the mature experience of each coverage's champion asks for, night by night."""

from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs.context import JobContext
from jobs.matured import Ends, mean_age_days
from lake.tables import DECISIONS
from monitoring.decision import BANDS_A_DOUBLING, FURTHEST_BAND, Band, Limits, Record, decide
from monitoring.drift import rounded
from registry.champion import load

TABLE = "gold.decisions"


def publish_decisions(ctx: JobContext, detail: dict[str, Any], priced: DataFrame | None, ends: Ends) -> int:
    """Publish gold.decisions for the date: a row a coverage, of the experience of its champion's version."""
    models = detail.get("models", {})
    if not models and not ctx.lake.exists(TABLE):
        return 0
    before = _carried(ctx)
    rows = []
    for coverage, (model, version, run_id) in sorted(models.items()):
        mean = load(ctx.conf, model, version, run_id).scorer.spec.fallback_frequency if priced is not None else 1.0
        since, old = before.get((coverage, version), (ctx.date, Record()))
        # what it priced as a canary, or as champion before another was, is not of this time as champion
        theirs = (F.col("coverage") == coverage) & (F.col("model_version") == version) & (F.col("score_date") >= F.lit(since))
        new = _new_bands(priced.where(theirs), mean) if priced is not None else {}
        days = (ctx.date - ctx.previous).days if ctx.previous else 0
        record = old.after(days, new, mean_age_days(ctx.date, ends))
        rows.append(_row(ctx, (coverage, model, version), since, record))
    df = ctx.spark.createDataFrame(rows, DECISIONS.schema).coalesce(1)
    return ctx.lake.publish(TABLE, df, f"score_date = DATE'{ctx.date}'", ctx.gate)


def limits_of(ctx: JobContext) -> Limits:
    """As configured."""
    m = ctx.conf.monitoring
    return Limits(m.decision_claims, m.decision_effect, m.false_alarm)


def band_of(frequency: Column, mean: float) -> Column:
    """Band of a predicted frequency by its ratio to the frame's mean."""
    band = F.floor(F.log2(frequency / F.lit(mean)) * BANDS_A_DOUBLING)
    return F.greatest(F.lit(-FURTHEST_BAND), F.least(F.lit(FURTHEST_BAND - 1), band)).cast("int")


def _new_bands(mine: DataFrame, mean: float) -> dict[int, Band]:
    expected = F.col("frequency") * F.col("exposure_years")
    by_band = mine.groupBy(band_of(F.col("frequency"), mean).alias("band"))
    rows = by_band.agg(F.sum("exposure_years").alias("years"), F.sum(expected).alias("expected"), F.sum("claims").alias("claims"))
    return {r["band"]: Band(r["years"], r["expected"], r["claims"]) for r in rows.collect()}


def _carried(ctx: JobContext) -> dict[tuple[str, str], tuple[Any, Record]]:
    """(since, record) by coverage and version, as the night before left them."""
    rows = ctx.lake.read(TABLE).where(F.col("score_date") == F.lit(ctx.previous)).collect()
    return {(r["coverage"], r["model_version"]): (r["since"], _record(r)) for r in rows}


def _record(r: Row) -> Record:
    bands = {x["band"]: Band(x["car_years"], x["expected_claims"], x["claims"]) for x in r["bands"]}
    return Record(bands, r["maturity_days"], r["log_evidence_shape"])


def _row(ctx: JobContext, names: tuple[str, str, str], since: Any, record: Record) -> tuple[Any, ...]:
    found, whole = decide(record, limits_of(ctx)), record.whole
    kept = [(b, rounded(x.car_years), rounded(x.expected), x.claims) for b, x in sorted(record.bands.items())]
    values = {
        "score_date": ctx.date, "coverage": names[0], "model_name": names[1], "model_version": names[2], "since": since,
        "decision": found.decision, "why": found.why, "earned_car_years": rounded(whole.car_years), "claims": whole.claims,
        "expected_claims": rounded(whole.expected), "actual_over_expected": _known(found.ratio), "lower": _known(found.lower),
        "upper": _known(found.upper), "log_evidence_level": rounded(record.log_level(limits_of(ctx).effect)),
        "log_evidence_shape": rounded(record.log_shape), "band_spread": _known(found.spread), "slope": _known(found.slope),
        "maturity_days": rounded(record.maturity_days), "bands": kept,
    }  # fmt: skip
    return tuple(values[name] for name in DECISIONS.names)


def _known(value: float | None) -> float | None:
    return None if value is None else rounded(float(value))
