"""What a table's definition says, and the groups of columns that several tables share."""

from dataclasses import dataclass

from pyspark.sql.types import StructType

from lake import columns as c
from lake.columns import Column

RUNGS = (1, 2, 3, 4, 5, 6)
LADDER_KINDS = ("brake", "accelerate", "corner")


MANIFESTS = {"delta.compatibility.symlinkFormatManifest.enabled": "true"}
"""Delta then keeps `_symlink_format_manifest` in step with every commit, partition by partition; it refuses deletion vectors."""


@dataclass(frozen=True)
class Table:
    """A Delta table. `key` identifies a row (with known_from besides, where `bitemporal`); `published` tables are
    read by people and other engines, so they are written through staging and carry no deletion vectors. What is appended is
    in the order of `sorted_by`, so that readers skip parts of a file."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    bitemporal: bool = False
    published: bool = False
    sorted_by: tuple[str, ...] = ()
    manifests: bool = False
    """Whether each commit also lists the table's files for readers that know no Delta, such as Redshift Spectrum."""

    @property
    def schema(self) -> StructType:
        """Spark schema, in column order; needs a running session, which parses the DDL."""
        parsed = StructType.fromDDL(self.ddl)
        if not isinstance(parsed, StructType):
            raise TypeError(f"{self.name}: its columns are no struct but {parsed}")
        return parsed

    @property
    def ddl(self) -> str:
        """Column list as Spark SQL DDL."""
        return ", ".join(f"`{x.name}` {x.type}{'' if x.nullable else ' NOT NULL'}" for x in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(x.name for x in self.columns)

    @property
    def skipping(self) -> tuple[str, ...]:
        """Columns whose smallest and largest value Delta keeps for each file: those that reads select rows by. By default it
        would measure the first 32 on every write."""
        selects = ("date", "timestamp")
        return tuple(
            x.name for x in self.columns if (x.name in self.key or x.type in selects) and x.name not in self.partition_by
        )

    @property
    def properties(self) -> dict[str, str]:
        """Delta properties it is created with. Both durations are Delta's own defaults, said so that they stay: log entries
        are there for as long as nights may pause, and no VACUUM takes a file that a night may still be reading."""
        return {
            "delta.dataSkippingStatsColumns": ",".join(self.skipping),
            "delta.logRetentionDuration": "interval 30 days",
            "delta.deletedFileRetentionDuration": "interval 7 days",
            **(MANIFESTS if self.manifests else {}),
        }

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of the columns that two runs over the same input must agree on."""
        return tuple(x.name for x in self.columns if not x.operational)


def ladder_columns() -> tuple[Column, ...]:
    """Cumulative counts per rung: brake_r3 counts events whose peak reaches rung 3 or more."""
    return tuple(
        Column(f"{kind}_r{rung}", "bigint", "events", f"{kind} events that reach rung {rung} of the ladder or a higher one")
        for kind in LADDER_KINDS
        for rung in RUNGS
    )


START_SLOTS = tuple((day, hour) for day in ("weekday", "weekend") for hour in range(0, 24, 4))
"""Six stretches of four local hours, on weekdays and weekends."""


def starts_columns() -> tuple[Column, ...]:
    """Counts of trips by when they began: what the regularity of driving is computed from."""
    return tuple(
        Column(f"starts_{day}_{hour:02d}", "bigint", "trips", f"trips begun in {hour:02d}:00-{hour + 4:02d}:00 local of a {day}")
        for day, hour in START_SLOTS
    )


VERSIONED = (c.KNOWN_FROM.required(), c.KNOWN_TO)
TIME_SUMS = (
    c.DURATION_MS, c.MOVING_MS, c.NIGHT_MS, c.RUSH_MS, c.SPEEDING_MS, c.LIMIT_KNOWN_MS, c.PHONE_MS, c.PHONE_KNOWN_MS,
)  # fmt: skip
