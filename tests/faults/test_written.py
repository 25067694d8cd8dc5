"""What stands in everything that is written besides the tables: no secret anywhere, and of people only what
docs/contract-lake.md says. Searched are the files of a lake whose last night failed twice, and what its commands said."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F

from lake.masking import MASK, without_secrets, without_values
from lake.tables import FRAME, TABLES
from tests.faults.stopping import DEVICE, ENVIRONMENT, LAT, LON, PASSWORDS, SCORES, SECRETS, StoppedNight, in_a_process
from tests.servers import SECRET_KEY
from tests.world import Said

pytestmark = pytest.mark.slow
POSITIONS = ("bronze.", "silver.")
DEVICES = (*POSITIONS, "reference.devices")
NO_TABLES = ("_reports", "_logs", "_leases", "_mlflow", "_staging", "_format.json")
DECIMALS = re.compile(r"\d{1,3}\.\d{6,7}(?!\d)")
EVIDENCE = {"test_predictions.parquet", "champion_diff.json", "report.html"}
"""Of a training, which name policies: its test set, and those whose price a new version moves most."""
Texts = dict[str, str]


@pytest.fixture(scope="module")
def refusals(stopped: StoppedNight) -> list[Said]:
    """Commands that meet a server that is down, each with a password in its address."""
    conf = stopped.world.conf
    return [in_a_process(conf, "registry", "list"), in_a_process(conf, "--lake", "s3://nowhere/lake", "lease", "show")]


@pytest.fixture(scope="module")
def said(stopped: StoppedNight, refusals: list[Said]) -> Texts:
    """What commands wrote on the terminal."""
    return {f"command {n}": f"{x.out}{x.err}" for n, x in enumerate([*stopped.said, *refusals])}


@pytest.fixture(scope="module")
def files(stopped: StoppedNight) -> Texts:
    """Every file of the lake, by its path in it."""
    root = stopped.world.root / "lake"
    return {str(p.relative_to(root)): p.read_bytes().decode("latin-1") for p in root.rglob("*") if p.is_file()}


def within(files: Texts, *places: str) -> Texts:
    return {path: text for path, text in files.items() if path.split("/")[0] in places}


def holders(texts: Texts, *wanted: str) -> list[str]:
    """Which of the texts hold any of the wanted."""
    return [f"{path}: {w}" for path, text in texts.items() for w in wanted if w in text]


def secrets() -> Iterator[str]:
    for secret in (*SECRETS.values(), *PASSWORDS, SECRET_KEY):
        yield from {secret, quote(secret, safe="")}


def test_fault_22_no_secret_is_in_any_file_of_the_lake_or_in_what_commands_say(files: Texts, said: Texts) -> None:
    assert {path.split("/")[0] for path in files} >= {x for x in NO_TABLES if x != "_staging"}
    assert holders(files | said, *secrets()) == []


def test_fault_22_an_address_is_named_without_its_password(refusals: list[Said]) -> None:
    for one in refusals:
        assert one.code in (5, 6), one.err
        assert f"http://{MASK}@127.0.0.1:9" in one.err
        assert "Traceback" not in one.err


def test_fault_22_positions_and_devices_are_declared_in_bronze_and_silver_alone() -> None:
    tables = [*TABLES.values(), FRAME]
    with_position = {t.name for t in tables if {"lat", "lon"} & set(t.names)}
    with_device = {t.name for t in tables if "device_id" in t.names}
    assert with_position and all(name.startswith(POSITIONS) for name in with_position)
    assert with_device and all(name.startswith(DEVICES) for name in with_device)


def test_fault_22_no_position_and_no_device_is_in_logs_reports_and_models(
    stopped: StoppedNight, files: Texts, said: Texts
) -> None:
    lake = stopped.world.lake
    devices = [r["device_id"] for r in lake.read("reference.devices").select("device_id").distinct().collect()]
    points = DeltaTable(lake.path("bronze.points")).to_pyarrow_table(columns=["lat", "lon"]).to_pandas()
    assert len(devices) > 10 and len(points) > 1000
    # the planted record is held as it came, so the search would find it
    held = (
        lake.read("bronze.quarantine").where("raw_text IS NOT NULL").agg(F.concat_ws(" ", F.collect_list("raw_text"))).collect()
    )
    assert holders({"held": held[0][0]}, DEVICE, str(LAT), str(LON))
    texts = within(files, *NO_TABLES) | said
    assert holders(texts, DEVICE, str(LAT), str(LON), *devices) == []
    written = [points.abs().map(f"{{:.{n}f}}".format).drop_duplicates() for n in (6, 7)]
    assert [path for path, text in texts.items() if with_position(text, written)] == []


def with_position(text: str, written: list[pd.DataFrame]) -> bool:
    """Whether latitude and longitude of one point stand in a text: one of both alone is soon met by chance, as seconds."""
    numbers = set(DECIMALS.findall(text))
    return any((points["lat"].isin(numbers) & points["lon"].isin(numbers)).any() for points in written)


def test_fault_22_a_position_would_be_found() -> None:
    written = [pd.DataFrame({"lat": ["50.123456"], "lon": ["4.654321"]})]
    assert with_position("at 50.123456, -4.654321 a crash", written)
    assert not with_position("50.123456 seconds, 4.6543210 dollars", written)


def test_fault_22_no_device_is_in_any_text_of_gold(stopped: StoppedNight) -> None:
    lake = stopped.world.lake
    device = rf"\b(d-\d{{6}}|{DEVICE})\b"
    assert not lake.read("reference.devices").where(F.col("device_id").rlike(device)).isEmpty()
    for name in (t for t in TABLES if t.startswith("gold.")):
        df = lake.read(name)
        texts = [c for c, kind in df.dtypes if "string" in kind]
        assert df.where(F.to_json(F.struct(*texts)).rlike(device)).isEmpty(), name


def test_fault_22_ids_of_policies_are_on_the_page_and_in_the_evidence_of_models_alone(
    stopped: StoppedNight, files: Texts, said: Texts
) -> None:
    scores = stopped.world.lake.read(SCORES).select("policy_id", "vehicle_id").distinct().collect()
    ids = {x for row in scores for x in row}
    texts = {path: set(re.findall(r"[pv]-[\w-]+", text)) & ids for path, text in (within(files, *NO_TABLES) | said).items()}
    found = {path for path, some in texts.items() if some}
    pages = {path for path in found if re.fullmatch(r"_reports/nights/[\d-]+/(index\.html|page\.json)", path)}
    assert pages
    assert {Path(path).name for path in found - pages} <= EVIDENCE
    assert all(path.startswith("_mlflow/") for path in found - pages)


def test_fault_22_what_mlflow_keeps_of_a_training_has_no_secret(stopped: StoppedNight) -> None:
    store = sqlite3.connect(stopped.world.root / "lake" / "_mlflow" / "mlflow.db")
    kept = [
        f"{k}={v}"
        for table in ("params", "tags", "model_version_tags")
        for k, v in store.execute(f"SELECT key, value FROM {table}")
    ]
    store.close()
    assert any(x.startswith("frame_hash=") for x in kept)
    assert holders({x: x for x in kept}, *secrets()) == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("http://u:p%40x@h:1/a?b=c", f"http://{MASK}@h:1/a?b=c"),
        ("postgresql://u:p@x@h/db", f"postgresql://{MASK}@h/db"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("mysql://h/db?password=pw&x=1", f"mysql://h/db?password={MASK}&x=1"),
        ("https://b.h/k?X-Amz-Signature=0a1b&X-Amz-Date=2", f"https://b.h/k?X-Amz-Signature={MASK}&X-Amz-Date=2"),
        (f"key {SECRETS['AWS_SECRET_ACCESS_KEY']}.", f"key {MASK}."),
    ],
)
def test_fault_22_what_is_a_secret(text: str, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert without_secrets(text) == written


def test_fault_22_what_an_unforeseen_error_quotes_is_left_out() -> None:
    quoted = f"[CAST_INVALID_INPUT] The value '{DEVICE}' of \"STRING\" at lat={LAT}, lon=-{LON}; Row(n=3)"
    assert without_values(quoted) == f"[CAST_INVALID_INPUT] The value {MASK} of {MASK} at lat={MASK}, lon={MASK}; Row(n=3)"
