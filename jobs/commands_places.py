"""Command `places`: where trips begin, by cells that hold enough cars to hide each of them. Writes nothing."""

import datetime as dt
from typing import Annotated, cast

import typer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.looking import Format, write
from jobs.state import DateOption, FormatOption, day, state, terminal
from lake.clock import cutoff
from lake.delta import Lake
from transforms.cells import hidden_in
from transforms.policy_days import driven, with_vehicle

COLUMNS = ("area", "vehicles", "trips", "km")
LEAST_VEHICLES = 20
MM_PER_KM = 1e6


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("places")(places)


def places(
    context: typer.Context,
    date: DateOption,
    days: Annotated[int, typer.Option(min=1, max=365, help="local days before the date")] = 28,
    least: Annotated[
        int, typer.Option(min=2, help="vehicles that a cell must hold; smaller ones are joined to larger")
    ] = LEAST_VEHICLES,
    form: FormatOption = "table",
) -> None:
    """Where trips began: H3 cells, as fine as holds enough vehicles; the row without a cell is what no cell hides."""
    here = state(context)
    lake = here.existing_lake
    with terminal.status(f"trips of the {days} days before {day(date)}"):
        rows = trips_by_area(lake, day(date), days, least).collect()
    write(rows, list(COLUMNS), cast(Format, form))


def trips_by_area(lake: Lake, date: dt.date, days: int, least: int) -> DataFrame:
    """Rows of COLUMNS, the most trips first, of driving in local days [date - days, date) as known at the date's cutoff."""
    known, first = cutoff(date), date - dt.timedelta(days=days)
    # a local day can begin on the UTC day before it, and end on the one after
    near = F.col("start_date").between(F.lit(first - dt.timedelta(days=1)), F.lit(date))
    inside = (F.col("local_date") >= F.lit(first)) & (F.col("local_date") < F.lit(date))
    trips = driven(lake.read_known("silver.trips", known).where(near & inside))
    mapped = with_vehicle(trips, lake.read_known("reference.devices", known)).where("vehicle_id IS NOT NULL")
    hidden = hidden_in(mapped.select("vehicle_id", "start_cell", "distance_mm"), "start_cell", "vehicle_id", least)
    return hidden.groupBy("area").agg(
        F.count_distinct("vehicle_id").alias("vehicles"), F.count(F.lit(1)).alias("trips"),
        F.round(F.sum("distance_mm") / MM_PER_KM, 1).alias("km"),
    ).orderBy(F.desc("trips"), "area")  # fmt: skip
