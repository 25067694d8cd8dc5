"""The version of a lake's format, one small file at its root, and how an older lake becomes one of today's.

The file has the format's number and a fingerprint of the declared tables, so a column that is declared later is noticed
whether or not somebody thought of the number.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lake.columns import Column
from lake.errors import LakeError
from lake.files import Files
from lake.table import MANIFESTS
from lake.tables import QUARANTINE, TABLES

if TYPE_CHECKING:
    from lake.delta import Lake

FILE = "_format.json"
MEND = "run `telematics maintain --upgrade`"


@dataclass(frozen=True)
class Format:
    """`number` counts the steps of STEPS; `tables` is the fingerprint of the declared columns and partitioning."""

    number: int
    tables: str


def current() -> Format:
    """The format that this code reads and writes."""
    declared = [[t.name, t.partition_by, [[x.name, x.type, x.nullable] for x in t.columns]] for t in TABLES.values()]
    return Format(len(STEPS), hashlib.sha256(json.dumps(declared).encode()).hexdigest()[:16])


def recorded(lake: "Lake") -> Format | None:
    """The format of the lake, 0 where tables are there and no file; None of an empty lake. Raises LakeError."""
    content = Files(lake.spark).read(f"{lake.root}/{FILE}")
    if content is None:
        return Format(0, "") if any(lake.exists(name) for name in TABLES) else None
    try:
        return Format(**json.loads(content))
    except (ValueError, TypeError) as e:
        raise LakeError(f"{lake.root}/{FILE} is no record of a lake's format: delete it, then {MEND}") from e


def check_format(lake: "Lake") -> None:
    """Raise LakeError naming what mends it, unless the lake is empty or of today's format."""
    found, ours = recorded(lake), current()
    if found is None or found == ours:
        return
    _refuse_newer(lake, found)
    what = f"of format {found.number}, this code's is {ours.number}" if found.number != ours.number else "of other columns"
    raise LakeError(f"the lake at {lake.root} is {what}: {MEND}")


def declare(lake: "Lake") -> None:
    """Record today's format in an empty lake."""
    if recorded(lake) is None:
        _write(lake)


def upgrade(lake: "Lake") -> list[str]:
    """Bring an older lake to today's format; what was done, a line each. Killed at any moment, it can be run again.

    Raises LakeError, before anything is changed, for a lake of newer code and for a difference other than a new column.
    """
    found = recorded(lake)
    if found is None or found == current():
        return []
    _refuse_newer(lake, found)
    missing = {name: missing_columns(lake, name) for name in TABLES if lake.exists(name)}
    done = [line for step in STEPS[found.number :] if (line := step(lake)) is not None]
    for name in missing:
        columns = missing_columns(lake, name)
        if columns:
            lake.add_columns(name, columns)
            done.append(f"{name}: added {', '.join(x.name for x in columns)}")
    _write(lake)
    return [*done, f"format {current().number}"]


def missing_columns(lake: "Lake", name: str) -> list[Column]:
    """Declared columns that the lake's table lacks. Raises LakeError for any other difference, naming both types."""
    table = lake.table(name)
    actual = {x.name: x.dataType for x in lake.spark.read.format("delta").load(lake.path(name)).schema}
    declared = {x.name: x.dataType for x in table.schema}
    for column, type_ in actual.items():
        wanted = declared[column].simpleString() if column in declared else "not declared"
        if wanted != type_.simpleString():
            raise LakeError(f"{name}: column {column} is {type_.simpleString()} in the lake and {wanted} in this code")
    missing = [x for x in table.columns if x.name not in actual]
    for x in missing:
        if not x.nullable:
            raise LakeError(f"{name}: column {x.name} is {x.type} NOT NULL in this code and not in the lake: rows have no value")
    return missing


def _refuse_newer(lake: "Lake", found: Format) -> None:
    if found.number > len(STEPS):
        raise LakeError(
            f"the lake at {lake.root} is of format {found.number}, this code knows up to {len(STEPS)}: use the code that wrote it"
        )


def _write(lake: "Lake") -> None:
    ours = current()
    Files(lake.spark).write(f"{lake.root}/{FILE}", json.dumps({"number": ours.number, "tables": ours.tables}).encode())


def _quarantine_by_day(lake: "Lake") -> str | None:
    """Step 1: loads and replays read a source's last days of bronze.quarantine, not all of it."""
    if not lake.exists(QUARANTINE.name) or lake.partitioning(QUARANTINE.name) == list(QUARANTINE.partition_by):
        return None
    missing = {x.name: F.lit(None).cast(x.type) for x in missing_columns(lake, QUARANTINE.name)}
    rows = lake.spark.read.format("delta").load(lake.path(QUARANTINE.name)).withColumns(missing)
    lake.rewrite(QUARANTINE.name, rows.withColumn("received_date", F.to_date("received_ts")))
    return f"{QUARANTINE.name}: partitioned by {', '.join(QUARANTINE.partition_by)}"


def _manifests(lake: "Lake") -> str | None:
    """Step 2: readers that know no Delta find the files of gold.policy_scores."""
    tables = [t.name for t in TABLES.values() if t.manifests and lake.exists(t.name)]
    for name in tables:
        lake.set_properties(name, MANIFESTS)
    return f"manifests of {', '.join(tables)}" if tables else None


STEPS: tuple[Callable[["Lake"], str | None], ...] = (_quarantine_by_day, _manifests)
"""Step n makes format n of format n - 1, and does nothing where it has been done. Append; never change or drop one. New
columns need none."""
