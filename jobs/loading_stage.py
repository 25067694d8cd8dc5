"""Parse admitted files once, judge every record, and stage what came out as Parquet below the lake's _staging."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame, Observation, Row
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType, TimestampType

from expectations import row_rules
from jobs.loading_admission import Admission, csv_columns
from jobs.loading_batch import Batch
from jobs.loading_facts import observed
from lake.clock import cutoff
from lake.errors import LakeError
from lake.storage import spark_path
from lake.tables import POINTS
from transforms.consent import device_permissions, within
from transforms.parse import STATED, canonical, clean_line, csv_fields, json_fields, parquet_fields
from transforms.records import record_id

_FILES = StructType([
    StructField("_uri", StringType()), StructField("source_file", StringType()),
    StructField("content_sha256", StringType()), StructField("_group", LongType()),
    StructField("_stated", TimestampType()), StructField("_received", TimestampType()),
])  # fmt: skip
_OFFSETS = StructType([
    StructField("source_file", StringType()), StructField("_block", LongType()), StructField("_before", LongType()),
])  # fmt: skip
_OWN = ("_id", "_block", "_blank", "_header")
_STAGED = ("source_file", "content_sha256", "received_ts", "stated_ts", "raw_text", "reasons", *_OWN)
BLANK = r"\A[ \t\r\x0b\f]*\z"
"""White space as the admission sees it, in bytes."""
MAX_BROADCAST_DEVICES = 300_000
"""Some 100 MB of permissions; beyond it the points are shuffled to them."""
NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""received_ts of a refused record whose source states none: its reason is missing:received_ts."""


@dataclass(frozen=True)
class Block:
    """A piece of a file that one task read: its rows are numbered without a gap from `first`."""

    source_file: str
    start: int
    rows: int
    first: int
    blank: int
    refused: int
    received_ts: dt.datetime | None
    partitions: tuple[Any, ...]


def stage(batch: Batch, admitted: Sequence[Admission], folder: str, seen: Observation | None = None) -> StructType:
    """Write every line of the files, judged, to `folder`: the table's columns where it is accepted, reasons where not.
    Returns the schema of what was written; `seen` takes what the batch's gate asks about it, in the same pass."""
    headers = sorted({a.header for a in admitted})
    is_parquet = batch.source.format.type == "parquet"
    frames = _parquet_rows(batch, admitted, headers) if is_parquet else [_text_rows(batch, admitted, headers)]
    read = [canonical(rows, batch.source, batch.table) for rows in frames]
    if len(read) > 1:
        # fields of several schemas cannot stand in one column; of one, they become text only where a record is refused
        read = [rows.withColumn("_fields", F.to_json("_fields")) for rows in read]
    judged = _judged(batch, _with_times(batch, reduce(DataFrame.unionByName, read)))
    watched = judged if seen is None else judged.observe(seen, *observed(batch))
    watched.write.mode("overwrite").parquet(folder)
    return judged.schema


def read_back(batch: Batch, admitted: Sequence[Admission], staged: DataFrame) -> tuple[DataFrame, list[Block]]:
    """Staged records with their lines, and the pieces they were read in. Raises LakeError where the parser lost any."""
    found = blocks(batch, staged)
    check_nothing_lost(batch, admitted, found)
    return numbered(batch, staged, found), found


def blocks(batch: Batch, staged: DataFrame) -> list[Block]:
    """What was read of each file, piece by piece."""
    partition = F.col(batch.table.partition_by[0]) if batch.table.partition_by else F.lit(None)
    taken = F.when(F.size("reasons") == 0, partition).alias("partition")
    # grouped by the partition too: collect_set would leave the fast aggregation, and histories have millions of rows
    counted = staged.groupBy("source_file", F.col("_block").alias("start"), taken).agg(
        F.count("*").alias("rows"), F.min("_id").alias("first"), F.count_if("_blank").alias("blank"),
        F.count_if(~F.col("_blank") & (F.size("reasons") > 0)).alias("refused"), F.max("received_ts").alias("received_ts"),
    )  # fmt: skip
    pieces: dict[tuple[str, int], list[Row]] = {}
    for row in counted.collect():
        pieces.setdefault((row["source_file"], row["start"]), []).append(row)
    return [_block(*place, rows) for place, rows in sorted(pieces.items())]


