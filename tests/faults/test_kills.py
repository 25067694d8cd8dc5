"""A small night whose driver is killed in every job on its way, each time by SIGKILL to it and its JVM, and resumed; beside it
the same night undisturbed. It ends before `score`, for want of a champion."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.nights import read_nights
from lake.conf import CONF_FOLDER
from lake.delta import Lake
from lake.tables import TABLES
from tests.faults.killing import Seen, commits, drivers, kill_when, one_more, there_is
from tests.loading.files import PHONE, hour, point, write
from tests.settings import TEST_SPARK
from tests.world import command, write_csv

pytestmark = pytest.mark.slow
NIGHT = dt.date(2026, 1, 6)
THERE, COMMITTED = there_is, one_more
Point = tuple[Callable[[Path, str], Seen], str, str]
WRITTEN = "bronze/points/event_date=*/*.parquet"
STAGED_FEATURES = "_staging/gold.policy_features-*"
POINTS: tuple[Point, ...] = (
    (COMMITTED, "reference.policies", "reference"),
    (THERE, WRITTEN, "ingest"),
    (COMMITTED, "bronze.points", "ingest"),
    (COMMITTED, "silver.events", "trips"),
    (COMMITTED, "gold.policy_days", "days"),
    (THERE, STAGED_FEATURES, "features"),
    (COMMITTED, "gold.policy_features", "features"),
)
"""Where the driver is killed, and the job that it is in: before a commit of records and after it, between two tables of a job,
after a restatement, and before and after a publication. A resume begins with what has no row in gold.nights."""
NOT_COMPARED = ("gold.nights",)
FILLED = ("reference.policies", "bronze.points", "bronze.ledger", "silver.trips", "gold.policy_days", "gold.policy_features")
EVER = "2025-01-01T00:00:00Z"
POLICY = (
    "policy_id,vehicle_id,coverage,valid_from,valid_to,jurisdiction,currency,base_premium_minor,driver_age_band,"
    "vehicle_group_band,territory_band,known_from"
)


@dataclass
class Killed:
    """A lake whose night was killed again and again, and what was seen after each kill."""

    lake: Lake
    undisturbed: Lake
    before: dict[str, int]
    commits: dict[str, dict[str, int]] = field(default_factory=dict)
    remaining: dict[str, tuple[str, ...]] = field(default_factory=dict)
    orphans: int = 0
    visible: int = 0

    def written(self, table: str) -> int:
        """Commits that put rows in since the night began."""
        log = self.lake.spark.sql(f"DESCRIBE HISTORY delta.`{self.lake.path(table)}`")
        return log.where((F.col("version") >= self.before[table]) & F.col("operation").isin("WRITE", "MERGE")).count()


def land(root: Path) -> None:
    """Two cars, one of which brakes hard; repeated and bad lines among the points."""
    braking = [36.0] * 10 + [0.0] * 3
    for n, device in enumerate(("d1", "d2")):
        lines = [point(s, device=device, speed=speed if n == 0 else 50.0) for s, speed in enumerate(braking)]
        write(hour(root / "phone", f"{device}.jsonl.gz"), [*lines, lines[0], "{", point(99, device=device, speed="fast")])
    write_csv(root / "policies.csv", POLICY, [
        f"p{n},v{n},liability,{EVER},,US-NE,USD,50000,25-34,g2,urban,{EVER}" for n in (1, 2)
    ])  # fmt: skip
    write_csv(root / "devices.csv", "device_id,vehicle_id,valid_from,valid_to,known_from", [
        f"d{n},v{n},{EVER},,{EVER}" for n in (1, 2)
    ])  # fmt: skip


def configured(root: Path, landing: Path) -> Path:
    """A lake with empty tables below `root`, and the configuration over it."""
    sources = root / "sources"
    sources.mkdir()
    (sources / "phone.yml").write_text(PHONE)
    for name in ("sim_policies", "sim_devices"):
        (sources / f"{name}.yml").write_text((CONF_FOLDER / "sources" / f"{name}.yml").read_text())
    conf = yaml.safe_load((CONF_FOLDER / "local.yml").read_text())
    conf |= {"lake": str(root / "lake"), "spark": TEST_SPARK, "sources_folder": str(sources)}
    conf["landing"] = {"root": str(landing), "sources": {
        "sim_policies": "policies.csv", "sim_devices": "devices.csv", "phone": "phone/date=*/hour=*/*.jsonl.gz",
    }}  # fmt: skip
    (root / "conf.yml").write_text(json.dumps(conf))
    return root / "conf.yml"


@pytest.fixture(scope="module")
def killed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    left, right, landing = (tmp_path_factory.mktemp(name) for name in ("killed", "undisturbed", "landing"))
    land(landing)
    conf, other, root = configured(left, landing), configured(right, landing), left / "lake"
    mine, undisturbed = Lake(spark, str(root)), Lake(spark, str(right / "lake"))
    for name in TABLES:
        mine.create(name)
    found = Killed(mine, undisturbed, {t: commits(root, t) for t in TABLES})
    going = drivers(len(POINTS), conf, "nightly", "--date", str(NIGHT))
    for driver, (kind, what, _) in zip(going, POINTS, strict=True):
        kill_when(driver, kind(root, what))
        found.commits[what] = {t: commits(root, t) for t in TABLES}
        found.remaining[what] = read_nights(mine).remaining(NIGHT)
        if what == WRITTEN:
            found.orphans, found.visible = len(list(root.glob(WRITTEN))), mine.read("bronze.points").count()
    for one in (conf, other):
        said = command(one, "nightly", "--date", str(NIGHT))
        assert (said.code, "no champion" in said.err) == (7, True), said.err
    return found


def test_fault_01_killed_before_a_commit_no_table_has_moved_and_then_there_is_one_commit(killed: Killed) -> None:
    assert killed.commits[WRITTEN]["bronze.points"] == killed.before["bronze.points"]
    # files of points are in the table's folder, and no reader sees them
    assert killed.orphans > 0
    assert killed.visible == 0
    assert killed.written("bronze.points") == 1
    # what was staged of the features is in no table
    assert killed.commits[STAGED_FEATURES]["gold.policy_features"] == killed.before["gold.policy_features"]


@pytest.mark.parametrize("table", ["reference.policies", "bronze.points", "silver.events", "gold.policy_days"])
def test_fault_02_killed_after_a_commit_the_rerun_commits_nothing_more(killed: Killed, table: str) -> None:
    assert killed.commits[table][table] == killed.before[table] + 1
    assert killed.written(table) == 1


@pytest.mark.parametrize("table", ["bronze.quarantine", "silver.trips"])
def test_fault_02_a_table_beside_which_the_driver_was_killed_has_one_commit(killed: Killed, table: str) -> None:
    assert killed.written(table) == 1


def test_fault_03_killed_between_two_tables_the_run_ledger_shows_what_was_partial(killed: Killed) -> None:
    # records are in, and their file is not in the ledger yet; events are restated and their trips are not
    assert killed.commits["bronze.points"]["bronze.ledger"] == killed.commits[WRITTEN]["bronze.ledger"]
    assert killed.commits["silver.events"]["silver.trips"] == killed.before["silver.trips"]
    assert [job in killed.remaining[what] for _, what, job in POINTS] == [True] * len(POINTS)
    # and what ended long before is known to have
    assert "reference" not in killed.remaining[STAGED_FEATURES]


def rows(lake: Lake, name: str) -> list[str]:
    """Rows as JSON, without the columns of the run."""
    return sorted(r[0] for r in lake.read(name).select(F.to_json(F.struct(*TABLES[name].compared))).collect())


@pytest.mark.parametrize("name", [t for t in TABLES if t not in NOT_COMPARED])
def test_fault_03_a_night_killed_in_every_job_gives_the_rows_of_an_undisturbed_one(killed: Killed, name: str) -> None:
    assert rows(killed.lake, name) == rows(killed.undisturbed, name)
    assert rows(killed.lake, name) or name not in FILLED
