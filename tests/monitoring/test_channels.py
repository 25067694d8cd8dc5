"""Alerts reach a file, a webhook, PagerDuty and SNS; metrics reach a textfile and a gateway. Servers are real, on loopback."""

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from prometheus_client.parser import text_string_to_metric_families

from lake.conf_sections import Channels
from lake.errors import Complaint
from monitoring.alerting import Alert
from monitoring.channels import ATTEMPTS, MAX_BODY, Message, addressees, fitting, send
from monitoring.metrics import metrics, to_gateway, to_textfile
from tests.monitoring.test_page import D, book, night, raised, source, stopped

NOW = dt.datetime(2026, 3, 3, 4, tzinfo=dt.UTC)
PAGE = "https://pages.example/nights/2026-03-02/index.html"


def alert(**changes: Any) -> Alert:
    row: dict[str, Any] = {
        "rule": "volume", "subject": "sim_phone", "severity": "critical", "owner": "data-engineering", "runbook": "docs/x.md",
        "state": "firing", "text": "sim_phone brought 0 records & <b>usually</b> 900", "nights": 1, "value": 0.0, "limit": 0.6,
    }  # fmt: skip
    return Alert(**(row | changes))


def message(*alerts: Alert) -> Message:
    return Message(D, PAGE, alerts or (alert(), alert(rule="late", subject="all", severity="warning", text="late")))


def sent(one: Message, channels: Channels) -> list[Complaint]:
    """What a first sending to all channels there are complains of."""
    return resent(replace(one, alerts=tuple(replace(a, owed=addressees(a, channels)) for a in one.alerts)), channels)[1]


def resent(one: Message, channels: Channels) -> tuple[Message, list[Complaint]]:
    (left,), complaints = send([one], channels)
    return left, complaints


