"""A small simulated fleet and book, trained and run through four nights by the command line, once for all tests that look
at nights. Everything in it is real: files, Spark, Delta, MLflow, XGBoost, Great Expectations, Evidently."""

import contextlib
import datetime as dt
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.cli import run
from lake.conf import CONF_FOLDER
from lake.delta import Lake
from lake.tables import TABLES
from simulator import simulate
from tests.registry.given import APPROVE
from tests.settings import TEST_SPARK

START = dt.date(2026, 1, 5)
DAYS = 8
"""The special cases happen half-way, at the end of 2026-01-08."""
NIGHTS = tuple(START + dt.timedelta(days=n) for n in range(2, 6))
"""Nights 2026-01-07 to 2026-01-10: the first takes three days at once, each later one some late files."""
CLAIM = "claim_id,policy_id,vehicle_id,coverage,occurred_ts,reported_ts,status,incurred_minor,currency,known_from"
CLAIMED = dt.date(2025, 9, 15)
"""Within the horizon of the training frame, 2025-06-10 to 2025-12-07."""
RECORDS = ("gold.nights", "bronze.ledger")
"""Tables that a rerun may add rows to."""


@dataclass(frozen=True)
class Said:
    """What a command line printed and ended with."""

    code: int
    out: str
    err: str


def command(conf: Path, *arguments: str) -> Said:
    """Run `telematics --conf CONF ARGUMENTS` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["--conf", str(conf), *arguments])
    return Said(code, out.getvalue(), err.getvalue())


def write_conf(path: Path, root: Path, **over: Any) -> Path:
    """The local configuration with its lake and landing folder below `root`."""
    conf = yaml.safe_load((CONF_FOLDER / "local.yml").read_text())
    conf |= {"lake": str(root / "lake"), "spark": TEST_SPARK}
    conf["landing"]["root"] = str(root / "landing")
    path.write_text(yaml.safe_dump(conf | over))
    return path


@dataclass(frozen=True)
class World:
    """The lake after its nights."""

    spark: SparkSession
    root: Path
    conf: Path

    @property
    def landing(self) -> Path:
        """What the simulator wrote."""
        return self.root / "landing"

    @property
    def lake(self) -> Lake:
        """Its tables."""
        return Lake(self.spark, str(self.root / "lake"))

    @property
    def before(self) -> Path:
        """A copy of its tables as the last night found them."""
        return self.root / "before"

    def telematics(self, *arguments: str) -> Said:
        """A command line on this lake."""
        return command(self.conf, *arguments)

    def show(self, table: str, *arguments: str) -> list[dict[str, Any]]:
        """`telematics show … --format json`, parsed."""
        said = self.telematics("show", table, "--format", "json", "--limit", "100000", *arguments)
        assert said.code == 0, said.err
        rows: list[dict[str, Any]] = json.loads(said.out)
        return rows

    def special(self) -> dict[str, dict[str, Any]]:
        """The planted special cases of the population, by name."""
        cases: dict[str, dict[str, Any]] = json.loads((self.landing / "truth" / "summary.json").read_text())["cases"]
        return cases

    def versions(self) -> dict[str, int | None]:
        """The Delta version of every table but the records."""
        return {name: self.lake.version(name) for name in TABLES if name not in RECORDS}

    def differing(self, before: dict[str, int | None]) -> dict[str, list[str]]:
        """By table, some rows that are not now what they were at those versions, operational columns left out."""
        now = self.versions()
        assert now.keys() == before.keys()
        moved = [name for name in now if now[name] != before[name]]
        return {name: rows for name in moved if (rows := self._differing(name, before[name]))}

    def _differing(self, name: str, version: int | None) -> list[str]:
        """Compared within Spark: the lake holds more rows than a driver should."""
        assert version is not None, f"{name} did not exist before"
        columns = F.to_json(F.struct(*TABLES[name].compared)).alias("row")
        old = self.spark.read.format("delta").option("versionAsOf", version).load(self.lake.path(name)).select(columns)
        new = self.lake.read(name).select(columns)
        signed = old.select("row", F.lit(1).alias("n")).unionAll(new.select("row", F.lit(-1).alias("n")))
        counts = signed.groupBy("row").agg(F.sum("n").alias("n")).where("n != 0")
        return [f"{'+' if x['n'] < 0 else '-'} {x['row']}" for x in counts.limit(5).collect()]


def write_csv(path: Path, header: str, lines: list[str]) -> None:
    """Lines below their header."""
    path.write_text("\n".join([header, *lines, ""]))


def claims_of_brakers(landed: Path, day: dt.date) -> None:
    """A claim on `day` for each simulated car in the half that brakes more per kilometre.

    So small a book has some 50 claims by itself, from which the model rightly learns nothing, and gives no reasons.
    """
    days = pd.read_parquet(landed / "history", columns=["vehicle_id", "brake_r3", "distance_mm"]).groupby("vehicle_id").sum()
    rate, at = days["brake_r3"] / days["distance_mm"], f"{day}T12:00:00Z"
    write_csv(landed / "reference" / "claims_of_brakers.csv", CLAIM, [
        f"c-{car},{car.replace('v-', 'p-')},{car},liability,{at},{at},closed,{200_000 + n},USD,{at}"
        for n, car in enumerate(sorted(rate.index[rate > rate.median()]))
    ])  # fmt: skip


def build(spark: SparkSession, root: Path) -> World:
    """Simulate, load, train, promote and run the nights."""
    training = {"min_claims": 30, "horizon_days": 180, "as_of_dates": 1, "maturity_days": 30}
    # the second night's claims are held against its prices on the fourth
    watched = {"claims_mature_days": 1}
    world = World(spark, root, write_conf(root / "conf.yml", root, training=training, monitoring=watched))
    simulate(12, DAYS, 3, root / "landing", book_policies=1500, book_days=420, start=START)
    claims_of_brakers(root / "landing", CLAIMED)
    history = str(root / "landing" / "history" / "*.parquet")
    for arguments in (
        *(("reference", "load", t, "--source", f"sim_{t}", "--input", str(root / "landing" / "reference" / f"{t}*.csv"))
          for t in ("policies", "devices", "consents", "fairness_groups", "claims")),
        ("history", "load", "policy-days", "--source", "sim_policy_days", "--input", history),
        ("train", "--date", str(NIGHTS[0] - dt.timedelta(days=1))),
        APPROVE,
        ("registry", "promote"),
        # another frame, so another version: it scores in shadow on every night
        ("train", "--date", str(NIGHTS[0] - dt.timedelta(days=2))),
        ("registry", "challenger", "set"),
        ("nightly", "--from", str(NIGHTS[0]), "--to", str(NIGHTS[-2])),
    ):  # fmt: skip
        said = world.telematics(*arguments)
        assert said.code == 0, f"{arguments}: {said.err}"
    beside = shutil.ignore_patterns("_leases", "_logs", "_mlflow", "_reports", "_staging")
    shutil.copytree(root / "lake", world.before, ignore=beside)
    said = world.telematics("nightly", "--date", str(NIGHTS[-1]))
    assert said.code == 0, said.err
    return world
