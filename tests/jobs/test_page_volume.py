"""Records of a source beside what it usually brings, over the weeks of a calendar."""

import datetime as dt
from collections.abc import Callable

import pytest

from jobs.page_volume import Brought, usual
from lake.conf import CONF_FOLDER
from monitoring.rules import load_rules
from monitoring.signals import signals
from tests.monitoring.test_page import night, source

MONDAY = dt.date(2026, 3, 2)
DRIVES, POLICIES = "bronze.points", "reference.policies"
SHIPPED = load_rules(CONF_FOLDER / "alerts.yaml")
WORKDAYS = 5
Day = Callable[[dt.date], int]


def daily(day: dt.date) -> int:
    return 1000


def on_workdays(day: dt.date) -> int:
    return 1000 if day.weekday() < WORKDAYS else 0


def half_on_sundays(day: dt.date) -> int:
    return 500 if day.weekday() == 6 else 1000


def expected(brings: Day, date: dt.date, first: dt.date, target: str = DRIVES) -> dict[str, float]:
    """Of a source, where every night since `first` was published."""
    nights = [first + dt.timedelta(days=n) for n in range((date - first).days)]
    return usual({"feed": Brought(target, {d: brings(d) for d in nights if brings(d)})}, nights, date)


def told(brought: int, usual_records: dict[str, float], target: str = DRIVES) -> bool:
    sources = [source(source="feed", target=target, read=brought)] if brought else []
    one = night(sources=sources, usual_records=usual_records)
    return any(s.measure == "volume" and s.beyond for s in signals(one, SHIPPED.limits))


@pytest.mark.parametrize("target", [DRIVES, POLICIES])
@pytest.mark.parametrize("weeks", [1, 2, 4, 8])
def test_a_feed_of_workdays_is_told_of_on_no_weekend(weeks: int, target: str) -> None:
    first = MONDAY - dt.timedelta(weeks=weeks)
    for day in (MONDAY + dt.timedelta(days=n) for n in range(7)):
        assert not told(on_workdays(day), expected(on_workdays, day, first, target), target), day


def test_and_is_on_a_workday_on_which_it_brings_half() -> None:
    friday = MONDAY + dt.timedelta(days=4)
    for weeks in (1, 2, 4, 8):
        found = expected(on_workdays, friday, MONDAY - dt.timedelta(weeks=weeks))
        assert (found, told(500, found), told(600, found)) == ({"feed": 1000.0}, True, False)


@pytest.mark.parametrize("nights", [3, 7, 20, 60])
def test_half_the_files_of_a_daily_feed_are_told_of_on_every_weekday_from_the_fourth_night_on(nights: int) -> None:
    for day in (MONDAY + dt.timedelta(days=n) for n in range(7)):
        assert told(500, expected(daily, day, day - dt.timedelta(days=nights))), day
    assert expected(daily, MONDAY, MONDAY - dt.timedelta(days=2)) == {}


def test_a_sunday_is_held_against_sundays() -> None:
    sunday = MONDAY + dt.timedelta(days=6)
    found = expected(half_on_sundays, sunday, MONDAY - dt.timedelta(weeks=4))
    assert (found, told(500, found), told(250, found)) == ({"feed": 500.0}, False, True)


def test_a_source_that_begins_in_an_old_lake_is_held_against_its_own_nights() -> None:
    began = MONDAY - dt.timedelta(days=5)
    assert expected(lambda d: 1000 if d >= began else 0, MONDAY, MONDAY - dt.timedelta(days=60)) == {"feed": 1000.0}


def test_a_feed_of_every_other_week_is_told_of_in_none() -> None:
    def every_other(day: dt.date) -> int:
        return 1000 if (day - MONDAY).days % 14 == 7 else 0

    assert expected(every_other, MONDAY, MONDAY - dt.timedelta(days=60)) == {}


def test_a_night_that_brought_nothing_once_is_not_usual() -> None:
    """A holiday, or the outage of a week ago."""
    gone = MONDAY - dt.timedelta(weeks=1)
    assert expected(lambda d: 0 if d == gone else 1000, MONDAY, MONDAY - dt.timedelta(weeks=5)) == {"feed": 1000.0}


def test_reference_data_are_told_of_where_none_come_that_always_came() -> None:
    found = expected(daily, MONDAY, MONDAY - dt.timedelta(weeks=4), POLICIES)
    assert (told(0, found, POLICIES), told(1, found, POLICIES)) == (True, False)
    # not always: claims of a small book; not long enough to know
    assert expected(lambda d: d.day % 2, MONDAY, MONDAY - dt.timedelta(weeks=8), POLICIES) == {}
    assert expected(daily, MONDAY, MONDAY - dt.timedelta(weeks=2), POLICIES) == {}


def test_reference_data_that_do_not_come_explain_no_drift() -> None:
    usual_records = {"policies": 1.0, "sim_phone": 1000.0}
    found = signals(night(usual_records=usual_records, sources=[source(read=1000)]), SHIPPED.limits)
    (gone,) = [s for s in found if s.measure == "volume" and s.beyond]
    assert (gone.subject, gone.text, gone.explains) == ("policies", "policies brought 0 records, usually some", False)
