"""A small simulated fleet and book, trained and run through four nights by the command line, once for all tests that look
at nights. Everything in it is real: files, Spark, Delta, MLflow, XGBoost, Great Expectations, Evidently."""

import contextlib
import datetime as dt
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import DataFrame, SparkSession

from jobs.cli import run
from lake.conf import CONF_FOLDER
from lake.delta import Lake
from lake.tables import TABLES
from simulator import simulate
from tests.settings import TEST_SPARK

START = dt.date(2026, 1, 5)
DAYS = 6
NIGHTS = tuple(START + dt.timedelta(days=n) for n in range(3, 7))
"""Nights 2026-01-08 to 2026-01-11: the first takes four days at once, each later one some late files."""
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
    def lake(self) -> Lake:
        """Its tables."""
        return Lake(self.spark, str(self.root / "lake"))

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
        cases: dict[str, dict[str, Any]] = json.loads((self.root / "landing" / "truth" / "summary.json").read_text())["cases"]
        return cases

    def rows(self) -> dict[str, list[str]]:
        """Every row of every table but the records, without operational columns, in a canonical order."""
        return {name: canonical(self.lake.read(name).select(*TABLES[name].compared)) for name in TABLES if name not in RECORDS}


def canonical(df: DataFrame) -> list[str]:
    """Rows as sorted JSON."""
    return sorted(df.toJSON().collect())


def build(spark: SparkSession, root: Path) -> World:
    """Simulate, load, train, promote and run the nights."""
    training = {"min_claims": 30, "horizon_days": 180, "as_of_dates": 1, "maturity_days": 30}
    world = World(spark, root, write_conf(root / "conf.yml", root, training=training))
    simulate(12, DAYS, 3, root / "landing", book_policies=2600, book_days=420, start=START)
    history = str(root / "landing" / "history" / "*.parquet")
    for arguments in (
        *(("reference", "load", t, "--source", f"sim_{t}", "--input", str(root / "landing" / "reference" / f"{t}*.csv"))
          for t in ("policies", "devices", "consents", "claims")),
        ("history", "load", "policy-days", "--source", "sim_policy_days", "--input", history),
        ("train", "--date", str(NIGHTS[0] - dt.timedelta(days=1))),
        ("registry", "promote"),
        ("nightly", "--from", str(NIGHTS[0]), "--to", str(NIGHTS[-1])),
    ):  # fmt: skip
        said = world.telematics(*arguments)
        assert said.code == 0, f"{arguments}: {said.err}"
    return world