def _block(source_file: str, start: int, rows: Sequence[Row]) -> Block:
    received = [row["received_ts"] for row in rows if row["received_ts"] is not None]
    return Block(
        source_file, start, rows=sum(row["rows"] for row in rows), first=min(row["first"] for row in rows),
        blank=sum(row["blank"] for row in rows), refused=sum(row["refused"] for row in rows),
        received_ts=max(received, default=None),
        partitions=tuple(row["partition"] for row in rows if row["partition"] is not None),
    )  # fmt: skip


def check_nothing_lost(batch: Batch, admitted: Sequence[Admission], found: Sequence[Block]) -> None:
    """Raise LakeError unless Spark read as many records of each file as the admission counted."""
    header = 1 if batch.source.format.type == "csv" else 0
    read: dict[str, int] = {}
    for b in found:
        read[b.source_file] = read.get(b.source_file, -header) + b.rows - b.blank
    for a in admitted:
        parsed = read.get(a.file.path, 0)
        if parsed != a.records:
            raise LakeError(f"{a.file.path}: admission counted {a.records} records, the parser {parsed}; did the file change?")


def numbered(batch: Batch, staged: DataFrame, found: Sequence[Block]) -> DataFrame:
    """Records with source_line, from 1; without blank lines and CSV headers.

    A file is read in one piece or several; a piece begins after the lines of those before it.
    """
    before: dict[str, int] = {}
    offsets = []
    for b in found:
        offsets.append((b.source_file, b.start, before.get(b.source_file, 0) - b.first))
        before[b.source_file] = before.get(b.source_file, 0) + b.rows
    pieces = F.broadcast(batch.lake.spark.createDataFrame(offsets, _OFFSETS))
    lines = staged.join(pieces, on=["source_file", "_block"], how="inner")
    lines = lines.withColumn("source_line", F.col("_id") + F.col("_before") + 1)
    is_header = F.col("_header") & (F.col("source_line") == 1)
    return lines.where(~F.col("_blank") & ~is_header).drop("_id", "_block", "_before", "_blank", "_header")


def _with_files(batch: Batch, rows: DataFrame, admitted: Sequence[Admission], headers: list[str], uris: list[str]) -> DataFrame:
    """Adds what is known of a row's file; `rows` has _uri, the file's name as Spark writes it, which is one of `uris`."""
    listed = {a.file.path: a for a in admitted}
    # of a file on disk Spark lists file:///a and reads file:/a
    named = [(name, listed[_path_of(uri)]) for uri in uris for name in {uri, uri.replace("file:///", "file:/", 1)}]
    facts = [
        (name, a.file.path, a.content_sha256, headers.index(a.header), batch.stated(a.file.path), batch.received(a.file.path))
        for name, a in named
    ]
    files = F.broadcast(batch.lake.spark.createDataFrame(facts, _FILES))
    return rows.join(files, on="_uri", how="inner").drop("_uri")


def _path_of(uri: str) -> str:
    """The path as it was listed."""
    return re.sub("^file:/+", "/", unquote(uri))


def _text_rows(batch: Batch, admitted: Sequence[Admission], headers: list[str]) -> DataFrame:
    layout = batch.source.format
    # only \n ends a line, as in the admission; a \r before it is taken off afterwards
    text = batch.lake.spark.read.option("lineSep", "\n").text([spark_path(a.file.path) for a in admitted])
    lines = text.select(
        F.col("_metadata.file_path").alias("_uri"), F.col("_metadata.file_block_start").alias("_block"),
        F.monotonically_increasing_id().alias("_id"), clean_line(layout.encoding).alias("raw_text"),
    )  # fmt: skip
    lines = lines.withColumn("_blank", F.col("raw_text").rlike(BLANK))
    lines = _with_files(batch, lines, admitted, headers, text.inputFiles())
    if layout.type == "jsonl":
        return json_fields(lines, batch.source, batch.table)
    return csv_fields(lines, batch.source, [(h, csv_columns(h, layout.delimiter)) for h in headers])


