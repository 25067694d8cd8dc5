"""A real table copied with files missing: the version that is found is the last one that an independent reader could read."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from deltalake import DeltaTable as Independent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from lake.delta_names import LOG
from lake.stored import Stored
from lake.whole import TableFiles

CHECKPOINTS = (4, 8)
VERSIONS = 11


@dataclass(frozen=True, repr=False)
class Whole:
    """The undamaged table, what is in it, and the data files of each of its versions by delta-rs."""

    folder: Path
    names: tuple[str, ...]
    files: dict[int, frozenset[str]]

    def needed(self, version: int, names: frozenset[str]) -> bool:
        """Whether `names` suffice for a version, as the protocol has it."""
        bases = [-1, *(c for c in CHECKPOINTS if c <= version and f"{LOG}/{c:020d}.checkpoint.parquet" in names)]
        log = any(all(f"{LOG}/{v:020d}.json" in names for v in range(b + 1, version + 1)) for b in bases)
        return log and self.files[version] <= names

    def expected(self, names: frozenset[str]) -> int | None:
        return max((v for v in self.files if self.needed(v, names)), default=None)


@pytest.fixture(scope="module")
def whole(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Appends, a replaced partition, a deletion, a compaction, in folders whose names are escaped in the log; two checkpoints."""
    folder = tmp_path_factory.mktemp("whole") / "t"
    path = str(folder)
    spark.sql(
        f"CREATE TABLE delta.`{path}` (id BIGINT, part STRING) USING DELTA PARTITIONED BY (part) "
        "TBLPROPERTIES ('delta.checkpointInterval' = '4')"
    )
    for n in range(VERSIONS - 1):
        if n == 5:
            DeltaTable.forPath(spark, path).delete("id < 30")
        elif n == 7:
            DeltaTable.forPath(spark, path).optimize().executeCompaction()
        else:
            rows = spark.range(n * 10, n * 10 + 10).selectExpr("id", "CASE WHEN id % 2 = 0 THEN 'a b' ELSE 'c:d' END AS part")
            rows.coalesce(1).write.format("delta").mode("append").save(path)
    names = tuple(sorted(Stored(path).sizes()))
    versions = range(Independent(path).version() + 1)
    files = {v: frozenset(x.removeprefix(f"{path}/") for x in _files(path, v)) for v in versions}
    assert {f"{LOG}/{c:020d}.checkpoint.parquet" for c in CHECKPOINTS} <= set(names)
    return Whole(folder, names, files)


def _files(path: str, version: int) -> list[str]:
    return [x.removeprefix("file://") for x in Independent(path, version=version).file_uris()]


def found(whole: Whole, names: frozenset[str]) -> int | None:
    sizes = {n: s for n, s in Stored(str(whole.folder)).sizes().items() if n in names}
    version = TableFiles(Stored(str(whole.folder.parent)), "t", sizes).last_whole()
    if version is not None:
        assert set(version.log) | version.files <= names
        assert version.files == whole.files[version.number]
    return version.number if version else None


def test_all_of_it_is_its_last_version(whole: Whole) -> None:
    assert found(whole, frozenset(whole.names)) == max(whole.files) == VERSIONS - 1


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), share=st.sampled_from([0.02, 0.05, 0.1, 0.3, 0.6]))
def test_files_missing_at_random(whole: Whole, seed: int, share: float) -> None:
    rng = random.Random(seed)
    names = frozenset(n for n in whole.names if rng.random() >= share)
    assert found(whole, names) == whole.expected(names)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9))
def test_a_copy_in_any_order_ends_whole(whole: Whole, seed: int) -> None:
    """Files arrive one after the other, in no order: what is found is right at each moment, and never falls back at the end."""
    order = list(whole.names)
    random.Random(seed).shuffle(order)
    for n in range(0, len(order), 7):
        names = frozenset(order[:n])
        assert found(whole, names) == whole.expected(names)


def test_every_single_file_that_a_version_needs_is_missed(whole: Whole) -> None:
    last = TableFiles(Stored(str(whole.folder.parent)), "t", Stored(str(whole.folder)).sizes()).last_whole()
    assert last is not None
    for name in last.files:
        assert found(whole, frozenset(whole.names) - {name}) != last.number, name
    # of its checkpoint any entry from the first on makes up for
    assert found(whole, frozenset(whole.names) - {f"{LOG}/{8:020d}.checkpoint.parquet"}) == last.number


@pytest.fixture
def copy(whole: Whole, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(whole.folder, tmp_path / "t")
    yield tmp_path / "t"


def of(copy: Path) -> int | None:
    version = TableFiles(Stored(str(copy.parent)), "t", Stored(str(copy)).sizes()).last_whole()
    return version.number if version else None


def test_a_cut_file_counts_as_missing(whole: Whole, copy: Path) -> None:
    newest = min(whole.files[10] - whole.files[9])
    (copy / newest).write_bytes((copy / newest).read_bytes()[:-1])
    assert of(copy) == 9
    entry = copy / LOG / f"{7:020d}.json"
    entry.write_text(entry.read_text()[:-20])
    # the checkpoint at 8 makes up for it
    assert of(copy) == 9
    checkpoint = copy / LOG / f"{8:020d}.checkpoint.parquet"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-10])
    assert of(copy) == 6


def test_deletion_vectors_are_files_of_a_version(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    spark.sql(f"CREATE TABLE delta.`{path}` (id BIGINT) USING DELTA TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    spark.range(1000).coalesce(1).write.format("delta").mode("append").save(path)
    DeltaTable.forPath(spark, path).delete("id % 7 = 3")
    (vector,) = (tmp_path / "t").glob("deletion_vector_*.bin")
    version = TableFiles(Stored(str(tmp_path)), "t", Stored(path).sizes()).last_whole()
    assert version is not None and version.number == 2
    assert vector.name in version.files and vector.name not in version.rows_in
    vector.unlink()
    assert of(tmp_path / "t") == 1
