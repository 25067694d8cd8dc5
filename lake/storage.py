"""Files outside the lake: listing and reading them, on disk and on S3."""

import glob
import hashlib
import mimetypes
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from lake.errors import InputError
from lake.masking import said
from lake.s3 import SCHEME, bucket_and_key, client, explained, on_s3

SPOOL_BYTES = 64 << 20
"""An object up to this size is held in memory while it is read, a larger one on disk."""

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
    files = _list_s3(pattern) if on_s3(pattern) else _list_local(pattern)
    return sorted(files, key=lambda f: f.path)


def join(root: str, pattern: str) -> str:
    """A glob below a root. Raises InputError for one that climbs out of it."""
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise InputError(f"'{pattern}' leaves the folder {root}: give a pattern below it")
    return f"{root.rstrip('/')}/{pattern}"


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, to be read as a stream. An object is fetched whole first: a connection that is cut in its middle
    is then resumed, and a reader never takes its end for the end of the file. Raises LakeError where S3 does not give it."""
    if not on_s3(path):
        with open(path, "rb") as stream:
            yield stream
        return
    with SpooledTemporaryFile(SPOOL_BYTES) as spool:
        bucket, key = bucket_and_key(path)
        with explained(path):
            client().download_fileobj(bucket, key, spool)
        spool.seek(0)
        yield spool


def keep(folder: Path, place: str | None, names: Iterable[str] | None = None) -> None:
    """Copy files of a folder, all or those named, to a place on S3 where they differ from what is there; nothing where there is
    no place."""
    if place is None or not folder.is_dir():
        return
    bucket, prefix = bucket_and_key(place)
    paths = (p for p in folder.rglob("*") if p.is_file()) if names is None else (folder / name for name in names)
    with explained(place):
        there = {x["Key"]: x["ETag"] for x in _objects(bucket, f"{prefix}/")}
        for path in sorted(paths):
            key = f"{prefix}/{path.relative_to(folder).as_posix()}"
            if not _is_same(path, there.get(key)):
                kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                client().upload_file(str(path), bucket, key, ExtraArgs={"ContentType": kind})


def fetch(place: str | None, folder: Path, ending: str = "") -> None:
    """Copy the objects below a place whose names end so into a folder; what keep does, back. Of an object and a file that differ
    the newer one stays."""
    if place is None:
        return
    bucket, prefix = bucket_and_key(place)
    with explained(place):
        for found in (x for x in _objects(bucket, f"{prefix}/") if x["Key"].endswith(ending)):
            target = below(folder, found["Key"].removeprefix(f"{prefix}/"))
            if target is not None and _is_newer(found, target):
                target.parent.mkdir(parents=True, exist_ok=True)
                client().download_file(bucket, found["Key"], str(target))


def _is_newer(found: dict[str, Any], path: Path) -> bool:
    """An object's time may be told in whole seconds."""
    if path.is_file() and found["LastModified"].timestamp() < int(path.stat().st_mtime):
        return False
    return not _is_same(path, found["ETag"])


def _is_same(path: Path, etag: str | None) -> bool:
    """Whether a file is an object of that ETag, as far as it tells: of parts, or encrypted with a key, it does not."""
    if etag is None or not path.is_file():
        return False
    return etag.strip('"') == hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def below(folder: Path, name: str) -> Path | None:
    """Where an object with that name goes in the folder; None for a name that climbs out of it."""
    target = (folder / name).resolve()
    return target if target.is_relative_to(folder.resolve()) else None


def spark_path(path: str) -> str:
    """The path for a Spark reader, which would take these characters for a glob."""
    escaped = re.sub(r"([\[\]{}*?\\])", r"\\\1", path)
    return escaped if on_s3(path) else f"file://{escaped}"


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

    bucket, key = bucket_and_key(pattern)
    prefix = _WILDCARD.split(key)[0]
    wanted = re.compile(_glob_regex(key) if _WILDCARD.search(key) else re.escape(key.rstrip("/")) + "(/.*)?" if key else ".*")
    try:
        objects = _objects(bucket, prefix.rstrip("/"))
    except (BotoCoreError, ClientError) as e:
        raise InputError(f"cannot list {pattern}: {said(e, None)}") from e
    hidden_from = prefix.rfind("/") + 1
    # a key may have what a glob means something by
    if any(x["Key"] == key for x in objects):
        wanted = re.compile(re.escape(key))
    return [
        StoredFile(f"{SCHEME}{bucket}/{x['Key']}", x["Size"], f"{x['Size']}-{x['ETag'].strip(chr(34))}")
        for x in objects
        if wanted.fullmatch(x["Key"]) and not _hidden(x["Key"][hidden_from:])
    ]


def _objects(bucket: str, prefix: str) -> list[dict[str, Any]]:
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [x for page in pages for x in page.get("Contents", []) if not x["Key"].endswith("/")]


def _glob_regex(pattern: str) -> str:
    """`**/` any folders, `*` and `?` within a name, [..] a set: what glob does on disk."""
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]*\])", pattern)
    meaning = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meaning.get(t) or (t.replace("[!", "[^") if re.fullmatch(r"\[.+\]", t) else re.escape(t)) for t in tokens)
