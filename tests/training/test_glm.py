"""The references that every figure is held against are what a reviewer would fit."""

import numpy as np
import pytest

from training.evaluation import _decomposition
from training.glm import fit_glm
from training.scorer_spec import FeatureSpec

AREA = FeatureSpec(name="area", text="area", unit="", kind="category", levels=("A", "B", "C", "D"))
AGE = FeatureSpec(name="age", text="age", unit="")


def test_a_category_has_a_coefficient_a_level_and_what_is_missing_is_one() -> None:
    # exposure 100 a row: rates .1, .4, .1 by level, .2 where it is missing, none in the last
    code = np.array([0.0, 0, 1, 2, np.nan, 3])
    rate = np.array([0.1, 0.1, 0.4, 0.1, 0.2, 0.0])
    x = np.column_stack([np.ones(6), code])
    found = fit_glm("poisson", x, (AGE, AREA), rate, np.full(6, 100.0))
    # level D has no claims, hence no finite coefficient: it stands with A, the heaviest; 30 / 300 of A, less 10 / 300 for D's 0
    reference = np.log(20 / 300)
    by = found.coefficients.set_index("feature")["coef"]
    assert by["intercept"] == pytest.approx(reference, abs=1e-3)
    wanted = {"area=B": 0.4, "area=C": 0.1, "area=not known": 0.2}
    assert dict(by.drop("intercept")) == pytest.approx({k: np.log(v) - reference for k, v in wanted.items()}, abs=1e-3)
    np.testing.assert_allclose(found.predict(x), [1 / 15, 1 / 15, 0.4, 0.1, 0.2, 1 / 15], rtol=1e-3)


def test_two_categories_that_say_the_same_are_fitted_once() -> None:
    code = np.tile([0.0, 1], 50)
    x = np.column_stack([code, code])
    found = fit_glm("poisson", x, (AREA, AREA.model_copy(update={"name": "other"})), 0.1 + code / 10, np.ones(100))
    assert found.coefficients["feature"].tolist() == ["intercept", "area=B"]


def test_rates_that_many_rows_share_are_recalibrated_at_the_ends_too() -> None:
    random = np.random.default_rng(1)
    e = random.uniform(0.05, 1, 5000)
    rate = np.where(random.random(5000) < 0.5, 0.22, 0.41)
    assert (rate * e / e).min() < 0.22  # a rounding below the lowest
    found = _decomposition(random.poisson(rate * e).astype(float), e, rate * e)
    assert all(np.isfinite(x.value) for x in found.values())
    assert found["frequency_discrimination"].value > 0
