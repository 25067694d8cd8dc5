import numpy as np
import pandas as pd
import pytest

from lake.conf_sections import Training
from lake.errors import TrainingRefused
from lake.features import FEATURE_VERSION_1
from tests.training.given import SPEC, the_frame, trained
from training.frame import prepare
from training.pipeline import train


def test_balance_on_the_training_part() -> None:
    data = prepare(the_frame(), SPEC, FEATURE_VERSION_1)
    scores = trained().scorer.score(data.rows)
    f = data.fitted
    expected = (scores["frequency"] * data.exposure)[f]
    assert data.claims[f].sum() / expected.sum() == pytest.approx(1.0, abs=1e-6)
    # severity: on claims as they happened, so amounts over the cap and nil claims are in the level
    assert data.incurred[f].sum() / (scores["severity"] * data.claims)[f].sum() == pytest.approx(1.0, abs=1e-6)


def test_metrics_are_of_policies_never_trained_on_and_find_the_truth() -> None:
    evidence = trained()
    data = prepare(the_frame(), SPEC, FEATURE_VERSION_1)
    assert set(evidence.test["policy_id"]) == set(data.rows["policy_id"][data.held])
    assert set(evidence.test["policy_id"]).isdisjoint(data.rows["policy_id"][data.fitted])
    assert 0.25 < evidence.facts.test_policies / evidence.facts.policies < 0.35
    gini = evidence.metrics["frequency_model_gini"]
    assert gini.lower is not None and gini.lower > 0.05
    assert evidence.lift["claims"].sum() == evidence.test["claims"].sum()
    ae = evidence.metrics["frequency_model_actual_over_expected"]
    assert ae.value == pytest.approx(evidence.test["claims"].sum() / evidence.test["predicted"].sum())


def test_labels_of_test_policies_do_not_reach_the_model() -> None:
    data = prepare(the_frame(), SPEC, FEATURE_VERSION_1)
    held = set(data.rows["policy_id"][data.held])
    frame = the_frame()
    tampered = frame.assign(claims=frame["claims"].where(~frame["policy_id"].isin(held), 1))
    tampered["incurred_minor"] = tampered["incurred_minor"].where(~frame["policy_id"].isin(held), 999_999)
    assert train(tampered, SPEC).scorer.parts() == trained().scorer.parts()


def test_order_of_rows_does_not_matter() -> None:
    shuffled = the_frame().sample(frac=1, random_state=3)
    assert train(shuffled, SPEC).scorer.parts() == trained().scorer.parts()


def test_refuses_too_few_claims_with_the_count() -> None:
    with pytest.raises(TrainingRefused, match=r"^547 claims .* at least 600"):
        train(the_frame(), Training(min_claims=600))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("exposure_years", 0.0, "exposure_years is not positive in 1 of 6000 rows"),
        ("exposure_years", np.nan, "exposure_years is not positive in 1 of 6000 rows"),
        ("brake_per_100km_365", np.inf, "infinite values: brake_per_100km_365"),
        ("currency", "USD", "one currency; the frame has EUR, USD"),
        ("claims", -1, "claims is negative in 1 of 6000 rows"),
    ],
)
def test_refuses_a_frame_that_is_wrong(column: str, value: object, message: str) -> None:
    frame = the_frame().copy()
    frame.loc[7, column] = value
    with pytest.raises(TrainingRefused, match=message):
        train(frame, SPEC)


def test_refuses_an_empty_frame_and_missing_columns() -> None:
    with pytest.raises(TrainingRefused, match="no rows"):
        train(the_frame().head(0), SPEC)
    with pytest.raises(TrainingRefused, match="lacks km_90"):
        train(the_frame().drop(columns="km_90"), SPEC)


def test_rows_without_trips_are_left_out_and_counted() -> None:
    frame = the_frame().copy()
    frame.loc[:9, "km_365"] = [None] * 5 + [0.0] * 5
    data = prepare(frame, SPEC, FEATURE_VERSION_1)
    assert (len(data.rows), data.without_trips) == (5990, 10)


def test_claims_are_capped_per_claim() -> None:
    frame = the_frame().copy()
    frame.loc[0, ["claims", "incurred_minor"]] = [2, 30_000_000]
    data = prepare(frame, SPEC, FEATURE_VERSION_1)
    row = data.rows.index[(data.rows["policy_id"] == frame.loc[0, "policy_id"])][0]
    # 300,000 for two claims, each capped at 50,000
    assert (data.incurred[row], data.capped[row]) == (300_000, 100_000)


def test_interval_narrows_with_what_is_known() -> None:
    spec = trained().scorer.spec
    rows = pd.concat([the_frame().head(1)] * 2, ignore_index=True)
    rows.loc[0, [c for c in rows.columns if c.startswith("km_")]] = 5.0
    few, many = trained().scorer.score(rows)[["pure_premium_lower", "pure_premium_upper"]].to_numpy()
    assert few[1] / few[0] >= many[1] / many[0] > 1
    assert all(np.diff(spec.interval_credibility) >= 0)
