"""What the page of a night says of models: those that scored, those in shadow, and what experience asks for."""

from pyspark.sql import Row

from jobs.context import JobContext
from jobs.nights import champion_of_record
from jobs.page_facts import MOVES, on_date
from monitoring.night import Decision, Model, Shadow
from monitoring.sequential import to_one


def shadows(ctx: JobContext) -> list[Shadow]:
    """Versions that score in shadow, against the champion."""
    rows = ctx.lake.read("gold.shadow").where(on_date(ctx)).orderBy("coverage", "alias").collect()
    wanted = 1 / ctx.conf.monitoring.false_alarm
    return [
        Shadow(model=r["model_name"], version=r["model_version"], champion=r["champion_version"], since=r["first_shadow_date"],
               scored=r["scored"], claims=r["claims"], evidence=to_one(r["log_evidence"]), wanted=wanted,
               mean_price_change=r["mean_price_change"], deviance_gain=2 * r["log_evidence"], why_not=r["why_not"],
               moved={f"{limit:.0%}": share for limit in MOVES if (share := r[f"moved_{100 * limit:.0f}"]) is not None})
        for r in rows
    ]  # fmt: skip


def decisions(ctx: JobContext) -> list[Decision]:
    """What the mature experience asks for, by coverage."""
    rows = ctx.lake.read("gold.decisions").where(on_date(ctx)).orderBy("coverage").collect()
    return [Decision(coverage=r["coverage"], decision=r["decision"], why=r["why"]) for r in rows]


def cached_models(ctx: JobContext) -> list[str]:
    """Versions that scored the night from the cache, for MLflow did not answer."""
    cached: list[str] = champion_of_record(ctx.lake, ctx.date).get("cached", [])
    return cached


def models(rows: list[Row]) -> list[Model]:
    """Versions that scored the night."""
    found = {(r["model_name"], r["model_version"], r["frame_hash"], r["feature_version"]) for r in rows if r["model_name"]}
    return [Model(name=n, version=v or "", frame=f or "", features=x or "") for n, v, f, x in sorted(found, key=str)]
