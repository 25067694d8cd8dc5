"""Civil time at the place of driving: local dates, and time driven at night, in the rush hours and at weekends.

Durations come in by UTC quarter-hour, because every zone's offset in use today is a multiple of 15 minutes: a quarter-hour
lies wholly within one local hour, on both sides of a change of clocks.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

QUARTER_S = 900
NIGHT_END_HOUR = 4
"""Night is 00:00 to 04:00 local, the hours Progressive's Snapshot rates highest."""
RUSH_HOURS = (7, 8, 16, 17)
"""Hours that begin within 07:00-09:00 or 16:00-18:00."""
SATURDAY = 5


def local_date(ts: Column, tz: Column) -> Column:
    """Civil date of an instant in a zone."""
    return F.to_date(F.from_utc_timestamp(ts, tz))


def _local_start(quarter: Column, tz: Column) -> Column:
    return F.from_utc_timestamp(F.timestamp_seconds(quarter * F.lit(QUARTER_S)), tz)


def is_night(local: Column) -> Column:
    """Whether a local time lies in 00:00-04:00."""
    return F.hour(local) < NIGHT_END_HOUR


def is_rush(local: Column) -> Column:
    """Whether a local time lies in 07:00-09:00 or 16:00-18:00 of a Monday to Friday."""
    return (F.weekday(local) < SATURDAY) & F.hour(local).isin(*RUSH_HOURS)


def is_weekend(local: Column) -> Column:
    """Whether a local time lies on a Saturday or Sunday."""
    return F.weekday(local) >= SATURDAY


def weekend_ms(quarters: Column, tz: Column) -> Column:
    """Milliseconds on Saturdays and Sundays, from the same as night_ms."""
    return _total_ms(F.filter(quarters, lambda q: is_weekend(_local_start(q["quarter"], tz))))


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
