"""The fake account, a fresh one a test."""

from collections.abc import Iterator

import pytest

from tests.emr.given import Account, account_of
from tests.servers import S3


@pytest.fixture
def cloud(s3: S3, bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Account]:
    with account_of(s3, bucket, monkeypatch, capsys) as account:
        yield account
