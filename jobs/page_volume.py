"""What a source usually brings: what a night's records are held against, from the ledger of the nights before."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, median_low

from monitoring.night import SOME

DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)
WEEKS, LEAST_WEEKS = 4, 3
"""The season is the week: a Saturday is held against the Saturdays of a month, most of which must have been published."""
NIGHTS, LEAST_NIGHTS = 7, 3
"""Before there are as many: the last nights, of any weekday."""
REFERENCE = "reference."
"""Targets of data about the business, whose records do not follow driving."""
Published = Iterable[dt.date]


@dataclass(frozen=True)
class Brought:
    """The records a source brought for a table by night; none where it has no entry."""

    target: str
    by_night: dict[dt.date, int]

    def of(self, nights: Published) -> list[int]:
        """Of each of the nights since it began."""
        began = min(self.by_night, default=dt.date.max)
        return [self.by_night.get(d, 0) for d in nights if d >= began]


def usual(sources: dict[str, Brought], published: Published, date: dt.date) -> dict[str, float]:
    """Records that each source usually brings on a night as `date`; without those of which nothing is expected."""
    nights = sorted(published)
    found = {name: _usual(one, nights, date) for name, one in sorted(sources.items())}
    return {name: n for name, n in found.items() if n > 0}


def _usual(one: Brought, published: list[dt.date], date: dt.date) -> float:
    same = one.of(_within(published, [date - n * WEEK for n in range(1, WEEKS + 1)]))
    if one.target.startswith(REFERENCE):
        # how many policies begin or claims are told of on a day says nothing, that none are where there always are some does
        return SOME if len(same) >= LEAST_WEEKS and all(same) else 0.0
    if len(same) >= LEAST_WEEKS:
        # of a feed that comes every other week the lower middle is none
        return float(median_low(same))
    last = one.of(_within(published, [date - n * DAY for n in range(1, NIGHTS + 1)]))
    # of a young lake: the little that was seen of this weekday keeps a quiet one from being told of
    return float(min([median(last), *same])) if len(last) >= LEAST_NIGHTS else 0.0


def _within(published: list[dt.date], dates: list[dt.date]) -> list[dt.date]:
    return [d for d in dates if d in published]
