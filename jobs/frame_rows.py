"""A large DataFrame as pandas, for what is fitted in the driver."""

import math

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

PART_BYTES = 256 * 2**20
"""Of a part, at eight bytes a value: below Spark's limit of 1 GB for what a driver collects, and a small share of its heap."""

CHANCES = 2**32
"""Into how many a hash is divided where keys are drawn."""


def drawn(rows: DataFrame, count: int, key: str, most: int, seed: int) -> DataFrame:
    """All `count` rows where they are no more than `most`, else those of as many keys, drawn by hash, as give about `most`."""
    if count <= most:
        return rows
    chance = F.pmod(F.xxhash64(key, F.lit(f"rows/{seed}")), F.lit(CHANCES))
    return rows.where(chance < F.lit(int(CHANCES * most / count)))


def collected(rows: DataFrame, count: int, key: str, part_bytes: int = PART_BYTES) -> pd.DataFrame:
    """All rows, about `count`, in no particular order, in parts by the hash of `key`: only Python ever holds them all."""
    parts = math.ceil(count * len(rows.columns) * 8 / part_bytes)
    if parts <= 1:
        return rows.toPandas()
    of_part = F.pmod(F.xxhash64(key), F.lit(parts))
    return pd.concat([rows.where(of_part == n).toPandas() for n in range(parts)], ignore_index=True)
