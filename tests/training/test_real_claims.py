"""Public claims data with known answers; skipped where they are not at hand."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from lake.conf import CONF_FOLDER
from tests.conftest import ROOT
from training.fitting import Progress, Settings, fit_data
from training.metrics import poisson_unit_deviance
from training.spec import load_spec
from training.table import prepare_table

Floats = npt.NDArray[np.float64]

DATA = Path(os.environ.get("TELEMATICS_DATA", ROOT.parent / "shared" / "data"))


def public(name: str) -> pd.DataFrame:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no {name} in {DATA}: set TELEMATICS_DATA")
    return pd.read_parquet(path)


def quasi_poisson(model: Any, design: pd.DataFrame, y: Floats, weight: Floats) -> tuple[float, float, float]:
    """(null deviance, residual deviance, dispersion) of a Poisson GLM; dispersion is Pearson's chi-squared over degrees of
    freedom, what a quasi-Poisson's standard errors are scaled by (McCullagh, Nelder 1989, section 4.5)."""
    claims, expected = y * weight, np.asarray(model.predict(design), dtype=float) * weight
    null = claims.sum() / weight.sum() * weight
    pearson = float(((claims - expected) ** 2 / expected).sum())
    residual = float(poisson_unit_deviance(claims, expected).sum())
    return float(poisson_unit_deviance(claims, null).sum()), residual, pearson / (len(y) - design.shape[1] - 1)


def test_quasi_poisson_of_ausprivauto0405_is_the_published_one() -> None:
    from glum import GeneralizedLinearRegressor

    table = public("ausprivauto0405/policies.parquet")
    rows = table[table["Exposure"] > 0.7]
    assert len(rows) == 17_520
    wanted = {
        "DrivAge": {"young people": -0.0318, "working people": -0.1535, "older work. people": -0.1175, "old people": -0.3317,
                    "oldest people": -0.2878},
        "VehAge": {"young cars": -0.0698, "old cars": -0.1885, "oldest cars": -0.2817},
    }  # fmt: skip
    design = pd.DataFrame({f"{c}/{level}": (rows[c].astype(str) == level).astype(float) for c in wanted for level in wanted[c]})
    exposure, claims = (rows[c].to_numpy(dtype=float) for c in ("Exposure", "ClaimNb"))
    model = GeneralizedLinearRegressor(family="poisson", alpha=0.0, gradient_tol=1e-10)
    model.fit(design, claims / exposure, sample_weight=exposure)
    assert model.intercept_ == pytest.approx(-1.6570, abs=6e-5)
    assert dict(zip(design, model.coef_, strict=True)) == pytest.approx(
        {f"{c}/{level}": v for c, levels in wanted.items() for level, v in levels.items()}, abs=6e-5
    )
    null, residual, dispersion = quasi_poisson(model, design, claims / exposure, exposure)
    assert (null, residual) == pytest.approx((9444.37, 9396.77), abs=0.006)
    assert dispersion == pytest.approx(1.063, abs=6e-4)


def test_pg17_keeps_recoveries_in_the_total_and_prices_no_severity_on_them() -> None:
    claims = (
        public("pg17/claims_year0.parquet")
        .groupby(["id_client", "id_vehicle"], as_index=False)[["claim_nb", "claim_amount"]]
        .sum()
    )
    table = public("pg17/policies_year0.parquet").merge(claims, on=["id_client", "id_vehicle"], how="left")
    table = table.fillna({"claim_nb": 0, "claim_amount": 0.0}).assign(exposure=1.0, vh_age=lambda t: pd.to_numeric(t["vh_age"]))
    spec = load_spec(CONF_FOLDER / "models" / "pg17.yml")
    data = prepare_table(table, spec)
    assert (len(data.rows), int(data.claims.sum())) == (100_000, 14_243)
    assert data.incurred.sum() == pytest.approx(claims["claim_amount"].sum())
    assert not (data.capped[data.with_amount] <= 0).any()  # type: ignore[index]
    assert "negative amounts: net" in data.notes[0]
    drawn = prepare_table(table.sample(20_000, random_state=1), spec)
    scorer = fit_data(drawn, Settings(seed=1, refits=2, folds=2), Progress()).scorer
    predicted, held = scorer.predict(drawn.rows), drawn.held
    # 4,000 policies with 570 claims: 4 % is a standard deviation of the ratio
    assert drawn.claims[held].sum() / predicted["frequency"][held].sum() == pytest.approx(1.0, abs=0.15)
    with_cover = table.assign(bonus=np.minimum(table["pol_bonus"], 1.0)).groupby("bonus")["claim_nb"].mean()
    assert with_cover.iloc[0] < with_cover.iloc[-1]
