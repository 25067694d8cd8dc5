"""A version's evidence as one HTML page: nothing is loaded from anywhere, and all text that came from data is escaped."""

import base64
import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from training.evidence import Evidence

TEMPLATE = "report.html.j2"
ROWS_SHOWN = 40


@dataclass(frozen=True)
class Table:
    """Rows to show under an optional caption."""

    columns: list[str]
    rows: list[list[Any]]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    title: str
    tables: list[Table]
    images: list[tuple[str, str]]
    note: str = ""


def figure(value: Any) -> str:
    """A cell: five significant digits, thousands apart."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "not defined"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.5g}"  # noqa: PLR2004
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def report(evidence: Evidence, title: str, lineage: dict[str, str], plots: dict[str, bytes]) -> str:
    """The page of a version; `plots` are PNG by name."""
    images = {name: base64.b64encode(content).decode() for name, content in plots.items()}

    def drawn(*names: str) -> list[tuple[str, str]]:
        return [(n.replace("_", " "), images[n]) for n in names if n in images]

    a, p = evidence.assessed, evidence.performance
    diff = a["champion_diff"]
    sections = [
        Section("Made from", [_pairs(lineage | _facts(evidence))], []),
        Section("Performance", [_metrics(evidence), _records("By segment", p["segments"])],
                drawn("lift", "double_lift", "lorenz", "calibration", "murphy"), p["interval"]),
        Section("Against the champion", _diff(diff), drawn("champion_double_lift"), str(diff["status"])),
        Section("Stability", [_records(k.replace("_", " "), v) for k, v in a["stability"].items()], drawn("dislocation")),
        Section("Monotonicity", [_records("", a["monotonicity"]["features"])], drawn("ice"),
                f"Largest step against a sign: {a['monotonicity']['largest_violation']:.2g} of ln price"),
        Section("Fairness", _fairness(a["fairness"]), [], str(a["fairness"]["status"])),
        Section("Reasons", [_records("", a["reasons"]["features"])], drawn("shap_summary"),
                f"Largest additivity error: {a['reasons']['largest_additivity_error']:.2g}"),
        Section("Reproducibility", [_pairs(a["reproducibility"])], []),
    ]  # fmt: skip
    return render(title, f"{evidence.facts.claims:,} claims in {evidence.facts.exposure_years:,.0f} car-years", sections)


def render(title: str, subtitle: str, sections: list[Section]) -> str:
    """The template, filled in."""
    from jinja2 import Environment

    environment = Environment(autoescape=True)
    environment.filters["figure"] = figure
    source = files("training").joinpath("templates", TEMPLATE).read_text()
    return environment.from_string(source).render(title=title, subtitle=subtitle, sections=sections)


def diff_page(title: str, diff: dict[str, Any]) -> str:
    """One page of a candidate against a champion."""
    return render(title, str(diff["status"]), [Section("What changes", _diff(diff), [])])


def _facts(evidence: Evidence) -> dict[str, Any]:
    f = evidence.facts
    return {
        "rows": f.rows, "policies": f.policies, "never trained on": f.test_policies, "exposure, car-years": f.exposure_years,
        "claims": f.claims, "incurred": f.incurred, "left out without trips": f.without_trips,
        "notes": "; ".join(f.notes) or "none",
        "maturity, days": "not stated" if f.maturity_days is None else f.maturity_days,
    }  # fmt: skip


def _metrics(evidence: Evidence) -> Table:
    ends = {k: ["" if x is None else x for x in (e.lower, e.upper)] for k, e in evidence.metrics.items()}
    rows = [[k.replace("_", " "), e.value, *ends[k]] for k, e in evidence.metrics.items()]
    return Table(["measure", "value", "lower", "upper"], rows)


def _pairs(values: dict[str, Any]) -> Table:
    return Table(["", ""], [[k.replace("_", " "), figure(_plain(k, v))] for k, v in values.items()])


def _plain(name: str, value: Any) -> Any:
    """A seed is a name, not a quantity."""
    return str(value) if name == "seed" else value


def _records(caption: str, records: list[dict[str, Any]]) -> Table:
    if not records:
        return Table([], [], caption)
    frame = pd.DataFrame([{k: _plain(k, v) for k, v in r.items()} for r in records[:ROWS_SHOWN]]).astype(object)
    return Table([str(c).replace("_", " ") for c in frame], frame.to_numpy().tolist(), caption)


def _diff(diff: dict[str, Any]) -> list[Table]:
    plain = {k: v for k, v in diff.items() if not isinstance(v, list | dict)}
    plain |= {k: ", ".join(diff[k]) or "none" for k in ("features_in", "features_out") if k in diff}
    gain = diff.get("deviance_gain")
    plain |= {"deviance gain a car-year": f"{gain['value']:.5f} [{gain['lower']:.5f}, {gain['upper']:.5f}]"} if gain else {}
    lists = ("double_lift", "relativities", "top_movers")
    return [_pairs(plain), *(_records(k.replace("_", " "), diff[k]) for k in lists if k in diff)]


def _fairness(found: dict[str, Any]) -> list[Table]:
    if "groups" not in found:
        return [_pairs(found)]
    lines = [
        {"group": g["group"], "measure": k.replace("_", " "), **v}
        for g in found["groups"]
        for k, v in g.items()
        if isinstance(v, dict)
    ]
    return [_records("By group", lines), _records("Features that stand in for a group", found["proxies"])]
