"""Job `score`: every policy, vehicle and coverage in force at the night's cutoff, scored with reasons."""

import datetime as dt
import re
from functools import reduce

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from jobs.batches import batches_of, rows_a_batch, worker_bytes
from jobs.context import JobContext, JobResult
from jobs.score_change import TABLE, published_scores, with_change
from jobs.score_models import Canary, NightModels, models_of_night
from jobs.score_rows import FALLBACKS, OBSERVED, Scoring, in_worker, scored_ddl
from lake import errors
from lake.clock import cutoff
from lake.errors import InputError, LakeError, ShadowFailed, TelematicsError
from lake.log import log
from lake.tables import LINEAGE_TYPE
from registry.canary import HEX_DIGITS
from registry.champion import Registered
from registry.store import CHAMPION
from transforms.consent import PRICING
from transforms.exposure import COVER_KEY, in_force, valid_at

_FAILURE_IN_WORKER = re.compile(r"lake\.errors\.(\w+): ([^\n]+)")
Shadows = dict[str, Registered]


def run(ctx: JobContext) -> JobResult:
    """Publish gold.policy_scores for the date.

    Raises NoChampion for a coverage without one, GateFailed where contributions do not add up, LakeError where the date has no
    features of the model's version or one is missing; what was published before then stays. A challenger that cannot be scored
    is left out, with a warning.
    """
    policies, consents = (ctx.lake.read_known(f"reference.{x}", ctx.cutoff) for x in ("policies", "consents"))
    covers = covers_in_force(policies, consents, ctx.cutoff)
    coverages = sorted(row["coverage"] for row in covers.select("coverage").distinct().collect())
    if not coverages:
        raise InputError(
            f"no policy is in force at {ctx.cutoff:%Y-%m-%d %H:%M} UTC: load policies with `telematics reference load`"
        )
    night, features = with_their_features(ctx, models_of_night(ctx, coverages))
    while True:
        try:
            seen = _score(ctx, covers, night, features)
            break
        except ShadowFailed as e:
            night = night.without_failed(e)
    for unscored in (u for us in night.unscored.values() for u in us):
        log().warning(
            "a challenger is not scored", date=ctx.date, alias=unscored.alias, version=unscored.version, cause=unscored.why
        )
    fallbacks = {"fallbacks": {r: seen[r] for r in FALLBACKS}}
    return JobResult(seen["rows"], _message(night, seen), night.detail() | fallbacks)


def with_their_features(ctx: JobContext, night: NightModels) -> tuple[NightModels, dict[str, DataFrame]]:
    """(the versions, features by feature version), without challengers whose features the date has not. Raises LakeError where it
    has not those of a champion or canary."""
    priced = [*night.champions.values(), *(m for m, _ in night.canaries.values())]
    features = {v: features_of(ctx, v) for v in sorted({m.scorer.spec.feature_version for m in priced})}
    for coverage, by in night.challengers.items():
        for alias, version in [(a, m.scorer.spec.feature_version) for a, m in by.items()]:
            try:
                features |= {} if version in features else {version: features_of(ctx, version)}
            except LakeError as e:
                night = night.without(coverage, alias, str(e))
    return night, features


def _score(ctx: JobContext, covers: DataFrame, night: NightModels, features: dict[str, DataFrame]) -> dict[str, int]:
    """Publish, and count the champion's rows and fallbacks. Raises ShadowFailed for a challenger that a worker cannot score."""
    parts = [
        scores_of(mine, features, model, ctx.date, night.challengers.get(c), night.stale_days)
        for c, champion in night.champions.items()
        for mine, model in divided(covers, champion, night.canaries.get(c))
    ]
    scores, seen = reduce(DataFrame.unionByName, parts), Observation("scores")
    priced = F.col("role") == CHAMPION
    counted = [F.count_if(priced & (F.col("fallback_reason") == r)).alias(r) for r in FALLBACKS]
    counted.append(F.count_if(priced).alias("rows"))
    with batches_of(ctx.spark, rows_a_batch(worker_bytes(ctx.spark), _widest(night))):
        _publish(ctx, with_change(scores, published_scores(ctx.lake, ctx.previous_scores)).observe(seen, *counted))
    return dict(seen.get)


def _widest(night: NightModels) -> int:
    """Columns that a worker gets of a cover, at most."""
    by_coverage = ([m, *night.challengers.get(c, {}).values()] for c, m in night.champions.items())
    return max(sum(len(m.scorer.spec.inputs) for m in ms) for ms in by_coverage) + len(COVER_KEY) + len(OBSERVED)


def covers_in_force(policies: DataFrame, consents: DataFrame, at: dt.datetime) -> DataFrame:
    """policy_id, vehicle_id, coverage in force at `at` and whether the policy consents; both tables as known."""
    agreed = consents.where(valid_at(at) & (F.col("purpose") == PRICING)).select("policy_id", F.lit(True).alias("consented"))
    joined = in_force(policies, at).select(*COVER_KEY).join(agreed.distinct(), on="policy_id", how="left")
    return joined.select(*COVER_KEY, F.coalesce("consented", F.lit(False)).alias("consented"))


