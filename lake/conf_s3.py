"""A configuration on S3 with what may stand beside it, sources and event rules: a new source needs no new wheel."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lake import yaml_file
from lake.errors import ConfigError, LakeError
from lake.s3 import SCHEME, bucket_and_key, client, explained, on_s3

FOLDERS = {"sources": "sources_folder", "rules": "rules_folder"}
"""Folder beside a configuration -> the key that names another."""
_KEPT: list[TemporaryDirectory[str]] = []
"""What was fetched stays until the process ends."""


def text_of(address: str) -> str:
    """The configuration's text. Raises ConfigError where it is not there or may not be read."""
    bucket, key = bucket_and_key(address)
    try:
        with explained(address):
            return str(client().get_object(Bucket=bucket, Key=key)["Body"].read().decode())
    except (LakeError, UnicodeDecodeError) as e:
        raise ConfigError(f"no configuration can be read from {address}: {e}") from e


def folders(address: str | None, shipped: Path, given: dict[str, str | None]) -> dict[str, str]:
    """Key -> local folder, for each of FOLDERS that is on S3: the one given as s3://, else the one beside `address`. It holds
    the files that are shipped and over them those on S3; a folder that S3 has nothing of is left out.

    Raises ConfigError where S3 does not answer, or a folder that was given is empty.
    """
    found = {}
    for name, key in FOLDERS.items():
        own = given.get(key)
        # it may be anything: nothing is checked yet
        if own is not None and not on_s3(str(own)):
            continue
        place = own or (f"{address.rsplit('/', 1)[0]}/{name}" if address else None)
        if place is None:
            continue
        files = _files(place.rstrip("/"))
        if files:
            found[key] = str(_fetched(files, shipped / name))
        elif own is not None:
            raise ConfigError(f"{key}: {own} has no .yml file")
    return found


def _files(place: str) -> dict[str, str]:
    """Name -> address of the .yml files right below a place."""
    bucket, prefix = bucket_and_key(f"{place}/")
    try:
        with explained(place):
            pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
            keys: list[str] = [x["Key"] for page in pages for x in page.get("Contents", [])]
    except LakeError as e:
        raise ConfigError(str(e)) from e
    return {key.removeprefix(prefix): f"{SCHEME}{bucket}/{key}" for key in keys if key.endswith(".yml")}


def _fetched(files: dict[str, str], shipped: Path) -> Path:
    kept = TemporaryDirectory(prefix="telematics-conf-")
    _KEPT.append(kept)
    folder = Path(kept.name)
    for path in shipped.glob("*.yml"):
        shutil.copy(path, folder)
    for name, address in files.items():
        (folder / name).write_text(text_of(address), encoding="utf-8")
    return folder


def read(name: str, path: Path) -> tuple[str, str | None]:
    """A configuration's text, and its address if it is on S3. Raises ConfigError where it cannot be read."""
    return (text_of(name), name) if on_s3(name) else (yaml_file.text_of(path), None)


def with_folders(values: dict[str, Any], address: str | None, shipped: Path) -> dict[str, Any]:
    """What a configuration says, with the folders that were fetched for it."""
    given = {key: values.get(key) for key in FOLDERS.values()}
    if address is None and not any(on_s3(str(x)) for x in given.values()):
        return values
    return values | folders(address, shipped, given)
