"""Commits of the writer that holds the lake's lease: looked at before, read back after.

Delta on S3 has no conditional PUT and on disk locks within one JVM only, so an acknowledged commit can be overwritten by a
driver that was paused past its lease. What is read here is the store's log, not Delta's cached state.
"""

import hashlib
from collections.abc import Callable
from typing import Protocol, TypeVar

from delta.exceptions.captured import (
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentTransactionException,
    ConcurrentWriteException,
    DeltaConcurrentModificationException,
    MetadataChangedException,
    ProtocolChangedException,
)
from pyspark.sql import SparkSession
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from lake.delta_names import ENTRY, LOG, entry_name
from lake.errors import CommitLost
from lake.files import Files

T = TypeVar("T")
REPLAYS = 2
CONFLICTS = (
    ConcurrentAppendException, ConcurrentDeleteDeleteException, ConcurrentDeleteReadException, ConcurrentTransactionException,
    ConcurrentWriteException, DeltaConcurrentModificationException, MetadataChangedException, ProtocolChangedException,
)  # fmt: skip
"""What Delta raises where another commit has changed what a write had read; importing them makes PySpark tell them apart."""
_METADATA = "spark.databricks.delta.commitInfo.userMetadata"


class Guard(Protocol):
    """Who may commit: `nonce` names the writer in the log, `check` raises LeaseLost where it may not (any more)."""

    @property
    def nonce(self) -> str: ...  # noqa: D102

    def check(self) -> None: ...  # noqa: D102


def unless_in_conflict(path: str, write: Callable[[], T]) -> T:
    """What `write` returns. Raises CommitLost where another writer has committed what it should have read: the work is then
    wrong, not only the commit, and must be done again from its reading on."""
    try:
        return write()
    except CONFLICTS as e:
        kind = type(e).__name__.removesuffix("Exception")
        raise CommitLost(
            f"{path}: another writer has committed what this one had not read ({kind}), so nothing was written"
        ) from e


class GuardedCommits:
    """Remembers, per table, the last log entry this writer made: its version and SHA-256."""

    def __init__(self, spark: SparkSession, guard: Guard) -> None:
        self._spark, self._guard, self._files = spark, guard, Files(spark)
        self._own: dict[str, tuple[int, str]] = {}

    def run(self, path: str, write: Callable[[], T]) -> T:
        """Commit by `write` to the table at `path`. Raises LeaseLost before it, or CommitLost after it where the log does
        not hold what was committed."""
        self._check_own(path)
        before = self._own[path][0] if path in self._own else max(self._versions(path), default=-1)
        self._spark.conf.set(_METADATA, self._guard.nonce)
        self._guard.check()
        result = write()
        self._read_back(path, before)
        # one that was paused within the write has committed after its lease: its command must not go on
        self._guard.check()
        return result

    def check_guard(self) -> None:
        """Raise LeaseLost where this writer may not commit any more."""
        self._guard.check()

    def check_all(self) -> None:
        """Raise CommitLost where an entry that this writer made is not in its log any more, or another's is on top of it."""
        for path in list(self._own):
            self._check_own(path)
            self._read_back(path, self._own[path][0])

    def _check_own(self, path: str) -> None:
        if path in self._own:
            version, digest = self._own[path]
            if _digest(self._entry(path, version)) != digest:
                self._lost(path, version, "another writer has put its own in the place of it")

    def _read_back(self, path: str, before: int) -> None:
        """Every entry above `before` must be ours; none, where Delta knew the transaction already."""
        last = None
        for version in sorted(v for v in self._versions(path) if v > before):
            entry = self._entry(path, version)
            if f'"userMetadata":"{self._guard.nonce}"'.encode() not in entry:
                self._lost(path, version, "it is another writer's")
            last = (version, _digest(entry))
        if last is not None:
            self._own[path] = last

    def _lost(self, path: str, version: int, why: str) -> None:
        self._own.pop(path, None)
        # Delta would go on from what it remembers of the log
        getattr(self._spark._jvm, "org.apache.spark.sql.delta.DeltaLog").clearCache()
        raise CommitLost(f"{path}: log entry {version} is not the one that was committed: {why}")

    def _versions(self, path: str) -> list[int]:
        names = (ENTRY.fullmatch(x.name) for x in self._files.entries(f"{path}/{LOG}"))
        return [int(found[1]) for found in names if found]

    def _entry(self, path: str, version: int) -> bytes:
        return self._files.read(f"{path}/{entry_name(version)}") or b""


def replayed(work: Callable[[], T]) -> T:
    """What `work` returns; it is run once more where a commit of it was lost."""
    retry = Retrying(stop=stop_after_attempt(REPLAYS), retry=retry_if_exception_type(CommitLost), reraise=True)
    return retry(work)


def _digest(entry: bytes) -> str:
    return hashlib.sha256(entry).hexdigest()
