"""Where trips passed, for lookups: H3 cells with the distance and the moving time in each, by hour."""

import numpy as np
import pyarrow as pa

from transforms.context import ROAD_RESOLUTION, WEATHER_RESOLUTION
from transforms.drive_rows import offsets
from transforms.track import Floats, Ints
from transforms.trip_sums import Drives

CELLS = "cells array<struct<cell:string,area:string,hour:bigint,mm:bigint,ms:bigint>>"
"""`cell` for roads and `area` for weather, hours since 1970 UTC, great-circle millimetres and moving milliseconds."""
MS_AN_HOUR = 3_600_000


def cells_of(drives: Drives) -> pa.Array:
    """An array a trip, in the type of CELLS. A step belongs to the cell of its later point, its distance to the next position."""
    from h3.api.basic_int import cell_to_parent, int_to_str, latlng_to_cell

    track, steps = drives.track, drives.steps
    at = np.flatnonzero(track.has_position)
    trip = (np.cumsum(steps.starts) - 1)[at]
    found = [latlng_to_cell(y, x, ROAD_RESOLUTION) for y, x in zip(track.lat[at].tolist(), track.lon[at].tolist(), strict=True)]
    cell, place = np.unique(np.array(found, np.int64), return_inverse=True)
    hour, when = np.unique(track.ms[at] // MS_AN_HOUR, return_inverse=True)
    key, inverse = np.unique((trip * len(hour) + when) * max(len(cell), 1) + place, return_inverse=True)
    sums = [np.bincount(inverse, values, minlength=len(key)).astype(np.int64) for values in
            (_up_to(at, np.nan_to_num(steps.haversine_mm)), np.where(steps.is_moving, steps.covered_ms, 0)[at])]  # fmt: skip
    names = np.array([int_to_str(c) for c in cell.tolist()], object)
    areas = np.array([int_to_str(cell_to_parent(c, WEATHER_RESOLUTION)) for c in cell.tolist()], object)
    rest, where = np.divmod(key, max(len(cell), 1))
    of_trip, of_hour = np.divmod(rest, max(len(hour), 1))
    fields = [
        pa.array(names[where], pa.string()),
        pa.array(areas[where], pa.string()),
        pa.array(hour[of_hour]),
        *map(pa.array, sums),
    ]
    values = pa.StructArray.from_arrays(fields, names=["cell", "area", "hour", "mm", "ms"])
    return pa.ListArray.from_arrays(offsets(of_trip, len(drives.first)), values)


def _up_to(at: Ints, values: Floats) -> Floats:
    """Of each row `at`, the sum of the values since the one before it."""
    total = np.r_[0.0, np.cumsum(values)]
    sums: Floats = np.diff(total[np.r_[0, at + 1]])
    return sums
