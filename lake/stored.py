"""A whole folder of the lake as stored, on disk or S3, without Spark: what is there, reading it, copying it elsewhere."""

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lake.s3 import bucket_and_key, client, explained, on_s3
from lake.storage import opened

THREADS = 16


@dataclass(frozen=True)
class Stored:
    """A folder, by its path on disk or s3://bucket/prefix."""

    root: str

    def path(self, name: str) -> str:
        """Of a file in it."""
        return f"{self.root.rstrip('/')}/{name}"

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Size in bytes of every file in the folder and below, by name from the root; empty where there is none."""
        start = self.path(folder).rstrip("/")
        found = _on_s3(start) if on_s3(start) else _on_disk(start)
        return {f"{folder}/{name}".lstrip("/"): size for name, size in found}

    def read(self, name: str) -> bytes:
        """A file's content. Raises LakeError or OSError where it is not there."""
        with opened(self.path(name)) as stream:
            return stream.read()

    def write(self, name: str, content: bytes) -> None:
        """Put a small file there, whole or not at all."""
        path = self.path(name)
        if on_s3(path):
            bucket, key = bucket_and_key(path)
            with explained(path):
                client().put_object(Bucket=bucket, Key=key, Body=content)
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        partial = f"{path}.{uuid.uuid4().hex[:8]}"
        try:
            Path(partial).write_bytes(content)
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Delete a file; nothing if it is not there."""
        path = self.path(name)
        if on_s3(path):
            bucket, key = bucket_and_key(path)
            with explained(path):
                client().delete_object(Bucket=bucket, Key=key)
            return
        Path(path).unlink(missing_ok=True)

    def copy(self, names: Iterable[str], to: "Stored") -> int:
        """Copy files, side by side, whole or not at all each; one that is there in the same size is left. Returns how many were
        copied."""
        there = to.sizes()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="copy") as pool:
            sizes = self.sizes()
            todo = [name for name in names if there.get(name) != sizes[name]]
            list(pool.map(lambda name: _copy(self.path(name), to.path(name)), todo))
        return len(todo)


def _on_disk(start: str) -> Iterator[tuple[str, int]]:
    for folder, _, names in os.walk(start):
        for name in names:
            path = os.path.join(folder, name)
            yield os.path.relpath(path, start), os.path.getsize(path)


def _on_s3(start: str) -> Iterator[tuple[str, int]]:
    bucket, prefix = bucket_and_key(start)
    prefix = f"{prefix}/" if prefix else ""
    with explained(start):
        for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                if not found["Key"].endswith("/"):
                    yield found["Key"].removeprefix(prefix), found["Size"]


def _copy(source: str, target: str) -> None:
    if on_s3(source) and on_s3(target):
        # within S3, in parts where it is large; nothing comes through this machine
        (bucket, key), (to_bucket, to_key) = bucket_and_key(source), bucket_and_key(target)
        with explained(target):
            client().copy({"Bucket": bucket, "Key": key}, to_bucket, to_key)
    elif on_s3(target):
        bucket, key = bucket_and_key(target)
        with explained(target):
            client().upload_file(source, bucket, key)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        partial = f"{target}.{uuid.uuid4().hex[:8]}"
        with opened(source) as stream, open(partial, "wb") as out:
            shutil.copyfileobj(stream, out)
        os.replace(partial, target)
