"""Windows night by night: what a late night takes against an early one, and what it reads against what makes the difference."""

import os
import tempfile
from functools import partial
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from benchmarks.driven_days import Book
from benchmarks.measure import Row, bytes_read, cpu_seconds
from jobs.windows import DAYS, TABLE, of_date, put_sums
from lake.conf import load_conf
from lake.delta import Lake
from lake.session import spark_session
from transforms.window_steps import differing

POLICIES = int(os.environ.get("TELEMATICS_BENCH_WINDOW_POLICIES", "100000"))
EARLY, LATE = 400, 430
"""Nights of the book, whose first day is day 0."""
ROUNDS = 2
"""The first of them warms the JVM up."""


def run() -> list[Row]:
    """Rows: CPU seconds and bytes read of the job's windows in a late night against an early one, and the bytes of policy
    days and sums that each night reads against those of exactly the rows that make the difference."""
    conf = load_conf("local")
    spark = spark_session(conf, "benchmark")
    with tempfile.TemporaryDirectory() as work:
        lake = Lake(spark, f"{work}/lake")
        book = Book(lake, POLICIES, LATE)
        for night in (EARLY, LATE):
            book.write_until(night)
        cost: dict[int, tuple[float, float]] = {}
        for _ in range(ROUNDS):
            for night in (EARLY, LATE):
                cost[night] = night_cost(lake, book, night)
        read = {night: (scanned(lake, book, night), needed(lake, book, night, Path(work))) for night in (EARLY, LATE)}
    return rows(cost, read, f"Spark {spark.version}")


def night_cost(lake: Lake, book: Book, night: int) -> tuple[float, float]:
    """CPU seconds and MB read of making and writing a night's sums, which must be what numpy adds up."""
    date, before = book.date(night), book.date(night - 1)
    said: list[str] = []
    read, cpu_s = cpu_seconds(lambda: bytes_read(lambda: said.append(put_sums(lake, date, before))))
    if said != [f"from those of {before}"]:
        raise RuntimeError(f"night {night} was made {said}")
    check(lake, book, night)
    return cpu_s, read / 1e6


def check(lake: Lake, book: Book, night: int) -> None:
    """Raise RuntimeError where a night's stored sums are not what the days add up to."""
    names = ("distance_mm_7", "distance_mm_365", "brake_r3_90", "starts_weekday_08_365")
    stored = lake.read(TABLE).where(of_date(book.date(night)))
    found = stored.agg(F.count(F.lit(1)), *(F.sum(x) for x in names), F.sum(F.size("driven"))).collect()[0]
    expected = book.totals(night, names)
    if tuple(found) != expected:
        raise RuntimeError(f"night {night}: sums are {tuple(found)}, the days add up to {expected}")


def scanned(lake: Lake, book: Book, night: int) -> float:
    """MB that reading the sums of the night before and the days that make the difference takes."""
    date, before = book.date(night), book.date(night - 1)
    days, sums = differing(lake.read(DAYS), before, date), lake.read(TABLE).where(of_date(before))
    return sum(bytes_read(partial(_drain, df)) for df in (days, sums)) / 1e6


def needed(lake: Lake, book: Book, night: int, work: Path) -> float:
    """MB of files that hold exactly those rows."""
    date, before = book.date(night), book.date(night - 1)
    rows_ = work / f"exactly-{night}"
    differing(lake.read(DAYS), before, date).sortWithinPartitions("local_month", "local_date").write.parquet(str(rows_))
    sums = Path(lake.path(TABLE)) / f"as_of_date={before}"
    return sum(f.stat().st_size for folder in (rows_, sums) for f in folder.rglob("*.parquet")) / 1e6


def _drain(df: DataFrame) -> None:
    df.write.format("noop").mode("overwrite").save()


def rows(cost: dict[int, tuple[float, float]], read: dict[int, tuple[float, float]], versions: str) -> list[Row]:
    """The comparisons."""
    what = f"windows of {POLICIES:,} policies: night {LATE} against night {EARLY}"
    nights = [Row(what, cost[LATE][n], cost[EARLY][n], unit, versions) for n, unit in enumerate(("CPU s", "MB read"))]
    exact = [
        Row(f"night {night}: read of sums and days, against files of just those rows", *read[night], "MB", versions)
        for night in (EARLY, LATE)
    ]
    return [*nights, *exact]
