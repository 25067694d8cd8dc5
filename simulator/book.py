"""The book's history: policy days summed straight from day plans, without points."""

import datetime as dt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from simulator import plans
from simulator.plans import SUMS, Ints

SOURCE = "sim_phone"
KNOWN_HOUR_UTC = 12
"""A local day is known at this hour of the next UTC day, when it has ended in every zone simulated."""
POLICIES_PER_GROUP = 250
"""Drivers planned at a time: bounds memory, and is a row group of the file."""
POLICIES_PER_FILE = 2500
Dates = npt.NDArray[np.datetime64]
_US_PER_DAY, _US_PER_HOUR = 86_400_000_000, 3_600_000_000

SCHEMA = pa.schema(
    [
        pa.field("vehicle_id", pa.string()),
        pa.field("local_date", pa.date32()),
        pa.field("source", pa.string()),
        *(pa.field(name, pa.int64()) for name in SUMS),
        pa.field("known_from", pa.timestamp("us", tz="UTC")),
    ]
)


def policy_days(rng: np.random.Generator, people: pd.DataFrame, begin: dt.date, end: dt.date) -> pa.Table:
    """Policy days of drivers in [begin, end) while in force: a row a day driven, by vehicle and date."""
    driver, day = _days_in_force(people, begin, end)
    trips = plans.draw(rng, people, driver, day)
    rows, sums = by_day(trips)
    return _table(people["vehicle_id"].to_numpy()[driver[rows]], day[rows], sums)


def by_day(trips: plans.Trips) -> tuple[Ints, Ints]:
    """Candidate days with a trip, and their sums, shape (days, len(SUMS))."""
    rows, first = np.unique(trips.row, return_index=True)
    if len(rows) == 0:
        return rows, np.zeros((0, len(SUMS)), np.int64)
    return rows, np.add.reduceat(trips.sums(), first, axis=0)


def _days_in_force(people: pd.DataFrame, begin: dt.date, end: dt.date) -> tuple[Ints, Dates]:
    first = np.maximum(people["first_from"].to_numpy().astype("datetime64[D]"), np.datetime64(begin))
    last = np.minimum(people["last_to"].to_numpy().astype("datetime64[D]"), np.datetime64(end))
    count = np.maximum((last - first).astype(np.int64), 0)
    driver = np.repeat(np.arange(len(people)), count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return driver, first[driver] + offset


def _table(vehicle: npt.NDArray[np.object_], day: Dates, sums: Ints) -> pa.Table:
    known = (day.astype(np.int64) + 1) * _US_PER_DAY + KNOWN_HOUR_UTC * _US_PER_HOUR
    columns = [
        pa.array(vehicle, pa.string()),
        pa.array(day.astype("datetime64[D]")),
        pa.array([SOURCE]).take(pa.array(np.zeros(len(day), np.int64))),
        *(pa.array(sums[:, k]) for k in range(len(SUMS))),
        pa.array(known).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def write(seed: tuple[int, ...], people: pd.DataFrame, begin: dt.date, end: dt.date, path: Path) -> int:
    """Write one file of policy days, a row group per POLICIES_PER_GROUP drivers; returns its rows."""
    rows = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for k in range(0, len(people), POLICIES_PER_GROUP):
            rng = np.random.default_rng([*seed, k])
            table = policy_days(rng, people.iloc[k : k + POLICIES_PER_GROUP], begin, end)
            writer.write_table(table)
            rows += table.num_rows
    return rows
