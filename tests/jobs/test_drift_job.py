import datetime as dt
import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.gate import make_gate
from jobs.context import JobContext
from jobs.drift import run
from jobs.drift_daily import daily_drifts
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import LakeError
from lake.features import feature_columns, model_features
from lake.tables import DRIFT, POLICY_DAYS
from monitoring.drift import Drift
from monitoring.evidently_report import REPORT
from registry.actors import Actor
from registry.champion import FILES, LINEAGE_FILE
from registry.history import REGISTERED, Entry, store_of
from tests.training.given import the_frame, trained

D = dt.date(2026, 3, 2)
FRAME, RUN, MODEL = "ab" * 8, "run1", "pure-premium-liability"
VEHICLES = 1500
FEATURES = [c.name for c in feature_columns()]
MAX_HTML_BYTES = 5_000_000


def context(lake: Lake, conf: Conf) -> JobContext:
    return JobContext(conf, lake, D, None, "test", make_gate(conf.reports_path / "data-docs", f"{D}"))


def cache_model(conf: Conf) -> None:
    """The files of a version where the registry keeps them."""
    folder = Path(conf.lake) / "_mlflow" / "cache" / MODEL / RUN
    folder.mkdir(parents=True)
    for name, content in trained().scorer.parts().items():
        (folder / name).write_bytes(content)
    (folder / LINEAGE_FILE).write_text(json.dumps({"frame_hash": FRAME}))
    assert all((folder / f).is_file() for f in FILES)


def in_all_columns(lake: Lake, name: str, rows: pd.DataFrame) -> DataFrame:
    schema = lake.table(name).schema
    clean = rows.reindex(columns=schema.names).astype(object).where(lambda x: x.notna(), None)
    return lake.spark.createDataFrame(list(clean.itertuples(index=False, name=None)), schema)


def append(lake: Lake, name: str, rows: pd.DataFrame) -> None:
    lake.append_once(name, in_all_columns(lake, name, rows), name)


