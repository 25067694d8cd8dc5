"""Parquet files bring their own types, and each file may bring others."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd

from lake.conf import Conf
from lake.delta import Lake
from tests.loading.files import CLAIMS, run, source, sums

PARQUET = source(CLAIMS, format={"type": "parquet"})


def claims(path: Path, incurred: list[Any], zone: str | None = "UTC") -> None:
    known = pd.Timestamp("2026-01-02", tz=zone)
    rows = [(f"{path.stem}{n}", "2025-12-01T08:00:00Z", "open", x, known) for n, x in enumerate(incurred)]
    frame = pd.DataFrame(rows, columns=["claim_id", "occurred", "status", "incurred", "known_from"])
    # Spark reads no nanoseconds
    frame.to_parquet(path, coerce_timestamps="us")


def test_files_of_other_types_are_read_together_and_one_bad_value_is_one_record(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    claims(tmp_path / "whole.parquet", [5, 6])
    claims(tmp_path / "text.parquet", ["7", "n/a"])
    result = run(lake, conf, PARQUET, tmp_path)
    assert (sums(result), result.reasons) == ((4, 3, 0, 1), {"wrong_type:incurred_minor": 1})
    (held,) = lake.read("bronze.quarantine").collect()
    assert "n/a" in json.loads(held["raw_text"]).values()
    assert sorted(r["incurred_minor"] for r in lake.read("reference.claims").collect()) == [5, 6, 7]


def test_a_refused_record_of_files_of_one_schema_keeps_its_fields(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    claims(tmp_path / "text.parquet", ["n/a", "7"])
    result = run(lake, conf, PARQUET, tmp_path)
    assert (sums(result), result.reasons) == ((2, 1, 0, 1), {"wrong_type:incurred_minor": 1})
    (held,) = lake.read("bronze.quarantine").collect()
    assert {"text0", "n/a"} <= set(json.loads(held["raw_text"]).values())


def test_an_instant_is_taken_as_it_is_and_a_local_time_in_its_zone(lake: Lake, conf: Conf, tmp_path: Path) -> None:
    claims(tmp_path / "instant.parquet", [1])
    claims(tmp_path / "local.parquet", [2], zone=None)
    received = {"columns": ["known_from"], "format": "iso", "zone": "America/Guayaquil"}
    run(lake, conf, source(CLAIMS, format={"type": "parquet"}, received=received), tmp_path)
    known = {r["incurred_minor"]: r["known_from"] for r in lake.read("reference.claims").collect()}
    # Guayaquil is five hours behind UTC all year
    assert known == {1: dt.datetime(2026, 1, 2), 2: dt.datetime(2026, 1, 2, 5)}
