"""Which channels an alert is still to be sent to, by what an earlier run told of it. Pure: data in, data out."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lake.conf_sections import Channels
from monitoring.alerting import Alert
from monitoring.channels import addressees


@dataclass(frozen=True)
class Kept:
    """An alert of the night `date` as its last run left it."""

    date: dt.date
    alert: Alert


def owing(found: Iterable[Alert], told: Iterable[Alert], channels: Channels) -> list[Alert]:
    """Firing alerts with the channels that are to get them: all that there are; where the same was told, those that did not
    take it.

    What says something else than what was told is told again: a rerun may be far worse. Texts can be compared, for none has
    what moves from run to run, as seconds and cost do: `late` counts until the scores were there first.
    """
    before = {(a.rule, a.subject, a.text): a.owed for a in told if a.state == "firing"}
    return [_owing(a, before.get((a.rule, a.subject, a.text)), channels) for a in found]


def _owing(alert: Alert, before: tuple[str, ...] | None, channels: Channels) -> Alert:
    if alert.state != "firing":
        return alert
    return replace(alert, owed=tuple(x for x in addressees(alert, channels) if before is None or x in before))
