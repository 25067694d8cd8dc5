import json
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lake.errors import GateFailed, LakeError
from lake.price import MAX_REASONS
from tests.training.given import the_frame, trained
from training.explainer import Explainer
from training.scorer import FREQUENCY_FILE, OUTPUTS, SEVERITY_FILE, SPEC_FILE, Scorer


def scored() -> pd.DataFrame:
    return trained().scorer.score(the_frame().head(500))


def test_reasons_add_up() -> None:
    out = scored()
    assert tuple(out.columns) == OUTPUTS
    reasons = out["reasons"].map(lambda rs: sum(r["contribution"] for r in rs))
    total = out["base"] + reasons + out["others"] + out["calibration"]
    np.testing.assert_allclose(total, np.log(out["pure_premium"]), atol=1e-6)
    np.testing.assert_allclose(out["relativity"], np.exp(reasons + out["others"]), rtol=1e-6)
    np.testing.assert_allclose(out["pure_premium"], out["frequency"] * out["severity"], rtol=1e-6)
    assert out["reasons"].map(len).max() == MAX_REASONS
    strength = out["reasons"].map(lambda rs: [abs(r["contribution"]) for r in rs])
    assert strength.map(lambda s: s == sorted(s, reverse=True)).all()


def test_base_is_the_exposure_weighted_mean_of_the_frame() -> None:
    out = trained().scorer.score(the_frame())
    raw = np.log(out["pure_premium"]) - out["calibration"]
    assert np.average(raw, weights=the_frame()["exposure_years"]) == pytest.approx(out["base"].iloc[0], abs=1e-5)


def test_a_reason_is_a_sentence_with_direction_value_and_average() -> None:
    rows = the_frame().head(1).assign(brake_per_100km_90=12.0, brake_per_100km_365=12.0)
    first = trained().scorer.score(rows)["reasons"].iloc[0][0]
    assert first["text"].startswith("harsh braking, last ")
    assert "12 events/100 km, average 3.9" in first["text"]
    assert "raises the price by " in first["text"]
    assert first["value"] == 12.0
    assert not any("exposure" in r["text"] for reasons in scored()["reasons"] for r in reasons)


def test_fallback_has_relativity_one_and_adds_up() -> None:
    spec, row = trained().scorer.spec, trained().scorer.fallback()
    assert row["relativity"] == 1.0
    assert row["base"] + row["others"] + row["calibration"] == pytest.approx(np.log(row["pure_premium"]), abs=1e-8)
    # the frame's mean price, not the price of the mean
    out = trained().scorer.score(the_frame())
    assert row["pure_premium"] == pytest.approx(np.average(out["pure_premium"], weights=the_frame()["exposure_years"]), rel=1e-5)
    assert row["frequency"] == pytest.approx(spec.fallback_frequency)


def test_missing_and_infinite_features_are_named() -> None:
    with pytest.raises(LakeError, match="features missing: night_share_365, km_365"):
        trained().scorer.score(the_frame().drop(columns=["night_share_365", "km_365"]))
    with pytest.raises(LakeError, match="infinite values: km_90"):
        trained().scorer.score(the_frame().head(3).assign(km_90=np.inf))


def test_columns_are_taken_by_name() -> None:
    rows = the_frame().head(20)
    backwards = rows[rows.columns[::-1]]
    pd.testing.assert_frame_equal(trained().scorer.score(rows), trained().scorer.score(backwards))


def test_rows_that_do_not_add_up_or_are_not_finite_are_counted() -> None:
    scorer = trained().scorer

    class Wrong(Explainer):
        def margin(self, x: np.ndarray, base_margin: float | np.ndarray) -> np.ndarray:
            out = super().margin(x, base_margin)
            out[:3] += [0.001, np.nan, -0.001]
            return out

    wrong = Wrong(scorer.frequency, "frequency", scorer.spec.features)
    with pytest.raises(GateFailed, match="3 of 7 rows do not add up"):
        wrong.explained(np.ones((7, len(scorer.spec.names))), scorer.spec.frequency_base_margin)
    huge = replace(scorer, spec=scorer.spec.model_copy(update={"alpha_severity": float("inf")}))
    with pytest.raises(GateFailed, match="not finite for 5 of 5 rows"):
        huge.score(the_frame().head(5))


def test_survives_its_files_and_needs_all_of_them() -> None:
    parts = trained().scorer.parts()
    again = Scorer.from_parts(parts, threads=1)
    pd.testing.assert_frame_equal(again.score(the_frame().head(50)), trained().scorer.score(the_frame().head(50)))
    spec = json.loads(parts[SPEC_FILE])
    del spec["frequency_base_margin"]
    with pytest.raises(LakeError, match=r"another version of this library.*frequency_base_margin"):
        Scorer.from_parts(parts | {SPEC_FILE: json.dumps(spec).encode()})


def test_files_of_another_version_swapped_or_broken_are_refused() -> None:
    parts = trained().scorer.parts()
    older = json.loads(parts[SPEC_FILE]) | {"schema_version": 1}
    with pytest.raises(LakeError, match=r"another version of this library .*schema_version"):
        Scorer.from_parts(parts | {SPEC_FILE: json.dumps(older).encode()})
    with pytest.raises(LakeError, match="frequency booster was fitted to reg:gamma"):
        Scorer.from_parts(parts | {FREQUENCY_FILE: parts[SEVERITY_FILE], SEVERITY_FILE: parts[FREQUENCY_FILE]})
    for bad in (parts[FREQUENCY_FILE][:2000], pickle.dumps({"a": 1}), b""):
        with pytest.raises(LakeError, match=r"frequency.ubj is not a booster"):
            Scorer.from_parts(parts | {FREQUENCY_FILE: bad})
    renamed = json.loads(parts[SPEC_FILE])
    renamed["features"][0]["name"] = "renamed"
    with pytest.raises(LakeError, match="other features than its specification"):
        Scorer.from_parts(parts | {SPEC_FILE: json.dumps(renamed).encode()})


def test_predictions_without_reasons_are_the_scores() -> None:
    rows = the_frame().head(500)
    names = ["frequency", "severity", "pure_premium", "relativity"]
    pd.testing.assert_frame_equal(trained().scorer.predict(rows), scored()[names])
