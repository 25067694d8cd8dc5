"""Whether prices treat groups differently, and which features stand in for a group.

Groups come as probabilities (1 where they are known), for proxies such as names and places are wrong for 16 to 26 % of people: so
every figure has an interval, from a bootstrap of policies.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from training import metrics as m
from training.artefacts import NOT_ASSESSED

Floats = npt.NDArray[np.float64]

FAMILY_ERROR = 0.01
"""Chance that any feature of a group is called a proxy where none is (Holm 1979)."""
PROXY_R2 = 0.01
"""A feature that says less than 1 % of who is in a group is no proxy worth acting on, however certain."""
FOUR_FIFTHS = 0.8
"""Adverse impact ratio below which US guidance looks closer (Uniform Guidelines on Employee Selection Procedures, 1978)."""
TOP_SHARE = 0.1


def not_assessed() -> dict[str, Any]:
    """Artefact 7 without groups."""
    return {"status": NOT_ASSESSED, "why": "reference.fairness_groups holds no group of these policies"}


def fairness(test: pd.DataFrame, groups: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Artefact 7 for test rows (policy_id, exposure_years, claims, predicted, pure_premium) and groups (policy_id, group_name,
    probability)."""
    wide = groups.pivot_table(index="policy_id", columns="group_name", values="probability", aggfunc="max")
    shares = wide.reindex(test["policy_id"]).fillna(0.0)
    if not shares.to_numpy().any():
        return not_assessed()
    draws = m.policy_draws(test["policy_id"], m.DRAWS, seed)
    lines = [_group(test, shares[g].to_numpy(dtype=float), str(g), draws) for g in shares]
    worst = min(line["adverse_impact_ratio"]["value"] for line in lines)
    return {"status": "assessed", "level": m.LEVEL, "lowest_adverse_impact_ratio": worst, "groups": lines}


def _group(test: pd.DataFrame, p: Floats, name: str, draws: Floats) -> dict[str, Any]:
    e, claims, expected = (test[c].to_numpy(dtype=float) for c in ("exposure_years", "claims", "predicted"))
    price = test["pure_premium"].to_numpy(dtype=float)
    inside, outside = p * e, (1 - p) * e
    top = price >= np.quantile(price, 1 - TOP_SHARE)

    def ratio(w: Floats, a: Floats, b: Floats) -> Floats:
        return np.asarray((w @ a) / (w @ b))

    statistics: dict[str, Callable[[Floats], Floats]] = {
        "actual_over_expected": lambda w: ratio(w, p * claims, p * expected),
        "price_ratio": lambda w: ratio(w, inside * price, inside) / ratio(w, outside * price, outside),
        "adverse_impact_ratio": lambda w: ratio(w, inside * ~top, inside) / ratio(w, outside * ~top, outside),
        "odds_ratio_of_top_tenth": lambda w: ratio(w, inside * top, inside * ~top) / ratio(w, outside * top, outside * ~top),
        "standardised_mean_difference": lambda w: (
            (ratio(w, inside * np.log(price), inside) - ratio(w, outside * np.log(price), outside)) / np.log(price).std()
        ),
    }
    figures = {k: vars(m.estimated(s, draws)) for k, s in statistics.items()}
    return {"group": name, "exposure_years": float(inside.sum()), "expected_claims": float((p * expected).sum()), **figures}


def proxies(features: pd.DataFrame, policies: pd.Series, groups: pd.DataFrame) -> pd.DataFrame:
    """Which features (rows x features) stand in for a group: group_name, feature, r2, p_value, is_proxy.

    A policy counts once, at its mean. r2 is the share of a feature's rank variance that membership explains: the squared rank
    correlation with the probability p, times mean(p) (1 - mean(p)) / var(p), for a probability that is right on average varies
    less than membership does. The p-value is that of Fisher's z on the former, and must survive Holm's correction at
    FAMILY_ERROR.
    """
    of_policy = features.groupby(policies.to_numpy()).mean()
    out = []
    for group, rows in groups.groupby("group_name"):
        p = rows.set_index("policy_id")["probability"].groupby(level=0).max().reindex(of_policy.index).fillna(0.0)
        r = of_policy.rank().corrwith(p.rank()).fillna(0.0)
        counts = of_policy.notna().sum()
        certain = float(p.mean() * (1 - p.mean()) / p.var(ddof=0)) if p.var(ddof=0) > 0 else 0.0
        z = np.abs(np.arctanh(np.clip(r, -0.999999, 0.999999))) * np.sqrt(np.maximum(counts - 3, 1))
        found = pd.DataFrame(
            {
                "group_name": group,
                "feature": r.index,
                "r2": np.minimum(certain * r.to_numpy() ** 2, 1.0),
                "p_value": 2 * norm.sf(z),
            }
        )
        out.append(found.assign(is_proxy=_holm(found["p_value"].to_numpy()) & (found["r2"] >= PROXY_R2)))
    return pd.concat(out, ignore_index=True).sort_values("r2", ascending=False, kind="stable").reset_index(drop=True)


def _holm(p_values: Floats) -> npt.NDArray[np.bool_]:
    order = np.argsort(p_values)
    passed = np.cumprod(p_values[order] <= FAMILY_ERROR / np.arange(len(order), 0, -1)).astype(bool)
    out = np.zeros(len(order), dtype=bool)
    out[order] = passed
    return out
