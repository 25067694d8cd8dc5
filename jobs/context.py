"""What every job of a night gets, and what it gives back."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lake.clock import cutoff
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import Complaint

Gate = Callable[[str, DataFrame], None]


def cores(spark: SparkSession) -> int:
    """Cores that Spark has for tasks now: of a cluster that grows and shrinks, at this moment."""
    return int(spark.sparkContext.defaultParallelism)


@dataclass(frozen=True)
class JobContext:
    """`previous` is the last published night before `date`, or None: what was received from its cutoff on is new."""

    conf: Conf
    lake: Lake
    date: dt.date
    previous: dt.date | None
    run_id: str
    gate: Gate
    scored_before: dt.date | None = None
    """Given where the scores of `previous` were withdrawn: the last night before it whose scores stand."""

    @property
    def spark(self) -> SparkSession:
        """The session."""
        return self.lake.spark

    @property
    def previous_scores(self) -> dt.date | None:
        """The night whose prices were in force until this one's: a price is compared with them, and they expected its claims."""
        return self.scored_before or self.previous

    @property
    def cutoff(self) -> dt.datetime:
        """Input counts when received before this."""
        return cutoff(self.date)

    @property
    def since(self) -> dt.datetime:
        """What was received from here on has not been in a published night before this one."""
        return cutoff(self.previous) if self.previous else dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class JobResult:
    """One line for people, a row count, and facts a rerun needs (kept in gold.nights as JSON).

    `complaints` are about what the job went on without: the night is published, and the command ends with an error.
    """

    rows: int
    message: str
    detail: dict[str, Any] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()
