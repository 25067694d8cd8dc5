"""Job `score`: every policy, vehicle and coverage in force at the night's cutoff, scored with reasons."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from pyspark import Broadcast
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from jobs.context import JobContext, JobResult
from jobs.nights import champion_of_record
from lake import errors
from lake.clock import cutoff
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import InputError, LakeError, TelematicsError
from lake.tables import LINEAGE_TYPE, SCORES
from registry.canary import HEX_DIGITS, Share, canary
from registry.champion import Registered, champion, load
from registry.store import CHAMPION, model_name
from training.reasons import DECIMALS
from training.scorer import OUTPUTS, Scorer
from transforms.consent import PRICING
from transforms.exposure import COVER_KEY, in_force, valid_at

TABLE = "gold.policy_scores"
NO_CONSENT, NO_TRIPS = "no_consent", "no_trips"
OBSERVED = {"km_365": "km_365", "days_driven_365": "days_observed", "completeness_365": "completeness"}
"""Features that are stated beside a score, and the columns of a score that they fill."""
FLAGS = ("fallback", "fallback_reason")
_IDENTITY_OF_MODEL = ("lineage.model_name", "lineage.model_version")
_FAILURE_IN_WORKER = re.compile(r"lake\.errors\.(\w+): ([^\n]+)")


def run(ctx: JobContext) -> JobResult:
    """Publish gold.policy_scores for the date.

    Raises NoChampion for a coverage without one, GateFailed where contributions do not add up, LakeError where the date has no
    features of the model's version or one is missing; what was published before then stays.
    """
    policies, consents = (ctx.lake.read_known(f"reference.{x}", ctx.cutoff) for x in ("policies", "consents"))
    covers = covers_in_force(policies, consents, ctx.cutoff)
    coverages = sorted(row["coverage"] for row in covers.select("coverage").distinct().collect())
    if not coverages:
        raise InputError(
            f"no policy is in force at {ctx.cutoff:%Y-%m-%d %H:%M} UTC: load policies with `telematics reference load`"
        )
    models, canaries = models_of_night(ctx, coverages), canaries_of_night(ctx, coverages)
    parts = [
        scores_of(mine, features_of(ctx, model), model, ctx.date)
        for c in coverages
        for mine, model in divided(covers, models[c], canaries.get(c))
    ]
    scores = reduce(DataFrame.unionByName, parts)
    seen = Observation("scores")
    counted = [F.count_if(F.col("fallback_reason") == r).alias(r) for r in (NO_CONSENT, NO_TRIPS)]
    compared = with_change(scores, published_scores(ctx.lake, ctx.previous_scores)).observe(seen, *counted)
    rows = _publish(ctx, compared)
    return JobResult(rows, _message(rows, models, seen.get), _detail(models, canaries))


def covers_in_force(policies: DataFrame, consents: DataFrame, at: dt.datetime) -> DataFrame:
    """policy_id, vehicle_id, coverage in force at `at` and whether the policy consents; both tables as known."""
    agreed = consents.where(valid_at(at) & (F.col("purpose") == PRICING)).select("policy_id", F.lit(True).alias("consented"))
    joined = in_force(policies, at).select(*COVER_KEY).join(agreed.distinct(), on="policy_id", how="left")
    return joined.select(*COVER_KEY, F.coalesce("consented", F.lit(False)).alias("consented"))


def models_of_night(ctx: JobContext, coverages: list[str]) -> dict[str, Registered]:
    """The versions that the night was first scored with; for coverages it has not been scored for, the champions."""
    recorded = champion_of_record(ctx.lake, ctx.date).get("models", {})
    return {c: load(ctx.conf, *recorded[c]) if c in recorded else champion(ctx.conf, c) for c in coverages}


Canary = tuple[Registered, Share]


def canaries_of_night(ctx: JobContext, coverages: list[str]) -> dict[str, Canary]:
    """The canaries that the night was first scored with; for a night that has not been scored, those there are."""
    record = champion_of_record(ctx.lake, ctx.date)
    if record:
        return recorded_canaries(ctx.conf, record)
    found = {c: canary(ctx.conf, model_name(c)) for c in coverages}
    return {c: x for c, x in found.items() if x is not None}


def recorded_canaries(conf: Conf, record: dict[str, Any]) -> dict[str, Canary]:
    """The canaries of a night's record, by coverage."""
    kept = record.get("canaries", {})
    return {c: (load(conf, *kept[c][:3]), Share(*kept[c][3:])) for c in kept}


