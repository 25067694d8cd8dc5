"""Notebooks run from top to bottom over a lake of the real schema, and are kept without outputs."""

import datetime as dt
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from lake.delta import Lake
from lake.tables import ALERTS, DRIFT, PERFORMANCE, POLICIES, SCORES, SHADOW, Table
from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
D = dt.date(2026, 1, 5)
KNOWN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CUTOFF = dt.datetime(2026, 1, 6, tzinfo=dt.UTC)
LINEAGE = {"model_name": "liability", "model_version": "1", "mlflow_run_id": "r", "feature_version": "v1", "frame_hash": "h",
           "cutoff_ts": CUTOFF}  # fmt: skip
SCORE = {
    "vehicle_id": "v", "coverage": "liability", "score_date": D, "role": "champion", "frequency": 0.1, "severity": 2000.0,
    "pure_premium": 200.0, "currency": "USD", "relativity": 1.0, "base": 5.0, "calibration": 0.0, "others": 0.0, "km_365": 9000.0,
    "days_observed": 200, "completeness": 0.9, "credibility": 0.5, "pure_premium_lower": 150.0, "pure_premium_upper": 250.0,
    "fallback": False, "reasons": [{"feature": "brake", "text": "harsh braking", "value": 1.0, "contribution": 0.2}],
    "lineage": LINEAGE,
}  # fmt: skip
POLICY = {"vehicle_id": "v", "coverage": "liability", "valid_from": KNOWN, "currency": "USD", "base_premium_minor": 30_000,
          "known_from": KNOWN}  # fmt: skip


def put(lake: Lake, table: Table, rows: list[dict[str, Any]], load: str = "test") -> None:
    full = [tuple((dict.fromkeys(table.names) | row).values()) for row in rows]
    lake.append_once(table.name, lake.spark.createDataFrame(full, table.schema), load)


@pytest.fixture
def book(lake: Lake) -> Path:
    """Two policies in the city (200 and 400, one of them restated), one on the land by fallback, and an older night."""
    (braking,) = SCORE["reasons"]  # type: ignore[misc]
    other = [{**braking, "text": "harsh braking 1.2 per 100 km: +22 %"}]  # type: ignore[dict-item]
    rows = [
        {**SCORE, "policy_id": "a", "previous_pure_premium": 160.0, "reasons": other},
        {**SCORE, "policy_id": "b", "pure_premium": 400.0, "relativity": 2.0, "previous_pure_premium": 340.0},
        {**SCORE, "policy_id": "c", "fallback": True, "fallback_reason": "no_trips", "reasons": []},
        {**SCORE, "policy_id": "a", "score_date": D - dt.timedelta(days=1), "pure_premium": 160.0},
        {**SCORE, "policy_id": "a", "role": "challenger", "pure_premium": 900.0},
    ]
    bands = {"a": "city", "b": "city", "c": "land"}
    policies = [{**POLICY, "policy_id": p, "territory_band": band} for p, band in bands.items()]
    policies.append({**POLICY, "policy_id": "a", "territory_band": "land", "known_to": KNOWN})
    put(lake, SCORES, rows)
    put(lake, POLICIES, policies)
    return Path(lake.root)


def executed(path: Path, lake: Path, monkeypatch: pytest.MonkeyPatch, check: str) -> nbformat.NotebookNode:
    monkeypatch.setenv("TELEMATICS_LAKE", str(lake))
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(check))
    return NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()


def printed(notebook: nbformat.NotebookNode) -> str:
    return "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))


