"""Evidently's report on a sample: HTML of the strongest columns, JSON of all. The exact figures beside it are ours."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from monitoring.drift import Drift

REPORT = DOCUMENT, DATA = "drift.html", "drift.json"
SAMPLE_ROWS = 10_000
"""Rows a side at most: Evidently takes pandas frames and no histograms."""
SHOWN_COLUMNS = 15
"""Columns in the HTML, strongest first: each adds some 60 kB and a tenth of a second to a page of 3.7 MB."""
METHOD, METHOD_THRESHOLD = "wasserstein", 0.1
"""Wasserstein distance over the reference's standard deviation: a second opinion besides the exact PSI, set explicitly
because the defaults change with the number of rows."""


def strongest(drifts: list[Drift]) -> list[str]:
    """Columns by how far their statistic is beyond its threshold, strongest first; ties by name."""
    return [d.column for d in sorted(drifts, key=lambda d: (-d.statistic / d.threshold, d.column))]


def write_report(folder: Path, night: str, reference: pd.DataFrame, current: pd.DataFrame, drifts: list[Drift]) -> None:
    """Write drift.html and drift.json below `folder` from samples that hold the drifts' columns as doubles."""
    folder.mkdir(parents=True, exist_ok=True)
    names = strongest(drifts)
    observed = [n for n in names if reference[n].notna().any() and current[n].notna().any()]
    shown = observed[:SHOWN_COLUMNS]
    snapshot = _snapshot(reference[shown], current[shown])
    snapshot.save_html(str(folder / DOCUMENT))
    document = {
        "night": night,
        "exact": [asdict(d) for d in drifts],
        "evidently": {
            "method": METHOD, "threshold": METHOD_THRESHOLD, "reference_rows": len(reference), "current_rows": len(current),
            "columns": {n: _distance(reference[n], current[n]) for n in observed},
            "not_observed": sorted(set(names) - set(observed)),
            "report": json.loads(snapshot.json()),
        },
    }  # fmt: skip
    (folder / DATA).write_text(json.dumps(document, indent=1))


def _snapshot(reference: pd.DataFrame, current: pd.DataFrame) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    names = list(reference.columns)
    definition = DataDefinition(numerical_columns=names)
    report = Report([ValueDrift(column=n, method=METHOD, threshold=METHOD_THRESHOLD) for n in names])
    sides = (Dataset.from_pandas(x, data_definition=definition) for x in (current, reference))
    return report.run(*sides)


def _distance(reference: pd.Series, current: pd.Series) -> dict[str, Any]:
    """Evidently's own statistic without its plots, which are what takes the time."""
    from evidently.legacy.calculations.stattests import wasserstein_stat_test
    from evidently.legacy.core import ColumnType

    found = wasserstein_stat_test(reference.dropna(), current.dropna(), ColumnType.Numerical, METHOD_THRESHOLD)
    return {"statistic": float(found.drift_score), "drifted": bool(found.drifted)}
