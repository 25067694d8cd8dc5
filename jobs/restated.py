"""Which past results would move because of what was learned since a night: computed, never written.

Trips and policy days count where they lie on a local day before the night's date, which is what its windows covered. Scores are
made again with the model version of record, today's knowledge of covers, consents and policy days, for the affected vehicles
alone.
"""

import datetime as dt
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.nights import champion_of_record, read_nights
from jobs.score import covers_in_force, divided, scores_of
from jobs.score_change import published_scores, with_change
from jobs.score_models import Canary, recorded_canaries
from lake.clock import as_known, current, cutoff
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import NightRefused
from lake.features import FEATURE_VERSION_1, FEATURES
from lake.tables import TABLES
from registry.champion import Registered, load
from registry.store import CHAMPION
from training.reasons import DECIMALS
from transforms import moves
from transforms.exposure import COVER_KEY, valid_at
from transforms.reference import content
from transforms.windows import LONGEST_DAYS, days_before, window_features

HAPPENED = {"policies": "valid_from", "devices": "valid_from", "consents": "valid_from", "claims": "occurred_ts"}
"""Since when a row of reference.<name> tells something of the world."""
NO_MODEL = "no_model_of_that_night"


@dataclass(frozen=True)
class Moves:
    """What would move, by kind, as kept DataFrames; `reference` counts rows of reference.<name> that were learned otherwise."""

    date: dt.date
    trips: DataFrame
    policy_days: DataFrame
    features: DataFrame
    scores: DataFrame
    published: int
    reference: dict[str, int]


def find_moves(lake: Lake, conf: Conf, date: dt.date) -> Moves:
    """What was learned since night `date`. Raises NightRefused for a night that has not been published."""
    if date not in read_nights(lake).published:
        raise NightRefused(f"night {date} has not been published: there are no results of it that could move")
    at, before = cutoff(date), F.col("local_date") < F.lit(date)
    began = F.col("start_date") <= F.lit(date)
    silver_trips, events = (lake.read(name).where(began) for name in ("silver.trips", "silver.events"))
    trips = moves.moved_trips(silver_trips, events, at).where(before).persist()
    days = moves.moved_days(lake.read("gold.policy_days").where(before), at).persist()
    covers = _covers(lake, at).persist()
    reached = days.where(F.col("local_date") >= F.lit(date - dt.timedelta(days=LONGEST_DAYS))).select("vehicle_id")
    vehicles = reached.union(covers.where("changed").select("vehicle_id")).distinct().persist()
    ours = covers.join(F.broadcast(vehicles), on="vehicle_id", how="left_semi")
    record = champion_of_record(lake, date)
    recorded = record.get("models", {})
    canaries = recorded_canaries(conf, record)
    models = [(load(conf, *recorded[c]), canaries.get(c)) for c in sorted(recorded)]
    all_models = [m for m, _ in models] + [m for m, _ in canaries.values()]
    versions = sorted({m.scorer.spec.feature_version for m in all_models}) or [FEATURE_VERSION_1]
    features = {v: _features(lake, vehicles, date, v).persist() for v in versions}
    published = _of_date(lake, "gold.policy_scores", "score_date", date).where(F.col("role") == CHAMPION)
    reference = {name: _reference(lake, name, at).count() for name in HAPPENED}
    scores = _scores(lake, models, date, ours, features, record.get("stale_device_days")).persist()
    moved = _moved_features(lake, date, features[versions[0]], versions[0]).persist()
    return Moves(date, trips, days, moved, scores, published.count(), reference)


def _of_date(lake: Lake, table: str, column: str, date: dt.date) -> DataFrame:
    return lake.read(table).where(F.col(column) == F.lit(date))


def _reference(lake: Lake, name: str, at: dt.datetime) -> DataFrame:
    """Rows about the time before `at` that were known otherwise then."""
    table = TABLES[f"reference.{name}"]
    versions = lake.read(table.name).where(F.col(HAPPENED[name]) < F.lit(at))
    return moves.moved_rows(versions, at, table.key, content(table))


