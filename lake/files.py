"""Folders and small files of the lake through Hadoop's FileSystem: one way on disk and on S3, without a Spark job."""

import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

_STATUS = re.compile(r"\{path=(.*?); isDirectory=(true|false)(?:; length=\d+[^{}]*?)?; modification_time=(\d+)")
_PATH, _STREAMS, _TEXT = "org.apache.hadoop.fs.Path", "org.apache.commons.io.IOUtils", "scala.runtime.ScalaRunTime"


@dataclass(frozen=True)
class Entry:
    """What a folder holds; the time of modification in milliseconds by the store's clock, 0 for a folder on S3."""

    path: str
    is_folder: bool
    modified_ms: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


class Files:
    """Small files by path."""

    def __init__(self, spark: SparkSession) -> None:
        # by their whole names: the JVM would look for each package of org.apache... as a class in every jar first
        self._path, self._streams, self._text = (getattr(spark._jvm, name) for name in (_PATH, _STREAMS, _TEXT))
        self._conf = spark._jsc.hadoopConfiguration()

    def _of(self, path: str) -> tuple[Any, Any]:
        there = self._path(path)
        return there, there.getFileSystem(self._conf)

    def entries(self, folder: str) -> list[Entry]:
        """What is in the folder, not below; empty where it is not there. One call to the JVM, however many there are."""
        there, system = self._of(folder)
        try:
            listed = self._text.stringOf(system.listStatus(there))
        except Py4JJavaError as e:
            if _is_missing(e):
                return []
            raise
        return [Entry(path, kind == "true", int(ms)) for path, kind, ms in _STATUS.findall(listed)]

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        there, system = self._of(path)
        return bool(system.exists(there))

    def read(self, path: str) -> bytes | None:
        """The file's content, None where it is not there."""
        there, system = self._of(path)
        try:
            stream = system.open(there)
        except Py4JJavaError as e:
            if _is_missing(e):
                return None
            raise
        try:
            return bytes(self._streams.toByteArray(stream))
        finally:
            stream.close()

    def write(self, path: str, content: bytes) -> None:
        """Put a small file there, whole or not at all, in the place of one that is there."""
        if "://" not in path:
            _replace(Path(path), content)
            return
        there, system = self._of(path)
        stream = system.create(there, True)
        stream.write(content)
        stream.close()

    def remove(self, path: str) -> None:
        """Delete a file, or a folder with all below it; nothing if it is not there."""
        there, system = self._of(path)
        system.delete(there, True)

    def now_ms(self, folder: str) -> int:
        """The store's clock: when a file that is made in the folder was made."""
        probe = f"{folder}/_now-{uuid.uuid4().hex[:12]}"
        self.write(probe, b"now")
        try:
            there, system = self._of(probe)
            return int(system.getFileStatus(there).getModificationTime())
        finally:
            self.remove(probe)


def _is_missing(error: Py4JJavaError) -> bool:
    return "java.io.FileNotFoundException" in str(error.java_exception.toString())


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}-{uuid.uuid4().hex[:12]}")
    partial.write_bytes(content)
    os.replace(partial, path)
