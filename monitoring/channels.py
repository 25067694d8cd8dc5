"""Where firing alerts go: a file, SNS, PagerDuty, a webhook that takes Slack's messages.

Secrets come from the environment and are in no message.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from lake.conf_sections import Channels
from lake.errors import Complaint, EnvironmentProblem
from lake.masking import LEAST, MASK, said
from monitoring.alerting import Alert

TIMEOUT_S = 10
ATTEMPTS = 3
MAX_SUBJECT = 100
"""Of an SNS message, in ASCII."""
MAX_BODY = 30_000
"""Bytes of a message. SNS takes 256 KiB, Slack shows 40,000 characters, and nobody reads as much."""
LISTED = 10
"""Alerts of a rule in a message."""
PAGERDUTY, RESOLVED = "pagerduty", "pagerduty_resolve"
MAX_DEDUP_KEY, MAX_SUMMARY = 255, 1024
"""Characters that PagerDuty takes."""
RATE_LIMITED, SERVER_ERROR = 429, 500


@dataclass(frozen=True)
class Message:
    """The firing alerts of a night, and where its page is."""

    date: dt.date
    page: str
    alerts: tuple[Alert, ...]

    def owed_to(self, channel: str) -> tuple[Alert, ...]:
        """Alerts that a channel is still to get."""
        return tuple(a for a in self.alerts if channel in a.owed)

    def parts(self, channel: str) -> list["Message"]:
        """What a channel is sent: one message, or one an alert."""
        owed = self.owed_to(channel)
        each = ((a,) for a in owed) if CHANNELS[channel].one_by_one else ((owed,) if owed else ())
        return [replace(self, alerts=alerts) for alerts in each]

    def without(self, part: "Message", channel: str) -> "Message":
        """The message once a channel has taken a part of it."""
        taken = {(a.rule, a.subject) for a in part.alerts}
        rest = (
            replace(a, owed=tuple(x for x in a.owed if x != channel)) if (a.rule, a.subject) in taken else a for a in self.alerts
        )
        return replace(self, alerts=tuple(rest))

    @property
    def lines(self) -> list[str]:
        """One an alert, as long as a rule has not too many; then how many more each has."""
        by_rule: dict[str, list[Alert]] = {}
        for alert in self.alerts:
            by_rule.setdefault(alert.rule, []).append(alert)
        shown = (a for found in by_rule.values() for a in found[:LISTED])
        lines = [f"[{a.severity}] {a.rule}: {a.text} ({a.owner}; {a.runbook})" for a in shown]
        more = [f"and {n} more of {rule}, which are on the page" for rule, x in by_rule.items() if (n := len(x) - LISTED) > 0]
        return [*lines, *more]


def incident(alert: Alert) -> str:
    """PagerDuty's key: says that two events are about one thing, whatever the night."""
    return f"{alert.rule}/{alert.subject}"[:MAX_DEDUP_KEY]


def fitting(lines: Iterable[str]) -> list[str]:
    """As many lines from the first on as a message may have."""
    lines, size, kept = list(lines), 0, 0
    while kept < len(lines) and (size := size + len(lines[kept].encode()) + 1) <= MAX_BODY:
        kept += 1
    return lines if kept == len(lines) else [*lines[:kept], "and more, which are on the page"]


class _Busy(Exception):
    """The other side may take it a little later."""


class Refused(EnvironmentProblem):
    """The other side answers, and does not take this message."""


def send(messages: Sequence[Message], channels: Channels) -> tuple[list[Message], list[Complaint]]:
    """Send to every channel there is what it is owed. Returns the messages with what is owed still, and a complaint a channel
    that did not take all; it stops no other.

    It may come twice where a night is killed between the sending and its record.
    """
    left, complaints = list(messages), []
    for name, channel in CHANNELS.items():
        failures: list[Exception] = []
        left = [_tried(name, m, channels, failures) for m in left]
        if failures:
            why = f"{type(failures[0]).__name__}: {said(failures[0])}"
            owed = sum(len(m.owed_to(name)) for m in left)
            complaints.append(Complaint(EnvironmentProblem.exit_code, f"{owed} alert(s) did not reach {channel.label}: {why}"))
    return left, complaints


def addressees(alert: Alert, channels: Channels) -> tuple[str, ...]:
    """The channels that there are for an alert, by the names that gold.alerts has. PagerDuty wakes people: critical ones only."""
    given = (name for name, channel in CHANNELS.items() if name != RESOLVED and getattr(channels, channel.setting))
    return tuple(name for name in given if alert.severity == "critical" or not CHANNELS[name].critical_only)


