"""Reasons against a record, as the array of those that apply."""

from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F


def those_given(*reasons: Column) -> Column:
    """The reasons that are not null, in order, as array<string>; empty without asking each again where there is none.

    Nearly every record of a history of millions has none, and a list of sixty reasons costs more than the asking.
    """
    none = F.array().cast("array<string>")
    if not reasons:
        return none
    is_any = reduce(Column.__or__, (r.isNotNull() for r in reasons))
    return F.when(is_any, F.array_compact(F.array(*reasons))).otherwise(none)
