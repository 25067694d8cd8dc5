"""Folds keep policies together and, where rows have dates, are ordered in time."""

import numpy as np
import pandas as pd
import pytest

from training.boosting import FREQUENCY
from training.search import SPACE, folds, proposed

GROUPS = pd.Series([f"p{i // 3}" for i in range(3000)])


def test_policies_are_on_one_side_and_each_row_is_validated_once() -> None:
    parts = folds(GROUPS, None, 4, seed=1)
    for fitted, validation in parts:
        assert set(GROUPS[fitted]).isdisjoint(GROUPS[validation])
        assert 0.2 < validation.mean() < 0.3
    assert (np.sum([validation for _, validation in parts], axis=0) == 1).all()


@pytest.mark.parametrize("dates", [2, 3, 400])
def test_a_fold_is_validated_on_what_comes_after_it(dates: int) -> None:
    times = pd.Series(pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(len(GROUPS)) % dates, unit="D"))
    parts = folds(GROUPS, times, 4, seed=1)
    validated = set()
    for fitted, validation in parts:
        assert fitted.any() and validation.any()
        assert set(GROUPS[fitted]).isdisjoint(GROUPS[validation])
        assert times[fitted].max() < times[validation].min()
        validated |= set(times[validation])
    # all but the first block of dates
    assert len(validated) >= dates * 0.5 if dates > 2 else validated == {times.max()}


def test_trials_are_a_function_of_seed_and_number() -> None:
    first = [proposed(FREQUENCY, n, 7) for n in range(6)]
    assert first == [proposed(FREQUENCY, n, 7) for n in range(6)]
    assert first[0] == FREQUENCY
    assert len({str(r.params) for r in first}) == 6
    assert all(r.params[name] in SPACE[name] for r in first[1:] for name in SPACE)
    assert all(r.max_rounds * r.params["eta"] == pytest.approx(20, rel=0.01) for r in first[1:])
