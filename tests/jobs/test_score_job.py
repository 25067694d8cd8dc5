import datetime as dt
import math
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jobs.context import JobContext
from jobs.nights import Attempt, record
from jobs.score import divided, run
from jobs.score_rows import fallback_reasons, score_batch
from lake.clock import cutoff
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import LakeError, ModelRefused, NoChampion
from lake.features import FEATURE_VERSION_1, feature_columns
from registry.canary import Share
from tests.registry.given import LINEAGE, MODEL, conf_with_champion, store
from tests.registry.test_malicious import Bomb
from tests.training.given import the_frame, trained

D = dt.date(2026, 3, 2)
NEXT = D + dt.timedelta(days=1)
LOADED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
START = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
EXPIRED = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
OBSERVED = {k: float(v) for k, v in the_frame().iloc[0].items() if k in {c.name for c in feature_columns()}}


def policy(n: int, **changes: Any) -> dict[str, Any]:
    row = {
        "policy_id": f"p{n}", "vehicle_id": f"v{n}", "coverage": "liability", "valid_from": START, "valid_to": None,
        "currency": "EUR", "known_from": LOADED,
    }  # fmt: skip
    return row | changes


def consent(n: int, **changes: Any) -> dict[str, Any]:
    return {"policy_id": f"p{n}", "purpose": "pricing", "valid_from": START, "valid_to": None, "known_from": LOADED} | changes


def feature_row(n: int, date: dt.date, **changes: Any) -> dict[str, Any]:
    return {"vehicle_id": f"v{n}", "as_of_date": date, "feature_version": FEATURE_VERSION_1, **OBSERVED, **changes}


def append(lake: Lake, name: str, rows: list[dict[str, Any]], app_id: str) -> None:
    schema = lake.table(name).schema
    values = [tuple(_none(row.get(n)) for n in schema.names) for row in rows]
    for field in schema.fields:
        field.nullable = True
    lake.append_once(name, lake.spark.createDataFrame(values, schema), app_id)


def _none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def context(lake: Lake, conf: Conf, date: dt.date, previous: dt.date | None = None) -> JobContext:
    return JobContext(conf, lake, date, previous, "test", lambda name, df: None)


@pytest.fixture
def book(lake: Lake) -> Lake:
    """p1 and p5 are scored, p2 has no consent, p3 no features, p4 has expired, p6 is learned of on the next day."""
    policies = [policy(1), policy(2), policy(3), policy(4, valid_to=EXPIRED), policy(5), policy(6, known_from=cutoff(D))]
    append(lake, "reference.policies", policies, "policies")
    append(lake, "reference.consents", [consent(n) for n in (1, 3, 4, 5, 6)] + [consent(2, purpose="research")], "consents")
    harsher = {"brake_per_100km_90": 9.0, "brake_per_100km_365": 9.0}
    rows = [feature_row(n, D) for n in (1, 2, 4, 5)] + [feature_row(1, NEXT, **harsher), feature_row(5, NEXT)]
    append(lake, "gold.policy_features", rows, "features")
    return lake


def scores(lake: Lake, date: dt.date) -> pd.DataFrame:
    return lake.read("gold.policy_scores").where(f"score_date = DATE'{date}'").toPandas().set_index("policy_id").sort_index()


