"""One MLflow run per training, with everything a reviewer needs, and one registered model version out of it."""

import contextlib
import io
import json
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lake
import training
from lake.conf import Conf
from registry.champion import FILES, LINEAGE_FILE, TEST_PREDICTIONS
from registry.store import connect, local_store, model_name
from training.card import model_card
from training.evidence import Evidence
from training.plots import figures
from training.scorer import OUTPUTS
from training.scorer_spec import ScorerSpec

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

REQUIREMENTS = ("mlflow", "numba", "numpy", "pandas", "pydantic", "pydantic-settings", "pyyaml", "xgboost")
_NAMES = dict(zip(("frequency", "severity", "spec", "lineage"), FILES, strict=True))


@dataclass(frozen=True)
class Logged:
    """What was registered, and where its run is."""

    model: str
    version: str
    run_id: str


def register(conf: Conf, evidence: Evidence, lineage: dict[str, str]) -> Logged:
    """Log the run and register one version of pure-premium-<coverage>. `lineage` needs frame_hash and valuation.

    Promotes nothing. MLflow's own errors come through: a training without a store has failed.
    """
    client = connect(conf)
    lineage = lineage | _gini(evidence)
    name = model_name(evidence.scorer.spec.coverage)
    import mlflow

    with (
        _quiet(),
        tempfile.TemporaryDirectory() as temporary,
        mlflow.start_run(experiment_id=_experiment(conf, client, name), run_name=f"{name}-{lineage['valuation']}") as run,
    ):
        folder, run_id = Path(temporary), str(run.info.run_id)
        card = model_card(evidence, lineage)
        mlflow.set_tags(lineage | {"mlflow.note.content": card})
        mlflow.log_params(evidence.params)
        mlflow.log_metrics(_flat(evidence))
        _write_evidence(folder / "evidence", evidence, card)
        mlflow.log_artifacts(str(folder / "evidence"), "evidence")
        _log_boosters(evidence)
        version = _log_pair(folder / "model", evidence, lineage, name)
    client.update_model_version(name, version, description=card)
    for key, value in lineage.items():
        client.set_model_version_tag(name, version, key, value)
    return Logged(name, version, run_id)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MLflow prints advice and progress to stderr; failures come as exceptions."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _experiment(conf: Conf, client: "MlflowClient", name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    store = local_store(conf)
    location = None if store is None else (store.parent.resolve() / "artifacts" / name).as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def _gini(evidence: Evidence) -> dict[str, str]:
    found = evidence.metrics["frequency_model_gini"]
    return {"gini": str(found.value), "gini_lower": str(found.lower), "gini_upper": str(found.upper)}


def _flat(evidence: Evidence) -> dict[str, float]:
    """Metrics as numbers, an interval's ends beside them, and the frame's size."""
    facts = evidence.facts
    out = {"rows": facts.rows, "exposure_years": facts.exposure_years, "claims": facts.claims, "incurred": facts.incurred}
    for name, e in evidence.metrics.items():
        ends = {f"{name}_lower": e.lower, f"{name}_upper": e.upper}
        out |= {name: e.value} | {k: v for k, v in ends.items() if v is not None}
    return out


def _write_evidence(folder: Path, evidence: Evidence, card: str) -> None:
    folder.mkdir()
    (folder / "model_card.md").write_text(card)
    for name, figure in figures(evidence).items():
        figure.savefig(folder / f"{name}.png")
    for name, table in evidence.glm.items():
        table.to_csv(folder / f"glm_{name}.csv", index=False)
    evidence.lift.to_csv(folder / "lift.csv", index=False)
    evidence.test.to_parquet(folder / Path(TEST_PREDICTIONS).name, index=False)


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in REQUIREMENTS]


def _log_boosters(evidence: Evidence) -> None:
    """Each booster as a model of its own, for who browses. Their base margin is in the pair's specification."""
    import mlflow.xgboost

    scorer = evidence.scorer
    for name, booster in {"frequency": scorer.frequency, "severity": scorer.severity}.items():
        mlflow.xgboost.log_model(booster, name=name, model_format="ubj", pip_requirements=_requirements())


def _log_pair(folder: Path, evidence: Evidence, lineage: dict[str, str], name: str) -> str:
    import mlflow.pyfunc

    folder.mkdir()
    for file, content in evidence.scorer.parts().items():
        (folder / file).write_bytes(content)
    (folder / LINEAGE_FILE).write_text(json.dumps(lineage, indent=1))
    logged = mlflow.pyfunc.log_model(
        name="pure-premium",
        python_model=str(Path(__file__).with_name("pyfunc_model.py")),
        artifacts={key: str(folder / file) for key, file in _NAMES.items()},
        code_paths=[str(Path(str(package.__file__)).parent) for package in (lake, training)],
        signature=_signature(evidence.scorer.spec),
        pip_requirements=_requirements(),
        registered_model_name=name,
    )
    return str(logged.registered_model_version)


def _signature(spec: ScorerSpec) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [ColSpec("double", n) for n in spec.inputs]
    outputs: list[ColSpec | TensorSpec] = [ColSpec("string" if n == "reasons" else "double", n) for n in OUTPUTS]
    return ModelSignature(Schema(inputs), Schema(outputs))
