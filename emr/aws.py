"""Clients of AWS, and what they raise told apart: what may pass, and what was refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lake.errors import EnvironmentProblem
from lake.masking import said

CONNECT_S, READ_S, TRIES = 10, 30, 5
_PASSING = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown",
    "InternalServerException", "InternalServerError", "InternalFailure", "ServiceUnavailable", "RequestTimeout",
})  # fmt: skip
_SERVER_ERROR = 500
_LOG_IN = "set AWS_PROFILE, or log in (aws sso login)"


class Unreachable(EnvironmentProblem):
    """AWS did not answer, or asked to come back later; asking again may help."""


class Refused(EnvironmentProblem):
    """AWS answered no. `code` is its own word for why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def client(service: str, region: str, *, tries: int = TRIES, read_s: float = READ_S) -> Any:
    """boto3's client with credentials found the usual way; it waits and tries again when throttled or cut off. Raises Refused
    where there is no such region or profile."""
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": tries}
    config = Config(connect_timeout=CONNECT_S, read_timeout=read_s, retries=retries)  # type: ignore[arg-type]
    with asking(f"credentials for {service}"):
        return boto3.client(service, region_name=region, config=config)  # type: ignore[call-overload]


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn what boto3 raises in the body into Unreachable or Refused, in one line that says what was asked for."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,
        HTTPClientError,
        NoCredentialsError,
        ProfileNotFound,
    )

    try:
        yield
    except ClientError as e:
        code, status = e.response["Error"].get("Code", ""), e.response["ResponseMetadata"].get("HTTPStatusCode", 0)
        why = f"{what}: {said(e, None)}"
        if code in _PASSING or status >= _SERVER_ERROR:
            raise Unreachable(why) from e
        raise Refused(why, code) from e
    except NoCredentialsError as e:
        raise Refused(f"{what}: no credentials were found: {_LOG_IN}", "NoCredentials") from e
    except ProfileNotFound as e:
        raise Refused(f"{what}: {said(e, None)}: {_LOG_IN}", "NoCredentials") from e
    except (ConnectionError, HTTPClientError) as e:
        raise Unreachable(f"{what}: {said(e, None)}") from e
    except BotoCoreError as e:
        raise Refused(f"{what}: {said(e, None)}", type(e).__name__) from e
