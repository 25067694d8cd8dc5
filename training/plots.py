"""A training's evidence as figures. matplotlib and shap are imported here only when a figure is drawn."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.evidence import Evidence
from training.scorer_spec import design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (6.0, 4.5)


def figures(evidence: Evidence) -> dict[str, "Figure"]:
    """Every figure of a version by file stem; those of test policies unless their title says otherwise."""
    found = {
        "lorenz": _lorenz(evidence.lorenz),
        "lift": _lift(evidence.lift),
        "double_lift": _double_lift(evidence.double_lift, "GLM", "model"),
        "calibration": _calibration(evidence.lift),
        "murphy": _murphy(evidence),
        "ice": _ice(evidence),
        "dislocation": _dislocation(evidence),
        "shap_summary": _shap_summary(evidence),
    }
    diff = evidence.assessed["champion_diff"]
    if "double_lift" in diff:
        found["champion_double_lift"] = _double_lift(pd.DataFrame(diff["double_lift"]), "champion", "candidate")
    return found


def _blank(title: str, x: str, y: str) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def _lorenz(curves: dict[str, pd.DataFrame]) -> "Figure":
    figure, axes = _blank("Ordered Lorenz curve, test policies", "share of exposure, lowest predicted first", "share of claims")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, label="no segmentation")
    for name, curve in curves.items():
        axes.plot(curve["exposure_share"], curve["claims_share"], label=name)
    axes.legend()
    return figure


def _lift(lift: pd.DataFrame) -> "Figure":
    figure, axes = _blank("Lift, test policies", "bin of equal exposure, lowest predicted first", "claims a car-year")
    years = lift["exposure_years"]
    actual, low, high = (lift[c] * lift["expected"] / years for c in ("actual_over_expected", "lower", "upper"))
    axes.errorbar(lift["bin"], actual, yerr=[actual - low, high - actual], fmt="o", label="actual, 95 % Garwood")
    axes.plot(lift["bin"], lift["expected"] / years, label="predicted")
    axes.legend()
    return figure


def _calibration(lift: pd.DataFrame) -> "Figure":
    figure, axes = _blank("Calibration, test policies", "bin of equal exposure, lowest predicted first", "actual / expected")
    ratio = lift["actual_over_expected"]
    axes.errorbar(lift["bin"], ratio, yerr=[ratio - lift["lower"], lift["upper"] - ratio], fmt="o")
    axes.axhline(1.0, color="grey", linewidth=1)
    return figure


def _double_lift(table: pd.DataFrame, before: str, after: str) -> "Figure":
    title = f"Double lift, {after} against {before}, test policies"
    figure, axes = _blank(title, f"bin of equal exposure by {after} / {before}", "claims a car-year")
    actual = table["actual"]
    axes.errorbar(table["bin"], actual, yerr=[actual - table["lower"], table["upper"] - actual], fmt="o", label="actual, 95 %")
    axes.plot(table["bin"], table["before"], label=before)
    axes.plot(table["bin"], table["after"], label=after)
    axes.legend()
    return figure


def _murphy(evidence: Evidence) -> "Figure":
    """Elementary scores over thresholds (Ehm, Gneiting, Jordan, Krueger 2016): a model whose curve is lower everywhere is better
    by every score that the mean minimises."""
    from model_diagnostics.scoring import plot_murphy_diagram

    figure, axes = _blank("Murphy diagram, test policies", "threshold, claims a car-year", "elementary score")
    test = evidence.test
    years = test["exposure_years"]
    rates = pd.DataFrame({"model": test["predicted"] / years, "GLM": test["predicted_glm"] / years})
    plot_murphy_diagram(y_obs=test["claims"] / years, y_pred=rates, weights=years, etas=_thresholds(rates), ax=axes)
    axes.set(title="Murphy diagram, test policies", xlabel="threshold, claims a car-year")
    return figure


def _thresholds(rates: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Where the predictions are: beyond them all curves are the same."""
    low, high = np.quantile(rates.to_numpy(), [0.01, 0.99])
    return np.linspace(float(low), float(high), 50)


def _ice(evidence: Evidence) -> "Figure":
    """The six features that move the price most: mean curve over single policies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 5.5), layout="constrained")
    for axes, sweep in zip(figure.subplots(2, 3).flat, evidence.swept, strict=False):
        axes.plot(sweep.values, sweep.ice[:30].T, color="grey", linewidth=0.4, alpha=0.6)
        axes.plot(sweep.values, sweep.ice.mean(axis=0), linewidth=2)
        axes.set_title(sweep.feature, fontsize=8)
        axes.tick_params(labelsize=7)
    figure.suptitle("ln price as one feature moves, each policy (grey) and their mean", fontsize=10)
    return figure


def _dislocation(evidence: Evidence) -> "Figure":
    """How many prices move by chance alone: refits on drawn policies and with other seeds."""
    figure, axes = _blank("Prices moved by refitting", "moved by more than", "share of exposure")
    for kind, mark in (("refits_on_drawn_policies", "o"), ("other_seeds", "x")):
        for n, row in enumerate(evidence.assessed["stability"][kind]):
            moved = {k: v for k, v in row.items() if k.startswith("moved_over_")}
            labels = [f"{k.split('_')[2]} %" for k in moved]
            axes.plot(labels, list(moved.values()), mark, label=kind.replace("_", " ") if n == 0 else None)
    axes.set_ylim(0, 1)
    axes.legend()
    return figure


def _shap_summary(evidence: Evidence) -> "Figure":
    """Beeswarm of the summed SHAP values of both boosters, which add up to ln pure premium."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import shap

    spec = evidence.scorer.spec
    x = pd.DataFrame(design(evidence.sample, spec.features), columns=spec.names)
    seen = x.notna().any().to_numpy()
    values = evidence.scorer.contributions(evidence.sample).to_numpy()
    plt.figure()
    shap.summary_plot(values[:, seen], x.loc[:, seen], show=False)
    figure = plt.gcf()
    figure.axes[0].set_xlabel("contribution to ln pure premium")
    plt.close(figure)
    return figure
