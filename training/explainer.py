"""One booster of a pair: its margin, and the exact contributions of its features to it."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost as xgb

from lake.errors import GateFailed, LakeError
from lake.price import ADDITIVITY_TOLERANCE
from training.scorer_spec import FeatureSpec, matrix, types_of
from training.treeshap import TreeTables

Floats = npt.NDArray[np.float64]

OBJECTIVES = {"frequency": "count:poisson", "severity": "reg:gamma"}


@dataclass(frozen=True)
class Explainer:
    """A booster that is asked for its margin and, exactly, for what each feature has to do with it."""

    booster: xgb.Booster
    what: str
    features: tuple[FeatureSpec, ...]

    @cached_property
    def tables(self) -> TreeTables | None:
        """Made when first needed: a third of a second for 400 trees of depth 5."""
        return TreeTables.of(self.booster)

    def check(self) -> None:
        """Raises LakeError where the booster is not the one that the specification is of."""
        names = [f.name for f in self.features]
        if list(self.booster.feature_names or []) != names:
            raise LakeError(f"the {self.what} booster has other features than its specification: {self.booster.feature_names}")
        config = json.loads(self.booster.save_config())
        objective = config["learner"]["objective"]["name"]
        if objective != OBJECTIVES[self.what]:
            raise LakeError(f"the {self.what} booster was fitted to {objective}, not to {OBJECTIVES[self.what]}")

    def margin(self, x: Floats, base_margin: float | Floats) -> Floats:
        """ln of the raw prediction a row at exposure 1; x is rows x features."""
        if not len(x):
            return np.zeros(0)
        base = np.broadcast_to(np.asarray(base_margin, dtype=np.float32), (len(x),))
        if any(f.kind == "category" for f in self.features):
            data = self._matrix(x, base_margin)
            return np.asarray(self.booster.predict(data, output_margin=True), dtype=float)
        found: npt.NDArray[Any] = self.booster.inplace_predict(
            x.astype(np.float32), base_margin=base, predict_type="margin", validate_features=False
        )
        return found.astype(float)

    def explained(self, x: Floats, base_margin: float | Floats) -> tuple[Floats, Floats]:
        """(margin [rows], contributions [rows x features]) in log units; exact TreeSHAP, checked against the prediction.

        Raises GateFailed naming how many rows do not add up or are not finite.
        """
        margin = self.margin(x, base_margin)
        parts, bias = self._contributions(x)
        off = ~(np.abs(parts.sum(axis=1) + bias + base_margin - margin) <= ADDITIVITY_TOLERANCE)
        if off.any():
            raise GateFailed(
                f"{self.what}: contributions of {int(off.sum())} of {len(margin)} rows do not add up to the prediction"
            )
        return margin, parts

    def _contributions(self, x: Floats) -> tuple[Floats, float | Floats]:
        if self.tables is not None:
            return self.tables.contributions(x), self.tables.bias
        found = self.booster.predict(self._matrix(x, 0.0), pred_contribs=True, strict_shape=False).astype(float)
        return found[:, :-1], found[:, -1]

    def _matrix(self, x: Floats, base_margin: float | Floats) -> xgb.DMatrix:
        return matrix(x, [f.name for f in self.features], base_margin, types=types_of(self.features))