def test_two_nights(book: Lake, conf: Conf) -> None:
    conf = conf_with_champion(conf)
    result = run(context(book, conf, D))
    first = scores(book, D)
    assert result.rows == 4
    assert result.detail["model"] == MODEL
    assert result.detail["run_id"] == store()[1].run_id
    assert "1 no_consent, 1 no_trips, 0 stale_device, 0 missing_feature" in result.message
    assert result.detail["fallbacks"] == {"no_consent": 1, "no_trips": 1, "stale_device": 0, "missing_feature": 0}
    assert result.detail["stale_device_days"] == 90
    # p4 has expired and p6 was not known before the cutoff
    assert first.index.tolist() == ["p1", "p2", "p3", "p5"]
    assert first["fallback_reason"].fillna("").tolist() == ["", "no_consent", "no_trips", ""]
    assert first["change_reason"].tolist() == ["new_policy"] * 4

    # by fallback: the frame's mean, relativity 1, and nothing observed is stated without consent
    spec = trained().scorer.spec
    assert first.loc["p2", "pure_premium"] == pytest.approx(spec.fallback_frequency * spec.fallback_severity)
    assert first.loc["p2", "relativity"] == 1.0
    assert pd.isna(first.loc["p2", "km_365"])
    assert len(first.loc["p2", "reasons"]) == 0

    # the same features give what the scorer gives outside Spark, and what is stated adds up
    alone = trained().scorer.score(pd.DataFrame([OBSERVED])).iloc[0]
    for name in ("frequency", "severity", "pure_premium", "credibility", "pure_premium_lower"):
        assert first.loc["p1", name] == pytest.approx(alone[name], rel=1e-9)
    for _, row in first.iterrows():
        total = row["base"] + sum(r["contribution"] for r in row["reasons"]) + row["others"] + row["calibration"]
        assert total == pytest.approx(math.log(row["pure_premium"]), abs=1e-6)
    assert first.loc["p1", "lineage"]["frame_hash"] == LINEAGE["frame_hash"]
    assert first.loc["p1", "days_observed"] == 365

    # the next night: p1 brakes harder, p5 drives as before, p2 is still without consent, p6 is new and has no trips
    run(context(book, conf, NEXT, previous=D))
    second = scores(book, NEXT)
    assert second.loc["p1", "change_reason"].startswith("brake_per_100km_")
    assert second.loc["p1", "previous_pure_premium"] == first.loc["p1", "pure_premium"]
    assert second.loc["p1", "change"] == pytest.approx(second.loc["p1", "pure_premium"] / first.loc["p1", "pure_premium"] - 1)
    assert second.loc["p1", "change"] > 0
    assert second.loc["p5", "change"] == 0
    assert second["change_reason"].isna().to_dict() == {"p1": False, "p2": True, "p3": True, "p5": True, "p6": False}
    assert second.loc["p6", "change_reason"] == "new_policy"

    # a rerun of the first night gives the same rows
    run(context(book, conf, D))
    pd.testing.assert_frame_equal(scores(book, D), first)


def test_a_rerun_of_a_version_whose_files_changed_is_refused(book: Lake, conf: Conf) -> None:
    conf = conf_with_champion(conf)
    result = run(context(book, conf, D))
    version = book.version("gold.policy_scores")
    record(book, Attempt(D, "score", "test", cutoff(D), cutoff(D)), "finished", result)
    (spec,) = (Path(conf.lake) / "_mlflow" / "cache").rglob("scorer.json")
    spec.write_text(spec.read_text().replace('"alpha_frequency": ', '"alpha_frequency": 1'))
    with pytest.raises(ModelRefused, match=f"{MODEL} version 1, which scored this night, has other files now: digest"):
        run(context(book, conf, D))
    assert book.version("gold.policy_scores") == version


def test_fault_25_no_champion_leaves_what_was_published(book: Lake, conf: Conf) -> None:
    with pytest.raises(NoChampion, match="telematics registry promote pure-premium-liability"):
        run(context(book, conf, D))
    assert not book.exists("gold.policy_scores")


def test_fault_20_a_pickle_in_the_artefact_store_of_a_version_is_not_executed_by_score(
    book: Lake, conf: Conf, tmp_path: Path
) -> None:
    bomb, mark = pickle.dumps(Bomb(tmp_path / "mark")), tmp_path / "mark"
    (spec,) = (p for p in (store()[0] / "_mlflow" / "artifacts").rglob("scorer.json") if p.parent.name == "artifacts")
    good, added = spec.read_bytes(), [spec.parents[n] / name for n in (0, 1) for name in ("python_model.pkl", "model.pkl")]
    assert (spec.parents[1] / "MLmodel").is_file()
    try:
        for path in added:
            path.write_bytes(bomb)
        assert run(context(book, conf_with_champion(conf), D)).rows == 4
        spec.write_bytes(bomb)
        shutil.rmtree(Path(conf.lake) / "_mlflow" / "cache")
        with pytest.raises(LakeError, match=r"scorer.json is not JSON"):
            run(context(book, conf_with_champion(conf), NEXT))
    finally:
        spec.write_bytes(good)
        for path in added:
            path.unlink()
    assert not mark.exists()
    pickle.loads(bomb)
    assert mark.is_file()  # it works


