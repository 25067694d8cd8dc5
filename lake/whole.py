"""The versions of a Delta table whose files are all there, read from the files alone.

A copy that was made file by file, in no order (S3 replication), may have a log entry without the data it names, an entry without
the one before it, a checkpoint without one of its parts. A version is whole when its state can be put together (a complete
checkpoint, or the first entry, and every entry after it) and each file of that state is there in its size, deletion vectors too.
Delta's protocol: https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from lake.delta_names import ENTRY, LOG, entry_name
from lake.errors import LakeError
from lake.stored import Stored

_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet")
_UUID_CHARACTERS = 20
"""Of a deletion vector's identifier in Z85, after an optional prefix."""
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
Needs = dict[str, int]
"""Sizes in bytes by file name from the table's folder; -1 where the log says none."""


@dataclass(frozen=True)
class Version:
    """A whole version: what its log is made from and which files hold its rows, by name from the table's folder."""

    number: int
    log: tuple[str, ...]
    files: frozenset[str]
    rows_in: tuple[str, ...]
    """The files of `files` that are data, without deletion vectors."""


@dataclass
class _State:
    """Files of the table by path; what each needs besides itself."""

    active: dict[str, Needs] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)

    def apply(self, actions: Iterable[Mapping[str, Any]], there: Mapping[str, int]) -> None:
        """The actions of one commit or checkpoint: what it removes goes before what it adds, under the same name too."""
        for action in (x["remove"] for x in actions if "remove" in x):
            self.active.pop(unquote(action["path"]), None)
            self.lacking.discard(unquote(action["path"]))
        for action in (x["add"] for x in actions if "add" in x):
            self._add(action, there)

    def _add(self, action: Mapping[str, Any], there: Mapping[str, int]) -> None:
        path = unquote(action["path"])
        needs = {path: int(action.get("size") or -1), **_deletion_vector(action.get("deletionVector"))}
        self.active[path] = needs
        self.lacking.discard(path)
        if any(there.get(name, -2) != size and not (size == -1 and name in there) for name, size in needs.items()):
            self.lacking.add(path)


class TableFiles:
    """One table's folder in a copy of a lake: `there` has the sizes of its files by name from the table's folder."""

    def __init__(self, place: Stored, folder: str, there: Mapping[str, int]) -> None:
        self._place, self.folder, self._there = place, folder, there
        names = [name.removeprefix(f"{LOG}/") for name in there if name.startswith(f"{LOG}/")]
        self.entries = {int(m[1]) for n in names if (m := ENTRY.fullmatch(n))}
        self._checkpoints = _complete_checkpoints(names)

    @property
    def last(self) -> int:
        """The highest version that there is anything of; -1 of none."""
        return max([*self.entries, *self._checkpoints], default=-1)

    def last_whole(self, up_to: int | None = None) -> Version | None:
        """The highest whole version, at most `up_to`; None where there is none."""
        limit = self.last if up_to is None else up_to
        # from the newest checkpoint on first: an older one reaches no version beyond those that a newer one reaches
        for base in sorted((x for x in [*self._checkpoints, -1] if x <= limit), reverse=True):
            number = max((n for n, state in self._states(base, limit) if not state.lacking), default=None)
            if number is not None:
                *_, (_, state) = self._states(base, number)
                return self._version(number, base, state)
        return None

    def whole(self, version: int) -> Version | None:
        """That very version, if it is whole."""
        found = self.last_whole(version)
        return found if found is not None and found.number == version else None

    def _states(self, base: int, limit: int) -> Iterator[tuple[int, _State]]:
        """Versions and their files, one after the other in the same object, from the checkpoint `base`, or from the first entry
        (-1), up to `limit` or the first entry that is not there or not whole."""
        state = _State()
        if base >= 0:
            actions = self._checkpoint(base)
            if actions is None:
                return
            state.apply(actions, self._there)
            yield base, state
        for number in range(base + 1, limit + 1):
            entry = self.entry(number) if number in self.entries else None
            if entry is None:
                return
            state.apply(entry, self._there)
            if number >= 0:
                yield number, state

    def _version(self, number: int, base: int, state: _State) -> Version:
        entries = (entry_name(v) for v in sorted(self.entries) if v <= number)
        files = frozenset(name for needs in state.active.values() for name in needs)
        return Version(number, (*self._checkpoints.get(base, ()), *entries), files, tuple(sorted(state.active)))

    def entry(self, version: int) -> list[dict[str, Any]] | None:
        """The actions of a log entry; None where it is cut or no JSON."""
        try:
            actions: list[dict[str, Any]] = [json.loads(x) for x in self.read(entry_name(version)).splitlines() if x]
        except (ValueError, OSError, LakeError):
            return None
        return actions if any("commitInfo" in x for x in actions) else None

    def read(self, name: str) -> bytes:
        """A file of the table."""
        return self._place.read(f"{self.folder}/{name}")

    def _checkpoint(self, version: int) -> list[dict[str, Any]] | None:
        """The actions of a checkpoint that add a file; None where it cannot be read."""
        found: list[dict[str, Any]] = []
        try:
            for name in self._checkpoints[version]:
                part = pq.read_table(BytesIO(self.read(name)), columns=["add"])
                found += [{"add": x} for x in part["add"].to_pylist() if x is not None and x.get("path") is not None]
        except (pa.ArrowException, OSError, LakeError):
            return None
        return found


def _complete_checkpoints(names: Iterable[str]) -> dict[int, tuple[str, ...]]:
    """By version the files of a checkpoint of which no part is missing."""
    parts: dict[tuple[int, int], list[str]] = {}
    for name in sorted(names):
        if m := _CHECKPOINT.fullmatch(name):
            parts.setdefault((int(m[1]), int(m[3] or 1)), []).append(f"{LOG}/{name}")
    return {version: tuple(found) for (version, of), found in parts.items() if len(found) >= of}


def _deletion_vector(vector: Mapping[str, Any] | None) -> Needs:
    """The file that a deletion vector is in; none where it is within the log."""
    if not vector or vector["storageType"] == "i":
        return {}
    if vector["storageType"] != "u":
        # an absolute path points out of the table: nothing of it can be copied with it
        return {vector["pathOrInlineDv"]: -1}
    text = vector["pathOrInlineDv"]
    prefix, encoded = text[:-_UUID_CHARACTERS], text[-_UUID_CHARACTERS:]
    name = f"deletion_vector_{uuid.UUID(bytes=_z85(encoded))}.bin"
    return {f"{prefix}/{name}" if prefix else name: -1}


def _z85(text: str) -> bytes:
    """Z85 (ZeroMQ RFC 32): five characters are four bytes, the most significant first."""
    out = b""
    for at in range(0, len(text), 5):
        value = 0
        for character in text[at : at + 5]:
            value = value * 85 + _Z85.index(character)
        out += value.to_bytes(4, "big")
    return out
