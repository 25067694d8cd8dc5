"""Models of any table: the spec's keys do what they say, and what is wrong is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lake.conf import CONF_FOLDER
from lake.errors import ConfigError, LakeError, TrainingRefused
from training.card import CAPPED, DEVELOPED, UNDEVELOPED, model_card
from training.fitting import Progress, Settings, fit_data
from training.pipeline import settings_of, train_table
from training.scorer import Scorer
from training.scorer_spec import codes, unseen
from training.search import Trial
from training.spec import ModelSpec, load_spec
from training.table import prepare_table, read_table

N = 4000
SPEC: dict[str, Any] = {
    "name": "own", "exposure": "years", "claims": "n", "incurred": "paid", "groups": "client", "min_claims": 50,
    "features": {"age": {"sign": -1}, "area": {"kind": "category"}, "noise": {}},
}  # fmt: skip
QUICK = Settings(seed=1, refits=2, folds=2)


def table(seed: int = 1) -> pd.DataFrame:
    """Claims fall with age and are twice as frequent in the town; amounts are of one law; base is half of what is expected."""
    random = np.random.default_rng(seed)
    age, town = random.uniform(18, 80, N), random.random(N) < 0.4
    years = random.uniform(0.3, 1.0, N)
    rate = 0.3 * np.exp(-0.02 * (age - 40)) * np.where(town, 2.0, 1.0)
    n = random.poisson(rate * years)
    return pd.DataFrame(
        {
            "client": np.arange(N) // 2, "years": years, "n": n, "paid": np.round(random.gamma(2, 500, N) * n, 2), "age": age,
            "area": np.where(town, "town", "land"), "noise": random.normal(size=N), "base": 500 * rate, "truth": rate,
            "day": np.where(np.arange(N) % 3 == 0, "2025-01-01", "2025-07-01"), "late": random.integers(0, 400, N),
        }
    )  # fmt: skip


def spec(**changes: Any) -> ModelSpec:
    return ModelSpec(**{**SPEC, **changes})


def scorer_of(rows: pd.DataFrame, **changes: Any) -> Scorer:
    return fit_data(prepare_table(rows, spec(**changes)), QUICK, Progress()).scorer


def test_it_learns_what_is_there_and_categories_are_reasons() -> None:
    evidence = train_table(table(), spec())
    rows = table(2)
    predicted = evidence.scorer.predict(rows)
    assert np.corrcoef(np.log(predicted["frequency"]), np.log(rows["truth"]))[0, 1] > 0.85
    assert evidence.metrics["frequency_model_gini"].lower > 0.1  # type: ignore[operator]
    texts = [r["text"] for reasons in evidence.scorer.score(rows.head(50))["reasons"] for r in reasons]
    assert any(t.startswith("area: town; raises the price by ") for t in texts)
    assert evidence.assessed["monotonicity"]["largest_violation"] <= 1e-6
    assert evidence.assessed["reproducibility"]["retrain_matches"]
    again = Scorer.from_parts(evidence.scorer.parts())
    pd.testing.assert_frame_equal(again.predict(rows), predicted)


def test_the_card_says_what_was_done_to_amounts_and_nothing_that_was_not() -> None:
    rules = {"development": {0: 1.5}, "maturity": "late", "cap": 5000.0}
    card = model_card(train_table(table(), spec(severity=rules)), {})
    assert [x in card for x in ("capped at 5,000 EUR", "amounts developed by {0: 1.5}", DEVELOPED, CAPPED)] == [True] * 4
    assert [x in card for x in (UNDEVELOPED, "driver consents")] == [False] * 2


def test_an_unknown_level_is_missing_and_not_an_error() -> None:
    rows = table(2).head(4).assign(area=["town", "land", "moon", None])
    out = scorer_of(table()).predict(rows)
    assert np.isfinite(out.to_numpy()).all()


def test_without_amounts_a_premium_is_a_frequency() -> None:
    scorer = scorer_of(table(), incurred=None)
    out = scorer.score(table(2).head(200))
    assert scorer.spec.currency == "claims"
    np.testing.assert_allclose(out["pure_premium"], out["frequency"])
    np.testing.assert_allclose(out["severity"], 1.0)


def test_over_base_counts_no_rating_factor_twice() -> None:
    rows = table()
    over = scorer_of(rows, over_base="base", features={"age": {}, "area": {"kind": "category"}, "noise": {}})
    out, others = over.score(rows), over.predict(rows.assign(base=2 * rows["base"]))
    # the base knows all there is to know: nothing is left to say over it
    assert out["relativity"].std() < 0.06
    np.testing.assert_allclose(others["pure_premium"], 2 * out["pure_premium"], rtol=1e-5)
    np.testing.assert_allclose(others["relativity"], out["relativity"], rtol=1e-5)
    stated = out["base"] + out["reasons"].map(lambda rs: sum(r["contribution"] for r in rs)) + out["others"] + out["calibration"]
    np.testing.assert_allclose(stated, np.log(out["pure_premium"]), atol=1e-6)
    with pytest.raises(LakeError, match="base is not a positive amount in 1 of 4000 rows"):
        over.predict(rows.assign(base=np.where(rows.index == 7, 0.0, rows["base"])))


def test_isotonic_calibration_keeps_order_balance_and_the_sum() -> None:
    data = prepare_table(table(), spec())
    plain = fit_data(data, QUICK, Progress()).scorer
    found = fit_data(data, Settings(seed=1, refits=2, folds=2, calibration="isotonic"), Progress()).scorer
    assert found.spec.recalibration is not None
    out, rows = found.score(data.rows), data.fitted
    assert data.claims[rows].sum() / (out["frequency"] * data.exposure)[rows].sum() == pytest.approx(1.0, abs=1e-6)
    order = np.argsort(plain.predict(data.rows)["frequency"].to_numpy(), kind="stable")
    assert np.diff(out["frequency"].to_numpy()[order]).min() > -1e-6
    total = out["base"] + out["reasons"].map(lambda rs: sum(r["contribution"] for r in rs)) + out["others"] + out["calibration"]
    np.testing.assert_allclose(total, np.log(out["pure_premium"]), atol=1e-6)
    assert out["calibration"].nunique() > 5


@pytest.mark.parametrize(("rule", "claims", "total"), [("net", 3, 60.0), ("zero", 3, 100.0), ("drop", 2, 100.0)])
def test_negative_amounts_follow_the_rule(rule: str, claims: int, total: float) -> None:
    rows = table().head(40).assign(n=0, paid=0.0)
    rows.loc[[0, 1, 2], "n"] = 1
    rows.loc[[0, 1, 2], "paid"] = [70.0, 30.0, -40.0]
    data = prepare_table(rows, spec(min_claims=1, severity={"negative": rule}))
    assert (data.claims.sum(), data.incurred.sum()) == (claims, total)
    assert data.with_amount.sum() == 2
    assert data.notes == (f"1 negative amounts: {rule}",)


def test_amounts_are_developed_trended_and_capped() -> None:
    rows = table().assign(late=100)
    rules = {"development": {0: 2.0, 200: 1.0}, "maturity": "late", "trend_per_year": 0.1, "cap": 400.0}
    data = prepare_table(rows, spec(time="day", severity=rules))
    years = np.where(rows["day"] == "2025-07-01", 0.0, 181 / 365.25)
    np.testing.assert_allclose(data.incurred, rows["paid"] * 1.5 * 1.1**years)
    np.testing.assert_allclose(data.capped, np.minimum(data.incurred, 400.0 * rows["n"]))


def test_a_search_goes_on_where_it_was_stopped() -> None:
    data, done = prepare_table(table(), spec()), []
    few = Settings(seed=1, refits=2, folds=2, trials=2)
    whole = fit_data(data, few, Progress({}, lambda booster, trial: done.append((booster, trial))))
    assert [(b, t.number) for b, t in done] == [(b, n) for b in ("frequency", "severity") for n in range(3)]
    known: dict[str, dict[int, Trial]] = {"frequency": {t.number: t for b, t in done if b == "frequency" and t.number < 2}}
    rest: list[tuple[str, int]] = []
    again = fit_data(data, few, Progress(known, lambda booster, trial: rest.append((booster, trial.number))))
    assert rest == [("frequency", 2), ("severity", 0), ("severity", 1), ("severity", 2)]
    assert again.scorer.parts() == whole.scorer.parts()


@pytest.mark.parametrize(
    ("changes", "column", "value", "message"),
    [
        ({}, "years", 0.0, "years is not positive in 1 of 4000 rows"),
        ({}, "years", -1.0, "years is not positive in 1 of 4000 rows"),
        ({}, "n", np.nan, "n is not a number in 1 of 4000 rows"),
        ({}, "age", np.inf, "features with infinite values: age"),
        ({"features": {"area": {}}}, "n", 0, "area is not a number: .*a text column is a feature of kind category"),
        ({"time": "area"}, "n", 0, "area is not a date in 4000 of 4000 rows"),
        ({"features": {"speed": {}}}, "n", 0, "the table lacks speed; it has client, years"),
        ({"over_base": "base"}, "base", 0.0, "base is not positive in 1 of 4000 rows"),
        ({"severity": {"development": {0: 1.5}}}, "n", 0, "needs severity.maturity"),
        ({"severity": {"development": {0: 1.5}, "maturity": "late"}}, "late", np.nan, "late is null in 1 of 4000 rows"),
        ({}, "client", np.nan, "client is null in 1 of 4000 rows"),
        ({"min_claims": 100_000}, "n", 0, "claims on 4000 rows: at least 100000 are needed"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(changes: dict[str, Any], column: str, value: Any, message: str) -> None:
    rows = table()
    rows[column] = rows[column].astype(float) if column != "area" else rows[column]
    rows.loc[7, column] = value
    with pytest.raises(TrainingRefused, match=message):
        prepare_table(rows, spec(**changes))


def test_no_claims_and_no_amounts_are_refused() -> None:
    with pytest.raises(TrainingRefused, match=r"^0 claims on 4000 rows"):
        prepare_table(table().assign(n=0), spec())
    with pytest.raises(TrainingRefused, match=r"no row has both a claim .n. and a positive amount .paid."):
        prepare_table(table().assign(paid=0.0), spec())
    with pytest.raises(TrainingRefused, match="no rows"):
        prepare_table(table().head(0), spec())


def test_over_a_base_what_is_said_is_held_against_the_base() -> None:
    found = train_table(table(), spec(over_base="base", features={"noise": {}})).metrics
    # noise over the truth says nothing, though base and price rank the rows well
    assert found["frequency_model_gini"].value > 0.15
    assert found["frequency_model_explained"].lower <= 0  # type: ignore[operator]
    # nor does the pair lose to a check that has no base to go by
    assert found["tweedie_deviance_gain_of_pair"].value == pytest.approx(0, abs=0.3)


def test_the_fallback_over_a_base_is_in_proportion_to_it() -> None:
    scorer = scorer_of(table(), over_base="base", features={"noise": {}})
    one, two = scorer.fallback(100.0), scorer.fallback(200.0)
    assert two["pure_premium"] == pytest.approx(2 * one["pure_premium"], rel=1e-5)
    assert two["base"] + two["calibration"] == pytest.approx(np.log(two["pure_premium"]), abs=1e-5)
    with pytest.raises(LakeError, match="over base needs the row's"):
        scorer.fallback()


def test_whole_numbers_are_one_text_whatever_column_held_them() -> None:
    rows = table().assign(zone=np.arange(N) % 3 + 1.0)
    rows.loc[5, "zone"] = np.nan
    features = {"zone": {"kind": "category"}, "age": {}}
    data = prepare_table(rows, spec(features=features))
    assert data.features[0].levels == ("1", "2", "3")
    whole = pd.DataFrame({"zone": np.arange(N) % 3 + 1})
    for other in (
        whole,
        whole.astype(float),
        whole.astype(str),
        whole.astype("category"),
        whole.astype("Int64"),
        whole.astype(object),
    ):
        np.testing.assert_array_equal(codes(other["zone"], data.features[0]), np.arange(N) % 3)
    # a model of before has levels as floats had them
    before = data.features[0].model_copy(update={"levels": ("1.0", "2.0", "3.0")})
    np.testing.assert_array_equal(codes(whole["zone"], before), np.arange(N) % 3)
    assert unseen(whole.replace({"zone": {3: 7}}), data.features[:1]) == {"zone": N // 3}
    assert not unseen(rows, data.features[:1])
    with pytest.raises(TrainingRefused, match="zone has none of the levels north, south; it has 1, 2, 3"):
        prepare_table(rows, spec(features={"zone": {"kind": "category", "levels": ["north", "south"]}}))


def test_a_split_is_by_the_id_whatever_column_held_it() -> None:
    rows = table()
    held = prepare_table(rows, spec()).held
    np.testing.assert_array_equal(prepare_table(rows.assign(client=rows["client"].astype(float)), spec()).held, held)
    np.testing.assert_array_equal(prepare_table(rows.assign(client=rows["client"].astype(str)), spec()).held, held)


def test_what_a_model_predicts_is_no_feature() -> None:
    with pytest.raises(ValueError, match="features: n, paid is what the model predicts"):
        spec(features={"n": {}, "age": {}, "paid": {}})


def test_specs_that_are_shipped_can_be_read_and_wrong_ones_are_named(tmp_path: Path) -> None:
    shipped = sorted((CONF_FOLDER / "models").glob("*.yml"))
    assert [settings_of(load_spec(p)).trials for p in shipped] == [0] * 3
    path = tmp_path / "spec.yml"
    for text, message in (
        ("name: a\nname: b\n", "line 1: repeated: name"),
        ("name: a\nexposure: e\nclaims: n\nfeatures: {x: {sing: 1}}\n", "features.x.sing"),
        ("name: a\nexposure: e\nclaims: n\n", "features"),
        ("name: ../a\nexposure: e\nclaims: n\nfeatures: {x: }\n", "name"),
        ("name: [", "spec.yml"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            load_spec(path)
    path.write_bytes(b"name: \xff")
    for wrong, message in ((path, "spec.yml: .*utf-8"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=message):
            load_spec(wrong)
    with pytest.raises(ConfigError, match="no spec at"):
        load_spec(tmp_path / "none.yml")


def test_tables_are_read_from_parquet_csv_and_delta(tmp_path: Path) -> None:
    from deltalake import write_deltalake

    rows = table().head(20)
    rows.to_parquet(tmp_path / "t.parquet")
    rows.to_csv(tmp_path / "t.csv", index=False)
    write_deltalake(tmp_path / "t", rows)
    for name in ("t.parquet", "t.csv", "t"):
        pd.testing.assert_frame_equal(read_table(str(tmp_path / name)), rows, check_dtype=False)
    with pytest.raises(LakeError, match="no table at"):
        read_table(str(tmp_path / "none.parquet"))
    (tmp_path / "bad.parquet").write_bytes(b"no")
    with pytest.raises(LakeError, match=r"bad.parquet is not a Parquet, CSV or Delta table"):
        read_table(str(tmp_path / "bad.parquet"))
