"""Files outside the lake: listing and reading them, on disk and on S3."""

import glob
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lake.errors import InputError

S3 = "s3://"


def on_s3(path: str) -> bool:
    """Whether a path is on S3 and not on disk."""
    return path.startswith(S3)


_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class StoredFile:
    """A file as listed; `fingerprint` (size and modification time or ETag) tells a known file without reading it."""

    path: str
    size_bytes: int
    fingerprint: str


def list_files(pattern: str) -> list[StoredFile]:
    """Files of a path, a glob or a folder (with all below it), by path; hidden ones (`.x`, `_x`) are left out, as Spark
    leaves them out. `*` stops at a slash, `**` does not. Empty where there is none. Raises InputError if S3 refuses."""
    files = _list_s3(pattern) if pattern.startswith(S3) else _list_local(pattern)
    return sorted(files, key=lambda f: f.path)


def join(root: str, pattern: str) -> str:
    """A glob below a root. Raises InputError for one that climbs out of it."""
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise InputError(f"'{pattern}' leaves the folder {root}: give a pattern below it")
    return f"{root.rstrip('/')}/{pattern}"


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, to be read as a stream."""
    if not path.startswith(S3):
        with open(path, "rb") as stream:
            yield stream
        return
    bucket, key = _bucket_and_key(path)
    body = s3_client().get_object(Bucket=bucket, Key=key)["Body"]
    try:
        yield body
    finally:
        body.close()


def spark_path(path: str) -> str:
    """The path for a Spark reader, which would take these characters for a glob."""
    escaped = re.sub(r"([\[\]{}*?\\])", r"\\\1", path)
    return escaped if path.startswith(S3) else f"file://{escaped}"


def _list_local(pattern: str) -> list[StoredFile]:
    root = os.path.abspath(os.path.expanduser(pattern))
    if os.path.isfile(root):
        return [_stat(root)]
    if os.path.isdir(root):
        found = (os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names)
        return [_stat(p) for p in found if not _hidden(os.path.relpath(p, root))]
    base = os.path.dirname(_WILDCARD.split(root)[0])
    matched = (p for p in glob.iglob(root, recursive=True) if os.path.isfile(p))
    return [_stat(p) for p in matched if not _hidden(os.path.relpath(p, base))]


def _stat(path: str) -> StoredFile:
    stat = Path(path).stat()
    return StoredFile(path, stat.st_size, f"{stat.st_size}-{stat.st_mtime_ns}")


def _hidden(relative: str) -> bool:
    return any(part.startswith((".", "_")) for part in relative.split("/"))


def _list_s3(pattern: str) -> list[StoredFile]:
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = _bucket_and_key(pattern)
    prefix = _WILDCARD.split(key)[0]
    wanted = re.compile(_glob_regex(key) if _WILDCARD.search(key) else re.escape(key.rstrip("/")) + "(/.*)?" if key else ".*")
    try:
        pages = s3_client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix.rstrip("/"))
        objects = [x for page in pages for x in page.get("Contents", []) if not x["Key"].endswith("/")]
    except (BotoCoreError, ClientError) as e:
        raise InputError(f"cannot list {pattern}: {' '.join(str(e).split())}") from e
    hidden_from = prefix.rfind("/") + 1
    return [
        StoredFile(f"{S3}{bucket}/{x['Key']}", x["Size"], f"{x['Size']}-{x['ETag'].strip(chr(34))}")
        for x in objects
        if wanted.fullmatch(x["Key"]) and not _hidden(x["Key"][hidden_from:])
    ]


def _glob_regex(pattern: str) -> str:
    """`**/` any folders, `*` and `?` within a name, [..] a set: what glob does on disk."""
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern)
    meaning = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meaning.get(t) or (t.replace("[!", "[^") if re.fullmatch(r"\[.+\]", t) else re.escape(t)) for t in tokens)


def _bucket_and_key(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix(S3).partition("/")
    return bucket, key


def s3_client() -> Any:
    """boto3's client; who we are and where S3 is comes from AWS's standard chain."""
    import boto3

    return boto3.client("s3")
