"""Windows over policy days."""

import datetime as dt
import math
import random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession

from lake.clock import cutoff
from lake.errors import ConfigError
from lake.features import FEATURES, Feature, feature_columns
from tests.transforms.rows import date, day, days, ts
from transforms.windows import LONGEST_DAYS, days_before, window_features

D = date("2026-01-31")


def test_windows_by_hand(spark: SparkSession) -> None:
    """Ages as of 31 January: 1, 7 and 8 days, a year, a year and a day, and the day itself."""
    rows = days(
        spark,
        day("v1", "2026-01-30", distance_mm=30_000_000, brake_r3=1, speeding_ms=100, limit_known_ms=400),
        day("v1", "2026-01-24", brake_r3=2, night_ms=500_000),
        day("v1", "2026-01-23", distance_mm=60_000_000),
        day("v1", "2025-01-31", distance_mm=100_000_000, trips=4),
        day("v1", "2025-01-30", distance_mm=7_000_000_000),
        day("v1", "2026-01-31", distance_mm=7_000_000_000),
    )
    [row] = window_features(rows, D).collect()
    assert (row["vehicle_id"], row["as_of_date"], row["feature_version"]) == ("v1", D, "v1")
    # 30 + 10; + 60; the same; + 100
    assert [row[f"km_{w}"] for w in (7, 28, 90, 365)] == [40.0, 100.0, 100.0, 200.0]
    assert [row[f"days_driven_{w}"] for w in (7, 28, 90, 365)] == [2.0, 3.0, 3.0, 4.0]
    # 2 + 2; + 2; + 4
    assert [row[f"trips_{w}"] for w in (7, 28, 365)] == [4.0, 6.0, 10.0]
    # 3 events in 40, 100 and 200 km
    assert [row[f"brake_per_100km_{w}"] for w in (7, 28, 365)] == [7.5, 3.0, 1.5]
    # first driven day in the window is 7, 8 and 365 days before its end: ln(1 + 40/7), ln(1 + 100/8), ln(1 + 200/365)
    expected = [round(math.log(1 + x), 9) for x in (40 / 7, 100 / 8, 200 / 365)]
    assert [row[f"log_km_per_day_{w}"] for w in (7, 28, 365)] == expected
    # 100 of 400 ms; nobody told phone use
    assert (row["speeding_share_365"], row["phone_share_365"]) == (0.25, None)
    # 500 of 2 x 1000 s; 40 km in 2000 s = 20 m/s; 2 x 1000 of 2 x 1250 s
    assert (row["night_share_7"], row["mean_speed_kmh_7"], row["completeness_7"]) == (0.25, 72.0, 0.8)


def test_only_what_was_known_at_each_cutoff_counts(spark: SparkSession) -> None:
    """30 January is restated at noon on 5 February: as of the 31st it had 10 km, as of 10 February it has 90."""
    known_later = ts("2026-02-05T12:00:00")
    rows = days(
        spark,
        day("v1", "2026-01-30", known_to=known_later),
        day("v1", "2026-01-30", distance_mm=90_000_000, known_from=known_later),
        day("v1", "2026-01-29", known_from=cutoff(D)),
    )
    pairs = spark.createDataFrame([("v1", D), ("v1", date("2026-02-10"))], "vehicle_id string, as_of_date date")
    found = {r["as_of_date"]: r["km_28"] for r in window_features(rows, pairs).collect()}
    # the 29th came exactly at the cutoff, which is exclusive; later it adds its 10 km
    assert found == {D: 10.0, date("2026-02-10"): 100.0}


def test_a_vehicle_without_days_has_counts_of_zero_and_no_rates(spark: SparkSession) -> None:
    pairs = spark.createDataFrame([("v1", D), ("v1", D), ("absent", D)], "vehicle_id string, as_of_date date")
    rows = window_features(days(spark, day("v1", "2026-01-30"), day("other", "2026-01-30")), pairs).collect()
    assert sorted(r["vehicle_id"] for r in rows) == ["absent", "v1"]
    absent = next(r for r in rows if r["vehicle_id"] == "absent").asDict()
    for f in FEATURES["v1"]:
        assert absent[f.name] == (0.0 if f.denominator is None else None), f.name