def divided(covers: DataFrame, model: Registered, small: Canary | None) -> list[tuple[DataFrame, Registered]]:
    """Covers with the model that scores each: of a canary those that its share holds, of the champion all others."""
    if small is None:
        return [(covers, model)]
    another, share = small
    hashed = F.sha2(F.concat(F.lit(f"{share.salt}/"), F.col("policy_id")), 256)
    below = F.conv(F.substring(hashed, 1, HEX_DIGITS), 16, 10).cast("double") < F.lit(share.share * 16.0**HEX_DIGITS)
    return [(covers.where(~below), model), (covers.where(below), another)]


def features_of(ctx: JobContext, version: str) -> DataFrame:
    """The date's features of a version. Raises LakeError where there are none."""
    of_date = (F.col("as_of_date") == F.lit(ctx.date)) & (F.col("feature_version") == version)
    features = ctx.lake.read("gold.policy_features").where(of_date)
    if features.isEmpty():
        # everybody would get the fallback for no_trips
        mend = f"run `telematics features --date {ctx.date}`"
        raise LakeError(f"gold.policy_features has no rows of version {version} as of {ctx.date}: {mend}")
    return features


def scores_of(
    covers: DataFrame,
    features: dict[str, DataFrame],
    model: Registered,
    date: dt.date,
    shadows: Shadows | None = None,
    stale_days: int | None = None,
) -> DataFrame:
    """Scores of the model's coverage, and of those in its shadow by alias, with their lineage, without the comparison to the
    night before. `features` by version."""
    spec, context, shadows = model.scorer.spec, covers.sparkSession.sparkContext, shadows or {}
    of_coverage = covers.where(F.col("coverage") == spec.coverage)
    rows = with_features(of_coverage, features, model, shadows, stale_days)
    # an explicit number of partitions: a small book would otherwise be scored on one core
    spread = rows.repartition(context.defaultParallelism, "policy_id")
    scorings = [Scoring(CHAMPION, spec.coverage, model.scorer.parts())]
    scorings += [Scoring(a, spec.coverage, m.scorer.parts(), _prefix(m, model)) for a, m in shadows.items()]
    scored = spread.mapInPandas(in_worker(context.broadcast(scorings), stale_days), scored_ddl())
    by_role = {CHAMPION: model, **shadows}
    stated = {
        "currency": _of_role({r: F.lit(m.scorer.spec.currency) for r, m in by_role.items()}),
        "lineage": _of_role({r: _lineage(m, cutoff(date)) for r, m in by_role.items()}),
    }
    return scored.withColumns({"score_date": F.lit(date), **stated})


def with_features(
    covers: DataFrame, features: dict[str, DataFrame], model: Registered, shadows: Shadows, stale_days: int | None
) -> DataFrame:
    """Covers with what the versions need: columns by their names of the model's feature version, with a prefix of any other."""
    own, distances = model.scorer.spec.feature_version, [] if stale_days is None else [f"km_{stale_days}"]
    needed: dict[str, list[str]] = {own: []}
    for one in (model, *shadows.values()):
        needed.setdefault(one.scorer.spec.feature_version, []).extend([*one.scorer.spec.inputs, *OBSERVED, *distances])
    rows = covers
    for version, names in needed.items():
        prefix = "" if version == own else f"{version}/"
        wanted = [F.col(x).alias(f"{prefix}{x}") for x in dict.fromkeys(names)]
        rows = rows.join(features[version].select("vehicle_id", *wanted), on="vehicle_id", how="left")
    return rows


def _prefix(shadow: Registered, model: Registered) -> str:
    version = shadow.scorer.spec.feature_version
    return "" if version == model.scorer.spec.feature_version else f"{version}/"


def _of_role(values: dict[str, Column]) -> Column:
    return F.coalesce(*(F.when(F.col("role") == role, value) for role, value in values.items()))


def _lineage(model: Registered, at: dt.datetime) -> Column:
    facts = (model.model, model.version, model.run_id, model.scorer.spec.feature_version, model.lineage["frame_hash"], at)
    return F.struct(*(F.lit(x) for x in facts)).cast(LINEAGE_TYPE)


def _publish(ctx: JobContext, scores: DataFrame) -> int:
    try:
        return ctx.lake.publish(TABLE, scores, f"score_date = DATE'{ctx.date}'", ctx.gate)
    except PySparkException as e:
        found = _FAILURE_IN_WORKER.search(str(e))
        kind = getattr(errors, found[1], None) if found else None
        if found and isinstance(kind, type) and issubclass(kind, TelematicsError):
            raise kind(found[2]) from e
        raise


def _message(night: NightModels, seen: dict[str, int]) -> str:
    stale = " (cached, for MLflow does not answer)"
    used = ", ".join(f"{m.model} version {m.version}{stale if m.cached else ''}" for m in night.champions.values())
    shadows = "".join(f", {a} {m.version} in shadow" for by in night.challengers.values() for a, m in by.items())
    by_fallback = ", ".join(f"{seen[r]} {r}" for r in FALLBACKS)
    return f"scored {seen['rows']} with {used}{shadows}; by fallback: {by_fallback}"
