"""What errors say reaches pages and gold.nights in one line, and without the secrets that they quote."""

import datetime as dt
import json
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from botocore.exceptions import ClientError

from emr.aws import asking
from jobs import alerting, nights, score_rows
from jobs.context import JobResult
from jobs.nights import Attempt, record
from jobs.score_models import NightModels
from jobs.score_rows import Scoring, shadow_batch
from lake.conf import Conf
from lake.errors import Complaint, LakeError, ShadowFailed, TelematicsError
from lake.masking import MASK, MAX_SAID, said
from lake.s3 import explained
from registry import challengers as registry
from registry.challengers import Challengers, challengers

PASSWORD, TOKEN = "einfach-geheim", "value-of-a-variable"
TOLD = f"no answer from\n  postgresql://mlflow:{PASSWORD}@db/x?password={PASSWORD}\nwith {TOKEN}"
SAID = f"no answer from postgresql://{MASK}@db/x?password={MASK} with {MASK}"
AT = dt.datetime(2026, 1, 6, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)


def fails(*_: Any) -> Any:
    raise RuntimeError(TOLD)


def models() -> NightModels:
    """A night with one challenger, as far as its record needs them."""
    one: Any = SimpleNamespace(model="m", version="1", run_id="r", digest="d", cached=False)
    return NightModels({"liability": one}, {}, {"liability": {"challenger": one}})


def recorded(night: NightModels) -> str:
    [[_, _, _, why]] = night.detail()["unscored"]["liability"]
    return str(why)


def test_an_error_is_one_line_without_secrets() -> None:
    assert said(RuntimeError(TOLD)) == SAID
    assert said(KeyError()) == "KeyError"
    long = "x" * (MAX_SAID - 4) + f" {TOKEN}"
    # the secret lies across the cut, and no part of it is left
    assert said(RuntimeError(long)) == ("x" * (MAX_SAID - 4) + f" {MASK}")[:MAX_SAID]
    assert said(RuntimeError("y" * 999), None) == "y" * 999


def test_a_challenger_that_a_worker_cannot_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_rows, "loaded", fails)
    with pytest.raises(ShadowFailed) as e:
        shadow_batch(Scoring("challenger", "liability", {}), pd.DataFrame())
    assert str(e.value) == f"liability/challenger: {SAID}"
    assert recorded(models().without_failed(e.value)) == SAID


def test_a_challenger_whose_worker_does_not_know_the_secret_or_whose_features_are_missing() -> None:
    assert recorded(models().without_failed(ShadowFailed(f"liability/challenger: {TOKEN} is none"))) == f"{MASK} is none"
    assert recorded(models().without("liability", "challenger", f"no {TOKEN}")) == f"no {MASK}"


def test_a_challenger_that_cannot_be_loaded(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_aliases", lambda *_: {"challenger": "2"})
    monkeypatch.setattr(registry, "_as_registered", fails)
    found = challengers(conf, "m")
    assert isinstance(found, Challengers) and [u.why for u in found.unscored] == [SAID]


def test_what_a_job_says_and_went_on_without_in_gold_nights(monkeypatch: pytest.MonkeyPatch) -> None:
    # a schema asks for Spark
    monkeypatch.setattr(nights, "NIGHTS", SimpleNamespace(schema=None))
    rows: list[Any] = []
    frame = SimpleNamespace(coalesce=lambda _: None)
    spark = SimpleNamespace(createDataFrame=lambda found, _: rows.extend(found) or frame)
    lake: Any = SimpleNamespace(spark=spark, append_once=lambda *_: None)
    complaint = Complaint.of(LakeError(TOLD), "phone")
    record(lake, Attempt(AT.date(), "ingest", "r", AT, AT), "finished", JobResult(1, TOLD, {"files": 3}, (complaint,)))
    [row] = rows
    detail = json.loads(row[5])
    assert detail["files"] == 3 and detail["complaints"][0]["exit_code"] == LakeError.exit_code
    assert not any(secret in text for secret in (PASSWORD, TOKEN) for text in (row[4], row[5]))


@pytest.mark.parametrize("place", [explained("s3://b/k"), asking("s3://b/k")])
def test_what_aws_answers(place: AbstractContextManager[None]) -> None:
    answer: Any = {"Error": {"Code": "X", "Message": TOLD}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    with pytest.raises(TelematicsError) as e, place:
        raise ClientError(answer, "GetObject")
    assert str(e.value) == f"s3://b/k: An error occurred (X) when calling the GetObject operation: {SAID}"


def test_metrics_that_find_no_way(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting, "metrics", fails)
    here = conf.model_copy(update={"alerts": conf.alerts.model_copy(update={"prometheus_textfile": "x"})})
    night: Any = None
    [complaint] = alerting.expose(here, night)
    assert complaint.what == f"metrics did not reach x: RuntimeError: {SAID}"


def test_rules_that_cannot_be_read_are_noted_and_the_shipped_ones_hold(
    conf: Conf, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[tuple[str, str]] = []
    monkeypatch.setattr(alerting, "note", lambda event, cause: notes.append((event, cause)))
    path = tmp_path / "alerts.yaml"
    path.write_bytes("# für\nrules: {}".encode("latin-1"))
    broken = conf.model_copy(update={"alerts": conf.alerts.model_copy(update={"rules": str(path)})})
    assert alerting._readable_rules(broken) == alerting._readable_rules(conf)
    [(event, cause)] = notes
    assert event == "the rules of alerts cannot be read: the shipped ones hold"
    assert cause == f"ConfigError: {path}: line 1: byte 0xfc is not utf-8"