def _parquet_rows(batch: Batch, admitted: Sequence[Admission], headers: list[str]) -> list[DataFrame]:
    """A frame for the files of each schema: types may differ, and a column more is no reason to refuse."""
    of_schema: dict[str, list[str]] = {}
    for a in admitted:
        of_schema.setdefault(a.header, []).append(spark_path(a.file.path))
    found = (batch.lake.spark.read.parquet(*paths) for paths in of_schema.values())
    return [_with_files(batch, _parquet_frame(batch, x), admitted, headers, x.inputFiles()) for x in found]


def _parquet_frame(batch: Batch, rows: DataFrame) -> DataFrame:
    return parquet_fields(rows, batch.source).select(
        F.col("_metadata.file_path").alias("_uri"), F.lit(0).cast("bigint").alias("_block"),
        F.col("_metadata.row_index").alias("_id"),
        F.lit(False).alias("_blank"), "_fields", "_malformed", "_header",
    )  # fmt: skip


def _with_times(batch: Batch, rows: DataFrame) -> DataFrame:
    """Adds stated_ts, received_ts, source, and what the table derives from a record's own columns."""
    if STATED in rows.columns:
        received = F.greatest(STATED, F.lit(batch.floor)) if batch.floor else F.col(STATED)
        received = F.when(F.col(STATED).isNotNull(), received)
        rows = rows.withColumn("received_ts", received)
    else:
        rows = rows.withColumn(STATED, F.col("_stated")).withColumn("received_ts", F.col("_received"))
    if "source" not in batch.source.columns:
        rows = rows.withColumn("source", F.lit(batch.source.name))
    missing = [x for x in batch.table.columns if x.name not in rows.columns]
    rows = rows.select("*", *(F.lit(None).cast(x.type).alias(x.name) for x in missing))
    if batch.table.name == POINTS.name:
        return rows.withColumn("event_date", F.to_date("event_ts"))
    if "local_month" in batch.table.names:
        return rows.withColumn("local_month", F.date_format("local_date", "yyyy-MM"))
    return rows


def _judged(batch: Batch, rows: DataFrame) -> DataFrame:
    reasons = row_rules.reasons(batch.table)
    judged = _with_permission(batch, rows).withColumn("reasons", reasons)
    refused = F.size("reasons") > 0
    kept = F.when(refused & row_rules.keeps_position("reasons"), _text(batch, rows))
    received = F.when(refused, F.coalesce("received_ts", F.lit(NEVER))).otherwise(F.col("received_ts"))
    judged = judged.withColumn("raw_text", kept).withColumn("received_ts", received)
    if batch.table.name == POINTS.name:
        judged = judged.withColumn("record_id", F.when(~refused, record_id()))
    own = [x for x in batch.table.names if x not in ("known_from", "known_to", "source_line")]
    return judged.select(*dict.fromkeys([*own, *_STAGED]))


def _text(batch: Batch, rows: DataFrame) -> Column:
    """The record as text: its line, or for Parquet its fields as JSON."""
    if batch.source.format.type != "parquet":
        return F.col("raw_text")
    return F.to_json("_fields") if isinstance(rows.schema["_fields"].dataType, StructType) else F.col("_fields")


def _with_permission(batch: Batch, rows: DataFrame) -> DataFrame:
    """Adds _covered and _consented: null where consent is waived or the record has no device and time."""
    unasked = F.lit(None).cast("boolean")
    if batch.table.name != POINTS.name or not batch.source.consent.required:
        return rows.withColumn("_covered", unasked).withColumn("_consented", unasked)
    names = ("reference.devices", "reference.policies", "reference.consents")
    devices, policies, consents = (_as_known(batch, name) for name in names)
    permissions = device_permissions(devices, policies, consents)
    if devices.count() <= MAX_BROADCAST_DEVICES:
        permissions = F.broadcast(permissions)
    joined = rows.join(permissions, on="device_id", how="left")
    asked = F.col("device_id").isNotNull() & F.col("event_ts").isNotNull()
    covered, consented = (F.when(asked, within(x, "event_ts")) for x in ("covers", "consented"))
    return joined.withColumn("_covered", covered).withColumn("_consented", consented).drop("covers", "consented")


def _as_known(batch: Batch, name: str) -> DataFrame:
    if batch.date is not None:
        return batch.lake.read_known(name, cutoff(batch.date))
    return batch.lake.read_current(name)
