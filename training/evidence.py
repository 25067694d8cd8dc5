"""What a training gives back: the scorer and everything a reviewer needs to judge it."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from training.metrics import Estimate
from training.monotonicity import Sweep
from training.scorer import Scorer


@dataclass(frozen=True)
class FrameFacts:
    """The frame as it was trained on. Money in currency units, exposure in car-years."""

    rows: int
    policies: int
    test_policies: int
    exposure_years: float
    claims: int
    incurred: float
    without_trips: int
    as_of_dates: tuple[dt.date, ...]
    maturity_days: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """`metrics` are on policies never trained on unless their name begins with train_; `test` has a row per held-out row with
    policy_id, as_of_date, exposure_years, claims, incurred, predicted (claims), predicted_glm, pure_premium; `sample` are raw
    feature rows for explanations. `assessed` are artefacts 3 and 5 to 9 by name (training.assessment), `data_hash` is of
    labels and design."""

    scorer: Scorer
    facts: FrameFacts
    params: dict[str, str | int | float]
    metrics: dict[str, Estimate]
    glm: dict[str, pd.DataFrame]
    test: pd.DataFrame
    lift: pd.DataFrame
    double_lift: pd.DataFrame
    lorenz: dict[str, pd.DataFrame]
    sample: pd.DataFrame = field(repr=False)
    performance: dict[str, Any] = field(repr=False)
    assessed: dict[str, dict[str, Any]] = field(repr=False)
    swept: list[Sweep] = field(repr=False)
    data_hash: str = ""
