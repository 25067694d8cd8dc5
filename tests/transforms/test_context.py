"""Road class and weather by lookup, and H3 cells that hide who was there."""

import datetime as dt
import random
from typing import Any

import h3
import pytest
from pyspark.sql import Row, SparkSession

from tests.transforms.driving import NOON, SOURCES, point, points
from transforms.cells import hidden_in, parent
from transforms.context import ROAD_RESOLUTION, ROADS, WEATHER, WEATHER_RESOLUTION, with_roads, with_weather
from transforms.drives import drives
from transforms.trips import trips_of

SPEED_MPS = 20.0
METRES_A_DEGREE = 111_195.08


def drive_north(device: str, start: dt.datetime = NOON) -> list[dict[str, Any]]:
    """Two kilometres in 100 s."""
    return [
        point(s, device, start=start, lat=45 + SPEED_MPS * s / METRES_A_DEGREE, lon=9.0, speed_mps=SPEED_MPS) for s in range(101)
    ]


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> dict[str, Row]:
    """Of a drive at noon and one that begins 50 s before one o'clock: the first kilometre is a motorway, the second is not
    mapped, and it rains from one o'clock on."""
    late = NOON + dt.timedelta(seconds=3550)
    rows = [*drive_north("noon"), *drive_north("one", late)]
    cells = {h3.latlng_to_cell(45 + m / METRES_A_DEGREE, 9.0, ROAD_RESOLUTION) for m in range(0, 1001, 5)}
    # of a cell told twice the larger road counts
    roads = [(c, road) for c in sorted(cells) for road in ("local", "motorway")]
    area = h3.latlng_to_cell(45.0, 9.0, WEATHER_RESOLUTION)
    weather = [(area, NOON, False), (area, NOON + dt.timedelta(hours=1), True)]
    trips = trips_of(drives(points(spark, rows), SOURCES, cells=True))
    mapped = with_roads(trips, spark.createDataFrame(roads, ", ".join(f"{k} {v}" for k, v in ROADS.items())))
    told = with_weather(mapped, spark.createDataFrame(weather, ", ".join(f"{k} {v}" for k, v in WEATHER.items())))
    return {row["device_id"]: row for row in told.collect()}


def test_distance_is_by_the_class_of_the_map_and_not_by_speed(found: dict[str, Row]) -> None:
    trip = found["noon"]
    # the first kilometre, to within a cell's edge of 76 m at both ends
    assert trip["motorway_mm"] == pytest.approx(1_000_000, abs=160_000)
    assert (trip["main_mm"], trip["local_mm"]) == (0, 0)
    assert trip["motorway_mm"] < trip["distance_mm"] == pytest.approx(2_000_000, abs=100)


def test_the_weather_is_that_of_the_hour(found: dict[str, Row]) -> None:
    assert (found["noon"]["wet_ms"], found["noon"]["weather_known_ms"]) == (0, 100_000)
    # of 100 s the first 49 end before one o'clock; a step belongs to its later point, so the fiftieth is in the rain
    assert (found["one"]["wet_ms"], found["one"]["weather_known_ms"]) == (51_000, 100_000)


def test_a_coarser_cell_is_h3s_own_parent(spark: SparkSession) -> None:
    cells = [h3.latlng_to_cell(lat, lon, 9) for lat, lon in ((45.0, 9.0), (-33.9, 151.2), (0.0, 0.0), (64.1, -21.9))]
    df = spark.createDataFrame([(c,) for c in cells], "cell string")
    rows = df.select("cell", *(parent(df["cell"], r).alias(f"r{r}") for r in (9, 7, 5, 3))).collect()
    assert [tuple(row)[1:] for row in rows] == [tuple(h3.cell_to_parent(c, r) for r in (9, 7, 5, 3)) for c in cells]


def test_a_place_is_as_coarse_as_it_takes_to_hide_who_was_there(spark: SparkSession) -> None:
    centre = h3.latlng_to_cell(45.0, 9.0, 9)
    parent_8 = h3.cell_to_parent(centre, 8)
    beside, third = [c for c in h3.cell_to_children(parent_8, 9) if c != centre][:2]
    far = h3.latlng_to_cell(-33.9, 151.2, 9)
    crowd = [(centre, f"v{k}") for k in range(5)] * 2
    rows = [*crowd, *((beside, f"w{k}") for k in range(3)), *((third, f"x{k}") for k in range(2)), (far, "v1"), (None, "v2")]
    hidden = hidden_in(spark.createDataFrame(rows, "cell string, vehicle_id string"), "cell", "vehicle_id", 5).collect()
    assert len(hidden) == len(rows)
    area = {(r["cell"], r["vehicle_id"]): r["area"] for r in hidden}
    # five cars share the cell itself; three and two in cells beside it are hidden in the next coarser, without the five's help
    assert area[centre, "v0"] == centre
    assert area[beside, "w0"] == area[third, "x1"] == parent_8
    # alone at the far end there is no answer
    assert area[far, "v1"] is None and area[None, "v2"] is None


def test_no_area_holds_fewer_cars_than_asked_for(spark: SparkSession) -> None:
    rng = random.Random(3)
    places = [(45 + rng.gauss(0, 0.02), 9 + rng.gauss(0, 0.02)) for _ in range(600)]
    rows = [(h3.latlng_to_cell(lat, lon, 9), f"v{rng.randrange(80)}") for lat, lon in places]
    hidden = hidden_in(spark.createDataFrame(rows, "cell string, vehicle_id string"), "cell", "vehicle_id", 7).collect()
    by_area: dict[str, set[str]] = {}
    for row in hidden:
        by_area.setdefault(row["area"], set()).add(row["vehicle_id"])
        assert row["area"] is None or h3.cell_to_parent(row["cell"], h3.get_resolution(row["area"])) == row["area"]
    assert len(by_area) > 5
    assert all(len(who) >= 7 for area, who in by_area.items() if area is not None)
