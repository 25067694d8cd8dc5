"""Reads and idempotent writes of the lake's Delta tables. Nothing else in the project writes a table."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from lake.clock import as_known, current
from lake.columns import Column as LakeColumn
from lake.commits import Guard, GuardedCommits, replayed, unless_in_conflict
from lake.errors import LakeError
from lake.files import Files
from lake.format_version import declare
from lake.s3 import on_s3
from lake.tables import TABLES, Table, frame_table

T = TypeVar("T")


def is_frame(name: str) -> bool:
    """Whether a name is that of a frame's table."""
    return frame_table(name) is not None


class Lake:
    """All tables below one root, a local folder or s3://bucket/prefix.

    With a `guard` (the lease) every commit is made only while it allows, and is read back; without one nothing is.
    """

    def __init__(self, spark: SparkSession, root: str, guard: Guard | None = None) -> None:
        self.spark = spark
        # Delta takes a relative path for a table's name
        self.root = root.rstrip("/") if "://" in root else str(Path(root).absolute())
        self._has_format = False
        self._guarded = GuardedCommits(spark, guard) if guard is not None else None

    def check_guard(self) -> None:
        """Raise LeaseLost where another may write in the place of this lake's owner."""
        if self._guarded is not None:
            self._guarded.check_guard()

    def check_commits(self) -> None:
        """Raise CommitLost where a commit that this lake made is not in the log any more."""
        if self._guarded is not None:
            self._guarded.check_all()

    def kept(self, work: Callable[[], T]) -> T:
        """What `work` returns, when all that this lake committed is in the log; it is run once more where something is not."""

        def checked() -> T:
            result = work()
            self.check_commits()
            return result

        return replayed(checked)

    def _commit(self, name: str, write: Callable[[], T]) -> T:
        """The one way to a commit of a table."""
        path = self.path(name)
        return unless_in_conflict(path, lambda: write() if self._guarded is None else self._guarded.run(path, write))

    def path(self, name: str) -> str:
        """Where a table lives; `name` is a key of TABLES or frames.<hash>. Raises LakeError for any other, that could climb."""
        self.table(name)
        return f"{self.root}/{name.replace('.', '/', 1)}"

    def table(self, name: str) -> Table:
        """The definition of a table. Raises LakeError listing the tables there are."""
        frame = frame_table(name)
        if frame is not None:
            return frame
        if name not in TABLES:
            raise LakeError(f"unknown table '{name}'; the lake has {', '.join(TABLES)}")
        return TABLES[name]

    def exists(self, name: str) -> bool:
        """Whether the table has a commit."""
        return DeltaTable.isDeltaTable(self.spark, self.path(name))

    def frames(self) -> list[str]:
        """Names of the training frames there are."""
        found = (f"frames.{x.name}" for x in Files(self.spark).entries(f"{self.root}/frames") if x.is_folder)
        return [name for name in found if is_frame(name)]

    def read(self, name: str) -> DataFrame:
        """The whole table, in its declared columns; empty where nothing was written yet."""
        table = self.table(name)
        if not self.exists(name):
            return self.spark.createDataFrame([], table.schema)
        return self.spark.read.format("delta").load(self.path(name)).select(*table.names)

    def read_known(self, name: str, at: dt.datetime) -> DataFrame:
        """A bitemporal table as it was known at `at`."""
        return as_known(self.read(name), at)

    def read_current(self, name: str) -> DataFrame:
        """A bitemporal table as it is known today: what the view `<name>_current` of lake.views has."""
        return current(self.read(name))

    def version(self, name: str) -> int | None:
        """The last Delta version, or None where the table does not exist."""
        if not self.exists(name):
            return None
        return int(DeltaTable.forPath(self.spark, self.path(name)).history(1).collect()[0]["version"])

    def shaped(self, name: str, df: DataFrame) -> DataFrame:
        """The declared columns in the declared order and type; a missing one is an error that names it."""
        table = self.table(name)
        missing = sorted(set(table.names) - set(df.columns))
        if missing:
            raise LakeError(f"{name}: columns {', '.join(missing)} are missing; there are {', '.join(df.columns)}")
        return df.select(*(F.col(x.name).cast(x.type).alias(x.name) for x in table.columns))

    def create(self, name: str) -> None:
        """Create the table, empty, with its schema and partitioning; nothing if it is there."""
        table = self.table(name)
        if not self._has_format:
            declare(self)
            self._has_format = True
        builder = DeltaTable.createIfNotExists(self.spark).location(self.path(name)).comment(table.meaning)
        for x in table.columns:
            builder = builder.addColumn(
                x.name, x.type, nullable=x.nullable, comment=f"{x.meaning} [{x.unit}]" if x.unit else x.meaning
            )
        for key, value in table.properties.items():
            builder = builder.property(key, value)
        builder = builder.partitionedBy(*table.partition_by)
        if self._guarded is None or not self.exists(name):
            self._commit(name, builder.execute)

    def set_properties(self, name: str, properties: Mapping[str, str]) -> None:
        """Set Delta properties of a table that is there, in one commit; its manifests, where it has them, are made at once."""
        said = ", ".join(f"'{k}' = '{v}'" for k, v in properties.items())
        self._commit(name, lambda: self.spark.sql(f"ALTER TABLE delta.`{self.path(name)}` SET TBLPROPERTIES ({said})"))
        if self.table(name).manifests:
            DeltaTable.forPath(self.spark, self.path(name)).generate("symlink_format_manifest")

    def append_once(self, name: str, df: DataFrame, app_id: str) -> None:
        """Append under a transaction id that Delta remembers: a second append with the same id is a no-op.

        `app_id` comes from `transaction_id`; the version is always 1, for Delta skips every version at or below
        the highest seen and a counter or date would lose data in a backfill.
        """
        self.create(name)
        table, rows = self.table(name), self.shaped(name, df)
        if table.sorted_by:
            rows = rows.sortWithinPartitions(*table.partition_by, *table.sorted_by)
        writer = rows.write.format("delta").mode("append")
        writer = writer.option("txnAppId", app_id).option("txnVersion", 1)
        self._commit(name, lambda: writer.save(self.path(name)))

    def replace_where(self, name: str, df: DataFrame, predicate: str) -> None:
        """Put `df` in the place of the rows that match the predicate, in one commit."""
        self.create(name)
        writer = self.shaped(name, df).write.format("delta").mode("overwrite")
        writer = writer.option("replaceWhere", predicate)
        self._commit(name, lambda: writer.save(self.path(name)))

    def mark(self, name: str, rows: DataFrame, columns: Sequence[str]) -> None:
        """Set columns of the rows with the table's key, in one commit. `rows` has the key, each once, the partition and the
        columns."""
        table = self.table(name)
        same = " AND ".join([*_within(table, rows), *(f"t.`{k}` = s.`{k}`" for k in table.key)])
        merge = DeltaTable.forPath(self.spark, self.path(name)).alias("t").merge(rows.alias("s"), same)
        self._commit(name, merge.whenMatchedUpdate(set={x: f"s.`{x}`" for x in columns}).execute)

    def delete_where(self, name: str, predicate: str) -> int:
        """Delete the rows that match, in one commit; none where nothing matches. Returns how many there were."""
        rows = self.read(name).where(predicate).count()
        if rows:
            self._commit(name, lambda: DeltaTable.forPath(self.spark, self.path(name)).delete(predicate))
        return rows

    def compact(self, name: str, predicate: str) -> None:
        """Merge small files, of the partitions that match; rows do not change."""
        optimize = DeltaTable.forPath(self.spark, self.path(name)).optimize()
        self._commit(name, (optimize.where(predicate) if predicate else optimize).executeCompaction)

    def vacuum(self, name: str, retain_days: int) -> None:
        """Delete files that no version of the last `retain_days` refers to. Delta refuses fewer than 7."""
        self._commit(name, lambda: DeltaTable.forPath(self.spark, self.path(name)).vacuum(retain_days * 24))

    def partitioning(self, name: str) -> list[str]:
        """The columns that the table in the lake is partitioned by."""
        return list(DeltaTable.forPath(self.spark, self.path(name)).detail().collect()[0]["partitionColumns"])

    def partitions(self, name: str) -> list[str]:
        """Values of the table's first partition column that have rows, as text, in order."""
        (by, *_) = self.table(name).partition_by
        return sorted(str(r[0]) for r in self.read(name).select(by).distinct().collect())

    def add_columns(self, name: str, columns: Sequence[LakeColumn]) -> None:
        """Add columns, null in the rows that are there, in one commit."""
        added = ", ".join(f"`{x.name}` {x.type}" for x in columns)
        self._commit(name, lambda: self.spark.sql(f"ALTER TABLE delta.`{self.path(name)}` ADD COLUMNS ({added})"))

    def rewrite(self, name: str, df: DataFrame) -> None:
        """Put `df` in the place of all rows, with the declared columns and partitioning, in one commit."""
        writer = self.shaped(name, df).write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        writer = writer.partitionBy(*self.table(name).partition_by)
        self._commit(name, lambda: writer.save(self.path(name)))

    def publish(self, name: str, df: DataFrame, predicate: str, gate: Callable[[str, DataFrame], None]) -> int:
        """Write, audit, publish: stage, run the gate on what was staged, then one replaceWhere. Returns the rows.

        Raises whatever the gate raises; the published table then stays as it was.
        """
        staging, written = f"{self.root}/_staging/{name}-{uuid.uuid4().hex[:12]}", Observation()
        try:
            self.shaped(name, df).observe(written, F.count(F.lit(1)).alias("rows")).write.format("parquet").save(staging)
            staged = self.spark.read.schema(self.table(name).schema).parquet(staging)
            gate(name, staged)
            self.replace_where(name, staged, predicate)
            return int(written.get["rows"])
        finally:
            self.remove(staging)

    def remove(self, path: str) -> None:
        """Delete a staging folder, on disk or S3; nothing if it is not there."""
        Files(self.spark).remove(path)

    def apply_versions(self, name: str, closes: DataFrame | None, adds: DataFrame, app_id: str) -> None:
        """Restate a bitemporal table in one commit: close old versions, add new ones.

        `closes` has the key, known_from of the version to close, its known_to and, where the table has one,
        superseded_by; None where nothing is closed, which makes it a plain append.
        """
        if closes is None:
            self.append_once(name, adds, app_id)
            return
        table = self.table(name)
        extra = [x for x in ("superseded_by",) if x in table.names]
        carried = [*table.key, "known_from", *table.partition_by]
        marks = closes.select(*carried, "known_to", *extra).withColumn("_close", F.lit(True))
        news = self.shaped(name, adds).withColumn("_close", F.lit(False))
        changes = marks.unionByName(news, allowMissingColumns=True)
        same = [*_within(table, changes), *(f"t.`{k}` <=> s.`{k}`" for k in dict.fromkeys(carried))]
        merge = DeltaTable.forPath(self.spark, self.path(name)).alias("t").merge(changes.alias("s"), " AND ".join(same))
        closing: dict[str, str | Column] = {"known_to": "s.known_to", **{x: f"s.{x}" for x in extra}}
        merge = merge.whenMatchedUpdate(condition="s._close", set=closing)
        merge = merge.whenNotMatchedInsert(condition="NOT s._close", values={n: f"s.`{n}`" for n in table.names})
        self._commit(name, merge.execute)


def _within(table: Table, changes: DataFrame) -> list[str]:
    """The partitions of what changes, as literals: a MERGE reads every partition that only its source names."""
    if not table.partition_by:
        return []
    rows = changes.select(*(F.col(x).cast("string") for x in table.partition_by)).distinct().collect()
    values = {x: sorted({f"'{row[x]}'" for row in rows}) for x in table.partition_by}
    return [f"t.`{x}` IN ({', '.join(found)})" for x, found in values.items()]


def transaction_id(job: str, table: str, date: dt.date | None, inputs: Iterable[str]) -> str:
    """The id under which an append happens once: job, table, date and a hash of the sorted input hashes."""
    digest = hashlib.sha256("\n".join(sorted(inputs)).encode()).hexdigest()[:32]
    return f"{job}/{table}/{date.isoformat() if date else 'manual'}/{digest}"


def check_writable(root: str) -> None:
    """Raise LakeError where a local root cannot be written, before any work is done."""
    if on_s3(root):
        return
    try:
        Path(root).mkdir(parents=True, exist_ok=True)
        probe = Path(root) / "_write_probe"
        probe.write_text("")
        probe.unlink()
    except OSError as e:
        raise LakeError(f"cannot write to the lake at {root}: {e.strerror or e}") from e
