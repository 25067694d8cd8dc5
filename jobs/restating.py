"""Committing a restatement, shared by the jobs trips and days."""

from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.context import JobContext
from lake.delta import transaction_id
from transforms import bitemporal


@dataclass(frozen=True)
class Restated:
    """What changes in one table, checkpointed, how many versions that closes and adds, and a digest of which."""

    name: str
    changes: DataFrame
    closed: int
    added: int
    digest: str

    @property
    def rows(self) -> int:
        """Rows added or closed."""
        return self.closed + self.added

    @property
    def adds(self) -> DataFrame:
        """Versions to add."""
        return bitemporal.adds(self.changes)

    def commit(self, ctx: JobContext, job: str) -> None:
        """One Delta commit, or none where nothing changes."""
        if self.rows:
            app_id = transaction_id(job, self.name, ctx.date, [self.digest])
            ctx.lake.apply_versions(self.name, bitemporal.closes(self.changes) if self.closed else None, self.adds, app_id)


def measure(ctx: JobContext, changes: dict[str, DataFrame]) -> list[Restated]:
    """Checkpoint and count the changes of each table, in one Spark job.

    A checkpoint cuts the plan: everything that is persisted and reads the table is planned anew after each of its commits.
    """
    kept = {name: df.localCheckpoint(eager=False) for name, df in changes.items()}
    found = {row["name"]: row for row in reduce(DataFrame.unionByName, map(_summary, kept, kept.values())).collect()}
    return [Restated(name, df, found[name]["closed"], found[name]["added"], found[name]["digest"]) for name, df in kept.items()]


def _summary(name: str, changed: DataFrame) -> DataFrame:
    """Counts, and an order-free digest of keys and knowledge times."""
    key = [x for x in changed.columns if x not in ("was", "now")]
    digest = F.bit_xor(F.xxhash64(*key, "was.known_from", "now.known_from")).cast("string")
    counts = changed.agg(
        F.count("was").alias("closed"), F.count("now").alias("added"), F.coalesce(digest, F.lit("")).alias("digest")
    )
    return counts.withColumn("name", F.lit(name))
