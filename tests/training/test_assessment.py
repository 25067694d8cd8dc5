"""What reviewers are shown can be wrong, and then is seen to be."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from lake.features import FEATURE_VERSION_1
from registry.evidence_files import as_json
from tests.training.given import SPEC, the_frame, trained
from training.artefacts import ARTEFACTS, NOT_ASSESSED, digest
from training.champion_diff import champion_diff
from training.fairness import fairness, not_assessed, proxies
from training.fitting import Progress, Settings, fit_data
from training.frame import prepare
from training.monotonicity import stated, sweeps
from training.report import render, report
from training.scorer import Scorer
from training.scorer_spec import design
from training.stability import moved, stability


def test_a_digest_is_of_names_contents_and_nothing_moves_between_them() -> None:
    assert digest({"a": b"1", "b": b"2"}) == digest({"b": b"2", "a": b"1"})
    others = ({"a": b"12", "b": b""}, {"a": b"", "b": b"12"}, {"ab": b"12"}, {"a": b"1", "b": b"3"}, {"a": b"1"})
    assert len({digest(x) for x in (*others, {"a": b"1", "b": b"2"})}) == len(others) + 1
    assert sorted(ARTEFACTS) == list(range(1, 11))


def test_a_booster_that_breaks_its_signs_is_found_by_the_sweep() -> None:
    scorer = trained().scorer
    x = design(the_frame(), scorer.spec.features)
    assert stated(sweeps(scorer, x, 1))["largest_violation"] <= 1e-6
    j = scorer.spec.names.index("brake_per_100km_365")
    data = xgb.DMatrix(x, label=-x[:, j], feature_names=scorer.spec.names, base_margin=np.zeros(len(x)))
    falling = xgb.train({"objective": "reg:squarederror", "max_depth": 2}, data, 5)
    found = sweeps(replace(scorer, frequency=falling), x, 1)
    assert found[0].feature == "brake_per_100km_365"
    assert found[0].violation > 0.1
    assert stated(found)["largest_violation"] == found[0].violation


def test_stability_counts_what_moves_and_training_again_gives_the_same_files() -> None:
    assessed = trained().assessed
    exposure = np.array([1.0, 1.0, 2.0])
    shares = moved(np.array([100.0, 100.0, 100.0]), np.array([104.0, 111.0, 70.0]), exposure)
    assert shares == {"moved_over_5_percent": 0.75, "moved_over_10_percent": 0.75, "moved_over_25_percent": 0.5}
    assert assessed["reproducibility"]["retrain_matches"] is True
    assert len(assessed["stability"]["folds"]) == 4
    assert all(r["moved_over_5_percent"] > 0 for r in assessed["stability"]["refits_on_drawn_policies"])
    assert all(r["rank_correlation"] > 0.9999 for r in assessed["stability"]["other_seeds"])


def test_refits_move_prices_by_severity_too() -> None:
    data = prepare(the_frame(), SPEC, FEATURE_VERSION_1, None)
    settings = Settings(seed=1)
    found = fit_data(data, settings, Progress())
    # drawn once from each policy the frequency is what it was, so what moves is severity: little, and the order of prices with it
    once = replace(found.pair[0], draws=np.ones_like(found.pair[0].draws))
    refits = stability(data, replace(found, pair=(once, found.pair[1])), settings)["refits_on_drawn_policies"]
    assert all(r["rank_correlation"] < 1 - 1e-9 for r in refits)
    assert len({r["gini"] for r in refits}) == 1


def test_murphys_parts_add_up() -> None:
    m = {k: v.value for k, v in trained().metrics.items()}
    parts = m["frequency_uncertainty"] - m["frequency_discrimination"] + m["frequency_miscalibration"]
    assert parts == pytest.approx(m["frequency_model_deviance"])
    whole = m["frequency_miscalibration_global"] + m["frequency_miscalibration_local"]
    assert whole == pytest.approx(m["frequency_miscalibration"])
    assert m["frequency_miscalibration_local"] >= 0


def prices(penalty: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """3,000 policies of two groups with the same claims, the second priced `penalty` higher in ln."""
    random = np.random.default_rng(3)
    n, member = 3000, np.arange(3000) % 2 == 1
    rate = random.gamma(4, 0.05, n)
    test = pd.DataFrame(
        {"policy_id": [f"p{i}" for i in range(n)], "exposure_years": 1.0, "claims": random.poisson(rate), "predicted": rate,
         "pure_premium": 2000 * rate * np.exp(penalty * member)}
    )  # fmt: skip
    groups = pd.DataFrame({"policy_id": test["policy_id"], "group_name": "g", "probability": member.astype(float)})
    return test, groups


def test_a_group_that_pays_more_for_nothing_is_seen_with_its_interval() -> None:
    even, uneven = (fairness(*prices(p), seed=1)["groups"][0] for p in (0.0, 0.3))
    assert even["price_ratio"]["lower"] < 1 < even["price_ratio"]["upper"]
    assert uneven["price_ratio"]["value"] == pytest.approx(np.exp(0.3), rel=0.05)
    assert uneven["price_ratio"]["lower"] > 1.2
    assert uneven["adverse_impact_ratio"]["value"] < even["adverse_impact_ratio"]["value"] < 1.05
    assert uneven["actual_over_expected"]["lower"] < 1 < uneven["actual_over_expected"]["upper"]
    test, groups = prices(0.0)
    assert fairness(test, groups.assign(policy_id="nobody"), 1) == not_assessed()


def test_who_a_source_says_nothing_of_is_in_no_group_and_outside_of_none() -> None:
    test, groups = prices(0.3)
    whole = fairness(test, groups, seed=1)["groups"][0]["price_ratio"]["value"]
    # the outsiders' half of the book that the source leaves out is dear: counted as outsiders, they would hide the penalty
    more = test.assign(policy_id="u" + test["policy_id"], pure_premium=5 * test["pure_premium"])
    found = fairness(pd.concat([test, more], ignore_index=True), groups, seed=1)
    assert found["share_of_exposure_known"] == pytest.approx(0.5)
    assert found["groups"][0]["price_ratio"]["value"] == pytest.approx(whole)
    ids = pd.concat([test["policy_id"], more["policy_id"]], ignore_index=True)
    noise = np.random.default_rng(5).normal(size=len(ids))
    features = pd.DataFrame({"unlike_others": noise + 3 * ids.str.startswith("u")})
    assert not proxies(features, ids, groups)["is_proxy"].any()


def test_a_group_that_nobody_is_outside_of_is_not_assessed_and_says_what_is_missing() -> None:
    test, groups = prices(0.0)
    found = fairness(test, groups[groups["probability"] == 1.0], seed=1)
    assert found["status"] == NOT_ASSESSED
    assert "g; a policy known to be outside needs a row of probability 0" in found["why"]


def test_equal_prices_are_fair_and_a_figure_that_is_not_defined_is_null() -> None:
    test, groups = prices(0.0)
    found = fairness(test.assign(pure_premium=300.0), groups, seed=1)
    assert found["lowest_adverse_impact_ratio"] == 1.0
    # nobody is in the top tenth: odds of 0 / 0
    read = json.loads(as_json(found), parse_constant=pytest.fail)
    assert read["groups"][0]["odds_ratio_of_top_tenth"]["value"] is None


def test_a_feature_that_stands_in_for_a_group_is_called_so_and_no_other() -> None:
    random = np.random.default_rng(4)
    ids = pd.Series([f"p{i // 2}" for i in range(8000)])
    member = (ids.str[1:].astype(int) % 3 == 0).to_numpy()
    features = pd.DataFrame({f"f{j}": random.normal(size=len(ids)) for j in range(20)})
    features["f7"] += 0.5 * member
    groups = pd.DataFrame({"policy_id": ids.unique(), "group_name": "g"})
    groups["probability"] = (groups["policy_id"].str[1:].astype(int) % 3 == 0).astype(float)
    found = proxies(features, ids, groups)
    assert found.loc[found["is_proxy"], "feature"].tolist() == ["f7"]


def test_a_stand_in_is_found_by_its_middle_its_ends_and_by_what_is_missing() -> None:
    random = np.random.default_rng(4)
    ids = pd.Series([f"p{i}" for i in range(4000)])
    member = np.arange(4000) % 2 == 0
    ends = np.where(member, random.normal(0, 0.1, 4000), random.choice([-2.0, 2.0], 4000))
    features = pd.DataFrame({f"f{j}": random.normal(size=4000) for j in range(20)}).assign(
        middle=np.where(member, 1.0, random.choice([0.0, 2.0], 4000)), ends=ends,
        missing=np.where(member & (random.random(4000) < 0.3), np.nan, random.normal(size=4000)),
        area=random.integers(0, 30, 4000).astype(float),
    )  # fmt: skip
    groups = pd.DataFrame({"policy_id": ids, "group_name": "g", "probability": member.astype(float)})
    found = proxies(features, ids, groups, frozenset({"middle", "area"}))
    assert set(found.loc[found["is_proxy"], "feature"]) == {"middle", "ends", "missing"}
    by = found.set_index("feature")["r2"]
    assert by["middle"] == pytest.approx(1.0, abs=1e-6)
    # no level of the others says anything, and 30 levels say no more
    assert by.drop(["middle", "ends", "missing"]).max() < 0.01


def test_a_diff_names_who_moves_and_why() -> None:
    champion = trained().scorer
    dearer = champion.spec.model_copy(update={"alpha_frequency": champion.spec.alpha_frequency * 1.2})
    candidate = Scorer(dearer, champion.frequency, champion.severity)
    found = champion_diff(candidate, champion, the_frame().head(1500), seed=1)
    assert found["mean_premium_change"] == pytest.approx(0.2, abs=1e-6)
    assert (found["moved_over_10_percent"], found["moved_over_25_percent"]) == (1.0, 0.0)
    assert (found["features_in"], found["features_out"]) == ([], [])
    gain = found["deviance_gain"]
    assert gain["lower"] <= gain["value"] <= gain["upper"]
    assert len(found["top_movers"]) == 10
    assert found["top_movers"][0]["reasons_candidate"]


def test_the_report_is_one_page_that_loads_nothing_and_escapes_what_it_is_given() -> None:
    found = report(trained(), "<script>alert(1)</script>", {"frame_hash": "<b>"}, {"lift": b"png"})
    assert "<script>" not in found and "&lt;b&gt;" in found
    assert "http:" not in found and "https:" not in found
    assert "data:image/png;base64," in found
    assert "Fairness" in render("t", "s", []) or "Fairness" in found
    assert json.dumps(trained().assessed, default=str)
