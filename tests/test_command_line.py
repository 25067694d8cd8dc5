"""What a user meets who gives the command line something it cannot use: one clear line and an exit code of its own."""

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.catalog import NAMES
from jobs.nights import read_nights
from lake.conf import CONF_FOLDER
from lake.delta import Lake
from tests.servers import S3
from tests.world import Said, command, write_conf

POINT = {"device": "d1", "ts": 1767610000000, "lat": 41.2, "lon": -96.0, "speed": 10.0, "seq": 1}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return write_conf(tmp_path / "conf.yml", tmp_path)


def landed(folder: Path, lines: list[Any], name: str = "a.jsonl.gz") -> Path:
    path = folder / "sim_phone" / "date=2026-01-05" / "hour=12" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(x if isinstance(x, str) else json.dumps(x) + "\n" for x in lines).encode()))
    return path


def refused(said: Said, code: int, *words: str) -> None:
    """Exit code, one line on the error stream, and no traceback."""
    assert said.code == code, said.err
    assert said.err.strip().count("\n") == 0, said.err
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err


def test_an_unknown_source_is_named_with_those_there_are(spark: SparkSession, conf: Path) -> None:
    refused(
        command(conf, "ingest", "--source", "sim_fone", "--input", "x"), 2, "unknown source 'sim_fone'", "sim_phone", "nds_omaha"
    )


def test_no_files_names_the_pattern(spark: SparkSession, conf: Path, tmp_path: Path) -> None:
    refused(
        command(conf, "ingest", "--source", "sim_phone", "--input", f"{tmp_path}/none/*.gz"), 3, "no files match", "none/*.gz"
    )


def test_an_empty_file_is_refused_by_name(spark: SparkSession, conf: Path, tmp_path: Path) -> None:
    path = landed(tmp_path, [])
    refused(command(conf, "ingest", "--source", "sim_phone", "--input", str(path)), 3, "a.jsonl.gz", "empty_file")


def test_a_truncated_gzip_is_refused_and_the_other_file_is_loaded(spark: SparkSession, conf: Path, tmp_path: Path) -> None:
    whole = landed(tmp_path, [{**POINT, "seq": n, "ts": POINT["ts"] + n * 1000} for n in range(500)])
    cut = whole.with_name("cut.jsonl.gz")
    cut.write_bytes(whole.read_bytes()[:-20])
    said = command(conf, "ingest", "--source", "sim_phone", "--input", f"{whole.parent}/*.gz")
    refused(said, 3, "cut.jsonl.gz", "truncated_gzip")
    # no reference was loaded: every point of the whole file is read and held for want of a policy, none is lost
    assert "500 records read, 0 accepted, 0 duplicate, 500 quarantined" in said.out


def test_a_wrong_column_type_is_quarantined_with_its_column(spark: SparkSession, conf: Path, tmp_path: Path) -> None:
    path = landed(tmp_path, [{**POINT, "speed": "fast"}])
    said = command(conf, "ingest", "--source", "sim_phone", "--input", str(path))
    assert said.code == 0 and "wrong_type:speed_mps" in said.out
    [listed] = [x for x in json.loads(command(conf, "quarantine", "list", "--format", "json").out) if x["reason"] != "no_policy"]
    assert (listed["source"], listed["reason"], listed["records"]) == ("sim_phone", "wrong_type:speed_mps", 1)
    [held] = json.loads(command(conf, "quarantine", "show", "--reason", "wrong_type", "--format", "json").out)
    assert (held["source_file"], held["source_line"]) == (str(path), 1)
    again = command(conf, "quarantine", "replay", "--source", "sim_phone")
    assert (again.code, again.out) == (0, "sim_phone: 1 held records judged again: 0 accepted, 0 duplicate, 1 still held\n")
    refused(command(conf, "quarantine", "list", "--format", "xml"), 2, "xml", "table, csv, json")
    path.unlink()
    refused(command(conf, "quarantine", "replay", "--source", "sim_phone"), 3, str(path), "gone", "their records stay")


