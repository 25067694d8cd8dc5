"""A real book a year on (CASdatasets pg17): a year older in three columns, the same in three; said in years, and no alarm."""

import datetime as dt

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs.drift_sums import CURRENT, REFERENCE, summaries
from lake.conf import CONF_FOLDER
from monitoring.alerting import decide
from monitoring.binning import bins_of, summarise
from monitoring.drift import Drift, Monitored, Side, compare
from monitoring.night import Shift
from monitoring.rules import load_rules
from monitoring.signals import moved, signals
from tests.monitoring.test_page import night
from tests.training.test_real_claims import public

UNITS = {
    "drv_age1": "years", "vh_age": "years", "pol_duration": "years", "pol_bonus": "", "vh_value": "EUR", "vh_speed": "km/h",
    "cover": "",
}  # fmt: skip
A_YEAR_OLDER, THE_SAME = ("drv_age1", "vh_age", "pol_duration"), ("vh_value", "vh_speed", "cover")
COVERS = ("Mini", "Median1", "Median2", "Maxi")


def book(year: int) -> pd.DataFrame:
    rows = public(f"pg17/policies_year{year}.parquet")
    rows["cover"] = rows["pol_coverage"].map({name: n for n, name in enumerate(COVERS)})
    assert rows["cover"].notna().all()
    return rows[list(UNITS)].astype(float)


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[str, Drift]:
    """Exact histograms of all rows by Spark, as the job makes them, and what they say."""
    before, after = book(0), book(1)
    bins = {name: bins_of(before[name].to_numpy()) for name in UNITS}
    sides = [spark.createDataFrame(rows.assign(side=side)) for side, rows in ((REFERENCE, before), (CURRENT, after))]
    sums = summaries(sides[0].unionByName(sides[1]), bins)
    return {
        name: compare(Monitored(name, "feature", unit), bins[name],
                      *(Side(sums[side, name], len(before)) for side in (REFERENCE, CURRENT)))
        for name, unit in UNITS.items()
    }  # fmt: skip


def test_what_aged_by_a_year_is_a_year_older(found: dict[str, Drift]) -> None:
    assert {n: found[n].shift for n in A_YEAR_OLDER} == pytest.approx(dict.fromkeys(A_YEAR_OLDER, 1.0), abs=5e-4)
    for name in A_YEAR_OLDER:
        lower, upper = found[name].shift_lower, found[name].shift_upper
        assert lower is not None and upper is not None and 0 < lower < 1 < upper


def test_what_stayed_stayed(found: dict[str, Drift]) -> None:
    assert {n: (found[n].shift, found[n].statistic) for n in THE_SAME} == dict.fromkeys(THE_SAME, (0.0, 0.0))


def test_the_bonus_moved_a_little(found: dict[str, Drift]) -> None:
    bonus = found["pol_bonus"]
    assert (bonus.reference_mean, bonus.current_mean) == pytest.approx((0.537, 0.532), abs=5e-4)
    assert bonus.shift is not None and -0.006 < bonus.shift < -0.004


def test_an_alarm_asks_for_effect_as_well_as_for_certainty(found: dict[str, Drift]) -> None:
    """A year is beyond chance among 100,000 policies, and too little to matter: the report says it, nobody is woken."""
    sure = {n for n in A_YEAR_OLDER if (p := found[n].p_value) is not None and p < 1e-6}
    assert sure == set(A_YEAR_OLDER)
    assert [n for n, d in found.items() if d.drifted] == []
    shifts = [
        Shift(column=d.column, unit=d.unit, statistic=d.statistic, threshold=d.threshold, drifted=d.drifted,
              before=d.reference_mean, now=d.current_mean, shift=d.shift, lower=d.shift_lower, upper=d.shift_upper, nights=1,
              p_value=d.p_value)
        for d in found.values()
    ]  # fmt: skip
    rules = load_rules(CONF_FOLDER / "alerts.yaml")
    assert decide(rules.each(), signals(night(watched=shifts), rules.limits), [], [], dt.date(2026, 3, 2), []) == []
    aged = next(s for s in shifts if s.column == "drv_age1")
    assert "years, shift +1 (+0.7" in moved(aged)


def test_ten_years_would_wake_somebody(found: dict[str, Drift]) -> None:
    ages = book(0)["drv_age1"].to_numpy()
    bins = bins_of(ages)

    sides = [Side(summarise(x, bins), len(ages)) for x in (ages, ages + 10)]
    assert compare(Monitored("drv_age1", "feature", "years"), bins, *sides).drifted
