"""Which channels an alert is still to be sent to, by what an earlier run told of it, and which incidents of PagerDuty are over.
Pure: data in, data out."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lake.conf_sections import Channels
from monitoring.alerting import OVER, Alert
from monitoring.channels import PAGERDUTY, RESOLVED, addressees, incident


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


def over(found: Iterable[Alert], kept: Iterable[Kept], date: dt.date, previous: dt.date | None) -> list[Alert]:
    """Alerts that PagerDuty has an incident of and that do not fire tonight, the newest of each: those of the published night
    before, those of an earlier run of tonight, and those that it gets only now."""
    burning = incidents(found)
    was = {incident(k.alert): k.alert for k in sorted(kept, key=lambda k: k.date) if _is_open(k, date, previous)}
    return [alert for key, alert in was.items() if key not in burning]


def incidents(found: Iterable[Alert]) -> set[str]:
    """Those that PagerDuty is to have open."""
    return {incident(a) for a in found if a.state == "firing" and a.severity == "critical"}


def _is_open(kept: Kept, date: dt.date, previous: dt.date | None) -> bool:
    alert = kept.alert
    if kept.date == date and RESOLVED in alert.owed:
        return True
    is_told = kept.date in (date, previous) or PAGERDUTY in alert.owed
    return is_told and bool(incidents([alert]))


def ending(found: list[Alert], gone: Iterable[Alert], channels: Channels) -> list[Alert]:
    """Tonight's alerts with those that PagerDuty is to resolve; one that is here in another state, as silenced, is so itself."""
    if channels.pagerduty_key is None:
        return found
    ended = {incident(a): a for a in gone}
    ours = [replace(a, owed=(*a.owed, RESOLVED)) if incident(a) in ended else a for a in found]
    rest = (ended[key] for key in ended.keys() - {incident(a) for a in found})
    why = "its incident in PagerDuty is to be resolved"
    return [*ours, *sorted((replace(a, state=OVER, why=why, owed=(RESOLVED,)) for a in rest), key=incident)]


def owed_still(alert: Alert, channels: Channels, burning: set[str] | None) -> Alert:
    """An alert of a night before with the channels that there are and that have not taken it. What burns again is not resolved;
    nothing is where `burning` is None, for a later night knows better."""
    there_are = set(addressees(alert, channels))
    if channels.pagerduty_key is not None and burning is not None and incident(alert) not in burning:
        there_are.add(RESOLVED)
    return replace(alert, owed=tuple(x for x in alert.owed if x in there_are))