def divided(covers: DataFrame, model: Registered, small: Canary | None) -> list[tuple[DataFrame, Registered]]:
    """Covers with the model that scores each: of a canary those that its share holds, of the champion all others."""
    if small is None:
        return [(covers, model)]
    another, share = small
    hashed = F.sha2(F.concat(F.lit(f"{share.salt}/"), F.col("policy_id")), 256)
    below = F.conv(F.substring(hashed, 1, HEX_DIGITS), 16, 10).cast("double") < F.lit(share.share * 16.0**HEX_DIGITS)
    return [(covers.where(~below), model), (covers.where(below), another)]


def features_of(ctx: JobContext, model: Registered) -> DataFrame:
    """The date's features of the model's version. Raises LakeError where there are none."""
    version = model.scorer.spec.feature_version
    of_date = (F.col("as_of_date") == F.lit(ctx.date)) & (F.col("feature_version") == version)
    features = ctx.lake.read("gold.policy_features").where(of_date)
    if features.isEmpty():
        # everybody would get the fallback for no_trips
        mend = f"run `telematics features --date {ctx.date}`"
        raise LakeError(f"gold.policy_features has no rows of version {version} as of {ctx.date}: {mend}")
    return features


def scores_of(covers: DataFrame, features: DataFrame, model: Registered, date: dt.date) -> DataFrame:
    """Scores of the model's coverage with their lineage, without the comparison to the night before."""
    spec, context = model.scorer.spec, covers.sparkSession.sparkContext
    wanted = list(dict.fromkeys([*spec.inputs, *OBSERVED]))
    of_coverage = covers.where(F.col("coverage") == spec.coverage)
    rows = of_coverage.join(features.select("vehicle_id", *wanted), on="vehicle_id", how="left")
    # an explicit number of partitions: a small book would otherwise be scored on one core
    spread = rows.repartition(context.defaultParallelism, "policy_id")
    scored = spread.mapInPandas(_in_worker(context.broadcast(model.scorer.parts())), _scored_ddl())
    return scored.withColumns(
        {
            "score_date": F.lit(date),
            "role": F.lit(CHAMPION),
            "currency": F.lit(spec.currency),
            "lineage": _lineage(model, cutoff(date)),
        }
    )


def _scored_ddl() -> str:
    names = {*COVER_KEY, *OUTPUTS, *OBSERVED.values(), *FLAGS}
    return ", ".join(f"{c.name} {c.type}" for c in SCORES.columns if c.name in names)


def _lineage(model: Registered, at: dt.datetime) -> Column:
    facts = (model.model, model.version, model.run_id, model.scorer.spec.feature_version, model.lineage["frame_hash"], at)
    return F.struct(*(F.lit(x) for x in facts)).cast(LINEAGE_TYPE)