def tonight(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features of the latest date, braking up by 60 %, and what the model makes of the unchanged rest."""
    rows = frame[frame["as_of_date"] == frame["as_of_date"].max()].head(VEHICLES).reset_index(drop=True)
    rows["brake_per_100km_7"] *= 1.6
    scored = trained().scorer.score(rows)[["frequency", "severity", "pure_premium"]]
    lineage = (MODEL, "1", RUN, "v1", FRAME, dt.datetime(2026, 3, 3))
    facts: dict[str, Any] = {"score_date": D, "role": "champion", "fallback": False}
    scores = rows[["policy_id", "vehicle_id", "coverage", "currency"]].join(scored).assign(**facts)
    scores["lineage"] = [lineage] * len(scores)
    rows["as_of_date"], rows["feature_version"] = D, "v1"
    return rows, scores


@pytest.fixture
def night(lake: Lake, conf: Conf) -> Lake:
    frame = the_frame()[the_frame()["vehicle_id"] < f"v{VEHICLES:05d}"]
    features, scores = tonight(frame)
    append(lake, f"frames.{FRAME}", frame)
    append(lake, "gold.policy_features", features)
    append(lake, "gold.policy_scores", scores)
    cache_model(conf)
    return lake


def test_what_changed_drifts_and_the_rest_does_not(night: Lake, conf: Conf) -> None:
    result = run(context(night, conf))
    every = night.read("gold.drift").toPandas().set_index("column")
    rows, reasons = every[every["kind"].isin(["feature", "prediction"])], every[every["kind"] == "reason"]
    assert len(rows) == len(FEATURES) + 3 and result.rows == len(every) == len(rows) + len(reasons)
    drifted = rows[rows["drifted"]]
    # a prediction may drift too: it is made from the braking that changed
    assert drifted.index[drifted["kind"] == "feature"].tolist() == ["brake_per_100km_7"]
    assert sorted(result.detail["drifted"]) == sorted(drifted.index)

    # the model's features make the prices that they made in the frame; what it does not see makes none
    assert sorted(reasons.index) == sorted(f.name for f in model_features())
    assert reasons["reference_mean"].sum() == pytest.approx(1.0) and not reasons["drifted"].any()

    # exact, over all rows: both dates of the frame against tonight's
    frame = the_frame()[the_frame()["vehicle_id"] < f"v{VEHICLES:05d}"]
    braking = rows.loc["brake_per_100km_7"]
    expected = 1.6 * frame.loc[frame["as_of_date"] == frame["as_of_date"].max(), "brake_per_100km_7"].mean()
    assert braking["reference_mean"] == pytest.approx(frame["brake_per_100km_7"].mean())
    assert braking["current_mean"] == pytest.approx(expected)
    assert (braking["reference_rows"], braking["current_rows"]) == (2 * VEHICLES, VEHICLES)
    assert braking["shift_lower"] > 0
    # half-width: 3.2905 x sqrt(var / vehicles + var / vehicles); 1,500 vehicles tell 3,000 rows of the frame
    current = 1.6 * frame.loc[frame["as_of_date"] == frame["as_of_date"].max(), "brake_per_100km_7"]
    half = 3.2905 * np.sqrt(frame["brake_per_100km_7"].var() / VEHICLES + current.var() / VEHICLES)
    assert braking["shift_upper"] - braking["shift"] == pytest.approx(half, rel=1e-4)

    # the model does not see the 7-day window, so its predictions stand where they stood
    premium = rows.loc["pure_premium"]
    assert (premium["kind"], premium["unit"]) == ("prediction", "currency units a car-year")
    assert premium["reference_mean"] == pytest.approx(trained().scorer.score(frame)["pure_premium"].mean(), rel=1e-6)
    assert rows["reference_mean"].isna()["phone_share_7"]

    folder = conf.reports_path / "nights" / f"{D}"
    assert (folder / "drift.html").stat().st_size < MAX_HTML_BYTES
    report = json.loads((folder / "drift.json").read_text())
    assert {r["column"] for r in report["exact"]} == set(rows.index)
    assert report["evidently"]["columns"]["brake_per_100km_7"]["drifted"]
    assert "phone_share_7" in report["evidently"]["not_observed"]
    assert len(report["evidently"]["report"]["metrics"]) == 15

    first = night.read("gold.drift").toPandas()
    run(context(night, conf))
    order = ["kind", "column"]
    again = night.read("gold.drift").toPandas()
    pd.testing.assert_frame_equal(again.sort_values(order, ignore_index=True), first.sort_values(order, ignore_index=True))


def recorded(lake: Lake, **detail: Any) -> None:
    """What the night was scored with."""
    at = dt.datetime(2026, 3, 3)
    said = json.dumps({"models": {"liability": [MODEL, "1", RUN]}} | detail)
    record = {"night_date": D, "job": "score", "status": "finished", "detail": said, "run_id": "test"}
    append(lake, "gold.nights", pd.DataFrame([record | {"started_at": at, "finished_at": at}], dtype=object))


def test_devices_that_the_night_took_for_stale_are_on_no_side(night: Lake, conf: Conf) -> None:
    stale = the_frame().head(60).assign(vehicle_id=[f"stale{n}" for n in range(60)], km_90=0.0)
    night.append_once(f"frames.{FRAME}", in_all_columns(night, f"frames.{FRAME}", stale), "stale")
    recorded(night, stale_device_days=90)
    run(context(night, conf))
    rows = night.read("gold.drift").where("kind IN ('feature', 'prediction')").collect()
    assert {r["reference_rows"] for r in rows} == {2 * VEHICLES}


def test_the_share_of_a_canary_is_held_against_nothing(night: Lake, conf: Conf) -> None:
    """Its frame is not even there."""
    canary = tonight(the_frame())[1].tail(100).assign(policy_id=[f"canary{n}" for n in range(100)])
    canary["lineage"] = [(MODEL, "2", "run2", "v1", "cd" * 8, dt.datetime(2026, 3, 3))] * len(canary)
    night.append_once("gold.policy_scores", in_all_columns(night, "gold.policy_scores", canary), "canary")
    recorded(night, canaries={"liability": [MODEL, "2", "run2", 0.1, ""]})
    run(context(night, conf))
    rows = night.read("gold.drift").where("kind = 'prediction'").collect()
    assert {r["current_rows"] for r in rows} == {VEHICLES}


def days_of(vehicles: int) -> pd.DataFrame:
    """Yesterday, a Sunday on which half as much again was driven, and the eight weeks before; on Saturdays twice as much."""
    rng = np.random.default_rng(9)
    zeros: dict[str, Any] = {c.name: 0 for c in POLICY_DAYS.columns if c.type == "bigint"}
    parts = []
    for n in range(9 * 7):
        local = D - dt.timedelta(days=1 + n)
        km = 30.0 * (1.5 if n == 0 else 1.0) * (2.0 if local.weekday() == 5 else 1.0)
        mm = (rng.gamma(2.0, km / 2.0, vehicles) * 1e6).astype("int64")
        day = {"local_date": local, "local_month": f"{local:%Y-%m}", "source": "gps", "distance_mm": mm, "trips": 2}
        day |= dict.fromkeys(("moving_ms", "duration_ms", "covered_ms"), mm // 10)
        names = [f"v{k:05d}" for k in range(vehicles)]
        parts.append(pd.DataFrame(zeros | day | {"vehicle_id": names, "known_from": f"{local + dt.timedelta(days=1)}T12:00:00"}))
    return pd.concat(parts, ignore_index=True)


def append_days(lake: Lake, name: str, days: pd.DataFrame) -> None:
    """Policy days, in one commit of that name."""
    texts = {"local_date": days["local_date"].astype(str)}
    rows = lake.spark.createDataFrame(days.assign(**texts)).withColumns(
        {x.name: F.lit(None) for x in POLICY_DAYS.columns if x.name not in days}
    )
    typed = rows.select(*(F.col(x.name).cast(x.type) for x in POLICY_DAYS.columns))
    lake.append_once("gold.policy_days", typed, name)


def test_yesterday_is_held_against_the_same_weekday_of_the_weeks_before(lake: Lake, conf: Conf) -> None:
    days = days_of(400)
    late = days[(days["local_date"] == D - dt.timedelta(days=8)) & (days["vehicle_id"] < "v00100")]
    # half of a week later came after its own night was over: it is not held against a yesterday that misses as much
    append_days(lake, "in time", days.drop(late.index))
    append_days(lake, "late", late.assign(known_from=f"{D}T01:00:00", distance_mm=10**9))
    found = {d.column: d for d in daily_drifts(context(lake, conf))}
    assert [name for name, d in found.items() if d.drifted] == ["km", "moving_hours"]
    km = found["km"]
    assert (km.kind, km.unit, km.reference_rows, km.current_rows) == ("daily", "km", 8 * 400 - 100, 400)
    assert km.shift == pytest.approx(15.0, abs=3.0) and km.shift_lower is not None and km.shift_lower > 0
    # what was never measured is missing on both sides, which is no drift
    assert (found["speeding_share"].reference_mean, found["speeding_share"].drifted) == (None, False)


def test_a_lake_of_three_weeks_has_no_season_yet(lake: Lake, conf: Conf) -> None:
    days = days_of(20)
    append_days(lake, "in time", days[days["local_date"] >= D - dt.timedelta(days=22)])
    assert daily_drifts(context(lake, conf)) == []


def test_a_night_without_modelled_scores_publishes_nothing(lake: Lake, conf: Conf) -> None:
    result = run(context(lake, conf))
    assert (result.rows, result.message) == (0, f"no policy was scored by a model on {D}: nothing to compare")
    assert not lake.exists("gold.drift")


def test_a_rerun_without_modelled_scores_takes_back_what_was_compared_before(lake: Lake, conf: Conf) -> None:
    before = D - dt.timedelta(days=1)
    compared = astuple(Drift("km_7", "feature", "km", "psi", 0.01, 0.1, False, 9, 9, 1.0, 1.0, 0.0, -1.0, 1.0))
    lake.append_once("gold.drift", lake.spark.createDataFrame([(D, *compared), (before, *compared)], DRIFT.schema), "before")
    folder = conf.reports_path / "nights" / f"{D}"
    folder.mkdir(parents=True)
    for name in REPORT:
        (folder / name).write_text("of other scores")
    assert run(context(lake, conf)).rows == 0
    assert [r["score_date"] for r in lake.read("gold.drift").collect()] == [before]
    assert list(folder.iterdir()) == []


def test_a_frame_that_is_gone_is_named(lake: Lake, conf: Conf) -> None:
    append(lake, "gold.policy_scores", tonight(the_frame())[1].head(1))
    with pytest.raises(LakeError, match=f"frames.{FRAME}, the frame of {MODEL} version 1, is not in the lake"):
        run(context(lake, conf))


@pytest.mark.parametrize(("weeks", "rows"), [(9, 10), (3, 0)])
def test_a_champion_that_was_imported_has_its_frame_elsewhere(lake: Lake, conf: Conf, weeks: int, rows: int) -> None:
    append(lake, "gold.policy_scores", tonight(the_frame())[1].head(1))
    days = days_of(400)
    append_days(lake, "in time", days[days["local_date"] >= D - dt.timedelta(weeks=weeks)])
    origin = {"imported": {"registry": "there"}}
    store_of(conf, MODEL).create(1, Entry(1, "", MODEL, "1", REGISTERED, Actor("lea", False, "claimed"), "", origin, "").body())
    result = run(context(lake, conf))
    assert result.rows == rows
    assert result.message.endswith(f"; {MODEL} came without a frame")
    # what needs no frame is there: yesterday against its weekday
    assert lake.exists("gold.drift") == (rows > 0)
    assert rows == 0 or {r["kind"] for r in lake.read("gold.drift").collect()} == {"daily"}
