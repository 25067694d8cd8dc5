"""Scores rows of raw features with a fitted pair of boosters, with reasons that add up.

Spark's workers, the registered model and notebooks all run this file, so it needs numpy, pandas, pydantic and xgboost only.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb
from pydantic import BaseModel, ConfigDict, Field

from lake.errors import GateFailed, LakeError
from training.credibility import Shrinkage, credibility, shrunk

Floats = npt.NDArray[np.float64]

ADDITIVITY_TOLERANCE = 1e-4
"""Largest difference, in log units, between an explained margin and an independent prediction."""
MAX_REASONS = 4
MIN_REASON = 0.005
"""Contributions below half a percent of the price are not worth a sentence; they stay in `others`."""
NORMAL_90 = 1.6448536269514722
"""95 % quantile of the standard normal: the ends of a central 90 % interval."""
DECIMALS = 9
"""Doubles are rounded once, here, so that a rerun states the same figures."""
FREQUENCY_FILE, SEVERITY_FILE, SPEC_FILE = "frequency.ubj", "severity.ubj", "scorer.json"
OUTPUTS = (
    "frequency", "severity", "pure_premium", "relativity", "reasons", "others", "base", "calibration", "credibility",
    "pure_premium_lower", "pure_premium_upper",
)  # fmt: skip


class FeatureSpec(BaseModel):
    """A feature as the model was trained on it; `mean` is its exposure-weighted mean in the frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    text: str
    unit: str
    window_days: int
    log: bool
    mean: float
    shrinkage: Shrinkage | None


class ScorerSpec(BaseModel):
    """Everything besides the two boosters that a score is made from. All of it is required: a model whose base margin
    went missing would be off by the mean rate, in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    coverage: str
    currency: str
    feature_version: str
    features: tuple[FeatureSpec, ...]
    frequency_base_margin: float = Field(description="ln(claims a car-year)", allow_inf_nan=False)
    severity_base_margin: float = Field(description="ln(currency units a claim)", allow_inf_nan=False)
    alpha_frequency: float = Field(description="claims / expected claims on the training part", gt=0, allow_inf_nan=False)
    alpha_severity: float = Field(description="incurred / expected incurred on the training part", gt=0, allow_inf_nan=False)
    base: float = Field(description="exposure-weighted mean of the frame's raw ln pure premium", allow_inf_nan=False)
    fallback_frequency: float = Field(description="frame mean, claims a car-year", gt=0, allow_inf_nan=False)
    fallback_severity: float = Field(description="frame mean, currency units a claim", gt=0, allow_inf_nan=False)
    fallback_sd: float = Field(description="standard deviation of ln pure premium between the frame's rows", ge=0)
    credibility_feature: str
    interval_credibility: tuple[float, ...] = Field(description="knots, share")
    interval_sd: tuple[float, ...] = Field(description="standard deviation of ln pure premium at the knots")

    @property
    def calibration(self) -> float:
        """ln(final) - ln(raw), the same for every row."""
        return float(np.log(self.alpha_frequency) + np.log(self.alpha_severity))

    @property
    def names(self) -> list[str]:
        """Features in the boosters' order."""
        return [f.name for f in self.features]

    @property
    def inputs(self) -> list[str]:
        """Columns that score() needs: the features and the distances that their credibility depends on."""
        return list(dict.fromkeys([*self.names, *(f.shrinkage.km for f in self.features if f.shrinkage)]))

    @property
    def displayed(self) -> FeatureSpec:
        """The feature whose credibility stands for the row's."""
        return next(f for f in self.features if f.name == self.credibility_feature)


