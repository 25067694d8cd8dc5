"""`telematics alerts` where there is nothing to tell of."""

import json
from pathlib import Path

import pytest

from jobs.silences import keep_silence
from lake.conf import load_conf
from lake.delta import Lake
from monitoring.alerting import Silence
from tests.jobs.test_page_job import D
from tests.world import command, write_conf


@pytest.fixture
def configured(lake: Lake, tmp_path: Path) -> Path:
    """Of a lake of which no night was beyond a limit: the table of alerts is not there."""
    lake.create("gold.nights")
    return write_conf(tmp_path / "conf.yml", tmp_path)


def test_a_lake_without_alerts_lists_none_and_its_silences(configured: Path) -> None:
    keep_silence(load_conf(str(configured)), Silence("volume", "", D, "holiday", "ann"), D)
    said = command(configured, "alerts", "list")
    assert (said.code, said.out.splitlines()) == (0, ["no alerts", f"silence 1: volume until {D} by ann: holiday"]), said.err
    as_data = command(configured, "alerts", "list", "--format", "json")
    assert (as_data.code, json.loads(as_data.out)) == (0, [])
    as_csv = command(configured, "alerts", "list", "--format", "csv")
    assert as_csv.out.startswith("score_date,state,severity,rule,subject,")
