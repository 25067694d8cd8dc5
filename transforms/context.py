"""What was around a drive: the class of the road and the weather, by lookups that anyone can fill.

A lookup is a table. Roads: `cell` (H3 resolution 10, text) and `road_class` (motorway, main or local). Weather: `cell` (H3
resolution 5), `hour_ts` (the hour that begins there, UTC) and `is_wet`. The class of a road comes from the map and never from the
speed that is then judged by it.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

ROAD_RESOLUTION, WEATHER_RESOLUTION = 10, 5
ROAD_CLASSES = ("motorway", "main", "local")
ROADS = {"cell": "string", "road_class": "string"}
WEATHER = {"cell": "string", "hour_ts": "timestamp", "is_wet": "boolean"}
"""Columns of the lookups and their types."""


def with_roads(trips: DataFrame, roads: DataFrame) -> DataFrame:
    """Trips (trip_id, cells ...) with motorway_mm, main_mm and local_mm; distance where the lookup has no road is in none.

    A cell that the lookup has twice has the class that comes first in ROAD_CLASSES.
    """
    order = F.array_position(F.array(*map(F.lit, ROAD_CLASSES)), F.col("road_class"))
    one = roads.where(order > 0).groupBy("cell").agg(F.min_by("road_class", order).alias("road_class"))
    passed = trips.select("trip_id", F.explode("cells").alias("at")).select("trip_id", "at.cell", "at.mm")
    sums = {f"{x}_mm": F.sum(F.when(F.col("road_class") == x, F.col("mm")).otherwise(0)) for x in ROAD_CLASSES}
    by_trip = passed.join(one, on="cell", how="left").groupBy("trip_id").agg(*(v.alias(k) for k, v in sums.items()))
    return trips.drop(*sums).join(by_trip, on="trip_id", how="left").fillna(0, list(sums))


def with_weather(trips: DataFrame, weather: DataFrame) -> DataFrame:
    """Trips (trip_id, cells ...) with wet_ms and weather_known_ms, of moving time. Of a cell and hour told twice, wet counts."""
    hour = F.floor(F.unix_seconds("hour_ts") / F.lit(3600))
    one = weather.groupBy(F.col("cell").alias("area"), hour.alias("hour")).agg(F.bool_or("is_wet").alias("is_wet"))
    passed = trips.select("trip_id", F.explode("cells").alias("at")).select("trip_id", "at.area", "at.hour", "at.ms")
    wet = F.sum(F.when(F.col("is_wet"), F.col("ms")).otherwise(0)).alias("wet_ms")
    known = F.sum(F.when(F.col("is_wet").isNotNull(), F.col("ms")).otherwise(0)).alias("weather_known_ms")
    by_trip = passed.join(one, on=["area", "hour"], how="left").groupBy("trip_id").agg(wet, known)
    sums = ["wet_ms", "weather_known_ms"]
    return trips.drop(*sums).join(by_trip, on="trip_id", how="left").fillna(0, sums)
