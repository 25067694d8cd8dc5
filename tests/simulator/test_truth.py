import numpy as np
import pandas as pd
import pytest

from lake.errors import InputError
from lake.features import model_features
from simulator import oracle
from simulator.truth import BETA, HIDDEN_SHARE, LATENTS, MEAN_FREQUENCY, SIGMA_LN_RATE, draw_drivers


@pytest.fixture(scope="module")
def drivers():
    return draw_drivers(np.random.default_rng(3), 50_000)


def test_a_tenth_of_the_variance_of_ln_rate_is_hidden(drivers):
    # the standard error of a variance from 50,000 normal draws is sqrt(2 / 50,000) = .6 % of it
    variance = np.log(drivers["annual_frequency"]).var()
    assert variance == pytest.approx(SIGMA_LN_RATE**2, rel=0.025)
    assert drivers["hidden"].var() / variance == pytest.approx(HIDDEN_SHARE, abs=0.003)
    assert drivers[list(LATENTS)].corrwith(drivers["hidden"]).abs().max() < 0.02


def test_ln_rate_is_linear_in_the_latents_and_rises_with_each(drivers):
    x = np.column_stack([np.ones(len(drivers)), drivers[list(LATENTS)]])
    fitted = np.linalg.lstsq(x, np.log(drivers["annual_frequency"]), rcond=None)[0][1:]
    assert fitted == pytest.approx(BETA, abs=0.005)
    assert (BETA > 0.1).all()


def test_behaviour_rises_with_its_latent_where_the_catalogue_says_that_claims_do(drivers):
    shown_by = {"log_km_per_day": ("active_p", "mileage"), "brake_per_100km": ("brake_p", "harshness"),
                "accelerate_per_100km": ("accelerate_p", "harshness"), "corner_per_100km": ("corner_p", "harshness"),
                "speeding_share": ("speeding_p", "speeding"), "phone_share": ("phone_p", "phone"),
                "night_share": ("night_p", "night")}  # fmt: skip
    assert {f.stem for f in model_features() if f.sign == 1} == set(shown_by)
    for behaviour, latent in shown_by.values():
        assert drivers[behaviour].corr(drivers[latent], method="spearman") > 0.99


def test_mean_frequency_and_bands(drivers):
    assert drivers["annual_frequency"].mean() == pytest.approx(MEAN_FREQUENCY, rel=0.02)
    assert drivers.groupby("vehicle_group_band")["annual_frequency"].mean().to_numpy() == pytest.approx(MEAN_FREQUENCY, rel=0.05)
    assert set(drivers["driver_age_band"]) == {"17-24", "25-39", "40-64", "65+"}
    assert (drivers["base_premium_minor"] % 100 == 0).all()


def test_gini_by_hand():
    # rates .1 < .2 < .4 with exposures 1, 2, 1 and claims 0, 1, 1. Lorenz points (0, 0), (.25, 0), (.75, .5), (1, 1):
    # area = 0 + .5 x .25 + .25 x .75 = .3125, gini = 1 - 2 x .3125 = .375
    truth = pd.DataFrame({"policy_id": ["a", "b", "c"], "annual_frequency": [0.4, 0.1, 0.2]})
    frame = pd.DataFrame({"policy_id": ["c", "a", "b"], "exposure_years": [2.0, 1.0, 1.0], "claims": [1, 1, 0]})
    assert oracle.gini(truth, frame) == pytest.approx(0.375)


def test_gini_of_the_oracle_lies_where_there_is_something_to_learn(drivers):
    # 50,000 policies x 10 years: 40,000 claims; erf(s / 2) = .28 by construction
    years = np.full(len(drivers), 10.0)
    claims = np.random.default_rng(4).poisson(drivers["annual_frequency"] * years)
    frame = pd.DataFrame({"policy_id": np.arange(len(drivers)), "exposure_years": years, "claims": claims})
    assert oracle.gini(frame.assign(annual_frequency=drivers["annual_frequency"]), frame) == pytest.approx(0.28, abs=0.01)


def test_gini_refuses_what_it_cannot_judge():
    truth = pd.DataFrame({"policy_id": ["a"], "annual_frequency": [0.1]})
    with pytest.raises(InputError, match="1 policies have no true rate, for instance b"):
        oracle.gini(truth, pd.DataFrame({"policy_id": ["b"], "exposure_years": [1.0], "claims": [1]}))
    with pytest.raises(InputError, match="at least one claim"):
        oracle.gini(truth, pd.DataFrame({"policy_id": ["a"], "exposure_years": [1.0], "claims": [0]}))


def test_rates_of_a_folder_without_a_simulation(tmp_path):
    with pytest.raises(InputError, match=r"drivers\.parquet is not there"):
        oracle.rates(tmp_path)
