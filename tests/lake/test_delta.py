"""Reads and idempotent writes against real Delta tables."""

import datetime as dt
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame

from lake.clock import UTC, as_known, cutoff
from lake.delta import Lake, check_writable, transaction_id
from lake.errors import GateFailed, LakeError
from lake.tables import CONSENTS, DRIFT


def ts(day: int, hour: int = 0) -> dt.datetime:
    return dt.datetime(2026, 1, day, hour, tzinfo=UTC)


def consent(lake: Lake, **over: Any) -> DataFrame:
    row = {
        "policy_id": "p1",
        "purpose": "pricing",
        "valid_from": ts(1),
        "valid_to": None,
        "known_from": ts(1),
        "known_to": None,
        "stated_ts": None,
        **over,
    }
    return lake.spark.createDataFrame([tuple(row[n] for n in CONSENTS.names)], CONSENTS.schema)


def drift(lake: Lake, date: dt.date, statistic: float) -> DataFrame:
    row = dict.fromkeys(DRIFT.names) | {
        "score_date": date, "column": "km_7", "kind": "feature", "drifted": False, "statistic": statistic,
    }  # fmt: skip
    return lake.spark.createDataFrame([tuple(row[n] for n in DRIFT.names)], DRIFT.schema)


def passes(_: str, __: DataFrame) -> None:
    """A gate that finds nothing."""


def test_an_append_under_one_transaction_id_happens_once(lake: Lake) -> None:
    rows = consent(lake)
    lake.append_once("reference.consents", rows, "a")
    lake.append_once("reference.consents", rows, "a")
    lake.append_once("reference.consents", consent(lake, policy_id="p2"), "b")
    assert sorted(r.policy_id for r in lake.read("reference.consents").collect()) == ["p1", "p2"]


def test_transaction_ids_ignore_the_order_of_inputs_and_differ_by_date() -> None:
    one = transaction_id("ingest", "bronze.points", dt.date(2026, 1, 5), ["b", "a"])
    assert one == transaction_id("ingest", "bronze.points", dt.date(2026, 1, 5), ["a", "b"])
    assert one != transaction_id("ingest", "bronze.points", dt.date(2026, 1, 4), ["a", "b"])


def test_a_restatement_closes_and_adds_in_one_commit(lake: Lake) -> None:
    lake.append_once("reference.consents", consent(lake), "a")
    before = lake.version("reference.consents")
    closes = consent(lake, known_to=ts(5))
    lake.apply_versions("reference.consents", closes, consent(lake, valid_to=ts(5), known_from=ts(5)), "b")
    assert before is not None and lake.version("reference.consents") == before + 1
    found = sorted(
        (r.known_from.day, r.known_to and r.known_to.day, r.valid_to and r.valid_to.day)
        for r in lake.read("reference.consents").collect()
    )
    assert found == [(1, 5, None), (5, None, 5)]


def test_what_is_learned_later_does_not_change_what_was_known(lake: Lake) -> None:
    lake.append_once("reference.consents", consent(lake), "a")
    known = lake.read_known("reference.consents", cutoff(dt.date(2026, 1, 4))).collect()
    lake.apply_versions("reference.consents", consent(lake, known_to=ts(5)), consent(lake, valid_to=ts(5), known_from=ts(5)), "b")
    assert lake.read_known("reference.consents", cutoff(dt.date(2026, 1, 4))).collect() == known
    assert [r.valid_to.day for r in lake.read_known("reference.consents", cutoff(dt.date(2026, 1, 5))).collect()] == [5]


def test_as_known_is_half_open(lake: Lake) -> None:
    # known from the 5th 00:00 on; at the 5th 00:00 itself it does not count yet: received < cutoff
    row = consent(lake, known_from=ts(5))
    assert as_known(row, ts(5)).isEmpty()
    assert not as_known(row, ts(5, 1)).isEmpty()


def test_publishing_replaces_only_its_own_partition(lake: Lake) -> None:
    first, second = dt.date(2026, 1, 5), dt.date(2026, 1, 6)
    for date in (first, second):
        lake.publish("gold.drift", drift(lake, date, 0.1), f"score_date = DATE'{date}'", passes)
    lake.publish("gold.drift", drift(lake, first, 0.2), f"score_date = DATE'{first}'", passes)
    assert {r.score_date: r.statistic for r in lake.read("gold.drift").collect()} == {first: 0.2, second: 0.1}


def test_a_failed_gate_leaves_the_published_rows_and_no_staging(lake: Lake, tmp_path: Any) -> None:
    date = dt.date(2026, 1, 5)
    lake.publish("gold.drift", drift(lake, date, 0.1), f"score_date = DATE'{date}'", passes)
    published = lake.read("gold.drift")

    def refuses(name: str, staged: DataFrame) -> None:
        assert [r.statistic for r in staged.collect()] == [0.9]
        assert [r.statistic for r in lake.read("gold.drift").collect()] == [0.1]
        raise GateFailed(name)

    with pytest.raises(GateFailed):
        lake.publish("gold.drift", drift(lake, date, 0.9), f"score_date = DATE'{date}'", refuses)
    assert_df_equality(lake.read("gold.drift"), published)
    assert list((tmp_path / "lake" / "_staging").iterdir()) == []


def test_published_tables_have_no_deletion_vectors_and_no_column_mapping(lake: Lake) -> None:
    lake.create("gold.policy_scores")
    detail = lake.spark.sql(f"DESCRIBE DETAIL delta.`{lake.path('gold.policy_scores')}`").collect()[0]
    assert detail.minReaderVersion == 1
    assert detail.properties.get("delta.enableDeletionVectors") in (None, "false")
    assert detail.properties.get("delta.columnMapping.mode") in (None, "none")


def test_a_relative_root_is_a_folder_of_the_process(lake: Lake, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    relative = Lake(lake.spark, "here/lake")
    relative.append_once("reference.consents", consent(lake), "a")
    assert relative.read("reference.consents").count() == 1
    assert (tmp_path / "here" / "lake" / "reference" / "consents" / "_delta_log").is_dir()


def test_a_missing_column_is_named(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"reference\.consents: columns purpose are missing"):
        lake.append_once("reference.consents", consent(lake).drop("purpose"), "a")


def test_an_unknown_table_is_named_with_those_there_are(lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"unknown table 'gold\.scores'; the lake has bronze\.points"):
        lake.read("gold.scores")


def test_an_unwritable_lake_is_one_line(tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(LakeError, match=f"cannot write to the lake at {file}/lake: Not a directory"):
        check_writable(f"{file}/lake")
