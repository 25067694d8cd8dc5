"""Versions to score with, and a local cache of their files.

A version's files never change, so the cache is filled once and keyed by the run. With it a night scores while the MLflow
server is down.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lake.conf import Conf
from lake.errors import EnvironmentProblem, LakeError, NoChampion
from lake.masking import said
from lake.s3 import on_s3
from registry.approval import approval_of, refuse_unapproved
from registry.history import head_of, read
from registry.store import CHAMPION, checked_name, connect, local_store, model_name, place_of
from training.artefacts import APPROVALS, ARTEFACTS, digest
from training.scorer import FREQUENCY_FILE, SEVERITY_FILE, SPEC_FILE, Scorer

LINEAGE_FILE = "lineage.json"
FILES = (FREQUENCY_FILE, SEVERITY_FILE, SPEC_FILE, LINEAGE_FILE)
JUDGED = tuple(name for name in ARTEFACTS.values() if name != APPROVALS)
"""Artefacts that an approval names, by their digest."""
TEST_PREDICTIONS = "evidence/test_predictions.parquet"
CACHE_BESIDE_S3 = "~/.cache/insurityai-telematics"
_NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class Registered:
    """A version with its loaded scorer. `lineage` has frame_hash, feature_version, valuation and the like; `cached` tells
    that MLflow could not be reached and this is the last champion seen."""

    conf: Conf
    model: str
    version: str
    run_id: str
    lineage: dict[str, str]
    scorer: Scorer
    cached: bool = False
    files: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """Of the model's files and artefacts as they are at hand."""
        return digest(self.files)

    @property
    def frame(self) -> str:
        """Name of the training frame's table."""
        return f"frames.{self.lineage['frame_hash']}"

    @property
    def gini(self) -> float:
        """Gini of the frequency on policies the model has not seen."""
        return float(self.lineage["gini"])

    @property
    def gini_interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        return float(self.lineage["gini_lower"]), float(self.lineage["gini_upper"])

    def test_predictions(self) -> pd.DataFrame:
        """Rows of policies never trained on: policy_id, as_of_date, exposure_years, claims, predicted and more. Raises LakeError
        where there are none, as of a version that was imported."""
        import mlflow
        from mlflow.exceptions import MlflowException

        connect(self.conf)
        try:
            path: str = mlflow.artifacts.download_artifacts(run_id=self.run_id, artifact_path=TEST_PREDICTIONS)
        except (MlflowException, OSError) as e:
            raise LakeError(f"{self.model} version {self.version}: no rows of unseen policies can be read: {said(e)}") from e
        return pd.read_parquet(path)


def champion(conf: Conf, coverage: str) -> Registered:
    """The version with the alias champion. Raises NoChampion saying what to run."""
    name = model_name(coverage)
    missing = NoChampion(
        f"no champion for coverage '{coverage}': run `telematics train`, then `telematics registry approve {name}` and "
        f"`telematics registry promote {name}`"
    )
    store = local_store(conf)
    if store is not None and not store.is_file():
        raise missing
    from mlflow.exceptions import MlflowException

    try:
        found = connect(conf).get_model_version_by_alias(name, CHAMPION)
    except MlflowException as e:
        if e.error_code in _NOT_THERE:
            raise missing from e
        return _last_seen(conf, name, said(e))
    loaded = load(conf, name, str(found.version), found.run_id)
    refuse_unapproved(conf, name, loaded.version, loaded.digest)
    pointer = {"version": str(found.version), "run_id": found.run_id, "head": head_of(conf, name)}
    (_cache(conf, name) / f"{CHAMPION}.json").write_text(json.dumps(pointer))
    return loaded


def load(conf: Conf, model: str, version: str, run_id: str | None = None) -> Registered:
    """A version by number; with its run id, without asking MLflow when its files are at hand. Raises LakeError."""
    name = checked_name(model)
    if run_id is None or not _files(conf, name, run_id).is_dir():
        run_id = _fetch(conf, name, version)
    return _read(conf, name, version, run_id)


def _read(conf: Conf, name: str, version: str, run_id: str, cached: bool = False) -> Registered:
    folder = _files(conf, name, run_id)
    lineage = json.loads((folder / LINEAGE_FILE).read_text())
    files = {f: (folder / f).read_bytes() for f in (*FILES, *JUDGED) if (folder / f).is_file()}
    return Registered(conf, name, version, run_id, lineage, Scorer.load(folder), cached, files)


def _last_seen(conf: Conf, name: str, cause: str) -> Registered:
    pointer = _cache(conf, name) / f"{CHAMPION}.json"
    if not pointer.is_file():
        raise EnvironmentProblem(f"MLflow at {place_of(conf)} does not answer and no champion is cached: {cause}")
    kept = json.loads(pointer.read_text())
    seen = _read(conf, name, kept["version"], kept["run_id"], cached=True)
    anchored = conf.registry.anchor is not None
    history = read(conf, name, anchored).sound()
    approval_of(history, conf, name, seen.version, seen.digest)
    if not anchored and "head" in kept:
        # what was added since can take an approval away, and cannot give one
        approval_of(history.until(*kept["head"]).sound(), conf, name, seen.version, seen.digest)
    return seen


def _fetch(conf: Conf, name: str, version: str) -> str:
    """Download a version's files into the cache; returns its run id."""
    client = connect(conf)
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        run_id = str(client.get_model_version(name, version).run_id)
        folder = _files(conf, name, run_id)
        if folder.is_dir():
            return run_id
        with tempfile.TemporaryDirectory(dir=_cache(conf, name)) as temporary:
            source = Path(mlflow.artifacts.download_artifacts(f"models:/{name}/{version}", dst_path=temporary)) / "artifacts"
            _keep(source, folder, f"{name} version {version}")
    except MlflowException as e:
        raise LakeError(f"{name} version {version} cannot be read from {place_of(conf)}: {said(e)}") from e
    return run_id


def _keep(source: Path, folder: Path, what: str) -> None:
    lacking = [f for f in FILES if not (source / f).is_file()]
    if lacking:
        raise LakeError(f"{what} is not a frequency and severity pair saved by this platform: {', '.join(lacking)} missing")
    partial = source.parent / "kept"
    partial.mkdir()
    for f in FILES:
        shutil.copyfile(source / f, partial / f)
    for f in JUDGED:
        if (source / "evidence" / f).is_file():
            shutil.copyfile(source / "evidence" / f, partial / f)
    partial.rename(folder)


def _cache(conf: Conf, name: str) -> Path:
    """The cache of a model: below a local lake, else in the home folder."""
    near = Path(CACHE_BESIDE_S3).expanduser() if on_s3(conf.lake) else conf.below_lake(None, "_mlflow")
    folder = near / "cache" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _files(conf: Conf, name: str, run_id: str) -> Path:
    return _cache(conf, name) / checked_name(run_id)
