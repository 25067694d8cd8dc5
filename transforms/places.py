"""What a place tells: its time zone, its national public holidays, its H3 cell. Python, once a trip, never for raw points."""

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.resources import files
from math import isnan
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from holidays import HolidayBase
    from timezonefinder import TimezoneFinder

NO_ZONE = "UTC"
SAME_CLOCKS = {"America/Coyhaique": "America/Punta_Arenas"}
"""Zones of 2025 that no Java 17 before its update of that year knows, by an older one with the same clocks since then."""
CELL_RESOLUTION = 9
"""H3 cells of about 0.1 km2: what a trip keeps of where it began and ended, beside the positions of silver."""
US_PER_S = 1_000_000


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


def zone_at(lat: float, lon: float) -> str:
    """IANA zone of a position in degrees, by a name that Java knows; UTC for NaN."""
    return NO_ZONE if isnan(lat) or isnan(lon) else java_name(_finder().timezone_at(lat=lat, lng=lon))


def java_name(zone: str | None) -> str:
    """The name under which Java knows a zone; UTC for None."""
    return SAME_CLOCKS.get(zone, zone) if zone else NO_ZONE


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    """ISO 3166 code by zone, of the country that the zone database names with it."""
    lines = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


@cache
def _holidays(country: str) -> "HolidayBase | None":
    from holidays import country_holidays

    try:
        return country_holidays(country)
    except NotImplementedError:
        # the library's answer for a country that it does not know
        return None


def is_holiday(us: int, zone: str) -> bool:
    """Whether the local date of an instant (microseconds since 1970, UTC) is a national public holiday of the zone's country.

    Those of states and provinces are not looked at; False where the country is not known.
    """
    country = _countries().get(zone)
    calendar = _holidays(country) if country else None
    return calendar is not None and dt.datetime.fromtimestamp(us / US_PER_S, ZoneInfo(zone)).date() in calendar


def cell_at(lat: float, lon: float, resolution: int = CELL_RESOLUTION) -> str | None:
    """H3 cell of a position; None for NaN."""
    from h3 import latlng_to_cell

    return None if isnan(lat) or isnan(lon) else str(latlng_to_cell(lat, lon, resolution))