def test_columns_are_the_catalogues_as_doubles(spark: SparkSession) -> None:
    found = window_features(days(spark), D)
    assert found.columns == ["vehicle_id", "as_of_date", "feature_version", *(c.name for c in feature_columns("v1"))]
    assert {t for _, t in found.dtypes[3:]} == {"double"}


def test_an_unknown_version_is_refused(spark: SparkSession) -> None:
    with pytest.raises(ConfigError, match="unknown feature version 'v0'"):
        window_features(days(spark), D, "v0")


def _direct(rows: list[dict[str, Any]], f: Feature, as_of: dt.date) -> float | None:
    """The catalogue's formula read literally, one window at a time."""
    inside = [r for r in rows if as_of - dt.timedelta(days=f.window_days) <= r["local_date"] < as_of]

    def term(name: str) -> float:
        if name == "days_driven":
            return len(inside)
        if name == "span_days":
            return max(((as_of - r["local_date"]).days for r in inside), default=0)
        return float(sum(r[name] for r in inside))

    below = 1.0 if f.denominator is None else term(f.denominator)
    if below == 0:
        return None
    value = f.scale * term(f.numerator) / below
    return math.log1p(value) if f.log else value


def test_bands_add_up_to_the_windows_read_literally(spark: SparkSession) -> None:
    rng = random.Random(5)
    first = D - dt.timedelta(days=LONGEST_DAYS + 20)
    rows = []
    for offset in rng.sample(range(LONGEST_DAYS + 30), 60):
        base = day("v1", str(first + dt.timedelta(days=offset)), known_from=ts("2024-01-01"))
        rows.append(base | {k: rng.randint(0, 10**7) for k, v in base.items() if isinstance(v, int)})
    [found] = window_features(days(spark, *rows), D).collect()
    for f in FEATURES["v1"]:
        expected = _direct(rows, f, D)
        assert found[f.name] == (None if expected is None else pytest.approx(expected, abs=1e-9)), f.name


def test_the_filter_keeps_what_any_window_covers(spark: SparkSession) -> None:
    dates = [D, date("2026-03-01")]
    texts = ["2025-01-30", "2025-01-31", "2026-02-28", "2026-03-01"]
    kept = days(spark, *(day("v1", t) for t in texts)).where(days_before(dates)).collect()
    # the longest window as of 31 January begins on 31 January 2025; 1 March itself is in no window
    assert sorted(str(r["local_date"]) for r in kept) == texts[1:3]


@pytest.mark.parametrize("zone", ["Pacific/Honolulu", "America/Guayaquil", "Australia/Sydney"])
def test_the_last_day_of_a_window_has_ended_at_the_cutoff_everywhere(spark: SparkSession, zone: str) -> None:
    """A trip late on local day D-1 was over by cutoff(D), so it can be known; local day D enters the next day."""
    late = dt.datetime.combine(D - dt.timedelta(days=1), dt.time(23, 59), ZoneInfo(zone))
    assert late.astimezone(dt.UTC) < cutoff(D)
    rows = days(
        spark,
        day(zone, "2026-01-30", known_from=late.astimezone(dt.UTC)),
        # begun at 00:10 on local day D: in Sydney that is known long before the cutoff and still has to wait
        day(zone, "2026-01-31", known_from=dt.datetime(2026, 1, 31, 0, 10, tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)),
    )
    pairs = spark.createDataFrame([(zone, D), (zone, date("2026-02-01"))], "vehicle_id string, as_of_date date")
    found = {r["as_of_date"]: r["days_driven_7"] for r in window_features(rows, pairs).collect()}
    assert found == {D: 1.0, date("2026-02-01"): 2.0}