def design(rows: pd.DataFrame, features: tuple[FeatureSpec, ...]) -> Floats:
    """The matrix (rows x features) that boosters and GLMs see: raw values after credibility, NaN where not observed.

    Raises LakeError naming the columns that are missing or hold infinite values.
    """
    needed = dict.fromkeys([*(f.name for f in features), *(f.shrinkage.km for f in features if f.shrinkage)])
    missing = [n for n in needed if n not in rows.columns]
    if missing:
        raise LakeError(f"features missing: {', '.join(missing)}; the model needs them by name")
    values = {n: rows[n].to_numpy(dtype=float, na_value=np.nan) for n in needed}
    infinite = [n for n, v in values.items() if np.isinf(v).any()]
    if infinite:
        raise LakeError(f"features with infinite values: {', '.join(infinite)}")
    columns = [shrunk(values[f.name], values[f.shrinkage.km], f.shrinkage) if f.shrinkage else values[f.name] for f in features]
    return np.column_stack(columns) if columns else np.empty((len(rows), 0))


def matrix(x: Floats, names: list[str], base_margin: float | Floats, threads: int = 0) -> xgb.DMatrix:
    """A DMatrix that carries its base margin; XGBoost would otherwise put an estimate of its own in its place."""
    margin = np.broadcast_to(np.asarray(base_margin, dtype=np.float32), (len(x),))
    return xgb.DMatrix(x, feature_names=names, base_margin=margin, nthread=threads or None)


def explained(booster: xgb.Booster, data: xgb.DMatrix, what: str) -> tuple[Floats, Floats]:
    """Exact TreeSHAP: (margin [rows], contributions [rows x features]) in log units, checked against a prediction.

    Raises GateFailed naming how many rows do not add up or are not finite.
    """
    margin = booster.predict(data, output_margin=True).astype(float)
    parts = booster.predict(data, pred_contribs=True, strict_shape=False).astype(float)
    off = ~(np.abs(parts.sum(axis=1) - margin) <= ADDITIVITY_TOLERANCE)
    if off.any():
        raise GateFailed(f"{what}: contributions of {int(off.sum())} of {len(margin)} rows do not add up to the prediction")
    return margin, parts[:, :-1]


