"""Committing a restatement, shared by the jobs trips and days."""

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.context import JobContext
from lake.delta import transaction_id


@dataclass(frozen=True)
class Restated:
    """Versions of one table to close and to add, persisted, how many they are, and a digest of what is added and closed."""

    name: str
    closes: DataFrame
    adds: DataFrame
    closed: int
    added: int
    digest: str

    @property
    def rows(self) -> int:
        """Rows added or closed."""
        return self.closed + self.added

    def commit(self, ctx: JobContext, job: str) -> None:
        """One Delta commit, or none where nothing changes."""
        if self.rows:
            app_id = transaction_id(job, self.name, ctx.date, [self.digest])
            ctx.lake.apply_versions(self.name, self.closes if self.closed else None, self.adds, app_id)

    def release(self) -> None:
        """Free the memory."""
        self.closes.unpersist()
        self.adds.unpersist()


def measure(ctx: JobContext, restated: dict[str, tuple[DataFrame, DataFrame]]) -> list[Restated]:
    """Persist and count the (closes, adds) of each table, in one Spark job."""
    kept = {name: (closes.persist(), adds.persist()) for name, (closes, adds) in restated.items()}
    parts = [_summary(ctx, name, i, df) for name, pair in kept.items() for i, df in enumerate(pair)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part)
    found = {(row["name"], row["part"]): row for row in whole.collect()}
    return [
        Restated(
            name,
            closes,
            adds,
            found[name, 0]["n"],
            found[name, 1]["n"],
            f"{found[name, 0]['digest']}/{found[name, 1]['digest']}",
        )
        for name, (closes, adds) in kept.items()
    ]


def _summary(ctx: JobContext, name: str, part: int, df: DataFrame) -> DataFrame:
    """Row count and an order-free digest of key and knowledge times."""
    identity = [*ctx.lake.table(name).key, "known_from", "known_to"]
    digest = F.bit_xor(F.xxhash64(*identity)).cast("string")
    counts = df.agg(F.count(F.lit(1)).alias("n"), F.coalesce(digest, F.lit("")).alias("digest"))
    return counts.withColumns({"name": F.lit(name), "part": F.lit(part)})
