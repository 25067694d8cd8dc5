"""An alert that a channel did not take is kept as owed in gold.alerts, and sent again by a rerun or by the next night; what says
something else is told again."""

import datetime as dt
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import ValidationError

from jobs.alerting import TABLE, expose, raise_alerts
from jobs.context import JobResult
from jobs.nights import WITHDRAWAL, Attempt, record
from lake.conf import Conf
from lake.conf_sections import Alerting, Channels
from lake.delta import Lake
from tests.jobs.test_page_job import context
from tests.monitoring.test_channels import Listener, listening
from tests.monitoring.test_page import D, night

NEXT = D + dt.timedelta(days=1)


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with listening() as found:
        yield found


def test_an_alert_that_a_channel_did_not_take_is_sent_again(lake: Lake, conf: Conf, slack: Listener) -> None:
    file = conf.reports_path.parent / "alerts.jsonl"
    channels = Channels(file=str(file), webhook=slack.address)
    mine = conf.model_copy(update={"alerts": conf.alerts.model_copy(update={"channels": channels})})

    def told(date: dt.date, answers: int = 200, missing: int = 3) -> list[str]:
        slack.answers = [answers] * 3 if answers != 200 else []
        slack.got.clear()
        _, complaints = raise_alerts(context(lake, mine, date, None), night(date=date, missing=missing))
        return [c.what.partition(":")[0] for c in complaints]

    def owed() -> dict[dt.date, list[str]]:
        return {r["score_date"]: r["owed"] for r in lake.read(TABLE).collect()}

    def lines() -> int:
        return len(file.read_text().splitlines())

    did_not = ["1 alert(s) did not reach the webhook"]
    assert (told(D, answers=500), owed(), lines()) == (did_not, {D: ["webhook"]}, 1)
    # a rerun asks the webhook again, and only the webhook
    assert (told(D, answers=500), owed(), lines()) == (did_not, {D: ["webhook"]}, 1)
    # so does the next night, which has nothing to tell of itself
    assert (told(NEXT, missing=0), owed(), lines()) == ([], {D: []}, 1)
    assert [b["text"].splitlines()[0] for b in slack.bodies] == [f"Night {D}: 1 alert(s)"]
    # and then there is nothing more to send
    assert (told(D), slack.got, lines()) == ([], [], 1)
    assert lake.read(TABLE).select("rule", "text").collect()[0]["text"] == "3 of 90 covers in force have no score"


def test_a_rerun_tells_again_what_is_worse_or_of_scores_in_the_place_of_withdrawn_ones(
    lake: Lake, conf: Conf, slack: Listener
) -> None:
    mine = conf.model_copy(update={"alerts": conf.alerts.model_copy(update={"channels": Channels(webhook=slack.address)})})

    def told(missing: int) -> int:
        """How many messages a run sends whose night lacks so many scores."""
        slack.got.clear()
        raise_alerts(context(lake, mine, D, None), night(missing=missing, in_force=9000))
        return len(slack.got)

    def ran(job: str, hour: int) -> None:
        at = dt.datetime(2026, 3, 3, hour, tzinfo=dt.UTC)
        detail = {"reason": "wrong model", "by": "ann"} if job == WITHDRAWAL else {}
        record(lake, Attempt(D, job, f"run{hour}", at, at), "finished", JobResult(0, "", detail))

    assert (told(3), told(3)) == (1, 0)
    # far worse under the same rule and subject
    assert (told(9000), told(9000)) == (1, 0)
    assert slack.got == [] and lake.read(TABLE).collect()[0]["text"] == "9,000 of 9,000 covers in force have no score"
    ran("page", 1)
    assert told(9000) == 0
    # what is scored in the place of withdrawn scores may be as bad: that is news, once
    ran(WITHDRAWAL, 2)
    assert told(9000) == 1
    ran("page", 3)
    assert told(9000) == 0


@contextmanager
def no_http() -> Iterator[str]:
    """A port that answers, and not as a gateway does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def exposed(conf: Conf, address: str) -> list[tuple[int, str]]:
    alerts = conf.alerts.model_copy(update={"prometheus_push": address})
    return [(c.exit_code, c.what) for c in expose(conf.model_copy(update={"alerts": alerts}), night())]


def test_a_gateway_that_is_none_stops_nothing(conf: Conf) -> None:
    with no_http() as address:
        ((code, said),) = exposed(conf, address)
    assert code == 5 and said.startswith(f"metrics did not reach {address}: BadStatusLine: ")
    ((code, said),) = exposed(conf, "gateway:port")
    assert code == 5 and said.startswith("metrics did not reach gateway:port: InvalidURL: ")


@pytest.mark.parametrize("address", ["gateway:9091", "http://gateway:9091", "https://push.example:443/prom", "[::1]:9091"])
def test_the_address_of_a_gateway(address: str) -> None:
    assert Alerting(prometheus_push=address).prometheus_push == address


@pytest.mark.parametrize("address", ["gateway:port", "gateway", "gateway:", "ftp://gateway:21", "a b:1", "gateway:123456"])
def test_the_address_of_a_gateway_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="prometheus_push"):
        Alerting(prometheus_push=address)
