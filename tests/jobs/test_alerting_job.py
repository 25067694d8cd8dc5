"""An alert that a channel did not take is kept as owed in gold.alerts, and sent again by a rerun or by the next night."""

import datetime as dt
from collections.abc import Iterator

import pytest

from jobs.alerting import TABLE, raise_alerts
from lake.conf import Conf
from lake.conf_sections import Channels
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
