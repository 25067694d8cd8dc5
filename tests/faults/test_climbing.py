"""Text from data and from the command line that would climb out of a folder if it became a path."""

import gzip
import http.client
import json
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.loading_admission import Wanted, admit
from jobs.ui import HOST, ReportsHandler
from lake.conf import Conf, load_conf
from lake.delta import Lake
from lake.errors import ConfigError, InputError, LakeError
from lake.storage import StoredFile, below, join
from registry.champion import load
from registry.store import checked_name
from registry.versions import holder
from tests.faults.stopping import CLIMBS, NIGHT, SCORES, StoppedNight
from tests.faults.test_kills import configured
from tests.loading.files import hour, point, write
from tests.registry.given import MODEL, conf_with_champion, store
from tests.world import command

UP = ("../up", "../../up", "a/../../up", "/etc/passwd", "..", "frames.../up", "frames.a/../../up", "frames..%2fup")

UP_FROM_THE_ROOT = ("../", "%2e%2e/", "..%2f", "x/../../", "/../", "..\\", "....//")


@pytest.mark.parametrize("name", UP)
def test_fault_21_a_tables_name_that_climbs_has_no_path(lake: Lake, name: str) -> None:
    for work in (lake.path, lake.read, lake.exists, lake.create):
        with pytest.raises(LakeError, match="unknown table"):
            work(name)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (6, ("show", "../../up")),
        (6, ("show", "frames.../../up")),
        (6, ("maintain", "--vacuum", "../up")),
        (2, ("ingest", "--source", "../../up", "--input", "x")),
        (2, ("quarantine", "replay", "--source", "../../up")),
        (2, ("reference", "load", "../up", "--source", "sim_policies", "--input", "x")),
        (2, ("nightly", "--date", "../../up")),
        (3, ("registry", "promote", "../../up")),
    ],
)
def test_fault_21_a_name_on_the_command_line_that_climbs_is_refused(
    spark: SparkSession, tmp_path: Path, code: int, arguments: tuple[str, ...]
) -> None:
    conf = configured(tmp_path, tmp_path / "landing")
    (tmp_path / "lake").mkdir()
    said = command(conf, *arguments)
    assert said.code == code, said.err
    assert "up" in said.err and said.err.strip().count("\n") == 0
    assert not list(tmp_path.parent.glob("up*"))


def test_fault_21_a_configurations_name_that_climbs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no configuration '\.\./conf/local'"):
        load_conf("../conf/local")
    assert load_conf("local").landing.root


def test_fault_21_a_landing_pattern_that_climbs_is_refused_and_nothing_of_it_is_read(spark: SparkSession, tmp_path: Path) -> None:
    write(hour(tmp_path / "outside"), [point(1)])
    conf = configured(tmp_path, tmp_path / "landing")
    settings = json.loads(conf.read_text())
    settings["landing"]["sources"] = {"phone": "../outside/date=*/hour=*/*.gz"}
    conf.write_text(json.dumps(settings))
    said = command(conf, "ingest", "--date", "2026-01-06")
    assert (said.code, "leaves the folder" in said.err) == (3, True), said.err
    assert not Lake(spark, str(tmp_path / "lake")).exists("bronze.points")
    for pattern in ("..", "a/../../b", "/etc/*", "a/.."):
        with pytest.raises(InputError, match="leaves the folder"):
            join("/landing", pattern)


def test_fault_21_a_file_whose_name_climbs_is_refused_before_spark_reads_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("b", "a/b"):
        (tmp_path / name).write_bytes(gzip.compress(b"{}\n"))
    wanted = Wanted("jsonl", "utf-8", ",", ())
    found = {n: admit(StoredFile(f"{tmp_path}/{n}", 1, ""), wanted) for n in ("a/../b", "a/./b", "a//b")}
    assert {a.reason for a in found.values()} == {"path_not_plain"}
    assert found["a/../b"].content_sha256 != ""


def test_fault_21_names_of_landed_files_and_ids_that_climb_stay_text(stopped: StoppedNight) -> None:
    lake, root = stopped.world.lake, stopped.world.root
    names = [r["source_file"] for r in lake.read("bronze.ledger").where("source_file LIKE '%climbed%'").collect()]
    assert [Path(n).parent for n in names] == [root / "landing" / "sim_phone" / f"date={NIGHT}" / "hour=12"]
    scored = lake.read(SCORES).where(f"vehicle_id = '{CLIMBS}' AND score_date = DATE'{NIGHT}' AND role = 'champion'").collect()
    assert [r["policy_id"] for r in scored] == [CLIMBS]
    # what has such a name is what landed
    there = [p for p in root.parent.parent.rglob("*climbed*") if not p.is_relative_to(root / "landing")]
    assert there == []


def test_fault_21_names_of_models_versions_runs_and_aliases_that_climb_are_refused(conf: Conf) -> None:
    own = conf_with_champion(conf)
    run = store()[1].run_id
    for model, version, run_id, error in (
        ("../up", "1", run, InputError), (MODEL, "1", "../../up", InputError), (MODEL, "../../up", None, LakeError),
    ):  # fmt: skip
        with pytest.raises(error):
            load(own, model, version, run_id)
    with pytest.raises(InputError, match="only letters"):
        holder(own, "../up", "champion")
    for name in ("..", "a/b", "a\\b", "a\n", "", "%2e%2e"):
        with pytest.raises(InputError, match="only letters"):
            checked_name(name)


def test_fault_21_the_ui_serves_nothing_outside_the_reports(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "index.html").write_text("the nights")
    (tmp_path / "secret.txt").write_text("outside")
    with ThreadingHTTPServer((HOST, 0), partial(ReportsHandler, directory=str(reports), mlflow_url="x")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            assert asked(server.server_port, "/index.html") == (200, "the nights")
            for path in (*(f"/{up}secret.txt" for up in UP_FROM_THE_ROOT), f"/{tmp_path}/secret.txt"):
                status, body = asked(server.server_port, path)
                assert (status, "outside" in body) == (404, False), path
        finally:
            server.shutdown()


def asked(port: int, path: str) -> tuple[int, str]:
    """The path as it stands: other clients resolve it before they ask."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_fault_21_a_kept_report_whose_name_climbs_is_not_fetched(tmp_path: Path) -> None:
    """No server that tests can start keeps such a name as it is."""
    folder = tmp_path / "reports"
    for name in ("../up", "a/../../up", "/etc/passwd", "../reports-up"):
        assert below(folder, name) is None
    assert below(folder, "nights/a..b.html") == folder / "nights" / "a..b.html"
