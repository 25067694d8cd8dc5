"""H3 cells: coarser ones, and the finest that hide who was there. Bit arithmetic on the index, without Python."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

FINEST, COARSEST = 9, 3
"""Resolutions: about 0.1 km2 and 12,000 km2."""
_RESOLUTION_BIT, _DIGIT_BITS, _DIGITS = 52, 3, 15
_HEX, _DECIMAL = 16, 10


def parent(cell: Column, resolution: int) -> Column:
    """The cell of a coarser resolution (or the same) that holds a cell, both as text; null stays null.

    An H3 index has its resolution in bits 52 to 55, and a digit of three bits for each of 15 resolutions, all ones where it is
    finer than the cell (h3geo.org, "H3 index").
    """
    index = F.conv(cell, _HEX, _DECIMAL).cast("bigint")
    unused = (1 << _DIGIT_BITS * (_DIGITS - resolution)) - 1
    cleared = index.bitwiseAND(F.lit(~(0xF << _RESOLUTION_BIT)))
    return F.lower(F.hex(cleared.bitwiseOR(F.lit((resolution << _RESOLUTION_BIT) | unused))))


def hidden_in(rows: DataFrame, cell: str, who: str, least: int) -> DataFrame:
    """Rows with `area`, a cell that holds their `cell`: those of one area have at least `least` different values of `who`.

    From the finest resolution on, rows whose cell holds enough get it; what is left over is counted again one step coarser,
    among itself, so that no area's rows are few even where others of the same place have a finer one. null where even the
    coarsest holds too few, or the cell is not known.
    """
    found = rows.withColumn("area", F.lit(None).cast("string"))
    for resolution in range(FINEST, COARSEST - 1, -1):
        open_ = F.when(F.col("area").isNull(), parent(F.col(cell), resolution))
        asked = found.withColumn("_cell", open_)
        crowd = (
            asked.where("_cell IS NOT NULL").groupBy("_cell").agg(F.count_distinct(who).alias("_n")).where(F.col("_n") >= least)
        )
        placed = asked.join(F.broadcast(crowd), on="_cell", how="left")
        found = placed.withColumn("area", F.coalesce("area", F.when(F.col("_n").isNotNull(), F.col("_cell")))).drop("_cell", "_n")
    return found.select(*rows.columns, "area")
