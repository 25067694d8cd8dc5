"""Arrays that add up place by place, such as the time by speed and acceleration."""

from pyspark.sql import Column
from pyspark.sql import functions as F

VA_BUCKETS = (13, 9)
"""Speed buckets, and acceleration buckets in each of them (lake.columns.VA_MS)."""
VA_PLACES = 13 * 9
"""Values of va_ms, speed by speed."""


def sums_by_place(name: str) -> Column:
    """Aggregate: the sums by place of an array of whole numbers, null where all arrays of the group are.

    By higher-order functions over the group's few arrays: as 117 sums it would be a plan that takes longer to compile than
    a night's days take to add up.
    """
    return F.when(F.count(name) > 0, F.aggregate(F.collect_list(name), zeros(), added))


def zeros() -> Column:
    """An array of a 0 for each place."""
    return F.array_repeat(F.lit(0).cast("bigint"), VA_PLACES)


def added(a: Column, b: Column) -> Column:
    """Two arrays, place by place."""
    return F.zip_with(a, b, lambda x, y: x + y)


def unless_zero(array: Column) -> Column:
    """The array, null where every place is 0: whoever takes away again what was added cannot tell 0 from unknown."""
    return F.when(F.exists(array, lambda x: x != 0), array)
