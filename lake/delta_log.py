"""Whether the log of every table is whole, and at which entry it stands. Delta itself reads an empty entry as one that did
nothing, and starts a table anew where the log ends early."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

from lake.delta import Lake
from lake.delta_names import LOG, entry_name
from lake.errors import LakeError
from lake.files import Files
from lake.tables import TABLES

T = TypeVar("T")
_THREADS = 8
_NAME = re.compile(r"(\d{20})\.(json|checkpoint\b.*)")
Standing = tuple[int, str]
"""Version and SHA-256 of a table's last log entry."""


@dataclass(frozen=True)
class TableLog:
    """The versions that a table's log has an entry and a checkpoint for."""

    name: str
    folder: str
    entries: frozenset[int]
    checkpoints: frozenset[int]

    @property
    def last(self) -> int:
        """The version the table is at."""
        return max(self.entries | self.checkpoints)

    @property
    def needed(self) -> range:
        """Versions whose entries the table's state is made from, on top of its last checkpoint."""
        return range(max(self.checkpoints, default=-1) + 1, self.last + 1)

    def entry(self, version: int) -> str:
        """Where the entry of a version is."""
        return f"{self.folder}/{entry_name(version)}"


def _read_log(lake: Lake, files: Files, name: str) -> TableLog | None:
    folder = lake.path(name)
    found = [m.groups() for x in files.entries(f"{folder}/{LOG}") if (m := _NAME.fullmatch(x.name))]
    entries = frozenset(int(v) for v, kind in found if kind == "json")
    checkpoints = frozenset(int(v) for v, kind in found if kind != "json")
    return TableLog(name, folder, entries, checkpoints) if entries or checkpoints else None


def check_whole(lake: Lake, names: Iterable[str] = tuple(TABLES)) -> None:
    """Raise LakeError naming table and entry where one after the last checkpoint is missing, empty or no JSON."""
    files = Files(lake.spark)

    def check(name: str) -> None:
        log = _read_log(lake, files, name)
        if log is not None:
            for version in log.needed:
                _check_entry(files, log, version)

    _for_each(check, names)


def _check_entry(files: Files, log: TableLog, version: int) -> None:
    wrong = f"{log.name}: log entry {version} ({log.entry(version)})"
    if version not in log.entries:
        raise LakeError(f"{wrong} is missing, the table is at version {log.last}: restore it from a copy of the lake")
    try:
        actions = [json.loads(line) for line in (files.read(log.entry(version)) or b"").splitlines()]
    except (ValueError, Py4JJavaError) as e:
        raise LakeError(f"{wrong} is corrupt: restore it from a copy of the lake") from e
    if not any("commitInfo" in x for x in actions):
        raise LakeError(f"{wrong} is empty or cut: restore it from a copy of the lake")


def standings(lake: Lake, names: Iterable[str] = tuple(TABLES)) -> dict[str, Standing]:
    """By table that has a commit, the version it is at and the hash of that version's entry."""
    files = Files(lake.spark)

    def stand(name: str) -> tuple[str, Standing] | None:
        log = _read_log(lake, files, name)
        return (name, (log.last, _digest(files, log, log.last))) if log else None

    return dict(x for x in _for_each(stand, names) if x is not None)


def check_published(lake: Lake, recorded: Mapping[str, Standing], when: str) -> None:
    """Raise LakeError for a table that is behind what was recorded at a publication, or has another entry for its version.

    An entry that log cleanup has taken since can no longer be compared; its version still is.
    """
    files = Files(lake.spark)

    def check(name: str) -> None:
        version, digest = recorded[name]
        log = _read_log(lake, files, name)
        if log is None or log.last < version:
            at = f"at version {log.last}" if log else "not there"
            raise LakeError(f"{name} is {at}, below version {version} of the night published {when}: commits are lost")
        if version in log.entries and _digest(files, log, version) != digest:
            raise LakeError(f"{name}: log entry {version} ({log.entry(version)}) is not the one of the night published {when}")

    _for_each(check, recorded)


def _digest(files: Files, log: TableLog, version: int) -> str:
    return hashlib.sha256(files.read(log.entry(version)) or b"").hexdigest()


def _for_each(work: Callable[[str], T], names: Iterable[str]) -> list[T]:
    """The work per table, side by side: on S3 it is all waiting."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="delta-log") as pool:
        return list(pool.map(work, names))
