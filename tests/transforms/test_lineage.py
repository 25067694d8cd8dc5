"""From features back to days and raw records, without a lake."""

import datetime as dt
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lake.features import Feature
from tests.transforms.driving import NOON, point, points
from tests.transforms.rows import date, day, days
from transforms.lineage import records_of, tells_of, terms_of_days, total

BRAKES = Feature("brake_per_100km", 28, "events/100 km", "brake_r3", "distance_mm", 1e8, "harsh braking")
SPAN = "span string, source string, device_id string, start_ts timestamp, end_ts timestamp"


def test_what_days_add_to_a_feature(spark: SparkSession) -> None:
    log = Feature("log_km_per_day", 7, "ln km/day", "distance_mm", "span_days", 1e-6, "distance", log=True)
    count = Feature("days_driven", 28, "days", "days_driven", None, 1.0, "days")
    other = Feature("unheard_of", 28, "", "not_a_sum_of_days", None, 1.0, "nothing")
    rows = [
        day("v", "2026-01-30", brake_r3=2),
        day("v", "2026-01-24"),
        day("v", "2026-01-03", brake_r3=1),
        day("v", "2026-01-02"),
    ]
    found = terms_of_days(days(spark, *rows), [BRAKES, log, count, other], date("2026-01-31"))
    by_day = {str(r.local_date): [(t.numerator, t.denominator) for t in r.terms] for r in found.collect()}
    ten_km = 10_000_000
    # the 24th is seven days before the 31st, the 3rd 28 days
    assert by_day == {
        "2026-01-30": [(2, ten_km), (ten_km, 1), (1, None), (None, None)],
        "2026-01-24": [(0, ten_km), (ten_km, 7), (1, None), (None, None)],
        "2026-01-03": [(1, ten_km), (None, None), (1, None), (None, None)],
        "2026-01-02": [(None, None)] * 4,
    }
    assert (total("distance_mm", [2, 0, None]), total("span_days", [1, 7, None]), total("x", [None])) == (2, 7, None)


@pytest.mark.parametrize(
    ("kind", "rung", "expected"), [("brake", 3, True), ("brake", 2, False), ("brake", None, False), ("corner", 6, False)]
)
def test_events_that_a_feature_counts(kind: str, rung: int | None, expected: bool) -> None:
    assert tells_of(BRAKES, kind, rung) is expected


def test_raw_records_as_known(spark: SparkSession) -> None:
    at = NOON + dt.timedelta(hours=2)

    def told(seconds: float, line: int, **over: Any) -> dict[str, Any]:
        return point(seconds, source_line=line, speed_mps=float(line), **over)

    rows = [
        told(-1, 1), told(0, 2), told(1, 3, record_id="b"), told(1, 4, record_id="a"), told(2, 5), told(3, 6),
        # the last instant that is known, and the first that is not
        told(2.5, 7, received_ts=at - dt.timedelta(microseconds=1)), told(2.7, 8, received_ts=at),
        told(1.5, 9, device="another"), told(1.5, 10, source="another"),
    ]  # fmt: skip
    spans = spark.createDataFrame([("e", "gps", "d", NOON, NOON + dt.timedelta(seconds=3))], SPAN)
    found = records_of(points(spark, rows), spans, at, 4).orderBy("event_ts").collect()
    assert [(r["source_line"], r["records"]) for r in found] == [(2, 5), (4, 5), (5, 5), (7, 5)]
    assert "lat" not in found[0].asDict()
