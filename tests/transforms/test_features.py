"""Features by version: the golden rows, and by hand what only v2 has."""

import math
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lake.feature import STARTS, VA
from lake.features import CREDIBLE, FEATURES, published_columns
from lake.va import LOADINGS
from tests.golden import rows as golden
from tests.transforms.rows import date, day, days
from transforms.windows import window_features

D = date("2026-01-31")
V2 = "v2"


@pytest.mark.parametrize("version", FEATURES)
def test_a_version_gives_what_it_gave(spark: SparkSession, version: str) -> None:
    found, kept = golden.features(spark, version), golden.kept(version)
    assert [list(row) for row in found] == [list(row) for row in kept]
    for ours, theirs in zip(found, kept, strict=True):
        moved = {name: (ours[name], value) for name, value in theirs.items() if not _same(ours[name], value)}
        assert moved == {}, f"{version} of {theirs['vehicle_id']}: python -m tests.golden is for new versions only"


def _same(ours: Any, kept: Any) -> bool:
    if not isinstance(kept, float):
        return bool(ours == kept)
    return isinstance(ours, float) and math.isclose(ours, kept, rel_tol=1e-12, abs_tol=1e-9)


def of_one(spark: SparkSession, *rows: dict[str, Any]) -> dict[str, Any]:
    """The v2 features of the only vehicle."""
    [found] = window_features(days(spark, *rows), D, V2).collect()
    return found.asDict()


def test_harsh_events_count_over_the_distance_where_they_could_be_measured(spark: SparkSession) -> None:
    # 10 km of which none was measured, 30 km of which 10 were, and 10 km of which nobody says: all of it
    found = of_one(
        spark,
        day("v1", "2026-01-28", harsh_known_mm=0),
        day("v1", "2026-01-29", distance_mm=30_000_000, harsh_known_mm=10_000_000, brake_r3=1),
        day("v1", "2026-01-30", harsh_known_mm=None, brake_r3=2),
    )
    # 3 events on 20 km; v1 says 3 on 50
    assert (found["brake_per_100km_7"], found["corner_per_100km_7"]) == (15.0, 0.0)


def test_shares_are_of_what_is_known(spark: SparkSession) -> None:
    """1,000 s of motion a day: of the first day everything is known, of the second, as imported, nothing."""
    lookups = {
        "wet_ms": 100_000,
        "weather_known_ms": 400_000,
        "motorway_mm": 6_000_000,
        "main_mm": 3_000_000,
        "local_mm": 1_000_000,
    }
    times = {"weekend_ms": 250_000, "holiday_ms": 0, "idle_ms": 200_000, "quality_mm": 9_000_000}
    unknown = dict.fromkeys((*lookups, *times))
    found = of_one(spark, day("v1", "2026-01-29", **lookups, **times), day("v1", "2026-01-30", **unknown))
    names = ("weekend", "holiday", "idle", "wet", "motorway", "main")
    # 250 of 1,000 s; 0; 200 of 1,000 s covered; 100 of 400 s; 6 and 3 of 10 km
    assert [found[f"{name}_share_7"] for name in names] == [0.25, 0.0, 0.2, 0.25, 0.6, 0.3]
    # 9 of 10 km; of 20 km in two days
    assert (found["quality_7"], found["log_km_7"]) == (0.9, round(math.log(21), 9))
    nothing = of_one(spark, day("v1", "2026-01-30", **unknown))
    assert [nothing[f"{name}_share_7"] for name in names] == [None] * 6
    assert nothing["quality_7"] is None


def test_events_count_over_the_distance_where_they_could_be_seen(spark: SparkSession) -> None:
    # the limit is known for 250 of 1,000 s: 2.5 of 10 km; phone use for all of 10 km of the other day
    found = of_one(
        spark,
        day("v1", "2026-01-29", limit_known_ms=250_000, speeding_events=2),
        day("v1", "2026-01-30", phone_known_ms=1_000_000, phone_events=1),
    )
    assert (found["speeding_events_per_100km_7"], found["phone_events_per_100km_7"]) == (80.0, 10.0)


def test_regularity_by_hand(spark: SparkSession) -> None:
    def regularity(**starts: int) -> float | None:
        value: float | None = of_one(spark, day("v1", "2026-01-30", **starts))["regularity_90"]
        return value

    # nine trips are too few; ten in one slot are as regular as can be; all slots alike not at all
    assert regularity(starts_weekday_08=9) is None
    assert regularity(starts_weekday_08=10) == 1.0
    assert regularity(**dict.fromkeys(STARTS, 5)) == 0.0
    # two slots of six: H = ln 2
    assert regularity(starts_weekday_08=6, starts_weekday_16=6) == pytest.approx(1 - math.log(2) / math.log(12), abs=1e-9)


def test_components_by_hand(spark: SparkSession) -> None:
    """A car that was 30 s at 5 km/h and 100 s at 25 km/h, always in the middle acceleration bucket: the first is too little to
    say anything, in the second its shares are 0 but for a 1 in place 4; elsewhere it is as the mean."""
    seconds = [0] * 117
    seconds[4], seconds[2 * 9 + 4] = 30_000, 100_000
    found = of_one(spark, day("v1", "2026-01-30", va_ms=seconds))
    for n in (0, 1):
        loading, mean = LOADINGS.components[n], LOADINGS.mean
        bucket = range(18, 27)
        expected = sum(((place == 22) - mean[place]) * loading[place] for place in bucket)
        assert found[f"va_pc{n + 1}_365"] == pytest.approx(expected, abs=1e-9)
    assert of_one(spark, day("v1", "2026-01-30"))["va_pc1_365"] is None


def test_the_shipped_components_are_components() -> None:
    assert len(LOADINGS.mean) == len(LOADINGS.components[0]) == len(LOADINGS.components[1]) == 117
    first, second = LOADINGS.components
    assert sum(x * x for x in first) == pytest.approx(1.0, abs=1e-6)
    assert sum(a * b for a, b in zip(first, second, strict=True)) == pytest.approx(0.0, abs=1e-6)
    # shares of a speed bucket add up to 1 in the mean
    assert [sum(LOADINGS.mean[n : n + 9]) for n in range(0, 117, 9)] == pytest.approx([1.0] * 13, abs=1e-6)


def test_every_feature_says_where_it_comes_from_and_v1_is_in_v2() -> None:
    every = [f for version, own in FEATURES.items() for f in (*own, *CREDIBLE[version])]
    assert [f.name for f in every if not f.source] == []
    assert {f.name for f in FEATURES["v1"]} < {f.name for f in FEATURES[V2]}
    assert {f.name for f in every} == {c.name for c in published_columns()}
    assert not any(f.model for f in CREDIBLE[V2]) and VA not in {c.name for c in published_columns()}
