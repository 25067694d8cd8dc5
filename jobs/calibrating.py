"""By what factors the accelerometers of one firmware agree with those of another, from cars that had both."""

from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.comparing import Points
from lake.errors import InputError

COLUMNS = ("firmware", "devices", "points", "paired_devices", "lon_scale", "lon_scale_error", "lat_scale", "lat_scale_error")
QUANTILE = 0.95
"""Of the absolute acceleration in motion: high enough to be about manoeuvres, low enough for an hour of driving to hold it."""
MIN_POINTS = 3600
"""An hour at 1 Hz, in motion, of each of both firmwares."""
MOVING_MPS = 10 / 3.6
_AXES = ("lon", "lat")


@dataclass(frozen=True)
class Scale:
    """Median over devices of reference / measured, and the standard error of the median; NaN without a pair."""

    value: float
    error: float


def calibrate(given: Points, reference: str) -> list[Row]:
    """A row a firmware, in the columns COLUMNS: the factors that make it agree with `reference`.

    A device that changed its firmware is the same car with the same driver, so the ratio of the quantiles of its absolute
    acceleration before and after is the sensor's. Raises InputError where the reference has no points in motion.
    """
    rows = _quantiles(given.points).collect()
    by_firmware: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_firmware.setdefault(row["firmware"] or "", {})[row["device_id"]] = row
    if reference not in by_firmware:
        have = ", ".join(sorted(repr(x) for x in by_firmware)) or "none"
        raise InputError(f"no points in motion of firmware '{reference}': there are {have}")
    return [_row(name, mine, by_firmware[reference]) for name, mine in sorted(by_firmware.items())]


def _quantiles(points: DataFrame) -> DataFrame:
    values = {axis: F.percentile(F.abs(f"accel_{axis}_mps2"), F.lit(QUANTILE)).alias(axis) for axis in _AXES}
    moving = points.where(F.col("speed_mps") >= MOVING_MPS)
    return moving.groupBy("firmware", "device_id").agg(F.count(F.lit(1)).alias("points"), *values.values())


def _row(name: str, mine: dict[str, Row], reference: dict[str, Row]) -> Row:
    paired = [d for d, row in mine.items() if d in reference and min(row["points"], reference[d]["points"]) >= MIN_POINTS]
    scales = [_scale([(reference[d][axis], mine[d][axis]) for d in paired]) for axis in _AXES]
    counts = (len(mine), sum(r["points"] for r in mine.values()), len(paired))
    return Row(*COLUMNS)(name, *counts, *(round(x, 4) if np.isfinite(x) else None for s in scales for x in (s.value, s.error)))


def _scale(pairs: list[tuple[float | None, float | None]]) -> Scale:
    ratios = np.array([a / b for a, b in pairs if a is not None and b])
    if len(ratios) == 0:
        return Scale(float("nan"), float("nan"))
    # 1.2533: standard error of a median over that of a mean, for normal errors
    error = 1.2533 * ratios.std(ddof=1) / np.sqrt(len(ratios)) if len(ratios) > 1 else float("nan")
    return Scale(float(np.median(ratios)), float(error))
