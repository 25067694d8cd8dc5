"""What an examiner is given: the inventory of all models, and one version as a file that is read without network. Another
registry takes it in by registry/importing.py."""

import datetime as dt
import hashlib
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from lake.conf import Conf
from lake.errors import LakeError
from lake.masking import said
from registry import history as h
from registry.champion import load
from registry.pack_format import HISTORY_FILE, SOURCE_FILE, SUMS_FILE, Source, entry_file
from registry.store import CANARY, connect
from registry.versions import Version, holder, versions
from training.artefacts import ARTEFACTS
from training.card import intended_use

README = """Exam pack of {model} version {version}

Open evidence/report.html in a browser: it loads nothing from anywhere. The ten artefacts are below evidence/, the model's files
below model/, the version's history in history.json. pack.json says which registry it is from.

How to check it, with sha256sum and any JSON reader:
- SHA256SUMS has the hash of each file: `sha256sum -c SHA256SUMS`.
- history.json: each entry's `previous` is the hash of the entry before it; the hash of an entry is that of its file in history/.
- An approval's `digest` is sha256 over the model's files and artefacts 1 to 9, in the order of names, each as
  `<length of name>:<name>:<length of content>:<content>`. Here it is {digest}.
- The training frame is frames.{frame} in the lake.
"""


def inventory(conf: Conf) -> list[dict[str, str]]:
    """A line per model: use, owner, state, champion, approval's end and when it must be reviewed next."""
    found = versions(conf)
    return [_line(conf, name, [v for v in found if v.model == name]) for name in sorted({v.model for v in found})]


def _line(conf: Conf, model: str, own: list[Version]) -> dict[str, str]:
    history = h.read(conf, model)
    champion = history.champion
    approval = None if champion is None else history.last(champion, h.APPROVED)
    return {
        "model": model,
        "use": intended_use(own[0].tags.get("feature_version", "")),
        "owner": "" if (first := history.last(champion or own[0].version, h.REGISTERED)) is None else first.actor.name,
        "versions": str(len(own)),
        "champion": champion or "none",
        "canary": holder(conf, model, CANARY) or "none",
        "approved_by": "" if approval is None else approval.actor.name,
        "next_review": "" if approval is None else approval.detail["expires"],
        "history": history.broken or f"{len(history.entries)} entries, unbroken",
    }


def export(conf: Conf, chosen: Version, folder: Path) -> Path:
    """Write <model>-<version>.zip: evidence, model, history with its proof, hashes. Raises LakeError for what is not there."""
    import mlflow
    from mlflow.exceptions import MlflowException

    loaded = load(conf, chosen.model, chosen.version, chosen.run_id)
    connect(conf)
    with tempfile.TemporaryDirectory() as temporary:
        try:
            evidence = Path(
                mlflow.artifacts.download_artifacts(run_id=chosen.run_id, artifact_path="evidence", dst_path=temporary)
            )
        except MlflowException as e:
            raise LakeError(f"{chosen.model} version {chosen.version}: its evidence cannot be read: {said(e)}") from e
        files = {f"evidence/{p.relative_to(evidence)}": p.read_bytes() for p in sorted(evidence.rglob("*")) if p.is_file()}
    lacking = [name for name in ARTEFACTS.values() if f"evidence/{name}" not in files]
    if lacking:
        raise LakeError(f"{chosen.model} version {chosen.version} has no {', '.join(lacking)}: nothing was written")
    files |= {f"model/{k}": v for k, v in loaded.files.items() if k not in ARTEFACTS.values()}
    return _zip(folder / f"{chosen.model}-{chosen.version}.zip", files | _history(conf, chosen))


def told(history: h.History) -> dict[str, Any]:
    """A history as one document: each entry with its hash, and what is wrong with the chain."""
    entries = [{**json.loads(e.body()), "hash": x} for e, x in zip(history.entries, history.hashes, strict=True)]
    return {"broken": history.broken, "entries": entries}


def _history(conf: Conf, chosen: Version) -> dict[str, bytes]:
    found = h.read(conf, chosen.model)
    registered = found.registered(chosen.version).detail
    readme = README.format(
        model=chosen.model, version=chosen.version, digest=registered["digest"], frame=registered["frame_hash"]
    )
    single = {entry_file(e.number): e.body() for e in found.entries}
    source = Source(registry=conf.registry_history, model=chosen.model, version=chosen.version)
    whole = {HISTORY_FILE: json.dumps(told(found), indent=1).encode(), SOURCE_FILE: source.model_dump_json(indent=1).encode()}
    return {"README.txt": readme.encode()} | single | whole


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    """The same bytes for the same files: dates are not of the clock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in sorted((files | {SUMS_FILE: sums.encode()}).items()):
            out.writestr(zipfile.ZipInfo(name, dt.datetime(1980, 1, 1).timetuple()[:6]), content)
    return path
