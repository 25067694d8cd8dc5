"""What the reference tables as they stand say against each other, as one row of counts and shares by name."""

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from lake.tables import Table

OVERLAPS = {
    "policies of a vehicle and coverage": ("reference.policies", ("vehicle_id", "coverage")),
    "mappings of a device": ("reference.devices", ("device_id",)),
    "mappings to a vehicle": ("reference.devices", ("vehicle_id",)),
    "consents of a policy and purpose": ("reference.consents", ("policy_id", "purpose")),
}
"""What has one interval at a time: the table, and the columns that say of what."""
UNINSURED = "share of devices without a policy"
UNEQUIPPED = "share of policies without a device"
WITHOUT_CONSENT = "share of policies without a consent"
STRAY_CLAIMS = "share of claims without a policy"


def repeated(table: Table) -> str:
    """The name of a count."""
    return f"current rows of {table.name} with a repeated key"


def overlapping(what: str) -> str:
    """The name of a count."""
    return f"overlapping {what}"


def measures(current: dict[str, DataFrame], tables: tuple[Table, ...]) -> DataFrame:
    """One row, from the current versions of the reference tables by name."""
    parts = [_beyond_first(current[t.name], t) for t in tables]
    parts += [_overlapping(current[name], by, overlapping(what)) for what, (name, by) in OVERLAPS.items()]
    policies, devices, consents, claims = (current[f"reference.{x}"] for x in ("policies", "devices", "consents", "claims"))
    parts += [
        _lacking(devices, policies, "vehicle_id", UNINSURED), _lacking(policies, devices, "vehicle_id", UNEQUIPPED),
        _lacking(policies, consents, "policy_id", WITHOUT_CONSENT), _lacking(claims, policies, "policy_id", STRAY_CLAIMS),
    ]  # fmt: skip
    return reduce(DataFrame.crossJoin, parts)


def _beyond_first(rows: DataFrame, table: Table) -> DataFrame:
    counted = rows.groupBy(*table.key).count()
    return counted.agg(_or_zero(F.sum(F.col("count") - 1)).alias(repeated(table)))


def _overlapping(rows: DataFrame, by: tuple[str, ...], name: str) -> DataFrame:
    """How many intervals begin before one that began earlier, or with them, has ended; an end that is not known is never."""
    earlier = Window.partitionBy(*by).orderBy("valid_from", F.col("valid_to").desc_nulls_first())
    before = earlier.rowsBetween(Window.unboundedPreceding, -1)
    is_open = F.max(F.col("valid_to").isNull()).over(before)
    overlaps = is_open | (F.max("valid_to").over(before) > F.col("valid_from"))
    # an interval that ends as it begins is none
    real = rows.where(F.col("valid_to").isNull() | (F.col("valid_to") > F.col("valid_from")))
    return real.select(overlaps.alias("overlaps")).agg(_or_zero(F.count_if("overlaps")).alias(name))


def _lacking(rows: DataFrame, others: DataFrame, on: str, name: str) -> DataFrame:
    there = others.select(on).distinct().withColumn("_there", F.lit(1))
    joined = rows.join(there, on=on, how="left")
    return joined.agg(_or_zero(F.count_if(F.col("_there").isNull()) / F.nullif(F.count(F.lit(1)), F.lit(0))).alias(name))


def _or_zero(value: Column) -> Column:
    return F.coalesce(value, F.lit(0)).cast("double")
