"""Credibility of what has been observed about a vehicle, applied to features and never to predictions.

The formulas of Buhlmann and Straub are in transforms.credibility, with their source; distance is the exposure.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from transforms.credibility import K_MAX_KM, Moments, estimated, shrunk_to, weight

__all__ = ["K_MAX_KM", "Shrinkage", "credibility", "estimate", "periods", "shrunk"]

Floats = npt.NDArray[np.float64]


class Shrinkage(BaseModel):
    """Parameters of one feature: exposure column, k [km], mean and between-vehicle variance t2 in the feature's unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    km: str
    k_km: float = Field(gt=0, allow_inf_nan=False)
    mean: float = Field(allow_inf_nan=False)
    variance_between: float = Field(ge=0, allow_inf_nan=False)


def credibility(km: Floats, k_km: float) -> Floats:
    """Z = km / (km + k), 0 where the distance is not known."""
    driven = np.nan_to_num(np.maximum(km, 0.0))
    found: Floats = weight(driven, k_km)
    return found


def shrunk(values: Floats, km: Floats, by: Shrinkage) -> Floats:
    """Z * value + (1 - Z) * mean, in the feature's unit; a value that is not known has Z = 0."""
    driven = np.nan_to_num(np.maximum(km, 0.0))
    found: Floats = shrunk_to(by.mean, np.nan_to_num(values), driven, by.k_km)
    return np.where(np.isfinite(values), found, by.mean)


def estimate(segments: Floats, km: Floats, column: str) -> Shrinkage | None:
    """Method of moments (transforms.credibility).

    `segments` and `km` (vehicles x periods) hold the feature and the distance in disjoint periods of the same vehicle, NaN where
    nothing was observed. None where no vehicle was observed at all.
    """
    w = np.where(np.isfinite(segments), np.nan_to_num(np.maximum(km, 0.0)), 0.0)
    x = np.where(w > 0, np.nan_to_num(segments), 0.0)
    of_vehicle = w.sum(axis=1)
    seen = of_vehicle > 0
    w, x, of_vehicle = w[seen], x[seen], of_vehicle[seen]
    if not len(w):
        return None
    total = of_vehicle.sum()
    means = (w * x).sum(axis=1) / of_vehicle
    mean = float((of_vehicle * means).sum() / total)
    found = estimated(
        Moments(
            vehicles=len(w), km=float(total), squares=float((of_vehicle**2).sum()), mean=mean,
            spread=float((of_vehicle * (means - mean) ** 2).sum()), within=float((w * (x - means[:, None]) ** 2).sum()),
            repeats=int(((w > 0).sum(axis=1) - 1).sum()),
        )
    )  # fmt: skip
    return Shrinkage(km=column, k_km=found.k_km, mean=mean, variance_between=found.variance_between)


def periods(rows: pd.DataFrame, stem: str, windows_days: tuple[int, ...], exposure: str = "km") -> tuple[Floats, Floats]:
    """Disjoint periods out of nested windows: (values, km), vehicles x periods, shortest window first; `exposure` is the stem of
    the kilometres that the values were measured on.

    The period between two windows has the difference of their distances and of their products value * distance.
    """
    km = np.column_stack([_column(rows, f"{exposure}_{w}") for w in windows_days])
    values = np.column_stack([_column(rows, f"{stem}_{w}") for w in windows_days])
    known_km = np.where(np.isfinite(values), np.nan_to_num(km), 0.0)
    steps = np.diff(known_km, axis=1, prepend=0.0)
    amounts = np.diff(np.nan_to_num(values) * known_km, axis=1, prepend=0.0)
    driven = steps > 0
    return np.where(driven, np.maximum(amounts, 0.0) / np.where(driven, steps, 1.0), np.nan), np.maximum(steps, 0.0)


def _column(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(dtype=float, na_value=np.nan)
