"""Whether prices treat groups differently, and which features stand in for a group.

Groups come as probabilities (1 where they are known), for proxies such as names and places are wrong for 16 to 26 % of people: so
every figure has an interval, from a bootstrap of policies. A policy that the source says nothing of is left out and counted:
it is not known to be outside a group.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import f, norm

from training import metrics as m
from training.artefacts import NOT_ASSESSED

Floats = npt.NDArray[np.float64]

FAMILY_ERROR = 0.01
"""Chance that any feature of a group is called a proxy where none is (Holm 1979)."""
PROXY_R2 = 0.01
"""A feature that says less than 1 % of who is in a group is no proxy worth acting on, however certain."""
TOP_SHARE = 0.1
BINS = 10
FEWEST_OF_LEVEL = 20
"""Policies of a level below which its mean membership says little, and F little of it."""


def not_assessed() -> dict[str, Any]:
    """Artefact 7 without groups."""
    return {"status": NOT_ASSESSED, "why": "reference.fairness_groups holds no group of these policies"}


def fairness(test: pd.DataFrame, groups: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Artefact 7 for test rows (policy_id, exposure_years, claims, predicted, pure_premium) and groups (policy_id, group_name,
    probability). A group that has nobody outside, or nobody inside, cannot be compared, and then nothing counts as assessed."""
    shares = _memberships(groups)
    known = test["policy_id"].isin(shares.index).to_numpy()
    share_known = float(np.average(known, weights=test["exposure_years"]))
    test = test[known]
    of_row = shares.reindex(test["policy_id"])
    if not of_row.to_numpy().any():
        return not_assessed()
    onesided = [str(g) for g in of_row if of_row[g].nunique() == 1 and of_row[g].iloc[0] in (0.0, 1.0)]
    if onesided:
        why = f"nobody to compare with: {', '.join(onesided)}; a policy known to be outside needs a row of probability 0"
        return {"status": NOT_ASSESSED, "why": why}
    draws = m.policy_draws(test["policy_id"], m.DRAWS, seed)
    lines = [_group(test, of_row[g].to_numpy(dtype=float), str(g), draws) for g in of_row]
    worst = min(line["adverse_impact_ratio"]["value"] for line in lines)
    stated = {"level": m.LEVEL, "share_of_exposure_known": share_known, "lowest_adverse_impact_ratio": worst}
    return {"status": "assessed", **stated, "groups": lines}


def _memberships(groups: pd.DataFrame) -> pd.DataFrame:
    """Probability by policy and group; 0 in a group that is not stated for a policy of which another is."""
    return groups.pivot_table(index="policy_id", columns="group_name", values="probability", aggfunc="max").fillna(0.0)


def _group(test: pd.DataFrame, p: Floats, name: str, draws: Floats) -> dict[str, Any]:
    e, claims, expected = (test[c].to_numpy(dtype=float) for c in ("exposure_years", "claims", "predicted"))
    price = test["pure_premium"].to_numpy(dtype=float)
    inside, outside = p * e, (1 - p) * e
    # above, not at: where all prices are the same nobody is in the top
    top = price > np.quantile(price, 1 - TOP_SHARE)

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
    # a draw may have none of a small group: not defined, which the file says as null
    with np.errstate(divide="ignore", invalid="ignore"):
        figures = {k: vars(m.estimated(s, draws)) for k, s in statistics.items()}
    return {"group": name, "exposure_years": float(inside.sum()), "expected_claims": float((p * expected).sum()), **figures}


def proxies(
    features: pd.DataFrame, policies: pd.Series, groups: pd.DataFrame, categories: frozenset[str] = frozenset()
) -> pd.DataFrame:
    """Which features (rows x features) stand in for a group: group_name, feature, r2, p_value, is_proxy.

    A policy counts once, at its mean, of `categories` at its first level. A number is looked at by rank and, as a category is, by
    level: membership may go with the middle, with both ends, or with a value that is missing. The larger r2 counts, and twice the
    smaller p-value. By level r2 is the share of membership's variance between levels of a category or BINS of a number (analysis
    of variance, adjusted for their count), by rank that of the feature's rank variance that membership explains: both times
    mean(p) (1 - mean(p)) / var(p), for a probability p that is right on average varies less than membership does. The p-values
    are that of F and of Fisher's z, and must survive Holm's correction at FAMILY_ERROR.
    """
    by_policy, memberships = features.groupby(policies.to_numpy()), _memberships(groups)
    of_policy = by_policy.mean()
    named = [c for c in features if c in categories]
    of_policy[named] = by_policy[named].first()
    of_policy = of_policy[of_policy.index.isin(memberships.index)]
    levels = {str(c): _levels(of_policy[c], c in categories) for c in of_policy}
    out = []
    for group in memberships:
        p = memberships[group].reindex(of_policy.index)
        r = of_policy.rank().corrwith(p.rank()).fillna(0.0)
        r[named] = 0.0
        counts = of_policy.notna().sum()
        certain = float(p.mean() * (1 - p.mean()) / p.var(ddof=0)) if p.var(ddof=0) > 0 else 0.0
        z = np.abs(np.arctanh(np.clip(r, -0.999999, 0.999999))) * np.sqrt(np.maximum(counts - 3, 1))
        between = np.array([_between(p.to_numpy(dtype=float), levels[str(c)]) for c in r.index]).reshape(-1, 2)
        found = pd.DataFrame(
            {
                "group_name": group,
                "feature": r.index,
                "r2": np.minimum(certain * np.maximum(r.to_numpy() ** 2, between[:, 0]), 1.0),
                # two looks at each feature
                "p_value": np.minimum(2 * np.minimum(2 * norm.sf(z), between[:, 1]), 1.0),
            }
        )
        out.append(found.assign(is_proxy=_holm(found["p_value"].to_numpy()) & (found["r2"] >= PROXY_R2)))
    return pd.concat(out, ignore_index=True).sort_values("r2", ascending=False, kind="stable").reset_index(drop=True)


def _levels(values: pd.Series, category: bool) -> npt.NDArray[np.int64]:
    """A policy's level: of a category its code, of a number its bin; what is missing is one, levels of few policies are one."""
    coded = values if category or values.nunique() <= BINS else pd.qcut(values, BINS, labels=False, duplicates="drop")
    level = pd.Series(pd.factorize(coded)[0])
    few = level.map(level.value_counts()) < FEWEST_OF_LEVEL
    return np.asarray(level.mask(few, -2), dtype=np.int64)


def _between(p: Floats, level: npt.NDArray[np.int64]) -> tuple[float, float]:
    """(adjusted share of the variance of p between levels, p-value of F), (0, 1) where there is nothing to compare."""
    means = pd.Series(p).groupby(level).transform("mean").to_numpy()
    total, within = float(((p - p.mean()) ** 2).sum()), float(((p - means) ** 2).sum())
    n, count = len(p), len(np.unique(level))
    if count == 1 or n <= count or total == 0:
        return 0.0, 1.0
    left = within / (n - count)
    ratio = np.inf if left == 0 else (total - within) / (count - 1) / left
    return max(1 - left / (total / (n - 1)), 0.0), float(f.sf(ratio, count - 1, n - count))


def _holm(p_values: Floats) -> npt.NDArray[np.bool_]:
    order = np.argsort(p_values)
    passed = np.cumprod(p_values[order] <= FAMILY_ERROR / np.arange(len(order), 0, -1)).astype(bool)
    out = np.zeros(len(order), dtype=bool)
    out[order] = passed
    return out
