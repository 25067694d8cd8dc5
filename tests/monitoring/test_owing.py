"""What was told once is told again where it says something else, and nowhere else."""

from dataclasses import replace
from typing import Any

from lake.conf_sections import Channels
from monitoring.owing import owing
from tests.monitoring.test_channels import alert

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