def _in_worker(parts: Broadcast[dict[str, bytes]]) -> Callable[[Iterable[pd.DataFrame]], Iterable[pd.DataFrame]]:
    def score(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        scorer = Scorer.from_parts(parts.value, threads=1)
        return (score_batch(scorer, batch) for batch in batches)

    return score


def score_batch(scorer: Scorer, rows: pd.DataFrame) -> pd.DataFrame:
    """Score rows of COVER_KEY, consented and features; those without consent or driving get the declared fallback, and
    nothing observed is stated about those without consent."""
    rows = rows.reset_index(drop=True)
    consented = rows["consented"].to_numpy(dtype=bool)
    driven = rows["km_365"].to_numpy(dtype=float, na_value=np.nan) > 0
    modelled = consented & driven
    parts = [scorer.score(rows[modelled])] if modelled.any() else []
    others = rows.index[~modelled]
    if len(others):
        parts.append(pd.DataFrame([scorer.fallback()] * len(others), index=others))
    out = pd.concat([rows[list(COVER_KEY)], pd.concat(parts).loc[rows.index]], axis=1) if parts else rows[list(COVER_KEY)]
    observed = rows[list(OBSERVED)].astype(float).round(DECIMALS).rename(columns=OBSERVED)
    observed.loc[~consented] = np.nan
    observed["days_observed"] = observed["days_observed"].astype("Int32")
    reason = np.select([~consented, ~driven], [NO_CONSENT, NO_TRIPS], default="")
    return pd.concat([out, observed], axis=1).assign(fallback=~modelled, fallback_reason=pd.Series(reason).replace("", None))


def published_scores(lake: Lake, date: dt.date | None) -> DataFrame:
    """COVER_KEY, previous_pure_premium and _before (what a comparison needs) of the champion's scores of a date."""
    before = F.struct("reasons", "fallback", *(F.col(x) for x in _IDENTITY_OF_MODEL)).alias("_before")
    rows = lake.read(TABLE).where((F.col("score_date") == F.lit(date)) & (F.col("role") == CHAMPION))
    return rows.select(*COVER_KEY, F.col("pure_premium").alias("previous_pure_premium"), before)


def with_change(scores: DataFrame, previous: DataFrame) -> DataFrame:
    """Add previous_pure_premium, change and change_reason; the reason is null where the price did not change."""
    joined = scores.join(previous, on=list(COVER_KEY), how="left")
    change = F.round(F.col("pure_premium") / F.col("previous_pure_premium") - 1, DECIMALS)
    another_model = reduce(Column.__or__, [F.col(x) != F.col(f"_before.{x.split('.')[1]}") for x in _IDENTITY_OF_MODEL])
    reason = (
        F.when(F.col("_before").isNull(), "new_policy")
        .when(F.col("fallback") != F.col("_before.fallback"), "fallback")
        .when(another_model, "model")
        .when(F.col("pure_premium") != F.col("previous_pure_premium"), _moved_most())
    )
    return joined.withColumns({"change": change, "change_reason": reason}).drop("_before")


def _moved_most() -> Column:
    """The feature whose stated contribution differs most between the two nights; one that is not stated counts as 0."""
    now, before = (_contributions(x) for x in ("reasons", "_before.reasons"))

    def stated(of: Column, feature: Column) -> Column:
        return F.coalesce(F.try_element_at(of, feature), F.lit(0.0))

    moves = F.transform(
        F.array_union(F.map_keys(now), F.map_keys(before)),
        lambda f: F.struct(F.abs(stated(now, f) - stated(before, f)).alias("moved"), f.alias("feature")),
    )
    return F.array_max(moves)["feature"]


def _contributions(reasons: str) -> Column:
    return F.map_from_arrays(F.col(f"{reasons}.feature"), F.col(f"{reasons}.contribution"))


def _publish(ctx: JobContext, scores: DataFrame) -> int:
    try:
        return ctx.lake.publish(TABLE, scores, f"score_date = DATE'{ctx.date}'", ctx.gate)
    except PySparkException as e:
        found = _FAILURE_IN_WORKER.search(str(e))
        kind = getattr(errors, found[1], None) if found else None
        if found and isinstance(kind, type) and issubclass(kind, TelematicsError):
            raise kind(found[2]) from e
        raise


def _message(rows: int, models: dict[str, Registered], fallbacks: dict[str, Any]) -> str:
    stale = " (cached, for MLflow does not answer)"
    used = ", ".join(f"{m.model} version {m.version}{stale if m.cached else ''}" for m in models.values())
    return f"scored {rows} with {used}; by fallback: {', '.join(f'{fallbacks[r]} {r}' for r in (NO_CONSENT, NO_TRIPS))}"


def _detail(models: dict[str, Registered], canaries: dict[str, Canary]) -> dict[str, Any]:
    """`models`: [model, version, run id] by coverage, for reruns, `canaries` the same with share and salt; model, version and
    run_id of the first, for readers."""
    first = next(iter(models.values()))
    return {
        "model": first.model, "version": first.version, "run_id": first.run_id,
        "models": {c: [m.model, m.version, m.run_id] for c, m in models.items()},
        "canaries": {c: [m.model, m.version, m.run_id, s.share, s.salt] for c, (m, s) in canaries.items()},
    }  # fmt: skip
