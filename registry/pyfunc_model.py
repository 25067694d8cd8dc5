"""The registered model, as MLflow loads it from code: the scorer over three files, no pickle."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from training.scorer import Scorer


class PurePremium(PythonModel):
    """Raw features in, the columns of training.scorer.OUTPUTS out; reasons as JSON text."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the boosters and their specification."""
        self.scorer = Scorer.load(Path(context.artifacts["scorer"]).parent)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Score rows; see Scorer.score."""
        scored = self.scorer.score(model_input)
        return scored.assign(reasons=scored["reasons"].map(json.dumps))


set_model(PurePremium())
