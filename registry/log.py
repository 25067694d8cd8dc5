"""One MLflow run per version, with everything a reviewer needs, and one registered model version out of it."""

import contextlib
import io
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lake
import training
import transforms
from lake.conf import Conf
from registry.actors import Actor, actor
from registry.champion import FILES
from registry.contents import Contents, contents_of
from registry.history import REGISTERED, append
from registry.origins import IMPORTED, Origin
from registry.store import AUTHOR_TAG, DIGEST_TAG, connect, local_store
from training.evidence import Evidence
from training.scorer import OUTPUTS
from training.scorer_spec import ScorerSpec

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

REQUIREMENTS = ("mlflow", "numba", "numpy", "pandas", "pydantic", "pydantic-settings", "pyyaml", "xgboost")
EVIDENCE = "evidence"


@dataclass(frozen=True)
class Logged:
    """What was registered, and where its run is."""

    model: str
    version: str
    run_id: str


def register(conf: Conf, evidence: Evidence, lineage: dict[str, str], author: Actor | None = None) -> Logged:
    """Register what a training gave as a version of pure-premium-<coverage>. `lineage` needs frame_hash and valuation.

    Promotes nothing. MLflow's own errors come through: a training without a store has failed.
    """
    by = author or actor(conf)
    return register_contents(conf, contents_of(evidence, lineage | {AUTHOR_TAG: by.name}), by)


def register_contents(conf: Conf, contents: Contents, by: Actor, origin: Origin | None = None) -> Logged:
    """Log one run with all files and register one version out of it; `origin` is of what was not trained here."""
    client, name, lineage = connect(conf), contents.name, contents.lineage
    import mlflow

    tags = lineage | {DIGEST_TAG: contents.digest} | (origin.tags() if origin else {})
    with (
        _quiet(),
        tempfile.TemporaryDirectory() as temporary,
        mlflow.start_run(experiment_id=experiment(conf, client, name), run_name=f"{name}-{lineage['valuation']}") as run,
    ):
        mlflow.set_tags(tags | {"mlflow.note.content": contents.card})
        version, run_id = _log(contents, Path(temporary)), str(run.info.run_id)
    client.update_model_version(name, version, description=contents.card)
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)
    detail = {"digest": contents.digest, "run_id": run_id, "frame_hash": lineage["frame_hash"]}
    append(conf, name, version, REGISTERED, by, "", detail | ({IMPORTED: vars(origin)} if origin else {}))
    return Logged(name, version, run_id)


def _log(contents: Contents, folder: Path) -> str:
    """Everything but tags into the run that was started; returns the version that was registered."""
    import mlflow

    mlflow.log_params(contents.params)
    mlflow.log_metrics(contents.metrics())
    _log_dataset(contents)
    _write(folder / EVIDENCE, contents.judged | contents.beside)
    mlflow.log_artifacts(str(folder / EVIDENCE), EVIDENCE)
    _log_boosters(contents)
    return _log_pair(folder / "model", contents)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _log_dataset(contents: Contents) -> None:
    """The frame as a dataset with its Delta table and version, so that MLflow's page of the run shows it."""
    import mlflow
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    lineage = contents.lineage
    version = lineage.get("frame_delta_version", "")
    source = DeltaDatasetSource(
        path=lineage.get("frame_path", "table"), delta_table_version=int(version) if version.isdigit() else None
    )
    frame = MetaDataset(source, name=lineage["frame_hash"], digest=contents.data_hash[:8])  # type: ignore[abstract]
    mlflow.log_input(frame, context="training")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MLflow prints advice and progress to stderr; failures come as exceptions."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def experiment(conf: Conf, client: "MlflowClient", name: str) -> str:
    """Id of a model's experiment, made if it is not there."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    store = local_store(conf)
    location = None if store is None else (store.parent.resolve() / "artifacts" / name).as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in REQUIREMENTS]


def _log_boosters(contents: Contents) -> None:
    """Each booster as a model of its own, for who browses. Their base margin is in the pair's specification."""
    import mlflow.xgboost

    for name, booster in contents.boosters().items():
        mlflow.xgboost.log_model(booster, name=name, model_format="ubj", pip_requirements=_requirements())


def _log_pair(folder: Path, contents: Contents) -> str:
    """The pair behind a pyfunc, with the artefacts that its approval will name beside it."""
    import mlflow.pyfunc

    _write(folder, contents.model | {f"{EVIDENCE}/{k}": v for k, v in contents.judged.items()})
    logged = mlflow.pyfunc.log_model(
        name="pure-premium",
        python_model=str(Path(__file__).with_name("pyfunc_model.py")),
        artifacts={Path(file).stem: str(folder / file) for file in FILES} | {EVIDENCE: str(folder / EVIDENCE)},
        code_paths=[str(Path(str(package.__file__)).parent) for package in (lake, training, transforms)],
        signature=_signature(contents.spec),
        pip_requirements=_requirements(),
        registered_model_name=contents.name,
    )
    return str(logged.registered_model_version)


def _signature(spec: ScorerSpec) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    categories = {f.name for f in spec.features if f.kind == "category"}
    types = {n: "string" if n in categories else "double" for n in spec.inputs}
    inputs: list[ColSpec | TensorSpec] = [ColSpec(kind, n) for n, kind in types.items()]
    outputs: list[ColSpec | TensorSpec] = [ColSpec("string" if n == "reasons" else "double", n) for n in OUTPUTS]
    return ModelSignature(Schema(inputs), Schema(outputs))
