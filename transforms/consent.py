"""Consent at event time: which device may be used for pricing, and when."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

PRICING = "pricing"


def device_permissions(devices: DataFrame, policies: DataFrame, consents: DataFrame) -> DataFrame:
    """One row a device: device_id, covers and consented, each an array of half-open intervals (begins, ends; ends is
    null while open). A device is covered while it sits in a vehicle with a policy in force, and consented while that
    policy also has a consent for pricing. The tables come as known at the load."""
    sits = _sits(devices)
    cover = policies.select("vehicle_id", "policy_id", *_interval("cover"))
    agreed = consents.where(F.col("purpose") == PRICING).select("policy_id", *_interval("agreed"))
    covered = sits.join(cover, on="vehicle_id", how="inner").withColumn("covered", _overlap("sits", "cover"))
    both = covered.where(_not_empty("covered")).join(agreed, on="policy_id", how="left")
    both = both.withColumn("allowed", _overlap("covered", "agreed"))
    consented = F.when(F.col("agreed").isNotNull() & _not_empty("allowed"), F.col("allowed"))
    return both.groupBy("device_id").agg(F.collect_set("covered").alias("covers"), F.collect_set(consented).alias("consented"))


def _sits(devices: DataFrame) -> DataFrame:
    """Device, vehicle and `sits`, an interval: where mappings of a device overlap, the one that began last holds."""
    mapping = F.struct(F.col("valid_from").alias("begins"), F.col("valid_to").alias("ends"), "vehicle_id")
    ends = F.filter("_ends", lambda x: x.isNotNull())
    marks = F.array_sort(F.array_union("_begins", ends))
    lists = {"_mappings": mapping, "_begins": F.col("valid_from"), "_ends": F.col("valid_to")}
    of_device = devices.groupBy("device_id").agg(*(F.collect_list(x).alias(name) for name, x in lists.items()))
    pieces = of_device.withColumn("_marks", marks).select("device_id", "_mappings", "_marks", F.posexplode("_marks"))
    sits = F.struct(F.col("col").alias("begins"), F.get("_marks", F.col("pos") + 1).alias("ends")).alias("sits")
    holding = F.filter("_mappings", lambda m: (m["begins"] <= F.col("col")) & (m["ends"].isNull() | (F.col("col") < m["ends"])))
    vehicle = F.array_max(holding)["vehicle_id"].alias("vehicle_id")
    return pieces.select("device_id", vehicle, sits).where(F.col("vehicle_id").isNotNull())


def within(intervals: str, instant: str) -> Column:
    """Whether an instant lies in one of an array of half-open intervals; false where the array is null."""
    at = F.col(instant)
    return F.coalesce(
        F.exists(intervals, lambda x: (x["begins"] <= at) & (x["ends"].isNull() | (at < x["ends"]))), F.lit(False)
    )  # fmt: skip


def _interval(name: str) -> tuple[Column, ...]:
    return (F.struct(F.col("valid_from").alias("begins"), F.col("valid_to").alias("ends")).alias(name),)


def _overlap(a: str, b: str) -> Column:
    # greatest and least skip nulls, so an open end gives way to a fixed one
    begins = F.greatest(f"{a}.begins", f"{b}.begins")
    ends = F.least(f"{a}.ends", f"{b}.ends")
    return F.struct(begins.alias("begins"), ends.alias("ends"))


def _not_empty(name: str) -> Column:
    return F.col(f"{name}.ends").isNull() | (F.col(f"{name}.begins") < F.col(f"{name}.ends"))
