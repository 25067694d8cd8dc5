"""Scores rows of raw features with a fitted pair of boosters, with reasons that add up.

Spark's workers, the registered model and notebooks all run this file, so it needs numpy, numba, pandas, pydantic and
xgboost only.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from lake.errors import GateFailed, LakeError
from training.credibility import credibility
from training.explainer import Explainer
from training.reasons import DECIMALS, reasons_of
from training.scorer_spec import ScorerSpec, codes, design

Floats = npt.NDArray[np.float64]

NORMAL_90 = 1.6448536269514722
"""95 % quantile of the standard normal: the ends of a central 90 % interval."""
FREQUENCY_FILE, SEVERITY_FILE, SPEC_FILE = "frequency.ubj", "severity.ubj", "scorer.json"
OUTPUTS = (
    "frequency", "severity", "pure_premium", "relativity", "reasons", "others", "base", "calibration", "credibility",
    "pure_premium_lower", "pure_premium_upper",
)  # fmt: skip


@dataclass(frozen=True)
class Scorer:
    """A registered pair of models, ready to score."""

    spec: ScorerSpec
    frequency: xgb.Booster
    severity: xgb.Booster

    @classmethod
    def from_parts(cls, parts: dict[str, bytes], threads: int = 0) -> Self:
        """From the bytes of the three files of a model, by file name. Raises LakeError for files that are not such a pair."""
        spec = ScorerSpec.parse(parts[SPEC_FILE])
        boosters = [booster_of(parts[name], name) for name in (FREQUENCY_FILE, SEVERITY_FILE)]
        for booster in boosters if threads else ():
            booster.set_param({"nthread": threads})
        scorer = cls(spec, *boosters)
        for explainer in scorer.explainers:
            explainer.check()
        return scorer

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

    @cached_property
    def explainers(self) -> tuple[Explainer, Explainer]:
        """Of frequency and of severity."""
        features = self.spec.features
        return Explainer(self.frequency, "frequency", features), Explainer(self.severity, "severity", features)

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Frequency, severity, pure premium and relativity, without reasons; as score() states them, errors too."""
        s, x, offset = self.spec, design(rows, self.spec.features), self.spec.ln_offset(rows)
        by_frequency, by_severity = self.explainers
        frequency = by_frequency.margin(x, s.frequency_base_margin + offset)
        severity = by_severity.margin(x, s.severity_base_margin)
        out = pd.DataFrame(self._levels(frequency, severity, offset), index=rows.index).round(DECIMALS)
        _refuse_not_finite(out)
        return out

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Score rows of raw features (columns `spec.inputs`); returns OUTPUTS in the rows' order and index.

        frequency [claims a car-year], severity [currency units a claim], pure_premium and its 90 % interval [currency units a
        car-year]; base, reasons, others and calibration in log units, with
        ln(pure_premium) = base + sum(reasons) + others + calibration. Raises LakeError for missing features and GateFailed
        for rows that do not add up or are not finite.
        """
        s, x, offset = self.spec, design(rows, self.spec.features), self.spec.ln_offset(rows)
        frequency, by_frequency = self.explainers[0].explained(x, s.frequency_base_margin + offset)
        severity, by_severity = self.explainers[1].explained(x, s.severity_base_margin)
        contributions = np.round(by_frequency + by_severity, DECIMALS)
        listed, reasons = reasons_of(s.features, self._observed(rows), contributions)
        scored = pd.DataFrame(self._stated(rows, frequency, severity, offset, listed), index=rows.index)[
            [name for name in OUTPUTS if name != "reasons"]
        ].round(DECIMALS)
        _refuse_not_finite(scored)
        scored.insert(OUTPUTS.index("reasons"), "reasons", pd.Series(reasons, index=rows.index, dtype=object))
        return scored

    def contributions(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Contributions of every feature to ln pure premium (rows x features), which reasons are the strongest of."""
        s, x = self.spec, design(rows, self.spec.features)
        # an offset moves the margin and no contribution, so rows need not have it
        by_frequency = self.explainers[0].explained(x, s.frequency_base_margin)[1]
        by_severity = self.explainers[1].explained(x, s.severity_base_margin)[1]
        return pd.DataFrame(by_frequency + by_severity, columns=s.names, index=rows.index)

    def _levels(self, frequency: Floats, severity: Floats, offset: Floats) -> dict[str, Floats]:
        s = self.spec
        ln_frequency = frequency + np.log(s.alpha_frequency)
        ln_frequency = ln_frequency + s.recalibrated(ln_frequency)
        rate, amount = np.exp(ln_frequency), np.exp(severity) * s.alpha_severity
        relativity = np.exp(frequency + severity - offset - s.base)
        return {"frequency": rate, "severity": amount, "pure_premium": rate * amount, "relativity": relativity}

    def _stated(self, rows: pd.DataFrame, frequency: Floats, severity: Floats, offset: Floats, listed: Floats) -> dict[str, Any]:
        s, z, levels = self.spec, self._credibility(rows), self._levels(frequency, severity, offset)
        premium = levels["pure_premium"]
        spread = np.exp(NORMAL_90 * np.interp(z, s.interval_credibility, s.interval_sd))
        return levels | {
            "others": frequency + severity - offset - s.base - listed,
            "base": s.base + offset,
            "calibration": s.balance + s.recalibrated(frequency + np.log(s.alpha_frequency)),
            "credibility": z,
            "pure_premium_lower": premium / spread,
            "pure_premium_upper": premium * spread,
        }

    def _observed(self, rows: pd.DataFrame) -> Floats:
        """Raw values (rows x features), codes for categories."""
        columns = [
            codes(rows[f.name], f) if f.kind == "category" else rows[f.name].to_numpy(dtype=float, na_value=np.nan)
            for f in self.spec.features
        ]
        return np.column_stack(columns)

    def fallback(self, expected: float | None = None) -> dict[str, Any]:
        """The declared fallback for a policy that the model may not or cannot see: the frame's mean frequency and pure
        premium, relativity 1, no reasons; over a base, in proportion to `expected`, the row's [currency units a car-year]. Its
        calibration is ln(premium) - base, so that the sum still holds. Raises LakeError where a base is needed and not given."""
        s = self.spec
        if s.offset is not None and not (expected is not None and 0 < expected < np.inf):
            raise LakeError(f"the fallback of a model over {s.offset} needs the row's, above 0, and was given {expected}")
        relative = 1.0 if s.offset is None or expected is None else expected / s.offset_mean
        frequency, base = s.fallback_frequency * relative, s.base + float(np.log(relative))
        premium = frequency * s.fallback_severity
        spread = float(np.exp(NORMAL_90 * s.fallback_sd))
        values = {
            "frequency": frequency, "severity": s.fallback_severity, "pure_premium": premium, "relativity": 1.0,
            "others": 0.0, "base": base, "calibration": float(np.log(premium)) - base, "credibility": 0.0,
        }  # fmt: skip
        values |= {"pure_premium_lower": premium / spread, "pure_premium_upper": premium * spread}
        return {k: round(v, DECIMALS) for k, v in values.items()} | {"reasons": []}

    def _credibility(self, rows: pd.DataFrame) -> Floats:
        shrinkage = self.spec.displayed.shrinkage if self.spec.displayed else None
        if shrinkage is None:
            return np.ones(len(rows))
        return credibility(rows[shrinkage.km].to_numpy(dtype=float, na_value=np.nan), shrinkage.k_km)


def booster_of(content: bytes, name: str) -> xgb.Booster:
    """A booster from UBJSON. Raises LakeError for bytes that are none: a pickle, a file cut short, another format."""
    try:
        if not content.startswith(b"{"):
            raise xgb.core.XGBoostError("not universal binary JSON")
        return xgb.Booster(model_file=bytearray(content))
    except xgb.core.XGBoostError as e:
        raise LakeError(f"{name} is not a booster in universal binary JSON: {str(e).strip().splitlines()[-1][:200]}") from e


def _refuse_not_finite(scored: pd.DataFrame) -> None:
    bad = ~np.isfinite(scored.to_numpy(dtype=float)).all(axis=1)
    if bad.any():
        raise GateFailed(f"the model returned a value that is not finite for {int(bad.sum())} of {len(scored)} rows")
