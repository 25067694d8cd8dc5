"""Whether a feature that stands in for a group is found, and whether one is called so where there is none."""

import numpy as np
import pandas as pd

from benchmarks.measure import Row
from training.fairness import proxies

POLICIES, FEATURES, SEEDS = 20_000, 40, 100
PLANTED_R2 = 0.03
"""Share of the planted feature's variance that the group explains: a fifth of a standard deviation's shift at a group of half."""


def run() -> list[Row]:
    """Seeds in which the planted proxy is found, and in which any feature is called a proxy without one."""
    found = sum(_called(seed, planted=True) == ["f0"] for seed in range(SEEDS))
    false = sum(bool(_called(seed, planted=False)) for seed in range(SEEDS))
    return [
        Row("planted proxy found and no other called so; peer: seeds", found, SEEDS, "seeds", ""),
        Row("false alarms without a proxy; peer: seeds", false, SEEDS, "seeds", ""),
    ]


def _called(seed: int, planted: bool) -> list[str]:
    rng = np.random.default_rng([seed, int(planted)])
    x = rng.normal(size=(POLICIES, FEATURES))
    member = rng.random(POLICIES) < 0.3  # noqa: PLR2004
    if planted:
        shift = (member - member.mean()) / member.std()
        x[:, 0] = np.sqrt(PLANTED_R2) * shift + np.sqrt(1 - PLANTED_R2) * x[:, 0]
    # what a source says of each policy is right for four fifths, and its probabilities are right on average
    said = np.where(rng.random(POLICIES) < 0.8, member, ~member)  # noqa: PLR2004
    probability = np.where(said, member[said].mean(), member[~said].mean())
    ids = pd.Series([f"p{i}" for i in range(POLICIES)])
    groups = pd.DataFrame({"policy_id": ids, "group_name": "g", "probability": probability})
    found = proxies(pd.DataFrame(x, columns=[f"f{j}" for j in range(FEATURES)]), ids, groups)
    return sorted(found.loc[found["is_proxy"], "feature"])
