"""The dashboard asks for metrics and labels that a night exposes, and has the shape that Grafana's JSON model asks for."""

import datetime as dt
import json
import re
from typing import Any

import pytest

from monitoring.metrics import metrics
from tests.conftest import ROOT
from tests.monitoring.test_page import book, night, source

BOARD: dict[str, Any] = json.loads((ROOT / "monitoring" / "grafana" / "nights.json").read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
WIDTH = 24
"""Columns of Grafana's grid."""


def exposed() -> dict[str, set[str]]:
    """Labels by metric, of a night that has everything."""
    full = night(books=[book()], sources=[source()], seconds={"score": 1.0}, dollars=1.0, minutes_late=1.0, fallbacks={"x": 1})
    found = metrics(full, dt.datetime(2026, 3, 3, tzinfo=dt.UTC)).collect()
    return {f.name: {label for s in f.samples for label in s.labels} for f in found}


@pytest.mark.parametrize("panel", PANELS, ids=lambda p: p["title"])
def test_a_panel_asks_for_what_there_is(panel: dict[str, Any]) -> None:
    known = exposed()
    for target in panel["targets"]:
        names = re.findall(r"telematics_\w+", target["expr"])
        assert names and set(names) <= known.keys()
        labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert labels <= set().union(*(known[n] for n in names))


def test_every_metric_is_on_the_board() -> None:
    asked = {n for p in PANELS for t in p["targets"] for n in re.findall(r"telematics_\w+", t["expr"])}
    assert asked == exposed().keys()


def test_its_shape() -> None:
    assert len({p["id"] for p in PANELS}) == len(PANELS)
    assert re.fullmatch(r"[a-zA-Z0-9\-_]{1,40}", BOARD["uid"]) and BOARD["schemaVersion"] >= 36
    (variable,) = BOARD["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    assert {p["datasource"]["uid"] for p in PANELS} == {f"${{{variable['name']}}}"}
    cells = [(x, y) for p in PANELS for x in _span(p, "x", "w") for y in _span(p, "y", "h")]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < WIDTH
    assert all(t["refId"] == "ABCDEFG"[n] for p in PANELS for n, t in enumerate(p["targets"]))


def _span(panel: dict[str, Any], start: str, size: str) -> range:
    place = panel["gridPos"]
    return range(place[start], place[start] + place[size])
