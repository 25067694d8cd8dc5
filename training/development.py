"""How claims that are known grow until they are settled: factors to ultimate by age, from their states at valuation dates.

Chain ladder (Mack 1993) over claims that were known at the younger age, so that a factor holds what known claims become and not
claims that are reported later: those are missing from counts too, and a severity is amounts over counts.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

AGES_DAYS = (30, 60, 90, 180, 365, 730)
FEWEST_CLAIMS = 30
"""A link between two ages with fewer claims is 1: a factor of a dozen claims is one claim's history."""
Floats = npt.NDArray[np.float64]


def factors_to_ultimate(states: pd.DataFrame, valuation: pd.Timestamp) -> dict[int, float]:
    """Age in days -> factor from what is known at that age to ultimate, taken as the last age.

    `states` has a row per state of a claim: claim_id, occurred_ts, known_from (when the state came to be known), incurred
    (currency units). Only what was known before `valuation` counts, and only claims old enough for both ages of a link.
    """
    known = states[states["known_from"] < valuation].sort_values(["claim_id", "known_from"], kind="stable")
    occurred = known.groupby("claim_id")["occurred_ts"].last()
    at = {age: _at_age(known, occurred, age) for age in AGES_DAYS}
    links = [_link(at[a], at[b], occurred, b, valuation) for a, b in pairwise(AGES_DAYS)]
    to_ultimate = np.append(np.cumprod(links[::-1])[::-1], 1.0)
    return dict(zip(AGES_DAYS, map(float, to_ultimate), strict=True))


def _at_age(known: pd.DataFrame, occurred: pd.Series, age: int) -> pd.Series:
    """Incurred by claim as known at the age; claims that were not known by then are absent."""
    until = known["claim_id"].map(occurred) + pd.Timedelta(days=age)
    return known[known["known_from"] <= until].groupby("claim_id")["incurred"].last()


def _link(younger: pd.Series, older: pd.Series, occurred: pd.Series, age: int, valuation: pd.Timestamp) -> float:
    old_enough = occurred[occurred + pd.Timedelta(days=age) <= valuation].index
    claims = younger.index.intersection(old_enough)
    before = float(younger.loc[claims].sum())
    if len(claims) < FEWEST_CLAIMS or before <= 0:
        return 1.0
    return max(float(older.loc[claims].sum()) / before, 0.0) or 1.0


def developed(incurred: Floats, age_days: Floats, factors: dict[int, float]) -> Floats:
    """Amounts at ultimate: linear between the ages of the factors, constant beyond them."""
    ages = sorted(factors)
    return np.asarray(incurred * np.interp(age_days, ages, [factors[a] for a in ages]), dtype=float)
