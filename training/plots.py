"""A training's evidence as figures. matplotlib and shap are imported here only when a figure is drawn."""

from typing import TYPE_CHECKING

import pandas as pd

from training.evidence import Evidence
from training.scorer_spec import design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (6.0, 4.5)


def figures(evidence: Evidence) -> dict[str, "Figure"]:
    """Lorenz curves, lift and calibration on the test part, and the SHAP summary of ln pure premium, by file stem."""
    return {
        "lorenz": _lorenz(evidence.lorenz),
        "lift": _lift(evidence.lift),
        "calibration": _calibration(evidence.lift),
        "shap_summary": _shap_summary(evidence),
    }


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


def _shap_summary(evidence: Evidence) -> "Figure":
    """Beeswarm of the summed SHAP values of both boosters, which add up to ln pure premium."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import shap

    spec = evidence.scorer.spec
    x = pd.DataFrame(design(evidence.sample, spec.features), columns=spec.names)
    seen = x.notna().any().to_numpy()
    values = sum(shap.TreeExplainer(b).shap_values(x) for b in (evidence.scorer.frequency, evidence.scorer.severity))
    plt.figure()
    shap.summary_plot(values[:, seen], x.loc[:, seen], show=False)
    figure = plt.gcf()
    figure.axes[0].set_xlabel("contribution to ln pure premium")
    plt.close(figure)
    return figure
