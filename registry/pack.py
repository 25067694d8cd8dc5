"""Read an exam pack and believe nothing in it that does not agree with the rest: hashes, the history's chain, the digest."""

import hashlib
import json
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from lake.errors import InputError
from lake.storage import opened
from lake.yaml_file import describe
from registry import history as h
from registry import pack_format as p
from registry.actors import Actor
from registry.champion import FILES, JUDGED, TEST_PREDICTIONS
from registry.contents import Contents
from registry.exam import told
from registry.origins import Origin, origin_of
from registry.store import AUTHOR_TAG
from training.artefacts import APPROVALS
from training.scorer import Scorer

LARGEST_BYTES = 2 << 30
"""Unpacked, in memory. A pack is a few megabytes; a zip of the same size can claim to hold anything."""
STAYS = (f"{p.EVIDENCE}{APPROVALS}", TEST_PREDICTIONS)
"""What is of the registry that wrote the pack: its decisions, and rows of its policies."""
ORIGINAL_HISTORY = "origin/history.json"
"""Below the evidence of an imported version."""

Files = dict[str, bytes]


@dataclass(frozen=True)
class Pack:
    """A version of another registry, and how it stood there when the pack was written."""

    origin: Origin
    state: str
    contents: Contents


def read_pack(path: str) -> Pack:
    """From a file or an s3:// address. Raises InputError for what is no exam pack, was changed, or has a history that does not
    hold, and LakeError for a model of another version of this library."""
    files = _files(path)
    _refuse_changed(path, files)
    source = _source(path, files)
    history = _history(path, files)
    registered = history.last(source.version, h.REGISTERED)
    if registered is None or registered.model != source.model or not isinstance(registered.detail, dict):
        raise InputError(f"{path}: its history does not say how {source.model} version {source.version} came to be")
    contents = _contents(path, files)
    if contents.digest != registered.detail.get("digest"):
        raise InputError(f"{path}: its files are not those that {source.model} version {source.version} was registered with")
    _refuse_unreadable(path, contents)
    if contents.name != source.model:
        raise InputError(f"{path}: it says that it is of {source.model}, and its model is {contents.name}")
    origin = _origin(path, source, registered)
    if origin.author != Actor(str(contents.lineage.get(AUTHOR_TAG, "")), verified=False, source="").principal:
        # the digest covers the lineage, and not the history
        raise InputError(f"{path}: its history names another author than its files")
    return Pack(origin, history.state(source.version), contents)


def _files(path: str) -> Files:
    try:
        with opened(path) as stream, zipfile.ZipFile(stream) as pack:
            _refuse_harmful(path, pack.infolist())
            return {name: pack.read(name) for name in pack.namelist()}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, lzma.LZMAError) as e:
        # two of them are zipfile's answers to a compression that it does not know, and to a password
        raise InputError(f"{path} is no exam pack, or was changed: {e}") from e
    except OSError as e:
        raise InputError(f"{path} cannot be read: {e.strerror or e}") from e


def _refuse_harmful(path: str, members: list[zipfile.ZipInfo]) -> None:
    """Names that climb out of a folder or are there twice, and more than fits in memory."""
    names = [m.filename for m in members]
    climbing = [n for n in names if n != PurePosixPath(n).as_posix() or n.startswith("/") or {"..", ""} & set(n.split("/"))]
    if climbing or len(names) != len(set(names)) or any("\\" in n or ":" in n for n in names):
        raise InputError(f"{path} is no exam pack: it holds names that no pack has")
    if sum(m.file_size for m in members) > LARGEST_BYTES:
        raise InputError(f"{path} is no exam pack: unpacked it would be more than {LARGEST_BYTES >> 20:,} MB")


def _refuse_changed(path: str, files: Files) -> None:
    if p.SUMS_FILE not in files:
        raise InputError(f"{path} is no exam pack of `telematics registry export`: it has no {p.SUMS_FILE}")
    lines = files[p.SUMS_FILE].decode(errors="replace").splitlines()
    wanted = {name: hashed for hashed, _, name in (line.partition("  ") for line in lines)}
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != p.SUMS_FILE}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise InputError(f"{path} was changed: {', '.join(wrong[:5])} not as {p.SUMS_FILE} says")


def _source(path: str, files: Files) -> p.Source:
    if p.SOURCE_FILE not in files:
        raise InputError(f"{path} has no {p.SOURCE_FILE}: it is of a release before packs could be imported, export it again")
    try:
        return p.Source.model_validate_json(files[p.SOURCE_FILE])
    except ValidationError as e:
        raise InputError(f"{path}: {p.SOURCE_FILE}: {describe(e)}") from e


def _history(path: str, files: Files) -> h.History:
    """The chain by its own hashes, and the same as history.json tells it."""
    found = h.chain(lambda number: files.get(p.entry_file(number)))
    stated = _stated(files.get(p.HISTORY_FILE, b""))
    broken = found.broken or (stated or {}).get("broken")
    is_all = len(found.entries) == sum(name.startswith(p.ENTRIES) for name in files)
    if broken or not is_all or stated != json.loads(json.dumps(told(found))):
        raise InputError(f"{path}: its history does not hold: {broken or f'{p.HISTORY_FILE} and the entries do not agree'}")
    return found


def _stated(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _contents(path: str, files: Files) -> Contents:
    model, evidence = (_below(files, folder) for folder in (p.MODEL, p.EVIDENCE))
    lacking = [f"{p.MODEL}{n}" for n in FILES if n not in model] + [f"{p.EVIDENCE}{n}" for n in JUDGED if n not in evidence]
    if lacking or len(model) != len(FILES):
        raise InputError(f"{path}: it is not a version's files: {', '.join(lacking) or 'more than the model'}")
    judged = {n: evidence[n] for n in JUDGED}
    stays = {name.removeprefix(p.EVIDENCE) for name in STAYS} | set(JUDGED)
    beside = {n: content for n, content in evidence.items() if n not in stays}
    return Contents(model, judged, beside | {ORIGINAL_HISTORY: files[p.HISTORY_FILE]})


def _refuse_unreadable(path: str, contents: Contents) -> None:
    """Before a run is begun: what registering reads, and that the model scores."""
    Scorer.from_parts(contents.model)
    try:
        missing = {"frame_hash", "valuation"} - contents.lineage.keys()
        contents.metrics(), contents.params.keys(), contents.data_hash, contents.card
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise InputError(f"{path}: its evidence is not as this library writes it: {type(e).__name__} {e}") from e
    if missing:
        raise InputError(f"{path}: its lineage lacks {', '.join(sorted(missing))}")


def _origin(path: str, source: p.Source, registered: h.Entry) -> Origin:
    try:
        return origin_of(source.registry, registered)
    except (TypeError, AttributeError) as e:
        raise InputError(f"{path}: its history does not say where the version comes from: {e}") from e


def _below(files: Files, folder: str) -> Files:
    return {name.removeprefix(folder): content for name, content in files.items() if name.startswith(folder)}
