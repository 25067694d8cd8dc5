"""Civil time at the place of driving: the zone of a position, local dates, and time driven at night or in the rush hours.

Durations come in by UTC quarter-hour, because every zone's offset in use today is a multiple of 15 minutes: a quarter-hour
lies wholly within one local hour, on both sides of a change of clocks.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

if TYPE_CHECKING:
    from timezonefinder import TimezoneFinder

QUARTER_S = 900
NIGHT_END_HOUR = 4
"""Night is 00:00 to 04:00 local, the hours Progressive's Snapshot rates highest."""
RUSH_HOURS = (7, 8, 16, 17)
"""Hours that begin within 07:00-09:00 or 16:00-18:00."""
SATURDAY = 5
NO_ZONE = "UTC"
SAME_CLOCKS = {"America/Coyhaique": "America/Punta_Arenas"}
"""Zones of 2025 that no Java 17 before its update of that year knows, by an older one with the same clocks since then."""


@lru_cache(maxsize=1)
def _finder() -> "TimezoneFinder":
    """One for each Python worker, without numba: compiling took 9 s of each, and the C extension's look-ups take 11 us."""
    with _hidden("numba"):
        from timezonefinder import TimezoneFinder

    return TimezoneFinder()


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """The module cannot be imported in here, unless it was before."""
    hides = module not in sys.modules
    if hides:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hides:
            del sys.modules[module]


def _zones(lat: pd.Series, lon: pd.Series) -> pd.Series:
    finder = _finder()
    found = [None if pd.isna(y) or pd.isna(x) else finder.timezone_at(lat=y, lng=x) for y, x in zip(lat, lon, strict=True)]
    return pd.Series([java_name(zone) for zone in found], dtype=object)


def java_name(zone: str | None) -> str:
    """The name under which Java knows a zone; UTC for None."""
    return SAME_CLOCKS.get(zone, zone) if zone else NO_ZONE


def zone_at(lat: Column, lon: Column) -> Column:
    """IANA zone of a position in degrees; UTC without one. Runs in Python: for one row a trip, never for raw points."""
    return pandas_udf(_zones, "string")(lat, lon)  # type: ignore[call-overload, no-any-return]


def local_date(ts: Column, tz: Column) -> Column:
    """Civil date of an instant in a zone."""
    return F.to_date(F.from_utc_timestamp(ts, tz))


def quarter_of(ts: Column) -> Column:
    """Quarter-hours since 1970-01-01 00:00 UTC."""
    return F.floor(F.unix_seconds(ts) / F.lit(QUARTER_S))


def _local_start(quarter: Column, tz: Column) -> Column:
    return F.from_utc_timestamp(F.timestamp_seconds(quarter * F.lit(QUARTER_S)), tz)


def is_night(local: Column) -> Column:
    """Whether a local time lies in 00:00-04:00."""
    return F.hour(local) < NIGHT_END_HOUR


def is_rush(local: Column) -> Column:
    """Whether a local time lies in 07:00-09:00 or 16:00-18:00 of a Monday to Friday."""
    return (F.weekday(local) < SATURDAY) & F.hour(local).isin(*RUSH_HOURS)


def night_ms(quarters: Column, tz: Column) -> Column:
    """Milliseconds at night, from array<struct<quarter: bigint, ms: bigint>> and the zone."""
    wanted = F.filter(quarters, lambda q: is_night(_local_start(q["quarter"], tz)))
    return _total_ms(wanted)


def rush_ms(quarters: Column, tz: Column) -> Column:
    """Milliseconds in the rush hours, from the same."""
    wanted = F.filter(quarters, lambda q: is_rush(_local_start(q["quarter"], tz)))
    return _total_ms(wanted)


def _total_ms(quarters: Column) -> Column:
    return F.aggregate(quarters, F.lit(0).cast("bigint"), lambda total, q: total + q["ms"])
