"""One trained pair and one MLflow store for all tests that need a model: making a store takes ten seconds."""

import atexit
import datetime as dt
import shutil
import tempfile
from functools import cache
from pathlib import Path

from lake.conf import Conf, load_conf
from registry.actors import Actor
from registry.deciding import Decision, approve, promote, today
from registry.gates import Waiver
from registry.log import Logged, register
from registry.versions import Version, choose
from tests.training.given import trained

LINEAGE = {
    "frame_hash": "f" * 16, "valuation": "2025-12-31", "feature_version": "v1", "seed": "1", "expectations": "passed",
}  # fmt: skip
AUTHOR = Actor("ann", verified=False, source="claimed")
REVIEWER = Actor("rev", verified=False, source="claimed")
APPROVE = (
    "registry", "approve", "--reason", "for the tests", "--as", "reviewer",
    *(x for gate in ("fairness", "champion", "calibration", "pure premium", "severity") for x in ("--waive", gate)),
    "--until", str(dt.datetime.now(dt.UTC).date() + dt.timedelta(days=300)), "--why", "a small book",
)  # fmt: skip
"""By hand, for books that are too small to show what gates ask for."""
MODEL = "pure-premium-liability"


@cache
def store() -> tuple[Path, Logged]:
    """Root of a lake that holds nothing but an MLflow store with one champion."""
    root = Path(tempfile.mkdtemp(prefix="mlflow-store-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    conf = load_conf("local", lake=str(root))
    logged = register(conf, trained(), LINEAGE, AUTHOR)
    put_in_force(conf, logged.model, logged.version)
    return root, logged


def put_in_force(conf: Conf, model: str, version: str) -> Version:
    """Approve a version, without groups for its fairness, and make it champion."""
    chosen = choose(conf, model, version)
    approve(conf, chosen, REVIEWER, Decision("for the tests", waivers=(fairness_waiver(),)))
    return promote(conf, chosen, REVIEWER)


def fairness_waiver() -> Waiver:
    """The tests' frames state no groups."""
    return Waiver(gate="fairness", until=today() + dt.timedelta(days=30), why="no groups", by=REVIEWER.name)


def conf_with_champion(conf: Conf | None = None) -> Conf:
    """The given configuration, or one over the store's own folder, with that store."""
    root, _ = store()
    own = load_conf("local", lake=str(root))
    if conf is None:
        return own
    history = conf.registry.model_copy(update={"history": own.registry_history})
    return conf.model_copy(update={"mlflow_tracking_uri": own.tracking_uri, "registry": history})