class Listener:
    """An HTTP server that keeps what it is sent and answers with the statuses it is given, then 200; its text is `quote`."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.answers: list[int] = []
        self.quote = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                outer.got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(outer.answers.pop(0) if outer.answers else 200)
                self.end_headers()
                self.wfile.write(outer.quote.encode())

            do_POST = do_PUT = _take

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.address = f"http://{self.host}/services/SECRET"

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]


@contextmanager
def listening() -> Iterator[Listener]:
    """A server while it is needed."""
    found = Listener()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.05,))
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with listening() as found:
        yield found


def test_a_webhook_gets_one_message_that_slack_reads(listener: Listener) -> None:
    assert sent(message(), Channels(webhook=listener.address)) == []
    (body,) = listener.bodies
    assert body["text"].splitlines() == [
        "Night 2026-03-02: 2 alert(s)",
        "[critical] volume: sim_phone brought 0 records &amp; &lt;b&gt;usually&lt;/b&gt; 900 (data-engineering; docs/x.md)",
        "[warning] late: late (data-engineering; docs/x.md)",
        PAGE,
    ]


def test_a_message_has_an_end_and_says_what_it_leaves_out(listener: Listener) -> None:
    drifted = [alert(rule="feature_drift", subject=f"x{n}", text=f"x{n}") for n in range(500)]
    assert sent(message(*drifted, alert(rule="late", text="late")), Channels(webhook=listener.address)) == []
    lines = listener.bodies[0]["text"].splitlines()
    # one rule's alerts leave room for another's
    assert [lines[0], *lines[10:]] == [
        "Night 2026-03-02: 501 alert(s)", "[critical] feature_drift: x9 (data-engineering; docs/x.md)",
        "[critical] late: late (data-engineering; docs/x.md)", "and 490 more of feature_drift, which are on the page", PAGE,
    ]  # fmt: skip
    every = message(*(alert(rule=f"r{n % 50}", text="&" * 500) for n in range(500)))
    assert sent(every, Channels(webhook=listener.address)) == []
    text = listener.bodies[1]["text"]
    assert len(text) < 40_000 and text.splitlines()[-2:] == ["and more, which are on the page", PAGE]
    assert fitting(["a", "b"]) == ["a", "b"] and fitting(["ü" * (MAX_BODY // 2)]) == ["and more, which are on the page"]


def test_pagerduty_gets_critical_ones_once_a_subject(listener: Listener) -> None:
    channels = Channels(pagerduty_key="KEY", pagerduty=listener.address)
    assert sent(message(), channels) == [] and sent(message(), channels) == []
    first, second = listener.bodies
    assert first == second
    assert (first["event_action"], first["routing_key"], first["dedup_key"]) == ("trigger", "KEY", "volume/sim_phone")
    assert (first["payload"]["severity"], first["payload"]["source"]) == ("critical", "telematics night")
    assert first["payload"]["summary"].startswith("volume: sim_phone brought 0")


def test_pagerduty_resolves_what_is_over_after_what_came_late(tmp_path: Path, listener: Listener) -> None:
    channels = Channels(file=str(tmp_path / "a"), webhook=listener.address, pagerduty_key="KEY", pagerduty=listener.address)
    ended = message(alert(state="over", owed=("pagerduty_resolve",)))
    late = replace(ended, date=D - dt.timedelta(days=1), alerts=(alert(owed=("pagerduty",)),))
    assert send([late, ended], channels)[1] == [] and not (tmp_path / "a").exists()
    assert [x["event_action"] for x in listener.bodies] == ["trigger", "resolve"]
    assert listener.bodies[1] == {"routing_key": "KEY", "event_action": "resolve", "dedup_key": "volume/sim_phone"}
    listener.answers = [503] * 3
    left, complaints = resent(ended, channels)
    assert complaints == [Complaint(5, "1 alert(s) did not reach PagerDuty as resolved: _Busy: HTTP 503")]
    assert left.alerts[0].owed == ("pagerduty_resolve",)


def test_a_file_gets_a_line_an_alert(tmp_path: Path) -> None:
    path = tmp_path / "new" / "alerts.jsonl"
    for _ in range(2):
        assert sent(message(alert()), Channels(file=str(path))) == []
    lines = [json.loads(x) for x in path.read_text().splitlines()]
    assert [(x["night"], x["rule"], x["value"]) for x in lines] == [("2026-03-02", "volume", 0.0)] * 2


@pytest.mark.parametrize(
    ("answers", "reached", "tries"), [([503], True, 2), ([429, 500], True, 3), ([500] * 3, False, 3), ([404], False, 1)]
)
def test_who_is_busy_is_asked_again(listener: Listener, answers: list[int], reached: bool, tries: int) -> None:
    listener.answers = list(answers)
    complaints = sent(message(), Channels(webhook=listener.address))
    assert (complaints == [], len(listener.got)) == (reached, tries) and tries <= ATTEMPTS
    assert all("did not reach the webhook" in c.what and "SECRET" not in c.what for c in complaints)


def test_a_channel_that_is_down_stops_no_other(tmp_path: Path, listener: Listener) -> None:
    nobody = "http://127.0.0.1:9/services/SECRET"
    complaints = sent(
        message(), Channels(file=str(tmp_path / "a"), webhook=nobody, pagerduty_key="KEY", pagerduty=listener.address)
    )
    assert [("webhook" in c.what, "SECRET" in c.what, c.exit_code) for c in complaints] == [(True, False, 5)]
    assert (tmp_path / "a").is_file() and len(listener.got) == 1


def owed_to_all(channels: Channels, *alerts: Alert) -> Message:
    return message(*(replace(a, owed=addressees(a, channels)) for a in alerts))


def test_each_channel_gets_what_it_has_not_taken_and_nothing_twice(tmp_path: Path, listener: Listener) -> None:
    path = tmp_path / "a"
    channels = Channels(file=str(path), webhook=listener.address, pagerduty_key="KEY", pagerduty=listener.address)
    one = owed_to_all(channels, alert(), alert(rule="late", subject="all", severity="warning"))
    assert [a.owed for a in one.alerts] == [("file", "webhook", "pagerduty"), ("file", "webhook")]
    # the webhook is down for three tries, PagerDuty for three
    listener.answers = [500] * 6
    left, complaints = resent(one, channels)
    assert [a.owed for a in left.alerts] == [("webhook", "pagerduty"), ("webhook",)]
    assert [c.what.partition(":")[0] for c in complaints] == [
        "2 alert(s) did not reach the webhook",
        "1 alert(s) did not reach PagerDuty",
    ]
    left, complaints = resent(left, channels)
    assert ([a.owed for a in left.alerts], complaints, len(path.read_text().splitlines())) == ([(), ()], [], 2)
    assert len(listener.got) == 6 + 2
    assert resent(left, channels) == (left, []) and len(listener.got) == 8


def test_pagerduty_that_refuses_one_event_takes_the_others_and_one_that_is_down_is_tried_once(listener: Listener) -> None:
    channels = Channels(pagerduty_key="KEY", pagerduty=listener.address)
    three = owed_to_all(channels, *(alert(subject=f"x{n}") for n in range(3)))
    listener.answers = [400]
    left, complaints = resent(three, channels)
    assert [a.subject for a in left.owed_to("pagerduty")] == ["x0"] and len(listener.got) == 3
    assert "1 alert(s) did not reach PagerDuty: Refused: HTTP 400" in complaints[0].what
    listener.answers = [200, 503, 503, 503]
    left, _ = resent(three, channels)
    assert [a.subject for a in left.owed_to("pagerduty")] == ["x1", "x2"] and len(listener.got) == 3 + 4


def test_messages_of_two_nights_are_two(listener: Listener) -> None:
    channels = Channels(webhook=listener.address)
    tonight = owed_to_all(channels, alert())
    before = replace(tonight, date=D - dt.timedelta(days=1))
    listener.answers = [404]
    left, complaints = send([before, tonight], channels)
    assert [[a.owed for a in m.alerts] for m in left] == [[("webhook",)], [()]] and len(complaints) == 1
    assert [b["text"].splitlines()[0] for b in listener.bodies] == [
        "Night 2026-03-01: 1 alert(s)",
        "Night 2026-03-02: 1 alert(s)",
    ]


def test_nothing_is_sent_of_nothing(listener: Listener) -> None:
    assert sent(Message(D, PAGE, ()), Channels(webhook=listener.address)) == [] and listener.got == []


def subscribed(monkeypatch: pytest.MonkeyPatch) -> tuple[str, Callable[[], dict[str, str]]]:
    """A topic of moto's, and how to take the next message that its subscriber got."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    topic = boto3.client("sns", region_name="us-east-1").create_topic(Name="alerts")["TopicArn"]
    queue = boto3.client("sqs", region_name="us-east-1")
    url = queue.create_queue(QueueName="q")["QueueUrl"]
    arn = queue.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns", region_name="us-east-1").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, lambda: json.loads(queue.receive_message(QueueUrl=url)["Messages"][0]["Body"])


