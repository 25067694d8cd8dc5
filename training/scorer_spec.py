"""What a score is made from besides the two boosters, and the matrix that they see."""

import re
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lake.errors import LakeError
from training.credibility import Shrinkage, shrunk
from training.text import as_text

Floats = npt.NDArray[np.float64]

SCHEMA_VERSION: Final = 2
"""Of ScorerSpec: raised when a file of before would be read wrongly."""
WHOLE = re.compile(r"^(-?\d+)\.0$")
NUMBER, CATEGORY = "q", "c"
"""XGBoost's types of features."""


class FeatureSpec(BaseModel):
    """A feature as the model was trained on it; `mean` is its exposure-weighted mean in the frame, `levels` are a category's, in
    the order of their codes; `sign` +1 or -1 where the price may only rise or fall with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    text: str
    unit: str
    window_days: int | None = None
    log: bool = False
    mean: float = 0.0
    shrinkage: Shrinkage | None = None
    kind: Literal["number", "category"] = "number"
    levels: tuple[str, ...] = ()
    sign: Literal[-1, 0, 1] = 0
    actionable: bool = Field(default=False, description="a driver can change it by driving otherwise")
    ever_missing: bool | None = Field(
        default=None, description="whether it was ever not observed in training; null: models of before do not say"
    )


class ScorerSpec(BaseModel):
    """Everything besides the two boosters that a score is made from. What has no default is required: a model whose base margin
    went missing would be off by the mean rate, in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[2]
    coverage: str
    currency: str
    feature_version: str
    features: tuple[FeatureSpec, ...]
    frequency_base_margin: float = Field(description="ln(claims a car-year)", allow_inf_nan=False)
    severity_base_margin: float = Field(description="ln(currency units a claim)", allow_inf_nan=False)
    alpha_frequency: float = Field(description="claims / expected claims on the training part", gt=0, allow_inf_nan=False)
    alpha_severity: float = Field(description="incurred / expected incurred on the training part", gt=0, allow_inf_nan=False)
    base: float = Field(description="exposure-weighted mean of the frame's raw ln premium, no offset", allow_inf_nan=False)
    offset: str | None = Field(default=None, description="column: the insurer's expected loss, currency units a car-year")
    offset_mean: float = Field(default=1.0, description="the frame's exposure-weighted mean of it", gt=0, allow_inf_nan=False)
    recalibration: tuple[tuple[float, ...], tuple[float, ...]] | None = Field(
        default=None, description="knots of ln frequency, and of what is then added to it"
    )
    fallback_frequency: float = Field(description="frame mean, claims a car-year", gt=0, allow_inf_nan=False)
    fallback_severity: float = Field(description="frame mean, currency units a claim", gt=0, allow_inf_nan=False)
    fallback_sd: float = Field(description="standard deviation of ln pure premium between the frame's rows", ge=0)
    credibility_feature: str | None = None
    interval_credibility: tuple[float, ...] = Field(description="knots, share")
    interval_sd: tuple[float, ...] = Field(description="standard deviation of ln pure premium at the knots")

    @classmethod
    def parse(cls, content: bytes) -> "ScorerSpec":
        """From scorer.json. Raises LakeError for one of another version of this library, naming what is not as it should be."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as e:
            first = e.errors()[0]
            if first["type"] == "json_invalid":
                raise LakeError(f"scorer.json is not JSON: {first['msg']}") from e
            where = ".".join(map(str, first["loc"])) or "the file"
            raise LakeError(
                f"scorer.json is of another version of this library (this one writes schema_version {SCHEMA_VERSION}): "
                f"{where}: {first['msg']}; train again, or load it with the version that its requirements name"
            ) from e

    @property
    def balance(self) -> float:
        """ln of what balance multiplies the raw price by, the same for every row."""
        return float(np.log(self.alpha_frequency) + np.log(self.alpha_severity))

    @property
    def names(self) -> list[str]:
        """Features in the boosters' order."""
        return [f.name for f in self.features]

    @property
    def inputs(self) -> list[str]:
        """Columns that score() needs: features, distances that their credibility depends on, the offset."""
        shrunk_by = [f.shrinkage.km for f in self.features if f.shrinkage]
        return list(dict.fromkeys([*self.names, *shrunk_by, *([self.offset] if self.offset else [])]))

    @property
    def always_observed(self) -> list[str]:
        """Features that were never missing in training, so that which way their splits send such a row was never learned. One
        with credibility is drawn to its mean instead, which was."""
        return [f.name for f in self.features if f.ever_missing is False and f.shrinkage is None]

    def unlearned(self, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Rows in which one of `always_observed` is missing."""
        found = np.zeros(len(rows), dtype=bool)
        for name in self.always_observed:
            if name in rows:
                found |= rows[name].isna().to_numpy()
        return found

    @property
    def displayed(self) -> FeatureSpec | None:
        """The feature whose credibility stands for the row's."""
        return next((f for f in self.features if f.name == self.credibility_feature), None)

    def recalibrated(self, ln_frequency: Floats) -> Floats:
        """What isotonic recalibration adds to ln frequency, a row; 0 without it."""
        if self.recalibration is None:
            return np.zeros(len(ln_frequency))
        return np.asarray(np.interp(ln_frequency, *self.recalibration), dtype=float)

    def ln_offset(self, rows: pd.DataFrame) -> Floats:
        """ln(expected loss / its mean) a row, 0 without an offset. Raises LakeError counting losses that are not positive."""
        if self.offset is None:
            return np.zeros(len(rows))
        expected = _number(rows, self.offset)
        bad = int((~(np.isfinite(expected) & (expected > 0))).sum())
        if bad:
            raise LakeError(
                f"{self.offset} is not a positive amount in {bad} of {len(rows)} rows: there is no base to price over"
            )
        return np.asarray(np.log(expected / self.offset_mean), dtype=float)


def design(rows: pd.DataFrame, features: tuple[FeatureSpec, ...]) -> Floats:
    """The matrix (rows x features) that boosters and GLMs see: raw values after credibility, codes of categories, NaN where not
    observed or a level that training had not.

    Raises LakeError naming the columns that are missing, are not numbers, or hold infinite values.
    """
    needed = dict.fromkeys([*(f.name for f in features), *(f.shrinkage.km for f in features if f.shrinkage)])
    missing = [n for n in needed if n not in rows.columns]
    if missing:
        raise LakeError(f"features missing: {', '.join(missing)}; the model needs them by name")
    categories = {f.name: f for f in features if f.kind == "category"}
    values = {n: codes(rows[n], categories[n]) if n in categories else _number(rows, n) for n in needed}
    infinite = [n for n, v in values.items() if np.isinf(v).any()]
    if infinite:
        raise LakeError(f"features with infinite values: {', '.join(infinite)}")
    columns = [shrunk(values[f.name], values[f.shrinkage.km], f.shrinkage) if f.shrinkage else values[f.name] for f in features]
    return np.column_stack(columns) if columns else np.empty((len(rows), 0))


def codes(values: pd.Series, feature: FeatureSpec) -> Floats:
    """Codes of a category's levels, NaN for one that training had not seen."""
    at, there = pd.factorize(values)
    # models of before texts were canonical have levels such as 1.0
    known = {WHOLE.sub(r"\1", x): float(code) for code, x in enumerate(feature.levels)}
    known |= {x: float(code) for code, x in enumerate(feature.levels)}
    found = [known.get(x, np.nan) for x in as_text(pd.Series(there))]
    return np.array([*found, np.nan])[at]


def unseen(rows: pd.DataFrame, features: tuple[FeatureSpec, ...]) -> dict[str, int]:
    """By category, in how many rows it has a level that training had not; none where there is none."""
    counts = {
        f.name: int((rows[f.name].notna() & np.isnan(codes(rows[f.name], f))).sum()) for f in features if f.kind == "category"
    }
    return {name: n for name, n in counts.items() if n}


def _number(rows: pd.DataFrame, name: str) -> Floats:
    try:
        return rows[name].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as e:
        raise LakeError(f"feature {name} is not a number: {e}") from e


def types_of(features: tuple[FeatureSpec, ...]) -> list[str]:
    """XGBoost's type of each feature."""
    return [CATEGORY if f.kind == "category" else NUMBER for f in features]


def matrix(
    x: npt.NDArray[Any], names: list[str], base_margin: float | Floats, threads: int = 0, types: list[str] | None = None
) -> xgb.DMatrix:
    """A DMatrix that carries its base margin; XGBoost would otherwise put an estimate of its own in its place."""
    margin = np.broadcast_to(np.asarray(base_margin, dtype=np.float32), (len(x),))
    return xgb.DMatrix(
        x, feature_names=names, base_margin=margin, nthread=threads or None, feature_types=types, enable_categorical=True
    )
