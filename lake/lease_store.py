"""Where a lake's lease objects are: numbered, each made only if it is not there, dated by the store's own clock."""

import contextlib
import datetime as dt
import os
import re
import uuid
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol

from lake.errors import LakeError
from lake.s3 import bucket_and_key, client, explained, on_s3

FOLDER = "_leases"
_NAME = re.compile(r"(\d{12})\.json")
_ALREADY_THERE = ("PreconditionFailed", "ConditionalRequestConflict")


@dataclass(frozen=True)
class Listing:
    """The objects there are, by number with the seconds since each was made, by one look at the store's clock."""

    ages_s: dict[int, float]

    @property
    def last(self) -> int:
        """The highest number, 0 where there is none."""
        return max(self.ages_s, default=0)


class LeaseStore(Protocol):
    """Numbered objects. `create` returns False, and changes nothing, where the number is taken."""

    def create(self, number: int, body: bytes) -> bool: ...  # noqa: D102

    def listing(self) -> Listing: ...  # noqa: D102

    def read(self, number: int) -> bytes | None: ...  # noqa: D102

    def delete(self, number: int) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class DiskStore:
    """Objects in a local folder."""

    folder: Path

    def create(self, number: int, body: bytes) -> bool:
        """A finished file is linked to its number: a link is made once, and never half."""
        partial = self._partial()
        try:
            partial.write_bytes(body)
            os.link(partial, self._path(number))
        except FileExistsError:
            return False
        finally:
            partial.unlink(missing_ok=True)
        return True

    def listing(self) -> Listing:
        """The clock is that of the file system: a file made now says what it shows."""
        now = self._now()
        ages = {}
        for path in self.folder.iterdir():
            # one that is pruned meanwhile is not there
            with contextlib.suppress(FileNotFoundError):
                if found := _NAME.fullmatch(path.name):
                    ages[int(found[1])] = now - path.stat().st_mtime
        return Listing(ages)

    def read(self, number: int) -> bytes | None:
        """The object's content, None where it is gone."""
        try:
            return self._path(number).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, number: int) -> None:
        """Nothing where it is gone."""
        self._path(number).unlink(missing_ok=True)

    def _now(self) -> float:
        try:
            partial = self._partial()
            partial.touch()
            now = partial.stat().st_mtime
            partial.unlink()
        except OSError as e:
            raise LakeError(f"cannot write to {self.folder}: {e.strerror or e}") from e
        return now

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012d}.json"

    def _partial(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f".partial-{uuid.uuid4().hex}"


@dataclass(frozen=True)
class S3Store:
    """Objects below an S3 prefix; `client` is boto3's."""

    client: Any
    bucket: str
    prefix: str

    def create(self, number: int, body: bytes) -> bool:
        """A PUT with If-None-Match: S3 refuses the second."""
        from botocore.exceptions import ClientError

        with explained(self._place):
            try:
                self.client.put_object(Bucket=self.bucket, Key=self._key(number), Body=body, IfNoneMatch="*")
            except ClientError as e:
                if e.response["Error"]["Code"] not in _ALREADY_THERE:
                    raise
                return False
            return True

    def listing(self) -> Listing:
        """The clock is the date of S3's answer, to the second."""
        ages: dict[int, float] = {}
        with explained(self._place):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.prefix}/"):
                now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
                for x in page.get("Contents", []):
                    if found := _NAME.fullmatch(x["Key"].removeprefix(f"{self.prefix}/")):
                        ages[int(found[1])] = (now - _utc(x["LastModified"])).total_seconds()
        return Listing(ages)

    def read(self, number: int) -> bytes | None:
        """The object's content, None where it is gone."""
        with explained(self._place):
            try:
                return bytes(self.client.get_object(Bucket=self.bucket, Key=self._key(number))["Body"].read())
            except self.client.exceptions.NoSuchKey:
                return None

    def delete(self, number: int) -> None:
        """Nothing where it is gone."""
        with explained(self._place):
            self.client.delete_object(Bucket=self.bucket, Key=self._key(number))

    @property
    def _place(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def _key(self, number: int) -> str:
        return f"{self.prefix}/{number:012d}.json"


def numbered_store(place: str) -> LeaseStore:
    """Numbered objects in a folder or below an s3:// prefix."""
    if not on_s3(place):
        return DiskStore(Path(place).absolute())
    bucket, key = bucket_and_key(place.rstrip("/"))
    return S3Store(client(), bucket, key)


def lease_store(lake_root: str) -> LeaseStore:
    """Where the leases of a lake are: <lake>/_leases."""
    return numbered_store(f"{lake_root.rstrip('/')}/{FOLDER}")


def _utc(at: dt.datetime) -> dt.datetime:
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
