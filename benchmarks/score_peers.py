"""The peers of bench_scores: what MLflow's documentation would have one write."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import xgboost as xgb

from training.scorer import Scorer

RESULT = "frequency double, severity double, pure_premium double, reasons array<double>"
FILES = ("frequency.ubj", "severity.ubj")


class Pair(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """Both boosters; with `reasons`, shap.TreeExplainer's contributions to both, added."""

    def __init__(self, margins: tuple[float, float], reasons: bool) -> None:
        self.margins, self.reasons = margins, reasons

    def load_context(self, context: Any) -> None:
        """Boosters, and explainers where they are asked for."""
        self.boosters = []
        for name in FILES:
            booster = xgb.Booster(model_file=context.artifacts[name])
            booster.set_param({"nthread": 1})
            self.boosters.append(booster)
        if self.reasons:
            import shap

            self.explainers = [shap.TreeExplainer(b) for b in self.boosters]

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Columns of RESULT."""
        x = model_input.to_numpy(dtype="float32")
        frequency, severity = (
            b.inplace_predict(x, base_margin=[m] * len(x)) for b, m in zip(self.boosters, self.margins, strict=True)
        )
        found = pd.DataFrame({"frequency": frequency, "severity": severity, "pure_premium": frequency * severity}).astype(float)
        parts = sum(e.shap_values(x) for e in self.explainers).astype(float).tolist() if self.reasons else [[]] * len(x)
        return found.assign(reasons=parts)


def logged(scorer: Scorer, folder: str, *, reasons: bool) -> str:
    """The address of a saved model."""
    path = Path(folder) / ("explained" if reasons else "plain")
    files = {}
    for name, booster in zip(FILES, (scorer.frequency, scorer.severity), strict=True):
        files[name] = f"{folder}/{name}"
        booster.save_model(files[name])
    spec = scorer.spec
    model = Pair((spec.frequency_base_margin, spec.severity_base_margin), reasons)
    mlflow.pyfunc.save_model(str(path), python_model=model, artifacts=files, pip_requirements=["xgboost", "pandas"])
    return str(path)
