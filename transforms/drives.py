"""Points to trips with their events: one shuffle of raw points, by device, then arrays.

The work on points is NumPy's, a few hundred thousand rows at a time and never less than a device: it needs no window per
column, no sort by Spark beyond that by device, and no second shuffle (benchmarks/bench_trips.py has it beside window functions).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.driving import DrivingRules
from transforms.drive_cells import CELLS, cells_of
from transforms.drive_rows import OUTPUT, rows_of, track_of
from transforms.trip_sums import drives_of

CHUNK_ROWS = 300_000
"""Arrays of this length stay in the processor's cache for the most part, and make numpy's overhead a call small."""
ID_DIGITS = 15
"""Hexadecimal digits of record_id that decide between points of one instant: 60 bits, a whole number."""
HEX = 16


def drives(points: DataFrame, sources: Mapping[str, DrivingRules], *, cells: bool = False) -> DataFrame:
    """One row a trip, with its events nested, from points (rows of bronze.points) in any order: OUTPUT.

    With `cells` there is also what lookups of roads and weather are asked for: CELLS.

    One point an instant is kept: of those of the same device and time, the one with the smallest record_id. Raises, when run,
    for a source without rules, naming it. Rules go by the order of `sources`.
    """
    names = tuple(sources)
    rules = tuple(sources.values())
    by_device = _prepared(points, names, rules).repartition("device").sortWithinPartitions("device")
    schema = f"{OUTPUT}, {CELLS}" if cells else OUTPUT
    return by_device.mapInArrow(partial(_drives, names=names, rules=rules, cells=cells), schema)


def _prepared(points: DataFrame, names: tuple[str, ...], rules: tuple[DrivingRules, ...]) -> DataFrame:
    """Narrow rows to shuffle: strings as numbers where that is enough, states in one byte."""
    unknown = F.raise_error(F.concat(F.lit("no rules for source "), F.col("source"))).cast("tinyint")
    number = _by_source(names, lambda k: k, unknown).cast("tinyint")
    inaccurate = _is_inaccurate(names, rules)
    state = F.col("phone_use").cast("tinyint"), F.col("ignition").cast("tinyint")
    codes = [F.coalesce(x, F.lit(-1)) + 1 for x in state]
    return points.select(
        F.xxhash64("source", "device_id").alias("device"), number.alias("source"), "device_id",
        F.unix_micros("event_ts").alias("us"), F.unix_micros("received_ts").alias("received_us"),
        F.conv(F.substring("record_id", 1, ID_DIGITS), HEX, 10).cast("bigint").alias("id"),
        *(F.when(~inaccurate, F.col(x)).alias(x) for x in ("lat", "lon")),
        "speed_mps", "accel_lon_mps2", "accel_lat_mps2", "posted_limit_mps",
        (codes[0] + 3 * codes[1] + 9 * inaccurate.cast("tinyint")).cast("tinyint").alias("state"), "firmware",
    )  # fmt: skip


def _by_source(names: tuple[str, ...], value: Callable[[int], object], otherwise: Column) -> Column:
    chosen = otherwise
    for k, name in reversed(list(enumerate(names))):
        chosen = F.when(F.col("source") == name, F.lit(value(k))).otherwise(chosen)
    return chosen


def _is_inaccurate(names: tuple[str, ...], rules: tuple[DrivingRules, ...]) -> Column:
    """Positions at 0/0, which receivers send before their first fix, and those stated to be worse than the source allows."""
    nothing = F.lit(None).cast("double")
    too_far = F.col("accuracy_m") > _by_source(names, lambda k: rules[k].source.cleaning.max_accuracy_m, nothing)
    too_wide = F.col("hdop") > _by_source(names, lambda k: rules[k].source.cleaning.max_hdop, nothing)
    at_origin = (F.col("lat") == 0) & (F.col("lon") == 0)
    return F.coalesce(at_origin, F.lit(False)) | F.coalesce(too_far, F.lit(False)) | F.coalesce(too_wide, F.lit(False))


def _drives(
    batches: Iterator[pa.RecordBatch], names: tuple[str, ...], rules: tuple[DrivingRules, ...], *, cells: bool
) -> Iterator[pa.RecordBatch]:
    """Trips of the devices in the batches, which are sorted by device."""
    for chunk in whole_devices(batches):
        source = chunk.column("source").to_numpy()
        for k in np.unique(source):
            mine = chunk if (source == k).all() else chunk.filter(pa.array(source == k))
            track, devices, firmwares = track_of(mine)
            found = drives_of(track, firmwares, rules[k])
            rows = rows_of(found, names[k], devices, firmwares, rules[k])
            yield rows.append_column("cells", cells_of(found)) if cells else rows


def whole_devices(batches: Iterator[pa.RecordBatch], rows: int = CHUNK_ROWS) -> Iterator[pa.Table]:
    """Tables of `rows` rows or a few more, cut between devices."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        if count >= rows and held[0].column("device")[0] != batch.column("device")[-1]:
            table = pa.Table.from_batches(held)
            device = table.column("device").to_numpy()
            cut = int(np.searchsorted(device, device[-1]))
            yield table.slice(0, cut)
            held = table.slice(cut).to_batches()
            count -= cut
    if count:
        yield pa.Table.from_batches(held)
