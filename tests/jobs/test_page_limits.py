"""A night in which everything goes wrong at once: the page and the messages stay as small as their readers can take."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto import mock_aws

from jobs.page import run
from lake.clock import last_second
from lake.conf import CONF_FOLDER, Conf
from lake.conf_sections import Channels
from lake.delta import Lake
from tests.jobs.test_page_job import D, append, context, policy, score
from tests.monitoring.test_channels import listening, subscribed
from tests.monitoring.test_page import MAX_BYTES

FILES, COLUMNS = 5000, 500
MAX_SNS, MAX_SLACK = 256 * 1024, 40_000


def refused(n: int) -> dict[str, Any]:
    return {
        "source": "sim_phone", "target": "bronze.points", "source_file": f"landing/date={D}/part-{n:05d}.jsonl.gz",
        "content_sha256": f"{n}", "status": "refused", "reason": "truncated_gzip", "batch_date": D, "received_ts": last_second(D),
        **dict.fromkeys(("read", "accepted", "duplicate", "quarantined"), 0),
    }  # fmt: skip


def drifted(n: int) -> dict[str, Any]:
    return {
        "score_date": D, "kind": "feature", "column": f"brake_r{n}_per_100km_365", "unit": "events/100 km",
        "method": "psi", "statistic": 0.5, "threshold": 0.1, "drifted": True, "p_value": 1e-9, "reference_mean": 3.14159,
        "current_mean": 4.14159, "shift": 1.0, "shift_lower": 0.9, "shift_upper": 1.1,
    }  # fmt: skip


def told_at_once(path: Path) -> Path:
    """The shipped rules, with drift that nobody has to wait for."""
    rules = yaml.safe_load((CONF_FOLDER / "alerts.yaml").read_text())
    rules["rules"]["feature_drift"] |= {"nights": 1, "of": 1}
    path.write_text(yaml.safe_dump(rules))
    return path


@pytest.fixture
def dreadful(lake: Lake) -> Lake:
    append(lake, "reference.policies", policy(1))
    append(lake, "gold.policy_scores", score(1, D, 150.0))
    append(lake, "bronze.ledger", *map(refused, range(FILES)))
    append(lake, "gold.drift", *map(drifted, range(COLUMNS)))
    return lake


@mock_aws
def test_5000_refused_files_and_500_alerts(dreadful: Lake, conf: Conf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topic, received = subscribed(monkeypatch)
    rules = str(told_at_once(tmp_path / "alerts.yaml"))
    with listening() as slack:
        alerts = {"rules": rules, "channels": Channels(sns=topic, webhook=slack.address)}
        mine = conf.model_copy(update={"alerts": conf.alerts.model_copy(update=alerts)})
        assert run(context(dreadful, mine, D, None)).complaints == ()
    page = mine.reports_path / "nights" / f"{D}" / "index.html"
    assert len(json.loads((page.parent / "page.json").read_text())["alerts"]) == COLUMNS + 1
    assert page.stat().st_size < MAX_BYTES
    assert "5,000 of 5,000 files of sim_phone were refused" in page.read_text()
    for text, most in ((received()["Message"], MAX_SNS), (slack.bodies[0]["text"], MAX_SLACK)):
        assert len(text.encode()) < most
        assert "and 490 more of feature_drift, which are on the page" in text and "5,000 of 5,000 files" in text
    assert len(slack.got) == 1
