"""Where firing alerts go: a file, SNS, PagerDuty, a webhook that takes Slack's messages.

Secrets come from the environment and are in no message.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from lake.conf import Channels
from lake.errors import Complaint, EnvironmentProblem
from lake.masking import without_secrets
from monitoring.alerting import Alert

TIMEOUT_S = 10
ATTEMPTS = 3
MAX_SUBJECT = 100
"""Of an SNS message, in ASCII."""
MAX_BODY = 30_000
"""Bytes of a message. SNS takes 256 KiB, Slack shows 40,000 characters, and nobody reads as much."""
LISTED = 10
"""Alerts of a rule in a message."""
MAX_DEDUP_KEY, MAX_SUMMARY = 255, 1024
"""Characters that PagerDuty takes."""
RATE_LIMITED, SERVER_ERROR = 429, 500


@dataclass(frozen=True)
class Message:
    """The firing alerts of a night, and where its page is."""

    date: dt.date
    page: str
    alerts: tuple[Alert, ...]

    def key(self, alert: Alert) -> str:
        """Says that two messages are about one thing, whatever the night."""
        return f"{alert.rule}/{alert.subject}"[:MAX_DEDUP_KEY]

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


def fitting(lines: Iterable[str]) -> list[str]:
    """As many lines from the first on as a message may have."""
    lines, size, kept = list(lines), 0, 0
    while kept < len(lines) and (size := size + len(lines[kept].encode()) + 1) <= MAX_BODY:
        kept += 1
    return lines if kept == len(lines) else [*lines[:kept], "and more, which are on the page"]


class _Busy(Exception):
    """The other side may take it a little later."""


def send(message: Message, channels: Channels) -> list[Complaint]:
    """Send to every channel there is; what a channel did not take is a complaint, and stops no other.

    It may come twice where a night is killed between the sending and its record; never not at all.
    """
    if not message.alerts:
        return []
    complaints = []
    for name, deliver in _of(channels):
        try:
            deliver(message, channels)
        except Exception as e:
            # whatever a channel's library raises must not stop the others
            text = without_secrets(" ".join(str(e).split()))[:200]
            complaints.append(Complaint(EnvironmentProblem.exit_code, f"alerts did not reach {name}: {type(e).__name__}: {text}"))
    return complaints


Deliver = Callable[[Message, Channels], None]


def _of(channels: Channels) -> Iterable[tuple[str, Deliver]]:
    given: dict[str, tuple[Any, Deliver]] = {
        "the file": (channels.file, _to_file), "SNS": (channels.sns, _to_sns), "the webhook": (channels.webhook, _to_webhook),
        "PagerDuty": (channels.pagerduty_key, _to_pagerduty),
    }  # fmt: skip
    return [(name, deliver) for name, (value, deliver) in given.items() if value]


def _to_file(message: Message, channels: Channels) -> None:
    path = Path(str(channels.file))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as out:
        out.writelines(json.dumps({"night": f"{message.date}", **vars(a)}) + "\n" for a in message.alerts)


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
        if alert.severity == "critical":
            payload = {
                "summary": f"{alert.rule}: {alert.text}"[:MAX_SUMMARY], "severity": alert.severity, "source": "telematics night",
                "custom_details": {"night": f"{message.date}", "owner": alert.owner, "runbook": alert.runbook},
            }  # fmt: skip
            event = {"routing_key": channels.pagerduty_key, "event_action": "trigger", "dedup_key": message.key(alert)}
            _post(channels.pagerduty, event | {"payload": payload})


@retry(stop=stop_after_attempt(ATTEMPTS), wait=wait_exponential(0.5, max=5), retry=retry_if_exception_type(_Busy), reraise=True)
def _post(address: str, body: dict[str, Any]) -> None:
    import requests

    try:
        answer = requests.post(address, json=body, timeout=TIMEOUT_S)
    except (requests.ConnectionError, requests.Timeout) as e:
        # its text names the address, which is a secret
        raise _Busy(f"{type(e).__name__}") from None
    if answer.status_code == RATE_LIMITED or answer.status_code >= SERVER_ERROR:
        raise _Busy(f"HTTP {answer.status_code}")
    if not answer.ok:
        raise EnvironmentProblem(f"HTTP {answer.status_code}: {answer.text[:100]}")
