"""Shares of reasons: by hand, and under nothing and something changed."""

import numpy as np
import pandas as pd
import pytest

from monitoring.reason_shares import SHARE_EFFECT, reason_drifts

MIX = {"liability": 100, "own_damage": 500}


def contributions(rng: np.random.Generator, rows: int, *scales: float) -> pd.DataFrame:
    values = rng.normal(0.0, scales, (rows, len(scales)))
    return pd.DataFrame(values, columns=[f"f{n}" for n in range(len(scales))], index=[f"v{n}" for n in range(rows)])


def test_by_hand() -> None:
    before = pd.DataFrame({"a": [1.0, -1.0], "b": [1.0, 1.0]}, index=["v1", "v2"])
    after = pd.DataFrame({"a": [3.0, -3.0], "b": [-1.0, 1.0]}, index=["v1", "v2"])
    a, b = reason_drifts({"liability": before}, {"liability": after}, {"liability": 2})
    assert [(d.column, d.reference_mean, d.current_mean, d.shift) for d in (a, b)] == [
        ("a", 0.5, 0.75, 0.25), ("b", 0.5, 0.25, -0.25)
    ]  # fmt: skip
    # every vehicle says the same, so chance has no part in it
    assert (a.threshold, a.drifted, a.kind, a.unit) == (SHARE_EFFECT, True, "reason", "share")


def test_a_change_of_the_mix_of_coverages_is_no_drift_of_reasons() -> None:
    rng = np.random.default_rng(1)
    one, other = contributions(rng, 500, 1.0, 0.1), contributions(rng, 500, 0.1, 1.0)
    found = reason_drifts({"liability": one, "own_damage": other}, {"liability": one[:100], "own_damage": other}, MIX)
    assert not any(d.drifted for d in found)


def test_coverages_weigh_what_they_are_tonight_and_not_what_was_drawn_of_them() -> None:
    """Both samples are cut to as many rows."""
    only_a, only_b = (pd.DataFrame({"a": [x, -x], "b": [y, -y]}, index=["v1", "v2"]) for x, y in ((1.0, 0.0), (0.0, 1.0)))
    side = {"liability": only_a, "own_damage": only_b}
    a, b = reason_drifts(side, side, {"liability": 9_000, "own_damage": 1_000})
    assert (a.current_mean, b.current_mean) == pytest.approx((0.9, 0.1))


@pytest.mark.parametrize(("scale", "drifts"), [(1.0, False), (2.0, True)])
def test_what_grows_is_told_and_noise_is_not(scale: float, drifts: bool) -> None:
    rng = np.random.default_rng(2)
    told = [
        any(
            d.drifted
            for d in reason_drifts(
                {"c": contributions(rng, 2_000, *[1.0] * 10)}, {"c": contributions(rng, 2_000, scale, *[1.0] * 9)}, {"c": 2_000}
            )
        )
        for _ in range(50)
    ]
    assert told == [drifts] * 50


def test_rows_of_one_vehicle_count_once() -> None:
    rng = np.random.default_rng(3)
    once, later = contributions(rng, 200, 1.0, 1.0), contributions(rng, 200, 1.0, 1.0)
    single = reason_drifts({"c": once}, {"c": later}, {"c": 200})
    tripled = reason_drifts({"c": once}, {"c": pd.concat([later] * 3)}, {"c": 600})
    assert [d.p_value for d in tripled] == pytest.approx([d.p_value for d in single])
