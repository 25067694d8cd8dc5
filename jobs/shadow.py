"""Champion against challengers in paired shadow: how far prices would move tonight, and whom mature claims fell on, over all
nights since the two met."""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs.context import JobContext
from jobs.matured import Ends
from lake.tables import SHADOW
from monitoring.drift import rounded
from monitoring.sequential import pair_increment
from registry.challengers import CHALLENGER
from registry.store import CHAMPION
from transforms.exposure import COVER_KEY

TABLE = "gold.shadow"
SCORES = "gold.policy_scores"
MOVES = {"moved_5": 0.05, "moved_10": 0.10, "moved_25": 0.25}
"""Relative changes whose covers are counted, as in the champion diff."""


@dataclass(frozen=True)
class Pair:
    """A challenger against the champion of a coverage."""

    coverage: str
    alias: str
    model: str
    version: str
    champion: str
    why: str | None = None
    """Why it was not scored."""

    @property
    def versions(self) -> tuple[str, str, str]:
        """What experience of the two is kept under; the alias may move on."""
        return self.coverage, self.version, self.champion


def pairs_of(detail: dict[str, Any]) -> list[Pair]:
    """The pairs of a night, by the detail of its job `score`."""
    champions = {c: name[1] for c, name in detail.get("models", {}).items()}
    found = [Pair(c, a, n[0], n[1], champions[c]) for c, by in detail.get("challengers", {}).items() for a, n in by.items()]
    found += [Pair(c, u[0], u[1], u[2], champions[c], u[3]) for c, us in detail.get("unscored", {}).items() for u in us]
    return sorted(found, key=lambda p: (p.coverage, p.alias))


def publish_shadow(ctx: JobContext, detail: dict[str, Any], priced: DataFrame | None, ends: Ends) -> int:
    """Publish gold.shadow for the date: a row a challenger, also of one that was not scored, so that the comparison goes on."""
    pairs = pairs_of(detail)
    if not pairs and not ctx.lake.exists(TABLE):
        return 0
    moves = _moves(ctx) if any(p.why is None for p in pairs) else {}
    before, new = _carried(ctx), _increments(ctx, priced, ends) if priced is not None and pairs else {}
    rows = [_row(ctx, p, moves.get(p.versions), before.get(p.versions), new.get(p.versions, [])) for p in pairs]
    df = ctx.spark.createDataFrame(rows, SHADOW.schema).coalesce(1)
    return ctx.lake.publish(TABLE, df, f"score_date = DATE'{ctx.date}'", ctx.gate)


def _row(ctx: JobContext, p: Pair, moves: Row | None, before: Row | None, new: list[Row]) -> tuple[Any, ...]:
    since = before["first_shadow_date"] if before else ctx.date
    evidence = before["log_evidence"] if before else 0.0
    # a night before the two met would be held against what the pair was not
    mine = [x for x in new if x["score_date"] >= since]
    evidence += sum(pair_increment(x["claims"], x["log_ratios"], x["expected"], x["expected_by_champion"]) for x in mine)
    values = {
        "score_date": ctx.date, "coverage": p.coverage, "alias": p.alias, "model_name": p.model, "model_version": p.version,
        "champion_version": p.champion, "scored": moves["scored"] if moves else 0, "why_not": p.why,
        # sums of doubles differ by partitioning; a rerun states the same
        "mean_price_change": rounded(moves["price"] / moves["price_before"] - 1) if moves else None,
        **{x: moves[x] / moves["scored"] if moves else None for x in MOVES},
        "first_shadow_date": since, "claims": (before["claims"] if before else 0) + sum(x["claims"] for x in mine),
        "car_years": rounded((before["car_years"] if before else 0.0) + math.fsum(x["years"] for x in mine)),
        "log_evidence": rounded(evidence),
    }  # fmt: skip
    return tuple(values[name] for name in SHADOW.names)


def _of_challengers(ctx: JobContext, dates: list[dt.date]) -> DataFrame:
    """COVER_KEY, score_date, version, of what challengers' models said on those nights."""
    shadows = F.col("role").startswith(CHALLENGER) & F.col("score_date").isin(dates) & ~F.col("fallback")
    rows = ctx.lake.read(SCORES).where(shadows)
    version = F.col("lineage.model_version").alias("version")
    # one version may have had two aliases
    return rows.select(*COVER_KEY, "score_date", version, "frequency", "pure_premium").dropDuplicates(
        [*COVER_KEY, "score_date", "version"]
    )


def _moves(ctx: JobContext) -> dict[tuple[str, str, str], Row]:
    """By coverage, version and champion's version: covers that both scored tonight, and how far apart their prices are."""
    champion = ctx.lake.read(SCORES).where(
        (F.col("score_date") == F.lit(ctx.date)) & (F.col("role") == CHAMPION) & ~F.col("fallback")
    )
    before = champion.select(*COVER_KEY, F.col("pure_premium").alias("was"), F.col("lineage.model_version").alias("champion"))
    both = _of_challengers(ctx, [ctx.date]).join(before, on=list(COVER_KEY), how="inner")
    moved = F.abs(F.col("pure_premium") / F.col("was") - 1)
    facts = [
        F.count(F.lit(1)).alias("scored"), F.sum("pure_premium").alias("price"), F.sum("was").alias("price_before"),
        *(F.count_if(moved > limit).alias(name) for name, limit in MOVES.items()),
    ]  # fmt: skip
    rows = both.groupBy("coverage", "version", "champion").agg(*facts).collect()
    return {(r["coverage"], r["version"], r["champion"]): r for r in rows}


def _carried(ctx: JobContext) -> dict[tuple[str, str, str], Row]:
    """The pairs as the night before left them."""
    rows = ctx.lake.read(TABLE).where(F.col("score_date") == F.lit(ctx.previous)).collect()
    return {(r["coverage"], r["model_version"], r["champion_version"]): r for r in rows}


def _increments(ctx: JobContext, priced: DataFrame, ends: Ends) -> dict[tuple[str, str, str], list[Row]]:
    """By pair, a row a night whose exposure came of age."""
    shadows = _of_challengers(ctx, list(ends)).drop("pure_premium").withColumnRenamed("frequency", "challenged")
    both = priced.join(shadows.where("challenged > 0"), on=[*COVER_KEY, "score_date"], how="inner")
    facts = {
        "claims": F.col("claims"), "years": F.col("exposure_years"),
        "log_ratios": F.col("claims") * F.log(F.col("challenged") / F.col("frequency")),
        "expected": F.col("challenged") * F.col("exposure_years"),
        "expected_by_champion": F.col("frequency") * F.col("exposure_years"),
    }  # fmt: skip
    summed: list[Column] = [F.sum(x).alias(name) for name, x in facts.items()]
    found: dict[tuple[str, str, str], list[Row]] = {}
    for r in both.groupBy("coverage", "version", "model_version", "score_date").agg(*summed).collect():
        found.setdefault((r["coverage"], r["version"], r["model_version"]), []).append(r)
    return found