def test_portfolio(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # by hand, of the night's champion rows: 3 scored, 1 fallback; (200 + 400) / (160 + 340) - 1 = 0.2;
    # city: (200 + 400) / 2 = 300, land: 200, tariff 30,000 cents = 300; interval (250 - 150) / 200 = 0.5
    check = """
row = night.iloc[0]
assert (len(night), row.scored, row.fallback) == (1, 3, 1)
assert abs(row.change_since_last - 0.2) < 1e-9
got = territories.set_index("territory")
assert got.pure_premium.to_dict() == {"city": 300.0, "land": 200.0}
assert got.policies.to_dict() == {"city": 2, "land": 1}
assert got.tariff_premium.tolist() == [300.0, 300.0]
assert got.interval_width["land"] == 0.5
# a text has each policy's own figures; one feature is one reason
assert reasons[["reason", "policies"]].values.tolist() == [["brake", 2]]
assert sorted(observed.relativity) == [1.0, 2.0]
"""
    executed(ROOT / "notebooks" / "portfolio.ipynb", book, monkeypatch, check)


def test_portfolio_of_two_currencies_and_coverages_with_terms_to_come(
    book: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    # d is in euro, a has a second coverage; of a's liability one renewal has not begun at the cutoff, one was learned of too
    # late, and one is over: in force is what it was
    moved = {**POLICY, "policy_id": "a", "territory_band": "land", "base_premium_minor": 99_000}
    to_come = CUTOFF + dt.timedelta(seconds=1)
    put(lake, SCORES, [
        {**SCORE, "policy_id": "d", "currency": "EUR", "pure_premium": 50.0},
        {**SCORE, "policy_id": "a", "coverage": "collision", "pure_premium": 1000.0},
    ], "more")  # fmt: skip
    put(lake, POLICIES, [
        {**POLICY, "policy_id": "d", "territory_band": "city", "currency": "EUR", "base_premium_minor": 7_000},
        {**POLICY, "policy_id": "a", "coverage": "collision", "territory_band": "city", "base_premium_minor": 120_000},
        moved | {"valid_from": to_come}, moved | {"valid_from": KNOWN + dt.timedelta(days=1), "known_from": CUTOFF},
        moved | {"valid_from": KNOWN + dt.timedelta(days=1), "valid_to": CUTOFF},
    ], "more")  # fmt: skip
    check = """
assert len(night) == 3 and night.scored.sum() == 5
got = territories[["coverage", "currency", "territory", "policies", "pure_premium", "tariff_premium"]].values.tolist()
assert got == [
    ["collision", "USD", "city", 1, 1000.0, 1200.0], ["liability", "EUR", "city", 1, 50.0, 70.0],
    ["liability", "USD", "city", 2, 300.0, 300.0], ["liability", "USD", "land", 1, 200.0, 300.0],
], got
"""
    executed(ROOT / "notebooks" / "portfolio.ipynb", book, monkeypatch, check)


def test_policy(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a cost 160 the night before and 200 on D; its one reason of 0.2 is a factor of e^0.2 = 1.2214; base 5 + 0.2 = 5.2, so
    # ln(200) - 5.2 = 0.0983 is what these made-up parts miss
    monkeypatch.setenv("TELEMATICS_POLICY", "a")
    check = """
assert (str(date), policy) == ("2026-01-05", "a")
assert history.pure_premium.tolist() == [160.0, 200.0]
assert parts.part.tolist() == ["base", "brake", "all others", "calibration"]
assert abs(parts.factor[1] - 1.2214) < 1e-4
assert abs(sums.difference[0] - 0.0983) < 1e-4
"""
    executed(ROOT / "notebooks" / "policy.ipynb", book, monkeypatch, check)


def test_two_dates(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # only a was scored on both nights, 160 and 200: 25 % more, which is above 5 and 10 % and not above 25 %
    check = """
assert (str(before), str(date)) == ("2026-01-04", "2026-01-05")
row = book.iloc[0]
assert (len(book), row.before, row.now, row.new, row.gone, row.compared) == (1, 1, 3, 2, 0, 1)
assert abs(row.change_of_premium - 0.25) < 1e-9
assert (row.moved_5, row.moved_10, row.moved_25) == (1.0, 1.0, 0.0)
assert moved.policy_id.tolist() == ["a"]
"""
    executed(ROOT / "notebooks" / "two_dates.ipynb", book, monkeypatch, check)


def test_version(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # version 1 scored three as champion on D (200, 400 and 200), one as champion before and one as challenger; of D's rows
    # that are not by fallback a (twice) and b have the reason
    check = """
assert (model, version) == ("liability", "1")
assert nights[["role", "scored", "fallback"]].values.tolist() == [["champion", 1, 0], ["challenger", 1, 0], ["champion", 3, 1]]
assert abs(nights.mean_pure_premium.iloc[2] - 800 / 3) < 1e-9
assert reasons[["feature", "scores"]].values.tolist() == [["brake", 3]]
assert abs(reasons.mean_size[0] - 0.2) < 1e-9
assert challengers.empty and plt.get_fignums() == [1, 2]
"""
    found = executed(ROOT / "notebooks" / "version.ipynb", book, monkeypatch, check)
    assert "No challenger of liability is in shadow with version 1 on 2026-01-05." in printed(found)


def test_version_beside_its_challengers(book: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    # version 2 was in shadow on both nights, with evidence of e^2 = 7.39 to 1 on the last; 3 only on the first; 4 was held
    # against version 9; another model is none of it
    day_before = D - dt.timedelta(days=1)
    row = {"coverage": "liability", "alias": "challenger", "model_name": "liability", "model_version": "2",
           "champion_version": "1", "scored": 3, "first_shadow_date": day_before, "car_years": 2.0, "claims": 4}  # fmt: skip
    before = row | {"score_date": day_before, "log_evidence": 0.5}
    moved = {"mean_price_change": 0.04, "moved_5": 0.5, "moved_10": 0.25, "moved_25": 0.0}
    last = row | moved | {"score_date": D, "log_evidence": 2.0}
    put(lake, SHADOW, [
        before, before | {"model_version": "3", "alias": "challenger-b"}, last,
        last | {"model_version": "4", "champion_version": "9", "alias": "challenger-c"},
        last | {"model_name": "collision", "alias": "challenger-d"},
    ])  # fmt: skip
    check = """
assert challengers.challenger.tolist() == ["2"] and challengers.champion.tolist() == ["1"]
one = challengers.iloc[0]
assert abs(one.evidence - 7.389) < 1e-3
assert (one.mean_price_change, one.moved_5, one.moved_10, one.moved_25) == (0.04, 0.5, 0.25, 0.0)
assert pairs.challenger.tolist() == ["2", "3", "2"]
assert sorted(len(x.get_xdata()) for x in plt.figure(3).axes[0].lines[:-1]) == [1, 2]
"""
    found = executed(ROOT / "notebooks" / "version.ipynb", book, monkeypatch, check)
    assert "No challenger" not in printed(found)


def test_actual_expected(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    # too many claims are beyond 1 at any age, too few only once exposure is 60 days old
    row = {"score_date": D, "segment": "all", "value": "all", "actual_claims": 30, "expected_claims": 20.0}
    high = {"actual_over_expected": 1.5, "lower": 1.01, "upper": 2.1, "maturity_days": 1.0}
    low = {"segment": "coverage", "actual_over_expected": 0.5, "lower": 0.3, "upper": 0.8}
    rows = [
        row | high,
        row | low | {"value": "old", "maturity_days": 60.0},
        row | low | {"value": "young", "maturity_days": 59.0},
    ]
    # a group is off since the night before, another has too few policies to be stated; e^3 = 20.1 to 1
    before = D - dt.timedelta(days=1)
    group = row | high | {"segment": "fairness_group", "value": "g", "log_evidence": 3.0, "off_since": before}
    few = row | {"segment": "fairness_group", "value": "few"}
    put(lake, PERFORMANCE, [*rows, group, few, group | {"score_date": before}, row | {"score_date": before}])
    check = """
assert segments.value.tolist() == ["all", "old", "young", "g"]
assert segments.beyond.tolist() == [True, True, False, True]
assert len(over_time) == 2
assert by_segment.value.tolist() == ["old", "young", "g", "g"]
assert lasting.value.tolist() == ["g"] and abs(lasting.evidence.iloc[0] - 20.09) < 0.01
assert [(axis.get_title(), len(axis.lines[0].get_xdata()), len(axis.lines[1].get_xdata()), len(axis.collections))
        for axis in axes.flat] == [("coverage old", 1, 0, 1), ("coverage young", 1, 0, 1), ("fairness_group g", 2, 2, 1)]
"""
    executed(ROOT / "notebooks" / "actual_expected.ipynb", Path(lake.root), monkeypatch, check)


def test_drift_alert(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    # brakes are three times over their threshold, kilometres once below: brakes come first, with both their nights
    row = {"kind": "feature", "unit": "km", "drifted": False, "statistic": 0.05, "threshold": 0.1, "shift": 1.0}
    brake = row | {"column": "brake", "statistic": 0.3, "drifted": True, "score_date": D}
    rows = [brake, brake | {"score_date": D - dt.timedelta(days=1), "shift": 0.5}, row | {"column": "km_7", "score_date": D}]
    put(lake, DRIFT, rows)
    check = """
assert strongest["column"].tolist() == ["brake", "km_7"]
assert abs(strongest.over_threshold[0] - 3.0) < 1e-9
assert column == "brake" and nights["shift"].tolist() == [0.5, 1.0]
assert alerts.empty and of_column.empty
"""
    found = executed(ROOT / "notebooks" / "drift_alert.ipynb", Path(lake.root), monkeypatch, check)
    assert "No alert of 2026-01-05 is of a watched column." in printed(found)


def test_drift_alert_of_a_feature_and_of_its_reasons(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    # brakes are watched as a feature, in events, and by their share of the prices; both are alerts of the night, the feature told
    # of on its second night; a source and a night to come are none of it
    before = D - dt.timedelta(days=1)
    feature = {"column": "brake", "kind": "feature", "unit": "events/100 km", "drifted": True, "statistic": 0.3, "threshold": 0.1,
               "shift": 1.0}  # fmt: skip
    reason = feature | {"kind": "reason", "unit": "share", "statistic": 0.06, "threshold": 0.05, "shift": 0.06}
    put(lake, DRIFT, [x | {"score_date": d} for x in (feature, reason) for d in (before, D)])
    alert = {"rule": "feature_drift", "subject": "brake", "severity": "warning", "owner": "o", "text": "t", "nights": 1,
             "runbook": "r", "state": "pending", "why": "1 of 2 nights"}  # fmt: skip
    put(lake, ALERTS, [
        alert | {"score_date": before}, alert | {"score_date": D, "state": "firing", "nights": 2, "why": ""},
        alert | {"score_date": D, "rule": "reason_drift"}, alert | {"score_date": D, "rule": "volume", "subject": "phone"},
        alert | {"score_date": D + dt.timedelta(days=1)},
    ])  # fmt: skip
    check = """
assert [kind for kind, _ in kinds] == ["feature", "reason"]
assert [[len(x.lines[0].get_xdata()) for x in row] for row in axes] == [[2, 2], [2, 2]]
units = ["shift of the mean, events/100 km", "shift of the mean, share"]
assert [right.get_ylabel() for _, right in axes] == units
assert [left.get_title() for left, _ in axes] == ["brake, feature", "brake, reason"]
assert alerts[["rule", "state"]].values.tolist() == [["feature_drift", "firing"], ["reason_drift", "pending"]]
assert of_column[["rule", "state"]].values.tolist() == [["feature_drift", "pending"], *alerts[["rule", "state"]].values.tolist()]
"""
    monkeypatch.setenv("TELEMATICS_DATE", str(D))
    executed(ROOT / "notebooks" / "drift_alert.ipynb", Path(lake.root), monkeypatch, check)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_kept_without_outputs_and_imports_no_layer_but_lake(path: Path) -> None:
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert all(c.outputs == [] and c.execution_count is None for c in cells)
    source = "\n".join(c.source for c in cells)
    for package in ("pyspark", "jobs", "transforms", "training", "registry", "monitoring", "expectations", "simulator", "emr"):
        assert f"import {package}" not in source
        assert f"from {package}" not in source
