"""The two clocks: what had been received by a night's cutoff, and which version of a row was known then."""

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

UTC = dt.UTC
_SET_AT_CLOSE = {"known_to": "timestamp", "superseded_by": "string"}


def cutoff(date: dt.date) -> dt.datetime:
    """The instant from which input no longer counts for night `date`: the next day, 00:00 UTC."""
    return dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), UTC)


def cutoff_of(date: Column) -> Column:
    """`cutoff` of a date column; the session's zone is UTC."""
    return F.date_add(date, 1).cast("timestamp")


def known_at(at: dt.datetime | Column, version: Column | None = None) -> Column:
    """True for the version of a bitemporal row that was known at `at`, exclusive; a column gives each row its own. The version is
    the row's, or that in the struct `version`."""
    begins, ends = (F.col(x) if version is None else version[x] for x in ("known_from", "known_to"))
    return (begins < F.lit(at)) & (ends.isNull() | (ends >= F.lit(at)))


def as_known(df: DataFrame, at: dt.datetime) -> DataFrame:
    """Rows of a bitemporal table as they were known at `at`, without what was learned later.

    Restatements after `at` have set known_to, and superseded_by where the table has it; both are masked, so a rerun of
    an old night sees what it saw.
    """
    later = {name: F.lit(None).cast(type_) for name, type_ in _SET_AT_CLOSE.items() if name in df.columns}
    return df.where(known_at(at)).withColumns(later)


def current(versions: DataFrame) -> DataFrame:
    """Of the versions of bitemporal rows, those that are known today."""
    return versions.where(F.col("known_to").isNull())


def last_second(date: dt.date) -> dt.datetime:
    """The last second of a UTC day: the received_ts of a load with --date and no better source."""
    return cutoff(date) - dt.timedelta(seconds=1)
