"""A folder as a tar.gz whose bytes depend on nothing but its files: names, contents, and whether one may be run; and installed
packages without what depends on the builder."""

import csv
import gzip
import hashlib
import shutil
import tarfile
from pathlib import Path

EPOCH = 315532800
"""1980-01-01, the first day that a wheel can hold; some tools take a time of 0 for none."""
UNUSED = ("bin", "share", "etc", "include", ".lock")
"""Beside the packages: console scripts (they begin with the builder's own Python) and files for a prefix that is not there."""


def tidy(site: Path) -> None:
    """Take out what differs between two builds or is of no use on a worker, and the packages' records of it: they have hashes."""
    for name in UNUSED:
        path = site / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for path in [*site.rglob("__pycache__")]:
        shutil.rmtree(path)
    for path in [*site.glob("*.dist-info/uv_cache.json"), *site.glob("*.dist-info/direct_url.json")]:
        path.unlink()
    for record in site.glob("*.dist-info/RECORD"):
        # a hard link to an installer's cache must not be written through
        lines = record.read_text().splitlines(keepends=True)
        record.unlink()
        record.write_text("".join(x for x in lines if (site / next(csv.reader([x]))[0]).exists()))


def pack(root: Path, target: Path, level: int = 6) -> None:
    """Write what is below `root` to `target`, with entries in the order of their names, without times and owners."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", level, raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT, bufsize=2**20) as tar,
    ):
        for path in sorted(root.rglob("*"), key=lambda x: x.relative_to(root).as_posix()):
            _add(tar, path, path.relative_to(root).as_posix())


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    info = tar.gettarinfo(path, name)
    # hard links into an installer's cache are none of the archive's business
    if info.islnk():
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = EPOCH
    info.mode = 0o755 if info.isdir() or info.mode & 0o111 else 0o644
    if info.isfile():
        with path.open("rb") as stream:
            tar.addfile(info, stream)
    else:
        tar.addfile(info)


def sha256_of(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_hash(text: bytes) -> str:
    """The part of a sha256 that names carry."""
    return hashlib.sha256(text).hexdigest()[:16]
