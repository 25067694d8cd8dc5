"""Credibility in a portfolio: by hand, and as training estimates it."""

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from lake.features import CREDIBLE, FEATURES, WINDOWS_DAYS
from training.credibility import estimate, periods
from transforms.portfolio import credible_values, of_portfolio

[CREDIBLE_BRAKE] = [f for f in CREDIBLE["v2"] if f.stem == "brake_per_100km_credible"]
[BRAKE] = [f for f in FEATURES["v2"] if f.name == CREDIBLE_BRAKE.numerator]
Cell = float | None


def of_windows(spark: SparkSession, *vehicles: dict[int, tuple[Cell, Cell]]):
    """Features with (measured km, rate) of the windows given; a window that is not given is as the next shorter one."""
    rows = []
    for vehicle in vehicles:
        row: dict[str, Cell] = {}
        km, rate = 0.0, None
        for w in WINDOWS_DAYS:
            km, rate = vehicle.get(w, (km, rate))
            row |= {f"{BRAKE.exposure}_{w}": km, f"{BRAKE.stem}_{w}": rate}
        rows.append(tuple(row.values()))
    names = [f"{x}_{w}" for w in WINDOWS_DAYS for x in (BRAKE.exposure, BRAKE.stem)]
    return spark.createDataFrame(rows, ", ".join(f"{name} double" for name in names))


def test_by_hand(spark: SparkSession) -> None:
    """Two vehicles with two periods of 100 km each, at 1 and 3 and at 5 and 7: s2 = 200, t2 = 7, k = 200 / 7 (test_credibility).
    A third has not driven."""
    rows = of_windows(spark, {7: (100.0, 1.0), 28: (200.0, 2.0)}, {7: (100.0, 5.0), 90: (200.0, 6.0)}, {})
    found = of_portfolio(rows, [BRAKE])
    by = found[BRAKE.name]
    assert (by.vehicles, by.km, by.mean) == (2, 400.0, 4.0)
    assert (by.variance_between, by.k_km) == pytest.approx((7.0, 200 / 7))
    values = [r[CREDIBLE_BRAKE.name] for r in credible_values(rows, [CREDIBLE_BRAKE], found).collect()]
    # Z = 200 / (200 + 200 / 7) = 7 / 8
    assert values == pytest.approx([4 - 2 * 7 / 8, 4 + 2 * 7 / 8, 4.0])


def test_nothing_known_of_anybody_gives_nothing(spark: SparkSession) -> None:
    rows = of_windows(spark, {}, {365: (0.0, None)})
    assert of_portfolio(rows, [BRAKE]) == {}
    assert [r[CREDIBLE_BRAKE.name] for r in credible_values(rows, [CREDIBLE_BRAKE], {}).collect()] == [None, None]


def test_it_is_what_training_estimates(spark: SparkSession) -> None:
    rng = np.random.default_rng(3)
    true = rng.gamma(2.0, 2.0, 300)
    km = np.cumsum(rng.uniform(0, 400, (300, 4)), axis=1)
    km[:20] = 0.0
    rate = np.where(km > 0, 100 * rng.poisson(true[:, None] * km / 100) / np.maximum(km, 1e-9), np.nan)
    columns = {f"{BRAKE.exposure}_{w}": km[:, n] for n, w in enumerate(WINDOWS_DAYS)}
    columns |= {f"{BRAKE.stem}_{w}": rate[:, n] for n, w in enumerate(WINDOWS_DAYS)}
    frame = pd.DataFrame(columns)
    expected = estimate(*periods(frame, BRAKE.stem, WINDOWS_DAYS, BRAKE.exposure), "harsh_km_365")
    found = of_portfolio(spark.createDataFrame(frame.astype(object).where(frame.notna(), None), _ddl(frame)), [BRAKE])[BRAKE.name]
    assert expected is not None
    assert (found.k_km, found.mean) == pytest.approx((expected.k_km, expected.mean), rel=1e-6)
    assert found.variance_between == pytest.approx(expected.variance_between, rel=1e-6)


def _ddl(frame: pd.DataFrame) -> str:
    return ", ".join(f"{name} double" for name in frame)
