"""What a version consists of: files by name, and the tags, figures and parameters that are read from them."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import xgboost as xgb

from registry.champion import LINEAGE_FILE
from registry.evidence_files import as_json, evidence_files
from registry.store import model_name
from training.artefacts import CARD, DATA, PERFORMANCE, REPRODUCIBILITY, digest
from training.evidence import Evidence
from training.scorer import FREQUENCY_FILE, SEVERITY_FILE, SPEC_FILE, booster_of
from training.scorer_spec import ScorerSpec

FACTS = ("rows", "exposure_years", "claims", "incurred")
"""Of the frame, beside the metrics."""


@dataclass(frozen=True)
class Contents:
    """The model's files, the artefacts that an approval names, and what else is below `evidence/`."""

    model: dict[str, bytes] = field(repr=False)
    judged: dict[str, bytes] = field(repr=False)
    beside: dict[str, bytes] = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """What an approval names."""
        return digest(self.model | self.judged)

    @cached_property
    def lineage(self) -> dict[str, str]:
        """Tags."""
        found: dict[str, str] = json.loads(self.model[LINEAGE_FILE])
        return found

    @cached_property
    def spec(self) -> ScorerSpec:
        """Raises LakeError for one of another version of this library."""
        return ScorerSpec.parse(self.model[SPEC_FILE])

    @property
    def name(self) -> str:
        """The registered model that it is a version of."""
        return model_name(self.spec.coverage)

    @property
    def card(self) -> str:
        """For people, Markdown."""
        return self.judged[CARD].decode()

    @property
    def params(self) -> dict[str, Any]:
        """What it was trained with."""
        found: dict[str, Any] = self._read(REPRODUCIBILITY)["parameters"]
        return found

    @property
    def data_hash(self) -> str:
        """Of the labels and the design that it was trained on."""
        return str(self._read(REPRODUCIBILITY)["data_sha256"])

    def boosters(self) -> dict[str, xgb.Booster]:
        """The two by what they say."""
        return {what: booster_of(self.model[f], f) for what, f in (("frequency", FREQUENCY_FILE), ("severity", SEVERITY_FILE))}

    def metrics(self) -> dict[str, float]:
        """Metrics that are defined, an interval's ends beside them, and the frame's size."""
        facts = self._read(DATA)
        out = {name: facts[name] for name in FACTS}
        for name, e in self._read(PERFORMANCE)["metrics"].items():
            out |= {name: e["value"], f"{name}_lower": e["lower"], f"{name}_upper": e["upper"]}
        return {k: float(v) for k, v in out.items() if v is not None}

    def _read(self, artefact: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.judged[artefact])
        return found


def contents_of(evidence: Evidence, lineage: dict[str, str]) -> Contents:
    """Of a training."""
    lineage = lineage | _gini(evidence)
    judged, beside = evidence_files(evidence, model_name(evidence.scorer.spec.coverage), lineage)
    return Contents(evidence.scorer.parts() | {LINEAGE_FILE: as_json(lineage)}, judged, beside)


def _gini(evidence: Evidence) -> dict[str, str]:
    found = evidence.metrics["frequency_model_gini"]
    return {"gini": str(found.value), "gini_lower": str(found.lower), "gini_upper": str(found.upper)}
