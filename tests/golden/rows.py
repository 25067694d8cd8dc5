"""The days of the golden rows, and the features that a version gives for them."""

import json
import random
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lake.feature import STARTS, VA
from lake.features import CREDIBLE, FEATURES
from tests.transforms.rows import date, day, days
from transforms.portfolio import credible_values, of_portfolio
from transforms.windows import window_features

FOLDER = Path(__file__).parent
AS_OF = date("2026-01-31")
_NULLABLE = (
    "idle_ms",
    "weekend_ms",
    "holiday_ms",
    "harsh_known_mm",
    "corner_known_mm",
    "wet_ms",
    "weather_known_ms",
    "quality_mm",
)
_ROADS = ("motorway_mm", "main_mm", "local_mm")


def path(version: str) -> Path:
    """The file of a version."""
    return FOLDER / f"features_{version}.json"


def golden_days(spark: SparkSession) -> DataFrame:
    """Days of six vehicles: four that drive much, the last of which knows nothing new, one with few trips, one with old ones."""
    rng = random.Random(20260131)
    rows: list[dict[str, Any]] = []
    for n in range(4):
        on = rng.sample(range(1, 365), 40)
        rows += [_day(rng, f"v{n}", age, knows_all=n < 3) for age in on]
    rows += [_day(rng, "few", age, knows_all=True) | dict.fromkeys(STARTS, 0) | {STARTS[2]: 3} for age in (5, 50, 80)]
    return days(spark, *rows, day("old", "2024-06-01"))


def _day(rng: random.Random, vehicle: str, age: int, *, knows_all: bool) -> dict[str, Any]:
    on = f"{date('2026-01-31').fromordinal(AS_OF.toordinal() - age)}"
    base = day(vehicle, on, distance_mm=rng.randint(10**6, 10**8), moving_ms=rng.randint(10**6, 10**7))
    base |= {"harsh_known_mm": 0, "corner_known_mm": 0}
    drawn = {k: rng.randint(0, 9) if "_r" in k or "events" in k or k in STARTS else rng.randint(0, 10**6)
             for k, v in base.items() if v == 0}  # fmt: skip
    if not knows_all:
        drawn |= dict.fromkeys((*_NULLABLE, *_ROADS))
    # drawn by itself: rows of versions that do not know it stay as they were
    drawn["moving_mm"] = random.Random(f"{vehicle}{age}").randint(0, base["distance_mm"]) if knows_all else None
    return base | drawn | {VA: [rng.randint(0, 9_000) for _ in range(117)] if knows_all else None}


def features(spark: SparkSession, version: str) -> list[dict[str, Any]]:
    """The version's row of each vehicle, by name, with what the six of them say of each other's rates."""
    own = window_features(golden_days(spark), AS_OF, version)
    rates = {f.numerator for f in CREDIBLE[version]}
    found = of_portfolio(own, [f for f in FEATURES[version] if f.name in rates]) if rates else {}
    rows = credible_values(own, CREDIBLE[version], found).drop("as_of_date", "feature_version").collect()
    return sorted((r.asDict() for r in rows), key=lambda r: str(r["vehicle_id"]))


def write(spark: SparkSession, version: str) -> None:
    """Keep the rows of a version."""
    path(version).write_text(json.dumps(features(spark, version), indent=1) + "\n")


def kept(version: str) -> list[dict[str, Any]]:
    """The rows that are kept."""
    found: list[dict[str, Any]] = json.loads(path(version).read_text())
    return found