def _tried(name: str, message: Message, channels: Channels, failures: list[Exception]) -> Message:
    """The message as it stands once a channel was tried. What goes wrong is added to `failures` of the channel: who refuses one
    may take the next, who does not answer is not waited for again."""
    left = message
    for part in message.parts(name):
        if all(isinstance(x, Refused) for x in failures):
            try:
                CHANNELS[name].deliver(part, channels)
                left = left.without(part, name)
            except Exception as e:
                # whatever a channel's library raises must not stop the others
                failures.append(e)
    return left


def _to_file(message: Message, channels: Channels) -> None:
    path = Path(str(channels.file))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as out:
        out.writelines(
            json.dumps({"night": f"{message.date}", **{k: v for k, v in vars(a).items() if k != "owed"}}) + "\n"
            for a in message.alerts
        )


def _to_sns(message: Message, channels: Channels) -> None:
    import boto3

    region = str(channels.sns).split(":")[3]
    subject = f"Telematics night {message.date}: {len(message.alerts)} alert(s)".encode("ascii", "replace").decode()
    body = "\n".join([*fitting(message.lines), message.page])
    boto3.client("sns", region_name=region).publish(TopicArn=str(channels.sns), Subject=subject[:MAX_SUBJECT], Message=body)


def _to_webhook(message: Message, channels: Channels) -> None:
    # <, > and & are the only characters that mean something in such a message
    lines = (x.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for x in message.lines)
    text = "\n".join([f"Night {message.date}: {len(message.alerts)} alert(s)", *fitting(lines), message.page])
    _post(str(channels.webhook), {"text": text})


def _to_pagerduty(message: Message, channels: Channels) -> None:
    for alert in message.alerts:
        payload = {
            "summary": f"{alert.rule}: {alert.text}"[:MAX_SUMMARY], "severity": alert.severity, "source": "telematics night",
            "custom_details": {"night": f"{message.date}", "owner": alert.owner, "runbook": alert.runbook},
        }  # fmt: skip
        _post(channels.pagerduty, _event(alert, channels, "trigger") | {"payload": payload})


def _resolve(message: Message, channels: Channels) -> None:
    for alert in message.alerts:
        _post(channels.pagerduty, _event(alert, channels, "resolve"))


def _event(alert: Alert, channels: Channels, action: str) -> dict[str, Any]:
    return {"routing_key": channels.pagerduty_key, "event_action": action, "dedup_key": incident(alert)}


@retry(stop=stop_after_attempt(ATTEMPTS), wait=wait_exponential(0.5, max=5), retry=retry_if_exception_type(_Busy), reraise=True)
def _post(address: str, body: dict[str, Any]) -> None:
    import requests

    try:
        answer = requests.post(address, json=body, timeout=TIMEOUT_S)
    except Exception as e:
        # its text may name the address, which is a secret
        may_pass = isinstance(e, requests.ConnectionError | requests.Timeout)
        raise (_Busy if may_pass else EnvironmentProblem)(type(e).__name__) from None
    if answer.status_code == RATE_LIMITED or answer.status_code >= SERVER_ERROR:
        raise _Busy(f"HTTP {answer.status_code}")
    if not answer.ok:
        raise Refused(f"HTTP {answer.status_code}: {_without(address, body, answer.text)[:100]}")


def _without(address: str, body: dict[str, Any], text: str) -> str:
    """What a server answered, which may quote what it was asked, without the address and the key."""
    secrets = (address, urlsplit(address).path, str(body.get("routing_key", "")))
    return reduce(lambda left, secret: left.replace(secret, MASK), (x for x in secrets if len(x) >= LEAST), text)


@dataclass(frozen=True)
class _Channel:
    """`setting` is the one that says it is there; `one_by_one` ones are sent each alert by itself."""

    label: str
    setting: str
    deliver: Callable[[Message, Channels], None]
    critical_only: bool = False
    one_by_one: bool = False


CHANNELS = {
    "file": _Channel("the file", "file", _to_file),
    "sns": _Channel("SNS", "sns", _to_sns),
    "webhook": _Channel("the webhook", "webhook", _to_webhook),
    PAGERDUTY: _Channel("PagerDuty", "pagerduty_key", _to_pagerduty, critical_only=True, one_by_one=True),
    RESOLVED: _Channel("PagerDuty as resolved", "pagerduty_key", _resolve, critical_only=True, one_by_one=True),
}
"""By the names that gold.alerts has. What is over is sent after what begins: an incident that came late ends too."""
