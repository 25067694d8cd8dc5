"""The lake's own training frame (lake.tables.FRAME) as data to train on: features of the catalogue, with credibility."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lake.conf_sections import Training
from lake.errors import TrainingRefused
from lake.features import FEATURES, WINDOWS_DAYS, Feature, model_features
from training.credibility import Shrinkage, estimate, periods
from training.data import Data, Floats, cap_note, check_claims, check_finite, check_labels
from training.development import developed
from training.scorer_spec import FeatureSpec
from training.split import held_out

MINOR_PER_UNIT = 100
"""Cents in a currency unit; currencies with another exponent (ISO 4217) are refused by nobody yet, so do not load them."""
OBSERVED_KM = f"km_{max(WINDOWS_DAYS)}"
CREDIBILITY_FEATURE = f"brake_per_100km_{max(WINDOWS_DAYS)}"
KEY = ["policy_id", "vehicle_id", "coverage", "as_of_date"]
BASE_PREMIUM = "base_premium_minor"
DRIVEN = "km_365"
"""Rows without distance in it are scored by the fallback, so what is missing there says nothing."""
LABELS = ["exposure_years", "claims", "incurred_minor", "currency", "maturity_days"]
ACTIONABLE = ("brake", "accelerate", "corner", "speeding", "phone", "night")
"""What a driver can change by driving otherwise: stems that begin so."""
SHRUNK_DENOMINATORS = (
    "distance_mm", "moving_ms", "limit_known_ms", "phone_known_ms", "harsh_known_mm", "limit_known_mm", "phone_known_mm",
    "weekend_known_ms", "holiday_known_ms", "idle_known_ms", "weather_known_ms", "road_known_mm",
)  # fmt: skip
"""Features over these are rates or shares of driving, so their noise falls with distance."""


def needed_columns(version: str) -> list[str]:
    """Columns of a frame that training reads: key, labels, model features in every window, and distances."""
    stems = {x for f in model_features(version) for x in (f.stem, f.exposure)} | {"km"}
    return [*KEY, *LABELS, BASE_PREMIUM, *(f.name for f in FEATURES[version] if f.stem in stems)]


def prepare(frame: pd.DataFrame, spec: Training, version: str, factors: dict[int, float] | None = None) -> Data:
    """Check a frame (one coverage, one currency) and give it as arrays, sorted by key. `factors` (age in days -> factor) develop
    the amounts: a row's claims are on average half a horizon older than its maturity.

    Raises TrainingRefused, naming what is wrong and how much of it, below spec.min_claims among others.
    """
    _check(frame, spec, version)
    rows = frame.sort_values(KEY, kind="stable").reset_index(drop=True)
    driven = rows[OBSERVED_KM].to_numpy(dtype=float, na_value=np.nan) > 0
    kept = rows[driven].reset_index(drop=True)
    claims = kept["claims"].to_numpy(dtype=float)
    hint = f" with driving: at least {spec.min_claims} are needed; use a longer history, or lower training.min_claims knowingly"
    check_claims(claims, spec.min_claims, hint)
    incurred = kept["incurred_minor"].to_numpy(dtype=float) / MINOR_PER_UNIT
    if factors:
        ages = kept["maturity_days"].to_numpy(dtype=float) + spec.horizon_days / 2
        incurred = developed(incurred, ages, factors)
    data = Data(
        rows=kept,
        groups=kept["policy_id"],
        times=kept["as_of_date"],
        held=held_out(kept["policy_id"], spec.test_share, f"test/{spec.seed}"),
        exposure=kept["exposure_years"].to_numpy(dtype=float),
        claims=claims,
        incurred=incurred,
        capped=np.minimum(incurred, spec.severity_cap * claims),
        currency=str(kept["currency"].iloc[0]),
        coverage=str(kept["coverage"].iloc[0]),
        version=version,
        features=(),
        without_trips=int((~driven).sum()),
        maturity_days=int(kept["maturity_days"].min()),
        credibility_feature=CREDIBILITY_FEATURE,
        notes=(
            *([f"amounts developed by age in days: {_rounded(factors)}"] if factors else []),
            cap_note(spec.severity_cap, str(kept["currency"].iloc[0])),
        ),
        **_over_base(kept, spec),
    )
    return replace(data, features=feature_specs(data, version))


def _rounded(factors: dict[int, float]) -> dict[int, float]:
    return {age: round(factor, 4) for age, factor in factors.items()}


def _over_base(rows: pd.DataFrame, spec: Training) -> dict[str, Any]:
    if not spec.over_base:
        return {}
    base = rows[BASE_PREMIUM].to_numpy(dtype=float, na_value=np.nan)
    bad = int((~(np.isfinite(base) & (base > 0))).sum())
    if bad:
        raise TrainingRefused(f"{BASE_PREMIUM} is not positive in {bad} of {len(rows)} rows: there is no base to price over")
    return {"offset": base, "offset_column": BASE_PREMIUM}


def _check(frame: pd.DataFrame, spec: Training, version: str) -> None:
    missing = [c for c in needed_columns(version) if c not in frame.columns]
    if missing:
        raise TrainingRefused(f"the frame lacks {', '.join(missing)}")
    if frame.empty:
        raise TrainingRefused(f"the frame has no rows: 0 claims, at least {spec.min_claims} are needed")
    for name in ("coverage", "currency"):
        if frame[name].nunique() != 1:
            raise TrainingRefused(f"a model is of one {name}; the frame has {', '.join(sorted(frame[name].unique()))}")
    exposure, claims = (frame[c].to_numpy(dtype=float, na_value=np.nan) for c in ("exposure_years", "claims"))
    check_labels(exposure, claims, ("exposure_years", "claims"))
    check_finite(frame, [n for n in needed_columns(version) if n not in [*KEY, *LABELS, BASE_PREMIUM]])


def feature_specs(data: Data, version: str) -> tuple[FeatureSpec, ...]:
    """The model's features with their means and, for rates and shares, credibility, from the rows that may be trained on.

    Credibility reads each vehicle once, at its last date in the frame, for later windows contain earlier ones.
    """
    fitted = data.rows[data.fitted]
    last = fitted.drop_duplicates("vehicle_id", keep="last") if data.fitted.any() else fitted
    exposure = data.exposure[data.fitted]
    return tuple(_feature_spec(f, fitted, exposure, _shrinkage(f, last)) for f in model_features(version))


def _shrinkage(feature: Feature, last: pd.DataFrame) -> Shrinkage | None:
    if feature.denominator not in SHRUNK_DENOMINATORS:
        return None
    segments, km = periods(last, feature.stem, WINDOWS_DAYS, feature.exposure)
    return estimate(segments, km, f"{feature.exposure}_{feature.window_days}")


def _feature_spec(feature: Feature, rows: pd.DataFrame, exposure: Floats, shrinkage: Shrinkage | None) -> FeatureSpec:
    values = rows[feature.name].to_numpy(dtype=float, na_value=np.nan)
    known, driven = np.isfinite(values), rows[DRIVEN].to_numpy(dtype=float, na_value=np.nan) > 0
    mean = float(np.average(values[known], weights=exposure[known])) if known.any() else 0.0
    return FeatureSpec(
        name=feature.name, text=feature.text or feature.meaning, unit=feature.unit, window_days=feature.window_days,
        log=feature.log, mean=mean, shrinkage=shrinkage, sign=feature.sign, actionable=feature.stem.startswith(ACTIONABLE),
        ever_missing=bool((driven & ~known).any()),
    )  # fmt: skip
