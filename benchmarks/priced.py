"""A table of risks with claims, for what is measured over whole models."""

import json

import numpy as np
import pandas as pd

from training.spec import ModelSpec

FEATURES, UNKNOWN = 40, 0.05
NAMES = [f"f{n}" for n in range(FEATURES)]


def risks(rows: int, seed: int) -> pd.DataFrame:
    """A car-year a row, two rows a policy. Ten features act on the frequency of claims, two on their severity."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, FEATURES))
    x[rng.random(x.shape) < UNKNOWN] = np.nan
    seen = np.nan_to_num(x)
    claims = rng.poisson(np.exp(-1.5 + seen[:, :10] @ rng.normal(0.0, 0.15, 10) + 0.2 * seen[:, 1] * seen[:, 2]))
    incurred = claims * rng.gamma(2.0, 500 * np.exp(0.2 * seen[:, 3] + 0.1 * seen[:, 4]))
    policies = pd.Series(np.arange(rows) // 2).map("p{:08d}".format)
    return pd.DataFrame(x, columns=NAMES).assign(years=1.0, claims=claims, incurred=incurred, policy=policies)


def spec() -> ModelSpec:
    """How they are priced."""
    text = {
        "name": "bench", "exposure": "years", "claims": "claims", "incurred": "incurred", "groups": "policy",
        "features": dict.fromkeys(NAMES),
    }  # fmt: skip
    return ModelSpec.model_validate(json.loads(json.dumps(text)))
