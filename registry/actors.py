"""Who does something to a version: MLflow's authenticated user, the AWS caller, or locally a name that nobody vouches for."""

import getpass
import os
import re
from dataclasses import dataclass
from typing import Any

from lake.conf import Conf
from lake.errors import EnvironmentProblem, InputError, ModelRefused
from lake.s3 import on_s3

_ROLE = re.compile(r"(arn:[^:]*:sts::\d+:assumed-role/[^/]+)/.*")
USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"


@dataclass(frozen=True)
class Actor:
    """A name, whether somebody vouches for it, and who."""

    name: str
    verified: bool
    source: str

    @property
    def principal(self) -> str:
        """Who that is for two pairs of eyes: of a role of AWS the role, for who assumes it chooses the session's name."""
        found = _ROLE.match(self.name)
        return found[1] if found else self.name


def actor(conf: Conf, claimed: str | None = None) -> Actor:
    """Who is at it. `claimed` is a name that a local user gives; raises InputError where it is not the one vouched for."""
    found = _of_mlflow(conf) or _of_aws(conf)
    if found is None:
        return Actor(claimed or getpass.getuser(), verified=False, source="claimed" if claimed else "operating system")
    if claimed not in (None, found.name):
        raise InputError(f"--as {claimed}: {found.source} says that you are {found.name}")
    return found


def refuse_unverified(conf: Conf, by: Actor) -> None:
    """Raises ModelRefused for who decides here under a name that nobody vouches for, where that is not allowed."""
    if conf.registry.require_verified and not by.verified:
        raise ModelRefused(f"nobody vouches for {by.name}, and registry.require_verified is on: log in to MLflow or AWS")


def _of_mlflow(conf: Conf) -> Actor | None:
    """The user whose password the server has just accepted."""
    name = os.environ.get(USER)
    if not name or not conf.tracking_uri.startswith("http"):
        return None
    import requests

    answer = requests.get(
        f"{conf.tracking_uri.rstrip('/')}/api/2.0/mlflow/users/get", params={"username": name},
        auth=(name, os.environ.get(PASSWORD, "")), timeout=20,
    )  # fmt: skip
    if answer.status_code == requests.codes.ok:
        return Actor(name, verified=True, source="MLflow")
    if answer.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
        raise EnvironmentProblem(f"MLflow does not accept {USER} {name} with the password in {PASSWORD}")
    return None


def _of_aws(conf: Conf) -> Actor | None:
    """The caller that AWS's credentials are of, for a lake on S3 behind AWS's own endpoints; asked there, wherever the
    environment or a profile says that STS is."""
    if not on_s3(conf.lake) or os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_S3"):
        return None
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        # not in the types that boto3 comes with
        settings: Any = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]
        sts = boto3.client("sts", config=settings)
        return Actor(str(sts.get_caller_identity()["Arn"]), verified=True, source="AWS")
    except (BotoCoreError, ClientError) as e:
        raise EnvironmentProblem(f"AWS does not say who you are: {' '.join(str(e).split())}") from e
