"""Factors to ultimate from states of claims at valuation dates."""

import numpy as np
import pandas as pd
import pytest

from lake.conf_sections import Training
from lake.features import FEATURE_VERSION_1
from tests.training.given import SPEC, the_frame
from training.development import AGES_DAYS, developed, factors_to_ultimate
from training.frame import prepare

START = pd.Timestamp("2024-01-01")


def states(claims: int = 200) -> pd.DataFrame:
    """Claims a day apart: 1,000 from day 10, 1,500 from day 50, 1,800 from day 150 on; every tenth is reported on day 100."""
    rows = []
    for n in range(claims):
        occurred = START + pd.Timedelta(days=n)
        history = [(100, 1800.0)] if n % 10 == 0 else [(10, 1000.0), (50, 1500.0), (150, 1800.0)]
        rows += [(f"c{n}", occurred, occurred + pd.Timedelta(days=d), amount) for d, amount in history]
    return pd.DataFrame(rows, columns=["claim_id", "occurred_ts", "known_from", "incurred"])


def test_known_claims_grow_by_what_known_claims_grew_by() -> None:
    found = factors_to_ultimate(states(), START + pd.Timedelta(days=1000))
    assert found == pytest.approx({30: 1.8, 60: 1.2, 90: 1.2, 180: 1.0, 365: 1.0, 730: 1.0})
    assert tuple(found) == AGES_DAYS


def test_what_is_known_later_and_claims_too_young_change_nothing() -> None:
    at = START + pd.Timedelta(days=260)
    early = factors_to_ultimate(states(), at)
    later = states().assign(incurred=lambda t: np.where(t["known_from"] >= at, 9e9, t["incurred"]))
    assert factors_to_ultimate(later, at) == early
    assert early[60] == pytest.approx(1.2)
    # 20 claims are too few to say anything
    assert set(factors_to_ultimate(states(20), START + pd.Timedelta(days=1000)).values()) == {1.0}


def test_a_frames_amounts_are_developed_by_their_age() -> None:
    factors = {60: 2.0, 240: 1.0}
    np.testing.assert_allclose(developed(np.full(3, 100.0), np.array([0.0, 150.0, 900.0]), factors), [200.0, 150.0, 100.0])
    plain, grown = (prepare(the_frame(), SPEC, FEATURE_VERSION_1, f) for f in (None, factors))
    # 60 days of maturity and half of a horizon of 180: 150 days
    np.testing.assert_allclose(grown.incurred, 1.5 * plain.incurred)
    assert grown.notes[0] == "amounts developed by age in days: {60: 2.0, 240: 1.0}"
    assert Training().development == "none"
