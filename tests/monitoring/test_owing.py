"""What was told once is told again where it says something else, and nowhere else; incidents end where nothing fires any more."""

import datetime as dt
from dataclasses import replace
from typing import Any

from lake.conf_sections import Channels
from monitoring.alerting import Alert
from monitoring.owing import Kept, ending, incidents, over, owed_still, owing
from tests.monitoring.test_channels import alert
from tests.monitoring.test_page import D

CHANNELS = Channels(file="a", webhook="https://x", pagerduty_key="KEY")
ALL = ("file", "webhook", "pagerduty")
SIX = alert(rule="mean_price", subject="liability EUR", text="the mean price of liability in EUR moved by +6.0% in a night")


def owed(now: dict[str, Any], **told: Any) -> tuple[str, ...]:
    """Who gets what was told so."""
    (found,) = owing([replace(SIX, **now)], [replace(SIX, **told)], CHANNELS)
    return found.owed


def test_what_is_new_goes_to_all_channels() -> None:
    (found,) = owing([SIX], [], CHANNELS)
    assert found.owed == ALL


def test_the_same_goes_to_those_that_did_not_take_it() -> None:
    assert (owed({}), owed({}, owed=("webhook", "sns"))) == ((), ("webhook",))


def test_a_rerun_that_is_far_worse_is_told_to_all() -> None:
    assert owed({"text": SIX.text.replace("+6.0%", "+82.0%")}, owed=("webhook",)) == ALL


def test_what_nobody_was_told_is_new_and_what_is_not_firing_goes_to_nobody() -> None:
    assert (owed({}, state="silenced"), owed({"state": "silenced"})) == (ALL, ())


BEFORE, LONG_AGO = D - dt.timedelta(days=1), D - dt.timedelta(days=3)
NONE = Channels(webhook="https://x")


def gone(found: list[Alert], *kept: Kept) -> list[str]:
    return [a.subject for a in over(found, kept, D, BEFORE)]


def test_what_fired_the_night_before_and_does_not_tonight_is_over() -> None:
    assert gone([], Kept(BEFORE, SIX)) == ["liability EUR"]
    assert gone([SIX], Kept(BEFORE, SIX)) == []
    # a silence, and a rule that is critical no longer, end it too: it would merge with what comes months later
    assert gone([replace(SIX, state="silenced")], Kept(BEFORE, SIX)) == ["liability EUR"]
    assert gone([replace(SIX, severity="warning")], Kept(BEFORE, SIX)) == ["liability EUR"]
    # of these nobody was woken
    assert gone([], Kept(BEFORE, replace(SIX, severity="warning")), Kept(BEFORE, replace(SIX, state="silenced"))) == []


def test_what_an_earlier_run_of_tonight_told_is_over_and_what_comes_late_ends_as_well() -> None:
    assert gone([], Kept(D, SIX)) == ["liability EUR"]
    assert gone([], Kept(LONG_AGO, SIX)) == []
    assert gone([], Kept(LONG_AGO, replace(SIX, owed=("pagerduty",)))) == ["liability EUR"]
    # what an earlier run of tonight could not resolve
    assert gone([], Kept(D, replace(SIX, state="over", owed=("pagerduty_resolve",)))) == ["liability EUR"]


def test_what_is_over_is_owed_to_pagerduty_alone_and_once_an_incident() -> None:
    silenced = replace(SIX, state="silenced", why="until then")
    ended = ending([alert(owed=("webhook",)), silenced], [SIX, alert(subject="b"), alert(subject="a")], CHANNELS)
    assert [(a.subject, a.state, a.owed) for a in ended] == [
        ("sim_phone", "firing", ("webhook",)),
        ("liability EUR", "silenced", ("pagerduty_resolve",)),
        ("a", "over", ("pagerduty_resolve",)),
        ("b", "over", ("pagerduty_resolve",)),
    ]
    assert ending([silenced], [SIX], NONE) == [silenced]


def test_an_end_that_did_not_arrive_is_owed_until_the_same_burns_again() -> None:
    late = replace(SIX, state="over", owed=("pagerduty_resolve",))
    assert owed_still(late, CHANNELS, set()).owed == ("pagerduty_resolve",)
    assert owed_still(late, CHANNELS, incidents([SIX])).owed == ()
    # a rerun of an old night resolves nothing, and a channel that is gone gets nothing
    assert owed_still(late, CHANNELS, None).owed == () and owed_still(late, NONE, set()).owed == ()
    assert owed_still(replace(SIX, owed=("webhook", "sns")), CHANNELS, None).owed == ("webhook",)
