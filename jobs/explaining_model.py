"""What a score's model says besides the score: what the strongest habit costs in money, and who approved it."""

from typing import Any

import pandas as pd
from pyspark.sql import Row

from lake.conf import Conf
from lake.errors import TelematicsError
from registry import history
from registry.champion import Registered, load
from training.reasons import amount
from training.scorer_spec import FeatureSpec


def told(conf: Conf, score: Row, values: dict[str, Any]) -> dict[str, Any]:
    """reasons (with whether a driver can change them), counterfactual and approval of a score; `values` are the car's features.

    Both are None, and a note says why, where the model cannot be had.
    """
    of, reasons = score["lineage"], [r.asDict() for r in score["reasons"] or []]
    try:
        model = load(conf, of["model_name"], of["model_version"], of["mlflow_run_id"])
    except (TelematicsError, OSError) as e:
        return {"reasons": reasons, "counterfactual": None, "approval": None, "model_note": f"the model cannot be had: {e}"}
    features = {f.name: f for f in model.scorer.spec.features}
    for reason in reasons:
        reason["actionable"] = reason["feature"] in features and features[reason["feature"]].actionable
    changed = None if score["fallback"] else _counterfactual(model, reasons, values, float(score["pure_premium"]))
    return {"reasons": reasons, "counterfactual": changed, "approval": _approval(conf, model), "model_note": None}


def _counterfactual(
    model: Registered, reasons: list[dict[str, Any]], values: dict[str, Any], price: float
) -> dict[str, Any] | None:
    """The price with the strongest habit that raises it at its average, in every window, and all else as it is."""
    features = {f.name: f for f in model.scorer.spec.features}
    raising = [r for r in reasons if r["actionable"] and r["contribution"] > 0 and r["value"] is not None]
    habit = next((features[r["feature"]] for r in raising if r["value"] > features[r["feature"]].mean), None)
    if habit is None or any(values.get(name) is None for name in (habit.name,)):
        return None
    stem = habit.name.rsplit("_", 1)[0]
    same = [f for f in features.values() if f.name.rsplit("_", 1)[0] == stem and (values.get(f.name) or 0) > f.mean]
    put = values | {f.name: f.mean for f in same}
    found = float(model.scorer.predict(pd.DataFrame([put]))["pure_premium"].iloc[0])
    return {
        "feature": habit.name, "text": habit.text, "from": _said(habit, values[habit.name]), "to": _said(habit, habit.mean),
        "price": found, "saves": price - found,
    }  # fmt: skip


def _said(feature: FeatureSpec, value: float) -> str:
    return amount(feature, float(value))


def _approval(conf: Conf, model: Registered) -> dict[str, str] | None:
    found = history.read(conf, model.model, anchored=False).last(model.version, history.APPROVED)
    return None if found is None else {"by": found.actor.name, "at": found.at, "expires": found.detail["expires"]}


def page(found: dict[str, Any]) -> str:
    """The explanation for a customer: one HTML page, nothing loaded from anywhere, text from data escaped."""
    from importlib.resources import files

    from jinja2 import Environment

    source = files("jobs").joinpath("templates", "explained.html.j2").read_text()
    return Environment(autoescape=True).from_string(source).render(found=found)
