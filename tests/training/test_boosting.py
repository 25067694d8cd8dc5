import numpy as np
import pytest

from lake.features import model_features
from tests.training.given import SPEC, the_frame, trained
from training.boosting import FREQUENCY, Problem, fit, params_of
from training.fitting import Progress, Settings, fit_data
from training.frame import prepare
from training.scorer_spec import FeatureSpec, matrix

N = 4000


def test_offset_is_the_same_as_a_rate_with_exposure_as_weight() -> None:
    rng = np.random.default_rng(5)
    # few distinct values, so that histogram bins do not depend on weights
    x = rng.integers(0, 8, (N, 2)).astype(float)
    exposure = rng.uniform(0.1, 1.0, N)
    claims = rng.poisson(0.2 * np.exp(0.2 * x[:, 0]) * exposure).astype(float)
    ln_rate = np.log(claims.sum() / exposure.sum())
    features = FeatureSpec(name="a", text="a", unit="", sign=1), FeatureSpec(name="b", text="b", unit="")
    offset = fit(FREQUENCY, Problem(x, features, claims, ln_rate + np.log(exposure)), 40, seed=1)
    weighted = fit(FREQUENCY, Problem(x, features, claims / exposure, np.full(N, ln_rate), exposure), 40, seed=1)
    rates = [b.predict(matrix(x, ["a", "b"], float(ln_rate))) for b in (offset, weighted)]
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-3)
    # and it has learned something: the true effect of a from 0 to 7 is exp(1.4) = 4.1
    assert rates[0].max() / rates[0].min() > 2


def test_threads_are_those_of_the_specification() -> None:
    """XGBoost keeps them in what it was told, in every fit of a candidate, its refits among them."""
    data = prepare(the_frame(), SPEC, "v1")
    settings = Settings(seed=1, threads=1, refits=2)
    pair = fit_data(data, settings, Progress()).pair
    for fitted in pair:
        assert fitted.problem.threads == 1 and fitted.problem.part(np.array([0]), np.ones(1)).threads == 1
        assert params_of(fitted.recipe, fitted.problem, 1)["nthread"] == 1


@pytest.mark.parametrize("name", [f.name for f in model_features() if f.sign == 1])
def test_price_never_falls_when_a_constrained_feature_rises(name: str) -> None:
    scorer = trained().scorer
    rows = the_frame().head(25)
    highest = float(np.nan_to_num(the_frame()[name].max())) or 1.0
    prices = np.stack([scorer.score(rows.assign(**{name: v}))["pure_premium"] for v in np.linspace(0, 1.5 * highest, 12)])
    assert (np.diff(prices, axis=0) >= -1e-6).all()


def test_sweep_moves_the_price_where_the_truth_does() -> None:
    rows = the_frame().head(1)
    low, high = (
        trained().scorer.score(rows.assign(brake_per_100km_90=v, brake_per_100km_365=v))["pure_premium"].iloc[0]
        for v in (1.0, 9.0)
    )
    # the truth is (9 / 1) ** .6 = 3.7
    assert high / low > 1.5
