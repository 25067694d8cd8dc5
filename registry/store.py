"""Where models are: the connection to MLflow, and names that cannot climb out of a folder."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lake.conf import Conf
from lake.errors import EnvironmentProblem, InputError
from lake.masking import said, without_secrets

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION, CANARY, PREVIOUS = "champion", "canary", "previous"
"""Aliases: the version that scores, one that scores for a share of policies, and the one that rollback goes back to."""
DIGEST_TAG, AUTHOR_TAG = "artefact_digest", "author"
PREFIX = "pure-premium-"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SQLITE = "sqlite:///"
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
}
"""A server that is down is given up on within a minute; nothing that is saved here needs a pickle."""


def model_name(coverage: str) -> str:
    """Name of a coverage's model. Raises InputError for one that could climb out of a folder."""
    return checked_name(PREFIX + coverage)


def checked_name(name: str) -> str:
    """The name, if it is made of letters, digits, - and _ only."""
    if not _NAME.fullmatch(name):
        raise InputError(f"model name '{name[:60]}': only letters, digits, - and _ are allowed")
    return name


def local_store(conf: Conf) -> Path | None:
    """The SQLite file, or None where a server keeps the models."""
    uri = conf.tracking_uri
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def place_of(conf: Conf) -> str:
    """Where MLflow's store is, for people: without a password that its address may hold."""
    return without_secrets(conf.tracking_uri)


@contextmanager
def answering(conf: Conf) -> Iterator[None]:
    """Turn what MLflow raises in the body into EnvironmentProblem."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as e:
        raise EnvironmentProblem(f"MLflow at {place_of(conf)}: {said(e)}") from e


def connect(conf: Conf) -> "MlflowClient":
    """A client of the configured store; creates the folder of a local one."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    store = local_store(conf)
    if store is not None:
        store.parent.mkdir(parents=True, exist_ok=True)
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    mlflow.set_tracking_uri(conf.tracking_uri)
    return mlflow.MlflowClient()
