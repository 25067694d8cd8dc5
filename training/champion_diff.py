"""A candidate against the champion on the same rows, of policies that neither was trained on: what changes, for whom, and why."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training import metrics as m
from training.artefacts import NO_CHAMPION
from training.scorer import Scorer
from training.stability import moved
from training.tweedie import unit_deviance

Floats = npt.NDArray[np.float64]

TOP_MOVERS = 10
LOSS_POWER = 1.5
"""Of the Tweedie deviance that losses of two versions are compared by: the middle of those that the check tries."""
RELATIVITY_BINS = 10


def no_champion() -> dict[str, Any]:
    """Artefact 9 of a first version."""
    return {"status": NO_CHAMPION}


def champion_diff(candidate: Scorer, champion: Scorer, rows: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Artefact 9: `rows` hold policy_id, exposure_years, claims, the inputs of both, and where there are amounts losses.

    Raises LakeError where a row lacks what one of them needs.
    """
    after, before = candidate.score(rows), champion.score(rows)
    e, claims = (rows[c].to_numpy(dtype=float) for c in ("exposure_years", "claims"))
    names = [set(s.spec.names) for s in (candidate, champion)]
    return {
        "status": "compared",
        "rows": len(rows),
        "policies": int(rows["policy_id"].nunique()),
        "claims": float(claims.sum()),
        "features_in": sorted(names[0] - names[1]),
        "features_out": sorted(names[1] - names[0]),
        "deviance_gain": deviance_gain(rows["policy_id"], claims, before["frequency"] * e, after["frequency"] * e, e, seed),
        **_loss_gain(rows, before["pure_premium"], after["pure_premium"], e, seed),
        "mean_premium_change": float(
            np.average(after["pure_premium"], weights=e) / np.average(before["pure_premium"], weights=e) - 1
        ),
        **moved(before["pure_premium"].to_numpy(), after["pure_premium"].to_numpy(), e),
        "double_lift": m.double_lift(claims, e, before["frequency"].to_numpy(), after["frequency"].to_numpy()).to_dict("records"),
        "relativities": _relativities(before, after, e),
        "top_movers": _movers(rows["policy_id"], before, after),
    }


def deviance_gain(policies: pd.Series, claims: Floats, before: Any, after: Any, exposure: Floats, seed: int) -> dict[str, Any]:
    """How much less Poisson deviance a car-year the candidate has, paired, with an interval from a bootstrap of policies."""
    units = [m.poisson_unit_deviance(claims, np.asarray(mu, dtype=float)) for mu in (before, after)]
    return vars(m.estimated(m.mean_of(units[0] - units[1], exposure), m.policy_draws(policies, m.DRAWS, seed)))


def _loss_gain(rows: pd.DataFrame, before: pd.Series, after: pd.Series, exposure: Floats, seed: int) -> dict[str, Any]:
    """How much less Tweedie deviance (LOSS_POWER) a car-year the candidate's prices have, each balanced to the rows, paired."""
    if "losses" not in rows or not rows["losses"].sum() > 0:
        return {}
    y = rows["losses"].to_numpy(dtype=float) / exposure
    prices = [p.to_numpy(dtype=float) for p in (before, after)]
    units = [exposure * unit_deviance(y, p * (y * exposure).sum() / (p * exposure).sum(), LOSS_POWER) for p in prices]
    draws = m.policy_draws(rows["policy_id"], m.DRAWS, seed)
    return {"loss_gain": vars(m.estimated(m.mean_of(units[0] - units[1], exposure), draws))}


def _relativities(before: pd.DataFrame, after: pd.DataFrame, exposure: Floats) -> list[dict[str, Any]]:
    """Mean relativity of both by bins of the champion's."""
    champion, candidate = (scored["relativity"].to_numpy() for scored in (before, after))
    bins = m.equal_exposure_bins(exposure, champion, RELATIVITY_BINS)
    rows = pd.DataFrame({"bin": bins + 1, "champion": champion, "candidate": candidate})
    return [{str(k): v for k, v in row.items()} for row in rows.groupby("bin", as_index=False).mean().to_dict("records")]


def _movers(policies: pd.Series, before: pd.DataFrame, after: pd.DataFrame) -> list[dict[str, Any]]:
    """The policies whose price moves most, with both prices' reasons."""
    ratio = np.abs(np.log(after["pure_premium"].to_numpy() / before["pure_premium"].to_numpy()))
    top = np.argsort(-ratio, kind="stable")[:TOP_MOVERS]
    return [
        {
            "policy_id": str(policies.iloc[i]),
            "champion": float(before["pure_premium"].iloc[i]),
            "candidate": float(after["pure_premium"].iloc[i]),
            "reasons_champion": [r["text"] for r in before["reasons"].iloc[i]],
            "reasons_candidate": [r["text"] for r in after["reasons"].iloc[i]],
        }
        for i in top
    ]
