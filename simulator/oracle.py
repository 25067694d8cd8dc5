"""What a model that knew the truth would reach."""

from pathlib import Path

import numpy as np
import pandas as pd

from lake.errors import InputError


def rates(out: Path) -> pd.DataFrame:
    """True rates of a simulation: policy_id, vehicle_id, annual_frequency (claims a car-year), mean_severity (currency
    units a claim).

    Raises InputError where `out` holds no simulation.
    """
    path = Path(out) / "truth" / "drivers.parquet"
    if not path.is_file():
        raise InputError(f"{path} is not there: give the folder that `telematics simulate --out` wrote")
    drivers = pd.read_parquet(path, columns=["policy_id", "vehicle_id", "annual_frequency", "mean_severity"])
    return drivers.dropna(subset="policy_id")


def gini(truth: pd.DataFrame, frame: pd.DataFrame) -> float:
    """Exposure-weighted Gini of the true rate: 1 - 2 x the area below the ordered Lorenz curve (Frees, Meyers, Cummings 2011).

    truth: policy_id, annual_frequency (as from `rates`). frame: policy_id, exposure_years, claims; a row or more a policy.
    Raises InputError for a policy without a true rate, and where there is no exposure or no claim.
    """
    rate = frame["policy_id"].map(truth.set_index("policy_id")["annual_frequency"])
    unknown = frame.loc[rate.isna(), "policy_id"].unique()
    if len(unknown):
        raise InputError(f"oracle: {len(unknown)} policies have no true rate, for instance {unknown[0]}")
    order = np.argsort(rate.to_numpy(float), kind="stable")
    exposure = frame["exposure_years"].to_numpy(float)[order].cumsum()
    claims = frame["claims"].to_numpy(float)[order].cumsum()
    if len(order) == 0 or exposure[-1] <= 0.0 or claims[-1] <= 0.0:
        raise InputError("oracle: a Gini needs exposure and at least one claim")
    x, y = (np.r_[0.0, c / c[-1]] for c in (exposure, claims))
    return float(1.0 - 2.0 * np.trapezoid(y, x))
