"""Job `features`: windows as of the night's date for every vehicle insured at its cutoff, in every version that is asked for."""

import datetime as dt
from dataclasses import asdict

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs import windows
from jobs.context import JobContext, JobResult
from jobs.nights import champion_of_record
from lake.clock import cutoff
from lake.delta import Lake
from lake.errors import NoChampion
from lake.features import CREDIBLE, FEATURES, Feature
from lake.tables import CREDIBILITY
from registry.canary import canary
from registry.challengers import challengers
from registry.champion import champion, load
from transforms.credibility import Estimate
from transforms.exposure import valid_at
from transforms.feature_values import feature_values
from transforms.portfolio import credible_values, of_portfolio

TABLE = "gold.policy_features"


def run(ctx: JobContext) -> JobResult:
    """Publish gold.policy_features for the date, a version after the other. Raises what the gate raises; the version that it is
    about then stays as it was."""
    how = windows.put_sums(ctx.lake, ctx.date, ctx.previous)
    versions = versions_of_night(ctx)
    rows = sum(publish(ctx, version) for version in versions)
    names = ", ".join(versions)
    message = f"features {names} of {rows // len(versions)} vehicles as of {ctx.date}, sums {how}"
    return JobResult(rows, message, {"feature_versions": versions, "sums": how})


def versions_of_night(ctx: JobContext) -> list[str]:
    """The versions that the configuration lists, and those that the night is or would be scored with."""
    listed = list(dict.fromkeys(ctx.conf.features.versions))
    if set(FEATURES) <= set(listed):
        return listed
    return list(dict.fromkeys([*listed, *_needed(ctx)]))


def _needed(ctx: JobContext) -> list[str]:
    policies = ctx.lake.read_known("reference.policies", ctx.cutoff).where(valid_at(ctx.cutoff))
    record = champion_of_record(ctx.lake, ctx.date)
    recorded, then = record.get("models", {}), record.get("challengers", {})
    found = set()
    for row in policies.select("coverage").distinct().collect():
        try:
            model = load(ctx.conf, *recorded[row[0]]) if row[0] in recorded else champion(ctx.conf, row[0])
        except NoChampion:
            # the job `score` says so
            continue
        found.add(model.scorer.spec.feature_version)
        small = canary(ctx.conf, model.model)
        found |= {small[0].scorer.spec.feature_version} if small else set()
        shadows = (
            [load(ctx.conf, *name) for name in then.get(row[0], {}).values()]
            if record
            else challengers(ctx.conf, model.model).ready.values()
        )
        found |= {m.scorer.spec.feature_version for m in shadows}
    return sorted(found)


def publish(ctx: JobContext, version: str) -> int:
    """Put a version's features as of the date in place, from the stored sums, with what the portfolio says of its rates. Returns
    the rows."""
    whole, found = with_portfolio(features_as_of(ctx.lake, ctx.date, version), version)
    predicate = f"{windows.of_date(ctx.date)} AND feature_version = '{version}'"
    rows = ctx.lake.publish(TABLE, _in_all_columns(ctx.lake, whole), predicate, ctx.gate)
    if found:
        ctx.lake.replace_where(CREDIBILITY.name, _parameters(ctx, version, found), predicate)
    return rows


def with_portfolio(features: DataFrame, version: str) -> tuple[DataFrame, dict[str, Estimate]]:
    """Features with the version's credible ones, and what the portfolio says of each rate that they come from."""
    found = of_portfolio(features, _rates(version)) if CREDIBLE[version] else {}
    return credible_values(features, CREDIBLE[version], found), found


def features_as_of(lake: Lake, date: dt.date, version: str, sums: DataFrame | None = None) -> DataFrame:
    """Features of the vehicles of policies in force at cutoff(date), from the stored sums or those given, as `read_sums` has
    them."""
    known = cutoff(date)
    insured = lake.read_known("reference.policies", known).where(valid_at(known)).select("vehicle_id").distinct()
    wanted = insured.withColumn("as_of_date", F.lit(date))
    found = windows.read_sums(lake, date) if sums is None else sums
    return feature_values(wanted.join(found.drop("as_of_date"), on="vehicle_id", how="left"), version)


def _rates(version: str) -> list[Feature]:
    names = {f.numerator for f in CREDIBLE[version]}
    return [f for f in FEATURES[version] if f.name in names]


def _parameters(ctx: JobContext, version: str, found: dict[str, Estimate]) -> DataFrame:
    rows = [{"as_of_date": ctx.date, "feature_version": version, "feature": name, **asdict(x)} for name, x in found.items()]
    values = [tuple(row[name] for name in CREDIBILITY.names) for row in rows]
    return ctx.spark.createDataFrame(values, CREDIBILITY.schema).coalesce(1)


def _in_all_columns(lake: Lake, features: DataFrame) -> DataFrame:
    """With nulls in the columns that only other versions have."""
    missing = [x for x in lake.table(TABLE).columns if x.name not in features.columns]
    return features.withColumns({x.name: F.lit(None).cast(x.type) for x in missing})
