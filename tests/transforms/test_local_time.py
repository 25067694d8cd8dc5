import datetime as dt
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from tests.transforms.driving import drive, point
from transforms.places import _finder, is_holiday, java_name

CHICAGO, QUITO, HONOLULU, SYDNEY = (41.88, -87.63), (-0.18, -78.47), (21.31, -157.86), (-33.87, 151.21)
Rows = dict[str, list[Any]]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def moving(device: str, place: tuple[float, float], start: str, *seconds: int) -> list[dict[str, Any]]:
    lat, lon = place
    return [point(s, device, start=utc(start), lat=lat + s / 1e5, lon=lon, speed_mps=10.0) for s in seconds]


ROWS = [
    *moving("honolulu", HONOLULU, "2026-01-06T09:59:59", 0, 2),
    *moving("quito_before", QUITO, "2026-01-06T04:59:50", 0, 10, 20),
    *moving("quito_after", QUITO, "2026-01-06T05:00:00", 0),
    *moving("sydney", SYDNEY, "2026-01-05T13:30:00", 0),
    *moving("spring", CHICAGO, "2026-03-08T08:59:50", 0, 5, 10, 15),
    *moving("autumn", CHICAGO, "2026-11-01T09:59:50", 0, 5, 10, 15),
    *moving("rush", QUITO, "2026-01-05T11:59:55", 0, 5, 10),
    *moving("sunday", QUITO, "2026-01-04T11:59:55", 0, 5, 10),
    *moving("friday", QUITO, "2026-01-10T04:59:50", 0, 5, 10, 15),
    *moving("fourth", CHICAGO, "2026-07-05T04:00:00", 0, 5),
    *moving("fifth", CHICAGO, "2026-07-05T05:00:00", 0, 5),
    *moving("evening", QUITO, "2026-01-05T22:59:50", 0, 5, 10, 15),
]


@pytest.fixture(scope="module")
def trips(spark: SparkSession) -> Rows:
    return drive(spark, ROWS)[0]


def test_the_local_date_is_that_of_the_place_where_the_trip_began(trips: Rows) -> None:
    # Honolulu is UTC-10: 09:59:59 UTC is 23:59:59 the day before; Quito UTC-5; Sydney UTC+11 in January
    found = {d: (t[0]["tz"], t[0]["local_date"].isoformat()) for d, t in trips.items()}
    assert found["honolulu"] == ("Pacific/Honolulu", "2026-01-05")
    assert found["quito_before"] == ("America/Guayaquil", "2026-01-05")
    assert found["quito_after"] == ("America/Guayaquil", "2026-01-06")
    assert found["sydney"] == ("Australia/Sydney", "2026-01-06")
    assert found["spring"][0] == "America/Chicago"


def test_a_trip_across_utc_midnight_is_one_trip_of_the_day_it_began(spark: SparkSession) -> None:
    (trip,) = drive(spark, moving("d", CHICAGO, "2026-01-05T23:59:55", 0, 10))[0]["d"]
    assert (trip["start_date"].isoformat(), trip["points"]) == ("2026-01-05", 2)


def test_night_begins_at_local_midnight(trips: Rows) -> None:
    # the steps that end at 00:00:00 and 00:00:10 local
    assert trips["quito_before"][0]["night_ms"] == 20_000


def test_fault_19_night_ends_at_four_by_the_clock_on_both_sides_of_a_change_of_clocks(trips: Rows) -> None:
    # 8 March: CDT (UTC-5), 08:59:55 UTC is 03:59:55. 1 November: CST (UTC-6), 09:59:55 UTC is 03:59:55.
    # Of three steps of 5 s only the one that ends before 04:00:00 is at night.
    assert trips["spring"][0]["night_ms"] == 5_000
    assert trips["autumn"][0]["night_ms"] == 5_000
    assert trips["spring"][0]["moving_ms"] == 15_000


def test_rush_hours_are_weekdays_seven_to_nine_and_four_to_six(trips: Rows) -> None:
    # Monday 06:59:55 Quito: the steps that end at 07:00:00 and 07:00:05
    assert trips["rush"][0]["rush_ms"] == 10_000
    assert trips["sunday"][0]["rush_ms"] == 0
    # 17:59:50: only the step that ends at 17:59:55
    assert trips["evening"][0]["rush_ms"] == 5_000


def test_the_weekend_begins_at_local_midnight_and_counts_by_the_time_driven(trips: Rows) -> None:
    # 23:59:50 of a Friday: the steps that end at 00:00:00 and 00:00:05
    assert trips["friday"][0]["weekend_ms"] == 10_000
    assert trips["sunday"][0]["weekend_ms"] == 10_000
    assert trips["rush"][0]["weekend_ms"] == 0


def test_a_national_holiday_is_told_by_the_local_date_of_the_country(trips: Rows) -> None:
    # 04:00 UTC is 23:00 of the Fourth of July in Chicago; an hour later the fifth has begun
    assert trips["fourth"][0]["holiday_ms"] == trips["fourth"][0]["moving_ms"] == 5_000
    assert trips["fifth"][0]["holiday_ms"] == 0
    # Independence Day of Brazil, 7 September, and none in the United States
    noon = int(utc("2026-09-07T15:00:00").timestamp()) * 1_000_000
    assert is_holiday(noon, "America/Sao_Paulo") and not is_holiday(noon + 86_400_000_000, "America/Sao_Paulo")
    assert not is_holiday(noon, "UTC")


def test_the_jvm_knows_every_zone_that_a_position_can_have(spark: SparkSession) -> None:
    zones = spark.createDataFrame([(java_name(z),) for z in _finder().timezone_names], "tz string")
    local = F.from_utc_timestamp(F.timestamp_seconds(F.lit(0)), F.col("tz"))
    assert zones.select(F.count(local)).collect()[0][0] == len(_finder().timezone_names)
