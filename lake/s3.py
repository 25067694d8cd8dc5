"""How this platform reaches S3: settings of Spark's S3A and of boto3, and one line for what AWS answers.

Who we are and where S3 is comes from AWS's standard variables and credentials chain, never from our configuration.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from lake.conf_sections import S3Limits
from lake.errors import LakeError
from lake.masking import said

SCHEME = "s3://"
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
DEFAULT_REGION = "us-east-1"
_S3A = "spark.hadoop.fs.s3a."


def on_s3(path: str) -> bool:
    """Whether a path is on S3 and not on disk."""
    return path.startswith(SCHEME)


def session_settings(limits: S3Limits, *, own_jars: bool) -> dict[str, str]:
    """Settings of a session that reaches S3. With `own_jars` also whose credentials; a platform brings its own way to them."""
    settings = {**_always(limits), **_endpoint()}
    if own_jars:
        # variables (with session token), web identity, profile, container, instance: what boto3's chain has
        settings[f"{_S3A}aws.credentials.provider"] = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
    return settings


def _always(limits: S3Limits) -> dict[str, str]:
    request = f"{limits.request_timeout_s}s"
    return {
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        # else every write deletes the markers of the folders above it, one request a folder
        f"{_S3A}directory.marker.retention": "keep",
        # a connection that cannot be made, a silent socket, and a whole request with the SDK's own retries
        f"{_S3A}connection.establish.timeout": request,
        f"{_S3A}connection.timeout": request,
        f"{_S3A}connection.request.timeout": request,
        f"{_S3A}connection.part.upload.timeout": f"{limits.upload_timeout_s}s",
        # one PUT or part carries at most this, so the time-out asks for 1 MB/s
        f"{_S3A}multipart.size": f"{limits.upload_timeout_s}M",
        # retries of S3A around those of the SDK, which stay within the request's time-out
        f"{_S3A}attempts.maximum": "2",
        f"{_S3A}retry.limit": str(limits.retries),
        f"{_S3A}retry.interval": f"{limits.first_wait_ms}ms",
        # the default, 20 doublings of 100 ms, would wait for a day
        f"{_S3A}retry.throttle.limit": str(limits.retries),
        f"{_S3A}retry.throttle.interval": f"{limits.first_wait_ms}ms",
    }


def _endpoint() -> dict[str, str]:
    endpoint, region = _first(ENDPOINT_VARIABLES), _first(REGION_VARIABLES)
    settings = {f"{_S3A}endpoint.region": region or DEFAULT_REGION} if region or endpoint else {}
    if endpoint:
        settings[f"{_S3A}endpoint"] = endpoint
        settings[f"{_S3A}connection.ssl.enabled"] = str(not endpoint.startswith("http://")).lower()
        # a server of one's own has no host name for each bucket
        settings[f"{_S3A}path.style.access"] = "true"
    return settings


def _first(names: tuple[str, ...]) -> str | None:
    return next((os.environ[n] for n in names if os.environ.get(n)), None)


@cache
def client() -> Any:
    """boto3's client, one a process, with the same limits as S3A's by default."""
    import boto3
    from botocore.config import Config

    limits = S3Limits()
    options = Config(
        connect_timeout=limits.request_timeout_s,
        read_timeout=limits.request_timeout_s,
        retries={"mode": "standard", "total_max_attempts": limits.retries + 1},
    )
    own_server = _first(ENDPOINT_VARIABLES) and not _first(REGION_VARIABLES)
    return boto3.client("s3", config=options, region_name=DEFAULT_REGION if own_server else None)


def bucket_and_key(path: str) -> tuple[str, str]:
    """The two parts of s3://bucket/key."""
    bucket, _, key = path.removeprefix(SCHEME).partition("/")
    return bucket, key


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn what boto3 raises in the body into LakeError naming the path."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError, RetriesExceededError, S3DownloadFailedError) as e:
        # "max retries exceeded" says nothing of what happened each time
        raise LakeError(f"{path}: {said(getattr(e, 'last_exception', e), None)}") from e


_OF_S3A = re.compile(r"org\.apache\.hadoop\.fs\.s3a\.|software\.amazon\.awssdk\.|\bs3a?://\S+: (?:getFileStatus|open|list|PUT)")
_PLACE = re.compile(r"\bs3[an]?://[^\s'\"),;]+")
_CAUSE = re.compile(r"(?:Caused by: |^)[\w.$]*?(?:fs\.s3a\.\w+|java\.\w+\.\w+|\w+Exception): ?([^\n]+)", re.MULTILINE)


def failure_of_s3(error: BaseException, lake: str) -> LakeError | None:
    """The one line for an error of S3A that reached Python with its Java stack, or of boto3 in a worker; None for any other.
    `lake` is named where the error names no place."""
    text = str(error)
    if ours := re.search(r"lake\.errors\.LakeError: (s3://[^\n]+)", text):
        return LakeError(ours[1])
    if not _OF_S3A.search(text):
        return None
    place, causes = _PLACE.search(text), _CAUSE.findall(text)
    cause = next((c for c in causes if "(Service: S3" in c or "timed out" in c or "onnect" in c), causes[-1] if causes else text)
    return LakeError(f"{place[0].rstrip(':') if place else lake}: {' '.join(cause.split())[:300]}")