@mock_aws
def test_sns_gets_subject_and_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    topic, received = subscribed(monkeypatch)
    assert sent(message(), Channels(sns=topic)) == []
    body = received()
    assert body["Subject"] == "Telematics night 2026-03-02: 2 alert(s)"
    assert body["Message"].splitlines()[-1] == PAGE


def values(text: str) -> dict[str, dict[str, float]]:
    return {f.name: {",".join(s.labels.values()): s.value for s in f.samples} for f in text_string_to_metric_families(text)}


def test_metrics_of_a_night_are_read_by_prometheus(tmp_path: Path) -> None:
    path = tmp_path / "telematics.prom"
    one = night(
        sources=[source()], alerts=[raised(), raised(state="silenced")], seconds={"score": 9.0}, books=[book()], dollars=0.5,
        minutes_late=-3.0,
    )  # fmt: skip
    to_textfile(metrics(one, NOW), str(path))
    found = values(path.read_text())
    assert found["telematics_night_date_timestamp_seconds"] == {"": dt.datetime(2026, 3, 2, tzinfo=dt.UTC).timestamp()}
    assert found["telematics_night_light"] == {"": 1.0}
    assert found["telematics_alerts_firing"] == {"info": 0.0, "warning": 1.0, "critical": 0.0}
    assert found["telematics_mean_pure_premium"] == {"liability,EUR": 210.0}
    assert found["telematics_records_read"] == {"sim_phone": 1000.0}
    assert found["telematics_job_seconds"] == {"score": 9.0}
    assert (found["telematics_minutes_late"], found["telematics_dollars"]) == ({"": -3.0}, {"": 0.5})


def test_metrics_of_a_stopped_night_have_the_light_and_no_scores() -> None:
    names = {f.name for f in metrics(stopped(), NOW).collect()}
    assert "telematics_night_light" in names and "telematics_covers_scored" not in names


def test_a_gateway_gets_them_in_place_of_the_night_before(listener: Listener) -> None:
    to_gateway(metrics(night(), NOW), listener.host)
    ((path, body),) = listener.got
    assert path == "/metrics/job/telematics_nightly"
    assert values(body.decode())["telematics_covers_scored"] == {"": 90.0}
