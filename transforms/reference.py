"""Versions of reference rows and imported policy days: which records say something new, and the chain per key they make.

A record has the table's columns, received_ts (when we came to know it) and stated_ts (when its source says it was known;
earlier where it came late), source_file and source_line. A version of the table has known_from and known_to.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lake.tables import Table
from transforms.records import PLACE, digest

TIE = "INTERVAL 1 MILLISECOND"
"""States of a key given for one instant are put a microsecond apart, so equality is looked for within this."""
_ORDER = ("received_ts", "stated_ts", "_content", "source_file", "source_line")


def content(table: Table) -> tuple[str, ...]:
    """Columns that a new version is made for: neither key, nor clock, nor partition."""
    return tuple(x for x in table.names if x not in (*table.key, *table.partition_by, "known_from", "known_to"))


def repeated_keys(records: DataFrame, table: Table) -> DataFrame:
    """Keys that more than one record has."""
    return records.groupBy(*table.key).count().where(F.col("count") > 1).select(*table.key)


def repeats(records: DataFrame, versions: DataFrame, table: Table) -> DataFrame:
    """Records that say nothing new: source_file, source_line, status `duplicate`.

    One repeats a version of equal content that was current at some time between its stated_ts and its received_ts, or
    the record or version of the same key just before it.
    """
    fresh = records.withColumn("_content", digest(content(table)))
    known = versions.withColumn("_content", digest(content(table)))
    same = [F.col(f"r.{k}") == F.col(f"v.{k}") for k in (*table.key, "_content")]
    began = F.col("v.known_from") < F.col("r.received_ts") + F.expr(TIE)
    lasted = F.col("v.known_to").isNull() | (F.col("v.known_to") > F.col("r.stated_ts"))
    known_already = fresh.alias("r").join(known.alias("v"), on=[*same, began, lasted], how="left_semi")
    known_already = known_already.select("source_file", "source_line")
    rest = fresh.join(known_already, on=["source_file", "source_line"], how="left_anti")
    markers = known.withColumn("received_ts", F.col("known_from")).withColumn("stated_ts", F.col("known_from"))
    both = rest.select(*table.key, *_ORDER).unionByName(markers.select(*table.key, *_ORDER[:3]), allowMissingColumns=True)
    before = F.lag("_content").over(Window.partitionBy(*table.key).orderBy(*_ORDER))
    again = both.withColumn("_before", before).where(F.col("source_file").isNotNull() & (F.col("_before") == F.col("_content")))
    found = known_already.unionByName(again.select("source_file", "source_line"))
    return found.withColumn("status", F.lit("duplicate"))


def first_versions(records: DataFrame, table: Table) -> DataFrame:
    """Records of keys that are new and stated once, as versions."""
    known = records.withColumn("known_from", F.col("received_ts")).withColumn("known_to", F.lit(None).cast("timestamp"))
    return known.select(*table.names)


def chain(records: DataFrame, versions: DataFrame, table: Table) -> tuple[DataFrame, DataFrame]:
    """What the new records change: (closes, adds) for Lake.apply_versions.

    Per key, versions and records in order of knowledge; each is known until the next. A version that was closed without
    a successor stays closed. `versions` needs every version of the records' keys.
    """
    new = _apart(records, versions, table)
    old = versions.withColumn("_new", F.lit(False))
    open_ended = new.withColumn("known_to", F.lit(None).cast("timestamp")).select(*table.names, F.lit(True).alias("_new"))
    all_ = old.unionByName(open_ended)
    following = F.lead("known_from").over(Window.partitionBy(*table.key).orderBy("known_from"))
    until = all_.withColumn("_until", F.least("known_to", following))
    adds = until.where("_new").withColumn("known_to", F.col("_until")).select(*table.names)
    closed = until.where(~F.col("_new") & ~F.col("known_to").eqNullSafe(F.col("_until"))).withColumn("known_to", F.col("_until"))
    carried = dict.fromkeys([*table.key, "known_from", *table.partition_by, "known_to"])
    return closed.select(*carried), adds


def _apart(records: DataFrame, versions: DataFrame, table: Table) -> DataFrame:
    """Records with a known_from that no other state of their key has: ties follow each other by a microsecond."""
    instant = F.date_trunc("millisecond", "known_from").alias("_instant")
    taken = versions.groupBy(*table.key, instant).agg(F.max("known_from").alias("_taken"))
    fresh = records.withColumn("known_from", F.col("received_ts")).withColumn("_content", digest(content(table)))
    fresh = fresh.select("*", instant).join(taken, on=[*table.key, "_instant"], how="left")
    nth = F.row_number().over(Window.partitionBy(*table.key, "_instant").orderBy(*_ORDER))
    micros = F.greatest(F.unix_micros("known_from") + nth - 1, F.unix_micros("_taken") + nth)
    return fresh.withColumn("known_from", F.timestamp_micros(micros)).select(*PLACE, *(x for x in table.names if x != "known_to"))
