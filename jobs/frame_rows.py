"""A large DataFrame as pandas, for what is fitted in the driver."""

import math

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

PART_BYTES = 256 * 2**20
"""Of a part, at eight bytes a value: below Spark's limit of 1 GB for what a driver collects, and a small share of its heap."""


CHANCES = 2**32


def drawn(rows: DataFrame, key: str, most: int, seed: int) -> DataFrame:
    """All rows where they are no more than `most`, else those of as many keys, drawn by their hash, as give about `most`."""
    count = rows.count()
    if count <= most:
        return rows
    chance = F.pmod(F.xxhash64(key, F.lit(f"rows/{seed}")), F.lit(CHANCES))
    return rows.where(chance < F.lit(int(CHANCES * most / count)))


def collected(rows: DataFrame, key: str, part_bytes: int = PART_BYTES) -> pd.DataFrame:
    """All rows, in no particular order, read in parts by the hash of `key`: the JVM never holds them all, only Python does."""
    parts = math.ceil(rows.count() * len(rows.columns) * 8 / part_bytes)
    if parts <= 1:
        return rows.toPandas()
    of_part = F.pmod(F.xxhash64(key), F.lit(parts))
    return pd.concat([rows.where(of_part == n).toPandas() for n in range(parts)], ignore_index=True)
