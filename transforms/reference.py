"""Versions of reference rows and imported policy days: which records say something new, and the chain per key they make.

A record has the table's columns, received_ts (when we came to know it) and stated_ts (when its source says it was known;
earlier where it came late), source_file and source_line. A version of the table has known_from and known_to, and stated_ts
where the table has that column. What a source stated last holds, in whatever order its files come.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from lake.tables import Table
from transforms.records import PLACE, digest

_CLOCKS = ("stated_ts", "known_from", "known_to")
_ORDER = ("received_ts", "_content", "source_file", "source_line")


def content(table: Table) -> tuple[str, ...]:
    """Columns that a new version is made for: neither key, nor clock, nor partition."""
    return tuple(x for x in table.names if x not in (*table.key, *table.partition_by, *_CLOCKS))


def repeated_keys(records: DataFrame, table: Table) -> DataFrame:
    """Keys that more than one record has."""
    return records.groupBy(*table.key).count().where(F.col("count") > 1).select(*table.key)


def repeats(records: DataFrame, versions: DataFrame, table: Table) -> DataFrame:
    """Records that say nothing new: source_file, source_line, status `duplicate`.

    One states what was stated for the same instant before, or what the statement just before it, by stated_ts, says too.
    """
    known = _told(versions.withColumn("received_ts", F.col("known_from")), table)
    known = known.select(*table.key, "_stated", "received_ts", "_content")
    both = _told(records, table).select(*table.key, "_stated", *_ORDER).unionByName(known, allowMissingColumns=True)
    same = Window.partitionBy(*table.key, "_stated", "_content").orderBy(F.col("source_file").isNotNull(), *_ORDER)
    in_order = Window.partitionBy(*table.key).orderBy("_stated", *_ORDER).rowsBetween(Window.unboundedPreceding, -1)
    marked = both.withColumn("_again", F.row_number().over(same) > 1)
    before = F.last(F.when(~F.col("_again"), F.col("_content")), ignorenulls=True).over(in_order)
    told = marked.withColumn("_before", before).where(F.col("source_file").isNotNull())
    found = told.where(F.col("_again") | (F.col("_before") == F.col("_content")))
    return found.select("source_file", "source_line", F.lit("duplicate").alias("status"))


def _told(rows: DataFrame, table: Table) -> DataFrame:
    """Adds _content and _stated; to the millisecond where the table keeps no stated_ts, for known_from tells ties apart."""
    known = "known_from" if "known_from" in rows.columns else "received_ts"
    stated = F.coalesce("stated_ts", known) if "stated_ts" in table.names else F.date_trunc("millisecond", known)
    return rows.withColumn("_content", digest(content(table))).withColumn("_stated", stated)


def first_versions(records: DataFrame, table: Table) -> DataFrame:
    """Records of keys that are new and stated once, as versions."""
    known = records.withColumn("known_from", F.col("received_ts")).withColumn("known_to", F.lit(None).cast("timestamp"))
    return known.select(*table.names)


def chain(records: DataFrame, versions: DataFrame, table: Table) -> tuple[DataFrame, DataFrame]:
    """What the new records change: (closes, adds) for Lake.apply_versions.

    Per key, a version is known until one that was stated later is; not at all where that was known before it. A version
    that was closed without a successor stays closed. `versions` needs every version of the records' keys.
    """
    new = _apart(records, versions, table)
    old = versions.withColumn("_new", F.lit(False))
    open_ended = new.withColumn("known_to", F.lit(None).cast("timestamp")).select(*table.names, F.lit(True).alias("_new"))
    all_ = _told(old.unionByName(open_ended), table)
    stated_later = Window.partitionBy(*table.key).orderBy("_stated", "known_from").rowsBetween(1, Window.unboundedFollowing)
    overtaken = all_.withColumn("_overtaken", F.min("known_from").over(stated_later))
    ends = F.when(F.col("_overtaken").isNotNull(), F.greatest("known_from", "_overtaken"))
    until = overtaken.withColumn("_until", F.least("known_to", ends))
    adds = until.where("_new").withColumn("known_to", F.col("_until")).select(*table.names)
    closed = until.where(~F.col("_new") & ~F.col("known_to").eqNullSafe(F.col("_until"))).withColumn("known_to", F.col("_until"))
    carried = dict.fromkeys([*table.key, "known_from", *table.partition_by, "known_to"])
    return closed.select(*carried), adds


def _apart(records: DataFrame, versions: DataFrame, table: Table) -> DataFrame:
    """Records with a known_from that no other state of their key has: ties follow each other by a microsecond."""
    instant = F.date_trunc("millisecond", "known_from").alias("_instant")
    taken = versions.groupBy(*table.key, instant).agg(F.max("known_from").alias("_taken"))
    fresh = _told(records, table).withColumn("known_from", F.col("received_ts"))
    fresh = fresh.select("*", instant).join(taken, on=[*table.key, "_instant"], how="left")
    nth = F.row_number().over(Window.partitionBy(*table.key, "_instant").orderBy("_stated", *_ORDER))
    micros = F.greatest(F.unix_micros("known_from") + nth - 1, F.unix_micros("_taken") + nth)
    return fresh.withColumn("known_from", F.timestamp_micros(micros)).select(*PLACE, *(x for x in table.names if x != "known_to"))
