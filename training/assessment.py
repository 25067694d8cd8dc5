"""Artefacts 4 to 9 of a training, as plain data: what a reviewer reads and gates judge."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lake.price import ADDITIVITY_TOLERANCE
from training import metrics as m
from training.artefacts import NOT_ASSESSED
from training.champion_diff import champion_diff, no_champion
from training.data import Data
from training.evaluation import Measured
from training.fairness import fairness, not_assessed, proxies
from training.fitting import Fit, Progress, Settings, fit_data
from training.monotonicity import Sweep, stated
from training.scorer import Scorer
from training.stability import stability
from training.tweedie import losses

SEGMENT_BINS = 4
MAX_SEGMENT_LEVELS = 12
DIFF_ROWS = 20_000


def performance(data: Data, measured: Measured) -> dict[str, Any]:
    """Artefact 4: metrics with intervals, ten bins, the same against the GLM, and actual over expected by segment with Garwood
    intervals."""
    return {
        "metrics": {k: vars(v) for k, v in measured["metrics"].items()},
        "interval": f"{m.LEVEL:.0%}, {m.DRAWS} bootstrap draws of policies",
        "lift": measured["lift"].to_dict("records"),
        "double_lift_over_glm": measured["double_lift"].to_dict("records"),
        "segments": segments(data, measured["test"]).to_dict("records"),
    }


def segments(data: Data, test: pd.DataFrame) -> pd.DataFrame:
    """A row per segment of the test part: dates, levels of categories, quarters of what credibility rests on."""
    rows = data.rows.loc[data.held].reset_index(drop=True)
    by: dict[str, pd.Series] = {}
    if data.times is not None and data.times.nunique() <= MAX_SEGMENT_LEVELS:
        by["date"] = pd.Series(data.times[data.held].to_numpy()).astype(str).str[:10]
    for f in data.features:
        if f.kind == "category" and len(f.levels) <= MAX_SEGMENT_LEVELS:
            by[f.name] = rows[f.name].astype("string").fillna("not known")
    for name in dict.fromkeys(f.shrinkage.km for f in data.features if f.shrinkage and f.window_days == 365):
        by[name] = pd.qcut(rows[name], SEGMENT_BINS, duplicates="drop").astype(str)
    found = [_segment(test.reset_index(drop=True), name, values) for name, values in by.items()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _segment(test: pd.DataFrame, name: str, values: pd.Series) -> pd.DataFrame:
    out = test.groupby(values.to_numpy())[["exposure_years", "claims", "predicted"]].sum().rename_axis("level").reset_index()
    lower, upper = m.garwood(out["claims"].to_numpy(dtype=float))
    ratios = {k: v / out["predicted"].to_numpy() for k, v in (("lower", lower), ("upper", upper))}
    out.insert(0, "segment", name)
    return out.assign(actual_over_expected=out["claims"] / out["predicted"], **ratios)


def reproducibility(data: Data, found: Fit, settings: Settings) -> dict[str, Any]:
    """Part of artefact 3: the same data, settings and seed again, and whether the files are the same to the byte."""
    again = fit_data(data, _fixed(found, settings), Progress())
    same = again.scorer.parts() == found.scorer.parts()
    return {"seed": settings.seed, "retrain_matches": same, "compared": sorted(found.scorer.parts())}


def _fixed(found: Fit, settings: Settings) -> Settings:
    """The recipes that a search found, without searching again."""
    return replace(settings, trials=0, frequency=found.pair[0].recipe, severity=found.pair[1].recipe)


def reasons(scorer: Scorer, sample: pd.DataFrame) -> dict[str, Any]:
    """Artefact 8: each feature's words, sign and mean share of ln price, and the largest additivity error on the sample."""
    parts = scorer.contributions(sample)
    scored = scorer.score(sample)
    total = scored["base"] + scored["reasons"].map(lambda rs: sum(r["contribution"] for r in rs)) + scored["others"]
    error = float(np.abs(total + scored["calibration"] - np.log(scored["pure_premium"])).max())
    lines = [
        {"feature": f.name, "text": f.text, "unit": f.unit, "sign": f.sign, "actionable": f.actionable,
         "mean_absolute_contribution": float(np.abs(parts[f.name]).mean())}
        for f in scorer.spec.features
    ]  # fmt: skip
    return {
        "features": sorted(lines, key=lambda x: -float(x["mean_absolute_contribution"])),
        "rows": len(sample), "largest_additivity_error": error, "tolerance": ADDITIVITY_TOLERANCE,
    }  # fmt: skip


def assess(
    data: Data, found: Fit, settings: Settings, test: pd.DataFrame, swept: list[Sweep], sample: pd.DataFrame,
    groups: pd.DataFrame | None, champion: Scorer | None,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """By name: stability, monotonicity, fairness, reasons, champion_diff and reproducibility."""
    return {
        "stability": stability(data, found, settings),
        "monotonicity": stated(swept),
        "fairness": _fairness(data, found, test, groups, settings.seed),
        "reasons": reasons(found.scorer, sample),
        "champion_diff": _champion_diff(data, found.scorer, champion, settings.seed),
        "reproducibility": reproducibility(data, found, settings),
    }


def _fairness(data: Data, found: Fit, test: pd.DataFrame, groups: pd.DataFrame | None, seed: int) -> dict[str, Any]:
    if groups is None or groups.empty:
        return not_assessed()
    design = pd.DataFrame(found.x, columns=found.scorer.spec.names)
    out = fairness(test, groups, seed)
    if out["status"] == NOT_ASSESSED:
        return out
    categories = frozenset(c.name for c in data.features if c.kind == "category")
    return out | {"proxies": proxies(design, data.groups, groups, categories).head(20).to_dict("records")}


def _champion_diff(data: Data, candidate: Scorer, champion: Scorer | None, seed: int) -> dict[str, Any]:
    if champion is None:
        return no_champion()
    rows = data.rows.loc[data.held]
    lacking = [c for c in champion.spec.inputs if c not in rows]
    if lacking:
        return {"status": "not comparable", "why": f"the frame lacks {', '.join(lacking)}, which the champion needs"}
    rows = rows.assign(policy_id=data.groups[data.held], exposure_years=data.exposure[data.held], claims=data.claims[data.held])
    if data.capped is not None:
        rows = rows.assign(losses=losses(data)[data.held])
    return champion_diff(candidate, champion, rows.sample(min(DIFF_ROWS, len(rows)), random_state=seed), seed)
