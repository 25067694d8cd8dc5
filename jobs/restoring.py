"""Bringing a lake back from a copy that was made in no order: the last published night that is whole in it, table by table.

Tables are consistent with one another at a publication: its row of gold.nights, written last, has the version of every
table. What is restored is those versions, no others: a table that is further than the night would hold half of the next one.
"""

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.nights import PUBLICATION
from lake.delta import is_frame
from lake.delta_names import LOG, entry_name
from lake.errors import LakeError
from lake.stored import Stored
from lake.tables import TABLES
from lake.whole import TableFiles, Version

NIGHTS = "gold.nights"
MARK = "_restoring.json"
FORMAT = "_format.json"
BESIDE = (FORMAT, "_registry/", "_reports/", "_mlflow/")
"""What a lake has besides tables and is brought back as it is. Leases and staging are of commands that are over."""
_COLUMNS = ["night_date", "job", "status", "detail", "run_id", "finished_at"]


@dataclass(frozen=True)
class Standing:
    """How a table stands in the copy: the highest version that there is anything of, and the one to restore."""

    name: str
    seen: int
    restored: int | None
    why: str
    """Where none is restored: what is missing."""


@dataclass(frozen=True)
class Plan:
    """What would be restored. `passed` are later nights that are not whole, with the reason."""

    night: dt.date
    published_at: dt.datetime
    tables: list[Standing]
    versions: dict[str, Version]
    beside: list[str]
    passed: list[str]

    @property
    def files(self) -> dict[str, list[str]]:
        """Names from the lake's root of what to copy, by table; data before the log that names it."""
        return {
            name: [f"{folder(name)}/{x}" for x in (*sorted(version.files), *version.log)]
            for name, version in self.versions.items()
        }


def folder(name: str) -> str:
    """Of a table, from the lake's root."""
    return name.replace(".", "/", 1)


class Copied:
    """A copy of a lake, listed once."""

    def __init__(self, place: Stored) -> None:
        self.place, self.sizes = place, place.sizes()
        self._tables: dict[str, dict[str, int]] = defaultdict(dict)
        for name, size in self.sizes.items():
            *above, below = name.split("/", 2)
            self._tables[".".join(above)][below] = size
        if not self.table(NIGHTS).entries:
            raise LakeError(f"{place.root} has no {NIGHTS}: there is nothing to go by")

    def table(self, name: str) -> TableFiles:
        """One table's files."""
        return TableFiles(self.place, folder(name), self._tables.get(name, {}))

    def frames(self) -> list[str]:
        """Names of the training frames there are."""
        return sorted(x for x in self._tables if is_frame(x))

    def beside(self) -> list[str]:
        """Names of what is not in a table."""
        return sorted(x for x in self.sizes if x.startswith(BESIDE))


def plan(source: Stored, layers: Sequence[str] = (), night: dt.date | None = None) -> Plan:
    """The last published night, or `night`, whose tables are all whole in the copy; of `layers` alone where some are named.

    Raises LakeError where there is none, with the reason for the newest.
    """
    copied = Copied(source)
    passed: list[str] = []
    for row, nights in publications(copied.table(NIGHTS)):
        if night is not None and row["night_date"] != night:
            continue
        log = json.loads(row["detail"]).get("log", {})
        recorded = {n: v for n, v in log.items() if not layers or n.split(".")[0] in layers}
        found = {n: _as_recorded(copied.table(n), *v) for n, v in recorded.items() if n != NIGHTS}
        lacking = [n for n, x in found.items() if isinstance(x, str)]
        if not lacking:
            versions = {n: x for n, x in found.items() if isinstance(x, Version)} | {NIGHTS: nights}
            frames = copied.frames() if not layers or "frames" in layers else []
            return _planned(copied, row, versions, frames, passed)
        passed.append(f"{row['night_date']}: {'; '.join(f'{n} {found[n]}' for n in lacking)}")
    wanted = f"night {night}" if night else "published night"
    raise LakeError(f"{source.root} holds no {wanted} that is whole{': ' + passed[0] if passed else ''}")


def publications(nights: TableFiles) -> list[tuple[dict[str, Any], Version]]:
    """Publication rows, the newest first, each with the version of gold.nights that its commit made."""
    last = nights.last_whole()
    if last is None:
        raise LakeError(f"{NIGHTS} has no version that is whole: something of it is still to come")
    rows = [x for x in _rows(nights, last) if x["job"] == PUBLICATION and x["status"] == "finished"]
    newest = sorted(rows, key=lambda x: x["finished_at"], reverse=True)
    found = ((row, _committed(nights, last.number, row)) for row in newest)
    return [(row, version) for row, version in found if version is not None]


