"""A version's evidence as files: the ten artefacts, the report, plots and tables."""

import io
import json
import math
from typing import Any

import pandas as pd

from training import artefacts as a
from training.card import model_card
from training.evidence import Evidence
from training.plots import figures
from training.report import report

TEST_PREDICTIONS = "test_predictions.parquet"


def evidence_files(evidence: Evidence, title: str, lineage: dict[str, str]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """(artefacts 1 to 9, everything else) by file name."""
    assessed = evidence.assessed
    reproducibility = assessed["reproducibility"] | {
        "git_commit": lineage.get("git_commit", ""), "lock_sha256": lineage.get("lock_sha256", ""),
        "data_sha256": evidence.data_hash, "parameters": evidence.params,
    }  # fmt: skip
    plain = {
        a.DATA: lineage | _facts(evidence),
        a.REPRODUCIBILITY: reproducibility,
        a.PERFORMANCE: evidence.performance,
        a.STABILITY: assessed["stability"],
        a.MONOTONICITY: assessed["monotonicity"],
        a.FAIRNESS: assessed["fairness"],
        a.REASONS: assessed["reasons"],
        a.CHAMPION_DIFF: assessed["champion_diff"],
    }
    judged = {a.CARD: model_card(evidence, lineage).encode()} | {k: as_json(v) for k, v in plain.items()}
    return judged, _beside(evidence, title, lineage)


def as_json(value: Any) -> bytes:
    """JSON with what is not of JSON as text, and null for a figure that is not defined: NaN is not JSON."""
    return json.dumps(_defined(value), indent=1, default=str, allow_nan=False).encode()


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _defined(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _facts(evidence: Evidence) -> dict[str, Any]:
    f = evidence.facts
    exclusions = {"without trips": f.without_trips}
    return {**vars(f), "as_of_dates": [str(d) for d in f.as_of_dates], "exclusions": exclusions}


def _beside(evidence: Evidence, title: str, lineage: dict[str, str]) -> dict[str, bytes]:
    plots = {name: _png(figure) for name, figure in figures(evidence).items()}
    out = {f"plots/{name}.png": content for name, content in plots.items()}
    out[a.REPORT] = report(evidence, title, lineage, plots).encode()
    tables = {f"glm_{name}": table for name, table in evidence.glm.items()} | {"lift": evidence.lift}
    out |= {f"{name}.csv": table.to_csv(index=False).encode() for name, table in tables.items()}
    return out | {TEST_PREDICTIONS: _parquet(evidence.test)}


def _png(figure: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def _parquet(table: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    table.to_parquet(out, index=False)
    return out.getvalue()