def _covers(lake: Lake, at: dt.datetime) -> DataFrame:
    """Covers in force at `at` as known then or today: COVER_KEY, is_now, consented (today), and whether that changed."""
    policies, consents = (lake.read(f"reference.{x}") for x in ("policies", "consents"))
    then = covers_in_force(as_known(policies, at), as_known(consents, at), at).withColumn("is_then", F.lit(True))
    now = covers_in_force(current(policies), current(consents), at).withColumn("is_now", F.lit(True))
    both = now.join(then.withColumnRenamed("consented", "_agreed"), on=list(COVER_KEY), how="full_outer")
    changed = ~F.col("consented").eqNullSafe(F.col("_agreed"))
    return both.select(*COVER_KEY, F.col("is_now").isNotNull().alias("is_now"), "consented", changed.alias("changed"))


def _moved_features(lake: Lake, date: dt.date, now: DataFrame, version: str) -> DataFrame:
    """Of the oldest version that the night was scored with."""
    then = _of_date(lake, "gold.policy_features", "as_of_date", date).where(F.col("feature_version") == version)
    return moves.moved_features(then, now, [f.name for f in FEATURES[version]])


def _features(lake: Lake, vehicles: DataFrame, date: dt.date, version: str) -> DataFrame:
    """Features as of the date with today's policy days, of these vehicles where today's policies insure them."""
    at = cutoff(date)
    insured = lake.read_current("reference.policies").where(valid_at(at)).select("vehicle_id").distinct()
    wanted = insured.join(F.broadcast(vehicles), on="vehicle_id", how="left_semi").withColumn("as_of_date", F.lit(date))
    days = lake.read("gold.policy_days").where(days_before([date])).join(F.broadcast(vehicles), on="vehicle_id", how="left_semi")
    return window_features(moves.as_if_known(days, at), wanted, version)


def _scores(
    lake: Lake,
    models: list[tuple[Registered, Canary | None]],
    date: dt.date,
    covers: DataFrame,
    features: dict[str, DataFrame],
    stale_days: int | None,
) -> DataFrame:
    """Scores of the covers that would not be what they are."""
    now = covers.where("is_now").drop("is_now", "changed")
    then = published_scores(lake, date).join(covers.select(*COVER_KEY), on=list(COVER_KEY), how="left_semi")
    parts = [
        scores_of(mine, features, model, date, stale_days=stale_days)
        for champion, small in models
        for mine, model in divided(now, champion, small)
    ]
    again = reduce(DataFrame.unionByName, parts)
    compared = with_change(again, then).select(*COVER_KEY, "currency", "pure_premium", "fallback_reason", "change_reason")
    theirs = _of_date(lake, "gold.policy_scores", "score_date", date).where(F.col("role") == CHAMPION)
    was = F.struct("pure_premium", "currency", "fallback_reason").alias("was")
    both = compared.join(theirs.select(*COVER_KEY, was), on=list(COVER_KEY), how="full_outer")
    all_ = covers.select(*COVER_KEY).join(both, on=list(COVER_KEY), how="left")
    return _moved_scores(all_)


def _moved_scores(both: DataFrame) -> DataFrame:
    then, now = F.col("was.pure_premium"), F.col("pure_premium")
    change = F.when(then.isNull(), moves.ADDED).when(now.isNull(), moves.GONE).otherwise(moves.CHANGED).alias("change")
    amount = (F.coalesce(now, F.lit(0.0)) - F.coalesce(then, F.lit(0.0))).alias("change_amount")
    moved = both.where(~then.eqNullSafe(now) | (then.isNull() & now.isNull()))
    return moved.select(
        change, *COVER_KEY, F.coalesce("currency", "was.currency").alias("currency"), then.alias("pure_premium_then"),
        now.alias("pure_premium_now"), F.round(now / then - 1, DECIMALS).alias("change_share"), amount, _reason().alias("reason"),
    )  # fmt: skip


def _reason() -> Column:
    """Why: what became of the cover, the fallback that now holds or no longer does, or the feature that moved most."""
    no_longer = F.concat(F.lit("no_longer_"), F.col("was.fallback_reason"))
    return (
        F.when(F.col("was").isNull() & F.col("pure_premium").isNull(), NO_MODEL)
        .when(F.col("was").isNull(), "cover_learned_later")
        .when(F.col("pure_premium").isNull(), "cover_not_in_force")
        .when(F.col("fallback_reason").isNotNull(), F.col("fallback_reason"))
        .when(F.col("was.fallback_reason").isNotNull(), no_longer)
        .otherwise(F.col("change_reason"))
    )
