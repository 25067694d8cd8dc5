"""The data of pages: written whole or not at all; one of another night that cannot be read is left out, and named."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from jobs.page import DATA, PAGE, draw, folder_of, is_newest, put, read_page
from jobs.stopped import Where, tell
from lake.conf import Conf
from lake.errors import LakeError
from monitoring.night import Night
from monitoring.stopped import Stopped
from tests.jobs.context import exposing
from tests.jobs.test_page_job import BEFORE, D
from tests.monitoring.test_page import night, source, stopped


def kept(reports: Path, *nights: Night | Stopped) -> None:
    for one in nights:
        put(reports, one.date, DATA, one.model_dump_json())


def index(reports: Path) -> str:
    return (reports / PAGE).read_text()


@pytest.mark.parametrize("text", ["", '{"date": "2026-03-01", "pre', '{"date": "2026-03-01"}', "\x00\x00"])
def test_a_page_of_another_night_that_cannot_be_read_is_left_out_and_named(tmp_path: Path, text: str) -> None:
    kept(tmp_path, night(date=BEFORE), night(date=D))
    broken = folder_of(tmp_path, BEFORE) / DATA
    broken.write_text(text)
    _, (complaint,) = draw(tmp_path, D)
    assert complaint.exit_code == 6 and complaint.what.startswith(f"night {BEFORE} is not in the list: {broken} cannot be read: ")
    assert complaint.what.endswith(f"; `telematics nightly --date {BEFORE} --rerun --from-job page` makes it again")
    assert "All 90 prices are in place" in (folder_of(tmp_path, D) / PAGE).read_text()
    assert f"nights/{D}/" in index(tmp_path) and f"nights/{BEFORE}/" not in index(tmp_path)


@pytest.mark.parametrize("one", [night(date=BEFORE, sources=[source()]), stopped(date=BEFORE)])
def test_a_page_that_a_newer_deployment_wrote_is_drawn_by_what_is_known_of_it(tmp_path: Path, one: Night | Stopped) -> None:
    newer: dict[str, Any] = json.loads(one.model_dump_json()) | {"since_then": 1}
    for part in newer.get("sources", []):
        part["since_then"] = 1
    kept(tmp_path, night(date=D))
    put(tmp_path, BEFORE, DATA, json.dumps(newer))
    assert draw(tmp_path, D)[1] == []
    assert read_page(folder_of(tmp_path, BEFORE) / DATA) == one
    assert f"nights/{BEFORE}/" in index(tmp_path)


def test_a_page_is_the_old_one_until_it_is_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path, night(date=D))
    draw(tmp_path, D)
    before = [p.read_text() for p in (folder_of(tmp_path, D) / DATA, folder_of(tmp_path, D) / PAGE, tmp_path / PAGE)]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path, night(date=D, missing=9))
    with pytest.raises(KeyboardInterrupt):
        draw(tmp_path, D)
    after = [p.read_text() for p in (folder_of(tmp_path, D) / DATA, folder_of(tmp_path, D) / PAGE, tmp_path / PAGE)]
    assert before == after


@pytest.mark.parametrize("later", [night(date=D).model_dump_json(), stopped(date=D).model_dump_json(), "{"])
def test_an_older_night_that_stops_leaves_the_metrics_of_the_last(conf: Conf, tmp_path: Path, later: str) -> None:
    mine, file = exposing(conf, tmp_path)
    tell(Where(mine, BEFORE), LakeError("no frame"), "drift")
    assert is_newest(mine, BEFORE) and "telematics_night_light 2.0" in file.read_text()
    file.unlink()
    put(mine.reports_path, D, DATA, later)
    tell(Where(mine, BEFORE), LakeError("no frame"), "drift")
    assert not is_newest(mine, BEFORE) and not file.exists()


def test_where_pages_do_not_come_a_night_that_stops_is_the_last(
    conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, file = exposing(conf, tmp_path)

    def fails(*_: object) -> None:
        raise LakeError("S3 does not answer")

    monkeypatch.setattr("jobs.stopped.fetch", fails)
    tell(Where(mine, BEFORE), LakeError("no frame"), "drift")
    assert "telematics_night_light 2.0" in file.read_text()
