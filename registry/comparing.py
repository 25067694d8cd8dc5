"""Two registered versions side by side, on policies that neither was trained on."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lake.conf import Conf
from lake.errors import LakeError
from registry.champion import Registered, load
from registry.store import CHAMPION
from registry.versions import Version, holder, versions
from training import metrics as m
from training.champion_diff import TOP_MOVERS, deviance_gain
from training.scorer import Scorer
from training.stability import moved

FEWEST = 100
REASONS = "reasons"
KEYS = ("policy_id", "vehicle_id", "as_of_date", "row")


@dataclass(frozen=True)
class Rival:
    """The champion as it is, for a candidate to be held against: `scorer` is None where it cannot be loaded, `why` says so."""

    version: str
    scorer: Scorer | None
    why: str = ""
    split: str | None = None

    def noted(self, diff: dict[str, Any], split: str) -> None:
        """Write into a candidate's artefact 9 which version it was held against, or why it was not: by another `split` the
        champion was trained on rows that the candidate has not seen."""
        diff["version"] = self.version
        if self.scorer is not None and self.split not in {None, split}:
            why = f"the champion's unseen rows were others ({self.split}, here {split}): its figures would be of rows it has seen"
            diff.pop("deviance_gain", None)
            diff.pop("loss_gain", None)
            diff |= {"status": "not comparable", "why": why}
        if self.scorer is None:
            diff |= {"status": "not comparable", "why": f"the champion cannot be loaded: {self.why}"}


def rival(conf: Conf, model: str) -> Rival | None:
    """The champion of a model; None where there is none. One of another version of this library must not keep a new one from
    being trained."""
    version = holder(conf, model, CHAMPION) if versions(conf, model) else None
    if version is None:
        return None
    try:
        found = load(conf, model, version)
        return Rival(version, found.scorer, split=found.lineage.get("split"))
    except LakeError as e:
        return Rival(version, None, str(e))


def compare(conf: Conf, before: Version, after: Version, seed: int) -> dict[str, Any]:
    """What changes from one version to the other, from the predictions that both keep of policies they have not seen.

    Raises LakeError where they have fewer than FEWEST rows in common.
    """
    loaded = [load(conf, v.model, v.version, v.run_id) for v in (before, after)]
    rows = _common([r.test_predictions() for r in loaded], [f"{v.model} version {v.version}" for v in (before, after)])
    e, claims = (rows[c].to_numpy(dtype=float) for c in ("exposure_years", "claims"))
    rates = [rows[f"predicted_{x}"].to_numpy(dtype=float) / e for x in ("a", "b")]
    prices = [rows[f"pure_premium_{x}"].to_numpy(dtype=float) for x in ("a", "b")]
    names = [set(r.scorer.spec.names) for r in loaded]
    return {
        "status": f"{after.model} version {after.version} against version {before.version}",
        "rows": len(rows), "policies": int(rows["policy_id"].nunique()), "claims": float(claims.sum()),
        "features_in": sorted(names[1] - names[0]), "features_out": sorted(names[0] - names[1]),
        "deviance_gain": deviance_gain(rows["policy_id"], claims, rates[0] * e, rates[1] * e, e, seed),
        "mean_premium_change": float(np.average(prices[1], weights=e) / np.average(prices[0], weights=e) - 1),
        **moved(prices[0], prices[1], e),
        "double_lift": m.double_lift(claims, e, rates[0], rates[1]).to_dict("records"),
        "relativities": _relativities(loaded, prices, e),
        "top_movers": _movers(rows, prices),
    }  # fmt: skip


def _common(predictions: list[pd.DataFrame], what: list[str]) -> pd.DataFrame:
    keys = [k for k in KEYS if all(k in p for p in predictions)]
    # versions of before reasons were kept have none
    predictions = [p if REASONS in p else p.assign(**{REASONS: None}) for p in predictions]
    wanted = ["predicted", "pure_premium", REASONS]
    a, b = (p[[*keys, *wanted]].rename(columns={c: f"{c}_{x}" for c in wanted}) for p, x in zip(predictions, "ab", strict=True))
    # rows of tables that differ have the same number and are not the same
    labels = [*keys, "exposure_years", "claims"]
    rows = a.merge(b, on=keys).merge(predictions[0][labels], on=keys).merge(predictions[1][labels], on=labels)
    if len(rows) < FEWEST:
        raise LakeError(
            f"{what[0]} and {what[1]} have {len(rows)} unseen rows in common, of {len(a)} and {len(b)}: nothing to compare"
        )
    return rows


def _relativities(loaded: list[Registered], prices: list[Any], exposure: Any) -> list[dict[str, Any]]:
    """Mean price over the mean of all, by bins of the first version's."""
    bins = m.equal_exposure_bins(exposure, prices[0])
    relative = [p / np.average(p, weights=exposure) for p in prices]
    table = pd.DataFrame({"bin": bins + 1, **{f"version_{r.version}": x for r, x in zip(loaded, relative, strict=True)}})
    return [{str(k): v for k, v in row.items()} for row in table.groupby("bin", as_index=False).mean().to_dict("records")]


def _movers(rows: pd.DataFrame, prices: list[Any]) -> list[dict[str, Any]]:
    """The policies whose price moves most, of those whose reasons both versions kept where there are any, with these."""
    reasoned = rows[[f"{REASONS}_a", f"{REASONS}_b"]].notna().all(axis=1).to_numpy()
    moves = np.abs(np.log(prices[1] / prices[0]))
    top = np.argsort(-np.where(reasoned | ~reasoned.any(), moves, -1.0), kind="stable")[:TOP_MOVERS]
    texts = [rows[f"{REASONS}_{x}"].map(lambda kept: json.loads(kept) if isinstance(kept, str) else []) for x in "ab"]
    return [
        {
            "policy_id": str(rows["policy_id"].iloc[i]), "before": float(prices[0][i]), "after": float(prices[1][i]),
            "reasons_before": texts[0].iloc[i], "reasons_after": texts[1].iloc[i],
        }
        for i in top
    ]  # fmt: skip