def test_fault_25_failure_in_a_worker_keeps_its_type_and_its_one_line(book: Lake, conf: Conf) -> None:
    append(book, "gold.policy_features", [feature_row(1, NEXT + dt.timedelta(days=1), km_90=math.inf)], "infinite")
    with pytest.raises(LakeError, match=r"^features with infinite values: km_90$"):
        run(context(book, conf_with_champion(conf), NEXT + dt.timedelta(days=1)))


def test_fault_25_a_date_without_features_is_an_error_not_a_fallback_for_all(book: Lake, conf: Conf) -> None:
    late = NEXT + dt.timedelta(days=9)
    with pytest.raises(LakeError, match=f"no rows of version v1 as of {late}: run `telematics features --date {late}`"):
        run(context(book, conf_with_champion(conf), late))
    assert not book.exists("gold.policy_scores")


def test_batch_without_anybody_to_score() -> None:
    rows = pd.DataFrame([{"policy_id": "p", "vehicle_id": "v", "coverage": "liability", "consented": False, **OBSERVED}])
    out = score_batch(trained().scorer, rows).iloc[0]
    assert out["fallback"]
    assert pd.isna(out["days_observed"])


def test_each_fallback_has_its_flag_and_the_first_that_holds_is_stated() -> None:
    spec = trained().scorer.spec
    (always,) = [f.name for f in spec.features if f.name == "mean_trip_km_365"]
    changes: dict[str, dict[str, Any]] = {
        "": {}, "no_consent": {"consented": False, "km_90": 0.0}, "no_trips": {"km_365": 0.0, "km_90": 0.0},
        "stale_device": {"km_90": 0.0, always: math.nan}, "missing_feature": {always: math.nan},
    }  # fmt: skip
    base = {"policy_id": "p", "vehicle_id": "v", "coverage": "liability", "consented": True, **OBSERVED}
    out = score_batch(trained().scorer, pd.DataFrame([base | x for x in changes.values()]), 90)
    assert out["fallback_reason"].fillna("").tolist() == list(changes)
    mean = pytest.approx(spec.fallback_frequency * spec.fallback_severity)
    assert out["pure_premium"].tolist()[1:] == [mean] * 4 and out["pure_premium"][0] != mean
    # what is known of a stale device is stated, of whom nothing may be used is not
    assert out["km_365"].notna().tolist() == [True, False, True, True, True]


def test_staleness_is_asked_for_and_what_older_models_do_not_say_is_not() -> None:
    scorer = trained().scorer
    rows = pd.DataFrame([{"consented": True, **OBSERVED, "km_90": 0.0, "mean_trip_km_365": math.nan}])
    assert fallback_reasons(scorer.spec, rows).tolist() == ["missing_feature"]
    old = [f.model_copy(update={"ever_missing": None}) for f in scorer.spec.features]
    before = replace(scorer, spec=scorer.spec.model_copy(update={"features": tuple(old)}))
    assert fallback_reasons(before.spec, rows).tolist() == [""]
    assert fallback_reasons(before.spec, rows, 28).tolist() == ["" if OBSERVED["km_28"] > 0 else "stale_device"]
    # a rate with credibility is drawn to its mean, which the model knows
    rate = next(f for f in scorer.spec.features if f.shrinkage is not None)
    assert fallback_reasons(scorer.spec, pd.DataFrame([{"consented": True, **OBSERVED, rate.name: math.nan}])).tolist() == [""]


def test_a_canarys_policies_are_those_its_share_holds(lake: Lake) -> None:
    ids = [f"p{n}" for n in range(300)]
    covers = lake.spark.createDataFrame([(i,) for i in ids], "policy_id string")
    share = Share(0.3, "salt")
    (others, one), (few, another) = divided(covers, "champion", ("canary", share))  # type: ignore[arg-type]
    assert (one, another) == ("champion", "canary")
    assert sorted(r[0] for r in few.collect()) == sorted(i for i in ids if share.holds(i))
    assert others.count() + few.count() == len(ids)
