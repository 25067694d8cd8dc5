"""Records that were held come back after a mend, once, and are known from then on."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import loading, replaying
from jobs.loading import load_listed
from jobs.loading_batch import Batch
from jobs.replaying import Replayed, held
from lake.clock import UTC
from lake.conf import Conf, load_conf
from lake.delta import Lake
from lake.errors import InputError
from lake.sources import Source
from lake.storage import list_files
from tests.loading.files import CLAIMS, CLAIMS_HEADER, PHONE, hour, point, run, source, sums, utc, write

FLOOR = dt.datetime(2026, 1, 9, tzinfo=UTC)
KMH = {"device_id": {"column": "device"}, "event_ts": {"time": {"columns": ["ts"], "format": "epoch_ms"}}}
BROKEN = source(PHONE, columns={**KMH, "speed_mps": {"column": "speed"}})
"""Takes km/h for m/s, so a car at 200 km/h is impossible."""
MENDED = source(PHONE, columns={**KMH, "speed_mps": {"column": "speed", "unit": "km/h"}})


def replay(lake: Lake, src: Source, reason: str | None = None, run_id: str = "r") -> Replayed:
    batch = Batch(lake, src, lake.table(src.target), None, None, FLOOR, run_id)
    return replaying.replay(batch, reason)


def counts(result: Replayed) -> tuple[int, int, int]:
    return result.judged, result.accepted, result.duplicate


def state_of(lake: Lake) -> dict[str, list[Any]]:
    points = lake.read("bronze.points").drop("source_file").collect()
    quarantine = lake.read("bronze.quarantine").drop("source_file", "replayed_at").collect()
    return {"points": sorted(points, key=repr), "quarantine": sorted(quarantine, key=repr)}


def loaded(lake: Lake, conf: Conf, folder: Path) -> Path:
    lines = [point(0), point(1, speed=200.0), point(2, speed=200.0), point(2, speed=200.0), point(3, speed="fast")]
    file = write(hour(folder), lines)
    assert sums(run(lake, conf, BROKEN, file)) == (5, 1, 0, 4)
    return file


def test_what_is_mended_comes_back_once(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    loaded(lake, conf, tmp_path)
    assert counts(replay(lake, BROKEN)) == (4, 0, 0)
    assert counts(replay(lake, MENDED, "no_policy")) == (0, 0, 0)
    assert counts(replay(lake, MENDED, "out_of_range")) == (3, 2, 1)
    assert held(lake).count() == 1
    points = {r.source_line: utc(r.received_ts) for r in lake.read("bronze.points").where("source_line > 1").collect()}
    assert points == {2: FLOOR, 3: FLOOR}
    released = lake.read("bronze.quarantine").where("released_as IS NOT NULL").orderBy("source_line").collect()
    assert [(r.source_line, r.released_as) for r in released] == [(2, "accepted"), (3, "accepted"), (4, "duplicate")]
    versions = {name: lake.version(name) for name in ("bronze.points", "bronze.quarantine")}
    assert counts(replay(lake, MENDED)) == (1, 0, 0)
    assert {name: lake.version(name) for name in versions} == versions


@pytest.fixture(scope="module")
def undisturbed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    lake = Lake(spark, str(folder / "lake"))
    loaded(lake, load_conf("local"), folder)
    replay(lake, MENDED)
    return state_of(lake)


@pytest.mark.parametrize("after", ["write_target", "mark"])
def test_a_replay_that_is_killed_and_run_again_gives_the_same_rows(
    lake: Lake, conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str, undisturbed: dict[str, list[Any]]
) -> None:
    loaded(lake, conf, tmp_path)

    def then_die(work: Callable[..., Any]) -> Callable[..., Any]:
        def done(*args: Any, **options: Any) -> None:
            work(*args, **options)
            raise KeyboardInterrupt

        return done

    with monkeypatch.context() as patch:
        owner = replaying if after == "write_target" else Lake
        patch.setattr(owner, after, then_die(getattr(owner, after)))
        with pytest.raises(KeyboardInterrupt):
            replay(lake, MENDED)
    replay(lake, MENDED, run_id="again")
    assert state_of(lake) == undisturbed


def test_a_file_that_is_gone_or_changed_is_named_and_its_records_stay(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    files = [write(hour(tmp_path, name), [point(n, speed=200.0)]) for n, name in enumerate(("a.jsonl", "b.jsonl", "c.jsonl"))]
    run(lake, conf, BROKEN, tmp_path)
    files[0].unlink()
    write(files[1], [point(9)])
    result = replay(lake, MENDED)
    assert counts(result) == (1, 1, 0)
    assert dict(result.unread) == {str(files[0]): "gone", str(files[1]): "its content has changed"}
    with pytest.raises(InputError, match=r"2 files cannot be read again.*a\.jsonl \(gone\)"):
        result.raise_for_unread()
    assert held(lake).count() == 2


def test_what_came_without_a_policy_comes_back_when_its_policy_is_known(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    phone = source(PHONE, consent={"required": True})
    assert sums(run(lake, conf, phone, write(hour(tmp_path), [point(0), point(1, device="other")]))) == (2, 0, 0, 2)
    begin = dt.datetime(2026, 1, 1, tzinfo=UTC)
    rows: dict[str, tuple[Any, ...]] = {
        "devices": ("d1", "v1", begin, None, begin, None, None),
        "policies": ("p1", "v1", "liability", begin, None, None, "EUR", None, None, None, None, begin, None, None),
        "consents": ("p1", "pricing", begin, None, begin, None, None),
    }
    for name, row in rows.items():
        lake.append_once(f"reference.{name}", lake.spark.createDataFrame([row], lake.table(f"reference.{name}").schema), name)
    assert counts(replay(lake, phone, "no_policy")) == (2, 1, 0)
    assert [r.device_id for r in lake.read("bronze.points").collect()] == ["d1"]


def test_a_claim_comes_back_as_it_was_stated(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    whole = source(CLAIMS)
    lines = ["c1,2025-12-01T08:00:00Z,open,10,2026-01-02T00:00:00Z", "c2,2025-12-01T08:00:00Z,open,11 EUR,2026-01-02T00:00:00Z"]
    file = write(tmp_path / "claims.csv", [CLAIMS_HEADER, *lines])
    assert sums(run(lake, conf, whole, file)) == (2, 1, 0, 1)
    columns = {name: field.model_dump(exclude_none=True) for name, field in whole.columns.items() if name != "incurred_minor"}
    assert counts(replay(lake, replace_columns(whole, columns))) == (1, 1, 0)
    row = lake.read("reference.claims").where("claim_id = 'c2'").collect()[0]
    assert (row.incurred_minor, utc(row.known_from), utc(row.stated_ts)) == (None, FLOOR, dt.datetime(2026, 1, 2, tzinfo=UTC))


def replace_columns(src: Source, columns: dict[str, Any]) -> Source:
    return source(CLAIMS, columns=columns, name=src.name)


def test_a_load_that_runs_again_leaves_held_what_was_held(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    loaded(lake, conf, tmp_path)
    batch = Batch(lake, BROKEN, lake.table("bronze.points"), dt.date(2026, 1, 6), None, None, "r")
    second = write(hour(tmp_path, "b.jsonl"), [point(7, speed=200.0), point(8)])
    load_listed(batch, list_files(str(second)))
    before = state_of(lake)
    load_listed(replace(batch, source=MENDED), list_files(str(second)))
    assert lake.read("bronze.points").where(F.col("source_file") == str(second)).count() == 1
    assert state_of(lake) == before


def test_stricter_rules_put_nothing_more_into_quarantine_of_a_file_that_was_loaded(
    lake: Lake, conf: Conf, tmp_path: Path
) -> None:
    batch = Batch(lake, MENDED, lake.table("bronze.points"), dt.date(2026, 1, 6), None, None, "r")
    files = list_files(str(write(hour(tmp_path), [point(0), point(1, speed=200.0), "{"])))
    load_listed(batch, files)
    before = state_of(lake)
    again = load_listed(replace(batch, source=BROKEN), files)
    assert (sums(again), state_of(lake)) == ((3, 2, 0, 1), before)


def test_a_killed_load_that_runs_again_by_other_rules_adds_up(
    lake: Lake, conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(hour(tmp_path), [point(0), point(1, speed=200.0), point(1, speed=200.0)])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loading, "write_ledger", killed)
        with pytest.raises(KeyboardInterrupt):
            run(lake, conf, BROKEN, file)
    # what the killed load held stays held, though the mended source finds nothing wrong with it
    assert sums(run(lake, conf, MENDED, file)) == (3, 1, 0, 2)
    assert (lake.read("bronze.points").count(), held(lake).count()) == (1, 2)
