"""How much of what can be known the product's training finds: policies whose true rates are known, and features of no meaning.

Rates are a function of eight observed features (so an oracle sees what a model sees) times a hidden gamma factor that nobody
sees; the scale of the effects is set so that the oracle's Gini on claims is that of a real book.
"""

import os
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.measure import Row
from training import metrics as m
from training.fitting import Progress, fit_data
from training.monotonicity import sweeps
from training.pipeline import settings_of
from training.spec import Column, ModelSpec
from training.table import prepare_table

TRAINED, UNSEEN, NOISE = 120_000, 60_000, 32
FREQUENCY = 0.08
SEEDS = int(os.environ.get("TELEMATICS_BENCH_SEEDS", "10"))
HIDDEN_SHAPE = 3.0
SIGNS: dict[str, Literal[-1, 0, 1]] = {
    "brake": 1,
    "night": 1,
    "speeding": 1,
    "phone": 1,
    "log_km": 1,
    "corner": 0,
    "regularity": 0,
    "mean_speed": 0,
}
"""Those with a sign are constrained; the others are free, and must be found to rise, fall and bend."""
STRENGTH = 0.73
Floats = npt.NDArray[np.float64]


def run() -> list[Row]:
    """Mean over seeds of the model's Gini over the oracle's on unseen policies."""
    found = [one(seed) for seed in range(SEEDS)]
    for seed, (gini, oracle, wrong) in enumerate(found):
        print(f"  seed {seed}: model {gini:.4f}, oracle {oracle:.4f}, ratio {gini / oracle:.3f}, signs wrong: {wrong or 'none'}")
    ratios = [gini / oracle for gini, oracle, _ in found]
    oracle = float(np.mean([o for _, o, _ in found]))
    return [
        Row(
            f"Gini on unseen policies, mean of {SEEDS} seeds; peer: the oracle",
            float(np.mean(ratios)) * oracle,
            oracle,
            "Gini",
            "",
        )
    ]


def one(seed: int) -> tuple[float, float, list[str]]:
    """(model's Gini, oracle's, features that move the price the wrong way) of one seed."""
    table, rate = book(seed)
    features = {name: Column(sign=sign) for name, sign in SIGNS.items()} | {f"noise_{j}": Column() for j in range(NOISE)}
    spec = ModelSpec(name="truth", exposure="years", claims="n", features=features, seed=seed, test_share=1e-9)
    data = prepare_table(table[:TRAINED], spec)
    # intervals of prices are not looked at here
    fit = fit_data(data, replace(settings_of(spec), refits=2), Progress())
    unseen = table[TRAINED:]
    predicted = fit.scorer.predict(unseen)["frequency"].to_numpy()
    n, e = (unseen[c].to_numpy(dtype=float) for c in ("n", "years"))
    ginis = [float(m.gini(n, e, score)(np.ones((1, len(n))))[0]) for score in (predicted, rate[TRAINED:])]
    moved = {s.feature: float(s.ice.mean(axis=0)[-1]) for s in sweeps(fit.scorer, fit.x, seed)}
    rises = {"brake", "night", "speeding", "phone", "log_km", "corner"}
    wrong = [name for name in SIGNS if name in rises and moved[name] <= 0] + (["regularity"] if moved["regularity"] >= 0 else [])
    return ginis[0], ginis[1], wrong


def book(seed: int) -> tuple[pd.DataFrame, Floats]:
    """Policies with a year each, and their true visible rates."""
    random = np.random.default_rng([7, seed])
    n = TRAINED + UNSEEN
    brake, corner = random.gamma(2, 2, n), random.gamma(2, 1.5, n)
    night, phone, speeding = random.beta(1, 20, n), random.beta(1, 30, n), random.beta(1.5, 12, n)
    log_km, regularity, mean_speed = np.log1p(random.gamma(4, 8, n)), random.beta(5, 3, n), random.normal(45, 8, n)
    effect = (
        0.5 * np.log1p(brake) + 4 * night + 5 * phone + 2.5 * speeding * (1 + (mean_speed > 50)) + 0.6 * log_km
        + 0.15 * np.minimum(corner, 5) - 0.8 * regularity + 0.02 * np.abs(mean_speed - 45)
    )  # fmt: skip
    rate = np.exp(STRENGTH * (effect - effect.mean()))
    rate *= FREQUENCY / rate.mean()
    claims = random.poisson(rate * random.gamma(HIDDEN_SHAPE, 1 / HIDDEN_SHAPE, n))
    columns = dict(zip(SIGNS, (brake, night, speeding, phone, log_km, corner, regularity, mean_speed), strict=True))
    columns |= {f"noise_{j}": random.normal(size=n) for j in range(NOISE)}
    return pd.DataFrame({"years": 1.0, "n": claims, **columns}), rate
