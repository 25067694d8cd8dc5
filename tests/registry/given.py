"""One trained pair and one MLflow store for all tests that need a model: making a store takes ten seconds."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from lake.conf import Conf, load_conf
from registry.log import Logged, register
from registry.promote import promote
from tests.training.given import trained

LINEAGE = {"frame_hash": "f" * 16, "valuation": "2025-12-31", "feature_version": "v1", "seed": "1"}
MODEL = "pure-premium-liability"


@cache
def store() -> tuple[Path, Logged]:
    """Root of a lake that holds nothing but an MLflow store with one champion."""
    root = Path(tempfile.mkdtemp(prefix="mlflow-store-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    conf = load_conf("local", lake=str(root))
    logged = register(conf, trained(), LINEAGE)
    promote(conf, logged.model, logged.version)
    return root, logged


def conf_with_champion(conf: Conf | None = None) -> Conf:
    """The given configuration, or one over the store's own folder, with that store."""
    root, _ = store()
    own = load_conf("local", lake=str(root))
    return own if conf is None else conf.model_copy(update={"mlflow_tracking_uri": own.tracking_uri})