def _committed(nights: TableFiles, last: int, row: dict[str, Any]) -> Version | None:
    """The whole version that has the row and no later one: those are of work that the other tables will not have."""
    low = json.loads(row["detail"]).get("log", {}).get(NIGHTS, [0])[0]
    for number in range(low, last + 1):
        version = nights.whole(number)
        rows = _rows(nights, version) if version is not None else []
        if row in rows:
            return version if all(x["finished_at"] <= row["finished_at"] for x in rows) else None
    return None


def _rows(nights: TableFiles, version: Version) -> list[dict[str, Any]]:
    if len(version.files) != len(version.rows_in):
        raise LakeError(
            f"{NIGHTS} has deletion vectors, which a restore does not read: run `telematics maintain` where it came from"
        )
    parts = [pq.read_table(BytesIO(nights.read(x)), columns=_COLUMNS) for x in version.rows_in]
    return pa.concat_tables(parts).to_pylist() if parts else []


def _as_recorded(table: TableFiles, version: int, digest: str) -> Version | str:
    """The version that a publication recorded, or what is missing of it."""
    found = table.whole(version)
    if found is None:
        return f"version {version} is not whole" if table.last >= version else f"is at {table.last}, before version {version}"
    name = entry_name(version)
    if name in found.log and hashlib.sha256(table.read(name)).hexdigest() != digest:
        return f"version {version} is not the one that was published"
    return found


def _planned(
    copied: Copied, row: dict[str, Any], versions: dict[str, Version], frames: Sequence[str], passed: list[str]
) -> Plan:  # fmt: skip
    tables = [Standing(n, copied.table(n).last, x.number, "") for n, x in versions.items()]
    for name in frames:
        table = copied.table(name)
        version = table.last_whole()
        tables.append(Standing(name, table.last, version.number if version else None, "" if version else "no version is whole"))
        if version is not None:
            versions[name] = version
    others = {n: copied.table(n).last for n in TABLES if n not in versions}
    tables += [Standing(n, last, None, "not asked for, or younger than the night") for n, last in others.items() if last >= 0]
    return Plan(row["night_date"], row["finished_at"], tables, versions, copied.beside(), passed)


def apply(source: Stored, target: Stored, planned: Plan) -> int:
    """Copy what the plan names into an empty place; returns the files copied. Killed at any moment, it can be run again.

    Raises LakeError where the place has tables that no such restore began.
    """
    mark = json.dumps(
        {"from": source.root, "night": f"{planned.night}", "versions": {n: v.number for n, v in planned.versions.items()}},
        sort_keys=True,
    ).encode()
    _check_empty(target, mark)
    target.write(MARK, mark)
    # gold.nights last: a lake without it has published nothing
    order = sorted(planned.files, key=lambda name: name == NIGHTS)
    copied = source.copy([x for x in planned.beside if x != FORMAT], target)
    copied += source.copy([x for x in planned.beside if x == FORMAT], target)
    for name in order:
        log = f"{folder(name)}/{LOG}/"
        files = planned.files[name]
        copied += source.copy([x for x in files if not x.startswith(log)], target)
        copied += source.copy([x for x in files if x.startswith(log)], target)
    target.remove(MARK)
    return copied


def _check_empty(target: Stored, mark: bytes) -> None:
    there = target.sizes()
    if MARK in there:
        if target.read(MARK) != mark:
            raise LakeError(f"{target.root} is being restored to something else: finish that first, or empty it")
        return
    tables = sorted({name.split(f"/{LOG}/")[0].replace("/", ".", 1) for name in there if f"/{LOG}/" in name})
    if tables:
        raise LakeError(f"{target.root} has tables ({', '.join(tables[:3])}, …): restore into an empty place, then look and move")


def facts(planned: Plan) -> dict[str, Any]:
    """For people and machines."""
    return {
        "night": f"{planned.night}", "published_at": planned.published_at.isoformat(), "passed": planned.passed,
        "tables": [asdict(x) for x in planned.tables], "files": sum(map(len, planned.files.values())),
        "beside": len(planned.beside),
    }  # fmt: skip
