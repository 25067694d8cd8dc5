"""Rows to train on, checked and put in a fixed order, as arrays; where they come from is training.frame and training.table."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from lake.errors import TrainingRefused
from training.scorer_spec import FeatureSpec

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Data:
    """Rows of one coverage; money in currency units, exposure in car-years.

    `groups` (rows) are policies: those of one are never apart in a split. `times` (rows) order folds, None without. `offset`
    (rows) is the insurer's expected loss a car-year, None without. `claims` counts those whose amounts are in `incurred`;
    `capped` is what a severity is fitted on, None where frequency is fitted alone.
    """

    rows: pd.DataFrame
    groups: pd.Series
    times: pd.Series | None
    held: Mask
    exposure: Floats
    claims: Floats
    incurred: Floats
    capped: Floats | None
    currency: str
    coverage: str
    version: str
    features: tuple[FeatureSpec, ...]
    offset: Floats | None = None
    offset_column: str | None = None
    without_trips: int = 0
    maturity_days: int | None = None
    credibility_feature: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def fitted(self) -> Mask:
        """Rows that may be trained on."""
        return ~self.held

    @property
    def with_amount(self) -> Mask:
        """Rows with claims that cost something: what a severity is fitted on."""
        none = np.zeros(len(self.claims), dtype=bool)
        return none if self.capped is None else (self.claims > 0) & (self.capped > 0)

    @property
    def ln_offset(self) -> Floats:
        """ln(expected loss / its exposure-weighted mean), 0 without an offset."""
        return np.zeros(len(self.exposure)) if self.offset is None else np.log(self.offset / self.offset_mean)

    @property
    def offset_mean(self) -> float:
        """Exposure-weighted mean of the offset, 1 without one."""
        return 1.0 if self.offset is None else float(np.average(self.offset, weights=self.exposure))


def cap_note(cap: float, currency: str) -> str:
    """For the card."""
    return f"severity is fitted on amounts capped at {cap:,.0f} {currency} a claim; what is above is in its balance"


def check_labels(exposure: Floats, claims: Floats, names: tuple[str, str]) -> None:
    """Refuse exposures that are not positive and counts that are none, naming the column and how many rows."""
    bad = int((~(np.isfinite(exposure) & (exposure > 0))).sum())
    if bad:
        raise TrainingRefused(f"{names[0]} is not positive in {bad} of {len(exposure)} rows")
    unknown = int((~np.isfinite(claims)).sum())
    if unknown:
        raise TrainingRefused(f"{names[1]} is not a number in {unknown} of {len(claims)} rows")
    negative = int((claims < 0).sum())
    if negative:
        raise TrainingRefused(f"{names[1]} is negative in {negative} of {len(claims)} rows")


def check_finite(rows: pd.DataFrame, names: list[str]) -> None:
    """Refuse features with infinite values, by name; what is missing may be trained on."""
    infinite = [n for n in names if np.isinf(rows[n].to_numpy(dtype=float, na_value=np.nan)).any()]
    if infinite:
        raise TrainingRefused(f"features with infinite values: {', '.join(infinite)}")


def check_claims(claims: Floats, at_least: int, hint: str) -> None:
    """Refuse too few claims, with the count."""
    if claims.sum() < at_least:
        raise TrainingRefused(f"{int(claims.sum())} claims on {len(claims)} rows{hint}")
