"""A lake from a copy whose files came in no order: the last published night whose tables are all there, exactly as it stood."""

import json
import random
import shutil
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs.nights import read_nights
from jobs.restoring import NIGHTS as RECORD
from jobs.restoring import apply, folder, plan
from lake.delta import Lake
from lake.delta_log import check_whole
from lake.errors import LakeError
from lake.stored import Stored
from lake.tables import TABLES
from tests.jobs.published import DATES, WRITTEN, built
from tests.world import NIGHTS, RECORDS, World, command, write_conf


@pytest.fixture(scope="module")
def published(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return built(Lake(spark, str(tmp_path_factory.mktemp("published") / "lake")))


def rows_of(lake: Lake, name: str, version: int | None = None) -> list[str]:
    reader = lake.spark.read.format("delta")
    df = (reader if version is None else reader.option("versionAsOf", version)).load(lake.path(name))
    return sorted(df.select(*lake.table(name).compared).toJSON().collect())


def needed(lake: Lake, number: int) -> set[str]:
    """Files that the state of the first `number` + 1 nights is in, by Spark: log entries and data of every table."""
    nights = read_nights(lake)
    log = nights.details[(DATES[number], "night")]["log"]
    versions = {name: log[name][0] for name in WRITTEN if name != RECORD}
    # two commits a night of the record, after the one that makes it: the second is the publication
    versions[RECORD] = 2 * (number + 1)
    names: set[str] = set()
    for name, version in versions.items():
        data = lake.spark.read.format("delta").option("versionAsOf", version).load(lake.path(name)).inputFiles()
        names |= {x.split("/lake/")[1] for x in data}
        names |= {f"{folder(name)}/_delta_log/{v:020d}.json" for v in range(version + 1)}
    return names


def without(lake: Lake, to: Path, missing: set[str]) -> Stored:
    shutil.copytree(lake.root, to)
    for name in missing:
        (to / name).unlink()
    return Stored(str(to))


def test_the_copy_of_everything_is_restored_to_its_last_published_night(published: Lake, tmp_path: Path) -> None:
    source, target = Stored(published.root), Stored(str(tmp_path / "new"))
    planned = plan(source)
    assert (planned.night, planned.passed) == (DATES[-1], [])
    assert apply(source, target, planned) > 10
    lake = Lake(published.spark, target.root)
    check_whole(lake)
    nights = read_nights(lake)
    nights.check_log(lake)
    assert nights.published == DATES
    # the fourth night had begun: nothing of it is there, or it would be gone on with
    assert set(nights.finished) == set(DATES)
    standing = {x.name: (x.seen, x.restored) for x in planned.tables}
    assert standing["gold.credibility"] == (4, 3)
    for name in WRITTEN:
        assert rows_of(lake, name) == rows_of(published, name, standing[name][1])
    # a second time there is nothing to do, and what is there is not written over
    with pytest.raises(LakeError, match="has tables"):
        apply(source, target, planned)


@pytest.mark.parametrize("seed", range(12))
def test_files_missing_at_random(published: Lake, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    names = sorted(n for n in Stored(published.root).sizes() if n.startswith(tuple(map(folder, WRITTEN))) and ".crc" not in n)
    missing = {n for n in names if rng.random() < rng.choice([0.02, 0.05, 0.1])}
    source = without(published, tmp_path / "lake", missing)
    whole = [date for n, date in enumerate(DATES) if not needed(published, n) & missing]
    if not whole:
        with pytest.raises(LakeError, match=r"is whole|has no gold\.nights"):
            plan(source)
        return
    planned = plan(source)
    assert planned.night == whole[-1]
    target = Stored(str(tmp_path / "new"))
    apply(source, target, planned)
    lake = Lake(published.spark, target.root)
    check_whole(lake)
    read_nights(lake).check_log(lake)
    assert read_nights(lake).published == DATES[: DATES.index(whole[-1]) + 1]


def test_a_file_of_one_table_takes_the_night_from_all(published: Lake, tmp_path: Path) -> None:
    only_last = needed(published, 2) - needed(published, 1)
    missing = {min(n for n in only_last if n.startswith("reference/policies/") and "_delta_log" not in n)}
    source = without(published, tmp_path / "lake", missing)
    planned = plan(source)
    assert planned.night == DATES[1]
    assert planned.passed == [f"{DATES[2]}: reference.policies version 3 is not whole"]
    # of one layer alone the last night is whole
    assert plan(source, ["gold"]).night == DATES[2]
    with pytest.raises(LakeError, match=f"no night {DATES[2]} that is whole: {DATES[2]}: reference.policies version 3"):
        plan(source, night=DATES[2])
    assert plan(source, night=DATES[0]).night == DATES[0]


def test_an_entry_of_somebody_else_is_not_the_night(published: Lake, tmp_path: Path) -> None:
    source = without(published, tmp_path / "lake", set())
    entry = tmp_path / "lake/gold/credibility/_delta_log" / f"{3:020d}.json"
    entry.write_text(entry.read_text() + "\n")
    assert plan(source).night == DATES[1]
    assert "version 3 is not the one that was published" in plan(source).passed[0]


def test_one_that_was_stopped_is_finished_and_nothing_else_is_written_over(published: Lake, tmp_path: Path) -> None:
    source, target = Stored(published.root), Stored(str(tmp_path / "new"))
    planned = plan(source)
    # killed with a table and a half
    target.write("_restoring.json", json.dumps(
        {"from": source.root, "night": f"{planned.night}", "versions": {n: v.number for n, v in planned.versions.items()}},
        sort_keys=True,
    ).encode())  # fmt: skip
    first = sorted(n for names in planned.files.values() for n in names)[:9]
    source.copy(first, target)
    with pytest.raises(LakeError, match="is being restored to something else"):
        apply(source, target, plan(source, night=DATES[0]))
    assert apply(source, target, planned) > 0
    assert not (tmp_path / "new/_restoring.json").exists()
    assert rows_of(Lake(published.spark, target.root), "gold.credibility") == rows_of(published, "gold.credibility", 3)


def test_the_commands(published: Lake, tmp_path: Path) -> None:
    conf = write_conf(tmp_path / "conf.yml", tmp_path)
    said = command(conf, "restore", "check", "--from", published.root, "--format", "json")
    assert (said.code, json.loads(said.out)["night"]) == (0, f"{DATES[-1]}")
    assert "gold.credibility" in command(conf, "restore", "check", "--from", published.root).out
    done = command(conf, "restore", "apply", "--from", published.root, "--date", f"{DATES[1]}")
    assert done.code == 0, done.err
    assert f"stands as night {DATES[1]} left it" in done.out
    again = command(conf, "restore", "apply", "--from", published.root)
    assert (again.code, "has tables" in again.err) == (6, True)
    nothing = command(conf, "restore", "check", "--from", str(tmp_path / "nowhere"))
    assert (nothing.code, "there is nothing to go by" in nothing.err) == (6, True)


@pytest.mark.slow
def test_the_world_is_restored_and_the_lost_night_runs_again(world: World, tmp_path: Path) -> None:
    """A score of the last night is lost: the night before is restored, and the last one, run again, is what it was."""
    (lost,) = {
        x.split("/lake/")[1]
        for x in world.lake.read("gold.policy_scores").where(f"score_date = DATE'{NIGHTS[-1]}'").inputFiles()[:1]
    }
    shutil.copytree(world.root / "lake", tmp_path / "copy")
    (tmp_path / "copy" / lost).unlink()
    conf = write_conf(tmp_path / "conf.yml", tmp_path)
    conf.write_text(conf.read_text().replace(str(tmp_path / "landing"), str(world.landing)))
    said = command(conf, "restore", "apply", "--from", str(tmp_path / "copy"))
    assert said.code == 0, said.err
    assert f"stands as night {NIGHTS[-2]} left it" in said.out
    lake = Lake(world.spark, str(tmp_path / "lake"))
    assert read_nights(lake).published == NIGHTS[:-1]
    again = command(conf, "nightly", "--date", f"{NIGHTS[-1]}")
    assert again.code == 0, again.err
    key = ["policy_id", "vehicle_id", "coverage", "role"]
    scores = [
        x.read("gold.policy_scores").where(f"score_date = DATE'{NIGHTS[-1]}'").toPandas().sort_values(key).reset_index(drop=True)
        for x in (world.lake, lake)
    ]
    pd.testing.assert_frame_equal(*scores)
    assert {n: lake.read(n).count() for n in TABLES if n not in RECORDS} == {
        n: world.lake.read(n).count() for n in TABLES if n not in RECORDS
    }