def test_a_nights_load_goes_on_without_bad_files_and_ends_with_3(spark: SparkSession, conf: Path, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landed(landing, [POINT])
    cut = landed(landing, [POINT] * 2, "cut.jsonl.gz")
    cut.write_bytes(cut.read_bytes()[:-9])
    landed(landing, [POINT | {"ts": POINT["ts"] + n, "speed": "fast"} for n in range(10)], "changed.jsonl.gz")
    (landing / "reference").mkdir()
    (landing / "reference" / "devices.csv").write_text("device_id,vehicle_id\nd1,v1\n")
    for job, words in (
        ("reference", ("sim_devices", "header_lacks:valid_from")),
        ("ingest", ("cut.jsonl.gz (truncated_gzip)", "changed.jsonl.gz (in every record: wrong_type:speed_mps)")),
    ):
        refused(command(conf, job, "--date", "2026-01-05"), 3, *words)
    ledger = Lake(spark, str(tmp_path / "lake")).read("bronze.ledger").collect()
    assert {Path(x.source_file).name: (x.status, x.read, x.accepted + x.quarantined) for x in ledger} == {
        "a.jsonl.gz": ("ingested", 1, 1), "changed.jsonl.gz": ("ingested", 10, 10), "cut.jsonl.gz": ("refused", 0, 0),
        "devices.csv": ("refused", 0, 0),
    }  # fmt: skip
    # both jobs are finished, with what they went on without
    nights = read_nights(Lake(spark, str(tmp_path / "lake")))
    night = dt.date(2026, 1, 5)
    assert nights.finished[night] == {"reference", "ingest"}
    assert [x.exit_code for x in nights.complaints(night)] == [3, 3]


def test_an_unwritable_lake_is_said_before_any_work(spark: SparkSession, conf: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = command(conf, "--lake", str(tmp_path / "file" / "lake"), "nightly", "--date", "2026-01-05")
    refused(said, 6, "cannot write to the lake at", "Not a directory")


def test_a_lake_that_is_not_there_is_said_to_a_reader(spark: SparkSession, conf: Path) -> None:
    refused(command(conf, "show", "gold.policy_scores"), 6, "there is no lake at", "telematics demo")


def test_a_bucket_that_is_not_there_is_one_line(spark: SparkSession, conf: Path, s3: S3) -> None:
    said = command(conf, "ingest", "--source", "sim_phone", "--input", "s3://nosuch/points/", "--date", "2026-01-05")
    refused(said, 3, "s3://nosuch/points/", "bucket does not exist")


def test_a_value_that_does_not_fit_its_column_is_no_defect(spark: SparkSession, conf: Path, tmp_path: Path) -> None:
    assert command(conf, "ingest", "--source", "sim_phone", "--input", str(landed(tmp_path, [POINT]))).code == 0
    said = command(conf, "show", "bronze.ledger", "--where", "read = 'many'")
    refused(said, 6, "bronze.ledger", "many")
    assert "defect" not in said.err


def test_every_command_leaves_a_line_in_the_log(spark: SparkSession, conf: Path, tmp_path: Path) -> None:
    command(conf, "ingest", "--source", "sim_phone", "--input", str(landed(tmp_path, [POINT])))
    command(conf, "nightly", "--date", "2026-01-05")
    events = [json.loads(x) for x in (tmp_path / "lake" / "_logs" / "telematics.jsonl").read_text().splitlines()]
    ended = [(x["command"][2], x["exit_code"]) for x in events if x["event"] == "command ended"]
    assert ended == [("ingest", 0), ("nightly", 3)]
    assert next(x["message"] for x in events if x["event"] == "loaded").startswith("sim_phone: 1 files, 1 records read")
    assert "no policy is in force" in next(x["cause"] for x in events if x["event"] == "command failed")


def test_a_night_without_data_says_what_is_missing(spark: SparkSession, conf: Path) -> None:
    refused(command(conf, "nightly", "--date", "2026-01-05"), 3, "no policy is in force at 2026-01-06 00:00 UTC")


def test_no_champion_says_what_to_run(spark: SparkSession, conf: Path, tmp_path: Path) -> None:
    policies = tmp_path / "policies.csv"
    policies.write_text(
        "policy_id,vehicle_id,coverage,valid_from,valid_to,jurisdiction,currency,base_premium_minor,driver_age_band,"
        "vehicle_group_band,territory_band,known_from\n"
        "p1,v1,liability,2025-01-01T00:00:00Z,,US-NE,USD,50000,25-34,B,urban,2025-01-01T00:00:00Z\n"
    )
    load = command(conf, "reference", "load", "policies", "--source", "sim_policies", "--input", str(policies))
    assert load.code == 0, load.err
    refused(command(conf, "nightly", "--date", "2026-01-05"), 7, "champion", "telematics train", "registry promote")


def test_training_without_data_is_refused(spark: SparkSession, conf: Path) -> None:
    refused(command(conf, "train", "--date", "2026-01-05"), 9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nightly",), ("--date D, or --from D --to D",)),
        (("nightly", "--from", "2026-01-06", "--to", "2026-01-05"), ("--from 2026-01-06 is after --to 2026-01-05",)),
        (("nightly", "--date", "2026-01-05", "--from-job", "score"), ("--from-job goes with --rerun",)),
        (("ingest", "--source", "sim_phone"), ("--source and --input",)),
        (
            ("reference", "load", "cars", "--source", "sim_policies", "--input", "x"),
            ("unknown reference table 'cars'", "policies"),
        ),
        (("history", "load", "days", "--source", "sim_policy_days", "--input", "x"), ("unknown history table 'days'",)),
        (
            ("reference", "load", "devices", "--source", "sim_policies", "--input", "x"),
            ("maps to reference.policies, not to reference.devices",),
        ),
    ],
)
def test_options_that_do_not_fit_are_explained(conf: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(command(conf, *arguments), 2, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trips",), ("Missing option '--date'",)),
        (("explain-policy", "p1"), ("Missing option '--date'",)),
        (("explain-policy", "p1", "--date", "2026-01-05", "--format", "csv"), ("csv", "text, json")),
        (("nightlly",), ("No such command 'nightlly'",)),
        (("nightly", "--date", "tomorrow"), ("--date", "tomorrow")),
    ],
)
def test_usage_errors_are_one_line(conf: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(command(conf, *arguments), 2, *words)


def test_a_configuration_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    said = command(Path("nowhere"), "tables")
    refused(said, 2, "no configuration 'nowhere'", "local", "production")


def test_a_misspelt_key_of_a_configuration_is_named(tmp_path: Path) -> None:
    path = write_conf(tmp_path / "conf.yml", tmp_path, lakes="x")
    refused(command(path, "tables"), 2, str(path), "lakes")


def test_every_job_of_the_catalogue_is_a_command_and_in_the_docs() -> None:
    import typer

    from jobs.cli import app

    tree = typer.main.get_command(app)
    assert isinstance(tree, typer.core.TyperGroup)
    contract = (CONF_FOLDER.parent / "docs" / "contract-night.md").read_text()
    for name in NAMES:
        assert name in tree.commands
        assert any(p.name == "date" for p in tree.commands[name].params), name
        assert f"`{name}`" in contract, name