@dataclass(frozen=True)
class Scorer:
    """A registered pair of models, ready to score."""

    spec: ScorerSpec
    frequency: xgb.Booster
    severity: xgb.Booster

    @classmethod
    def from_parts(cls, parts: dict[str, bytes], threads: int = 0) -> Self:
        """From the bytes of the three files of a model, by file name."""
        boosters = [xgb.Booster(model_file=bytearray(parts[name])) for name in (FREQUENCY_FILE, SEVERITY_FILE)]
        for booster in boosters if threads else ():
            booster.set_param({"nthread": threads})
        return cls(ScorerSpec.model_validate_json(parts[SPEC_FILE]), *boosters)

    @classmethod
    def load(cls, folder: Path, threads: int = 0) -> Self:
        """From a folder with the three files."""
        return cls.from_parts({n: (folder / n).read_bytes() for n in (FREQUENCY_FILE, SEVERITY_FILE, SPEC_FILE)}, threads)

    def parts(self) -> dict[str, bytes]:
        """The three files' bytes by file name: universal binary JSON and JSON, never a pickle."""
        return {
            FREQUENCY_FILE: bytes(self.frequency.save_raw("ubj")),
            SEVERITY_FILE: bytes(self.severity.save_raw("ubj")),
            SPEC_FILE: self.spec.model_dump_json(indent=1).encode(),
        }

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Score rows of raw features (columns `spec.inputs`); returns OUTPUTS in the rows' order and index.

        frequency [claims a car-year], severity [currency units a claim], pure_premium and its 90 % interval [currency units a
        car-year]; base, reasons, others and calibration in log units, with
        ln(pure_premium) = base + sum(reasons) + others + calibration. Raises LakeError for missing features and GateFailed
        for rows that do not add up or are not finite.
        """
        s = self.spec
        x = design(rows, s.features)
        frequency, by_frequency = explained(self.frequency, matrix(x, s.names, s.frequency_base_margin), "frequency")
        severity, by_severity = explained(self.severity, matrix(x, s.names, s.severity_base_margin), "severity")
        contributions = np.round(by_frequency + by_severity, DECIMALS)
        raw, z = frequency + severity, self._credibility(rows)
        listed, reasons = self._reasons(rows, contributions)
        premium = np.exp(raw + s.calibration)
        spread = np.exp(NORMAL_90 * np.interp(z, s.interval_credibility, s.interval_sd))
        out = {
            "frequency": np.exp(frequency) * s.alpha_frequency,
            "severity": np.exp(severity) * s.alpha_severity,
            "pure_premium": premium,
            "relativity": np.exp(raw - s.base),
            "others": raw - s.base - listed,
            "base": s.base,
            "calibration": s.calibration,
            "credibility": z,
            "pure_premium_lower": premium / spread,
            "pure_premium_upper": premium * spread,
        }
        scored = pd.DataFrame(out, index=rows.index).round(DECIMALS)
        _refuse_not_finite(scored)
        scored.insert(OUTPUTS.index("reasons"), "reasons", pd.Series(reasons, index=rows.index, dtype=object))
        return scored

    def fallback(self) -> dict[str, Any]:
        """The declared fallback for a policy that the model may not or cannot see: the frame's mean frequency and pure
        premium, relativity 1, no reasons. Its calibration is ln(mean premium) - base, so that the sum still holds."""
        s = self.spec
        premium = s.fallback_frequency * s.fallback_severity
        spread = float(np.exp(NORMAL_90 * s.fallback_sd))
        values = {
            "frequency": s.fallback_frequency, "severity": s.fallback_severity, "pure_premium": premium, "relativity": 1.0,
            "others": 0.0, "base": s.base, "calibration": float(np.log(premium)) - s.base, "credibility": 0.0,
        }  # fmt: skip
        values |= {"pure_premium_lower": premium / spread, "pure_premium_upper": premium * spread}
        return {k: round(v, DECIMALS) for k, v in values.items()} | {"reasons": []}

    def _credibility(self, rows: pd.DataFrame) -> Floats:
        shrinkage = self.spec.displayed.shrinkage
        if shrinkage is None:
            return np.ones(len(rows))
        return credibility(rows[shrinkage.km].to_numpy(dtype=float, na_value=np.nan), shrinkage.k_km)

    def _reasons(self, rows: pd.DataFrame, contributions: Floats) -> tuple[Floats, list[list[dict[str, Any]]]]:
        """Sum of the listed contributions per row, and the reasons, strongest first."""
        features = self.spec.features
        values = rows[self.spec.names].to_numpy(dtype=float, na_value=np.nan)
        order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :MAX_REASONS]
        top = np.take_along_axis(contributions, order, axis=1)
        kept = np.abs(top) >= MIN_REASON
        observed = np.take_along_axis(values, order, axis=1)
        reasons = [
            [reason(features[j], v, c) for j, v, c, k in zip(*row, strict=True) if k]
            for row in zip(order.tolist(), observed.tolist(), top.tolist(), kept.tolist(), strict=True)
        ]
        return np.where(kept, top, 0.0).sum(axis=1), reasons


def _refuse_not_finite(scored: pd.DataFrame) -> None:
    bad = ~np.isfinite(scored.to_numpy(dtype=float)).all(axis=1)
    if bad.any():
        raise GateFailed(f"the model returned a value that is not finite for {int(bad.sum())} of {len(scored)} rows")


def reason(feature: FeatureSpec, value: float, contribution: float) -> dict[str, Any]:
    """One reason: the feature, a sentence with its value, the average and the direction, and its share of ln price."""
    known = np.isfinite(value)
    seen = f"{_amount(feature, value)}, average {_amount(feature, feature.mean)}" if known else "not known, average taken"
    change = 100 * (np.exp(contribution) - 1)
    effect = f"{'raises' if change > 0 else 'lowers'} the price by {abs(change):.1f} %"
    text = f"{feature.text}, last {feature.window_days} days: {seen}; {effect}"
    stated = round(value, DECIMALS) if known else None
    return {"feature": feature.name, "text": text, "value": stated, "contribution": contribution}


def _amount(feature: FeatureSpec, value: float) -> str:
    if feature.log:
        return f"{np.expm1(value):.3g} {feature.unit.removeprefix('ln ')}"
    if feature.unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.3g} {feature.unit}"
