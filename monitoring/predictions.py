"""What a champion predicts for rows of its own frame: the reference that a night's predictions are held against."""

import numpy as np
import pandas as pd

from training.scorer import Scorer, design, matrix

PREDICTIONS = ("frequency", "severity", "pure_premium")


def predictions(scorer: Scorer, rows: pd.DataFrame) -> pd.DataFrame:
    """Columns PREDICTIONS [claims a car-year, currency units a claim, currency units a car-year] for rows of raw features,
    without the explanations that make Scorer.score slow."""
    s = scorer.spec
    x = design(rows, s.features)
    margins = [
        booster.predict(matrix(x, s.names, margin), output_margin=True).astype(float)
        for booster, margin in ((scorer.frequency, s.frequency_base_margin), (scorer.severity, s.severity_base_margin))
    ]
    frequency, severity = np.exp(margins[0]) * s.alpha_frequency, np.exp(margins[1]) * s.alpha_severity
    return pd.DataFrame(dict(zip(PREDICTIONS, (frequency, severity, frequency * severity), strict=True)), index=rows.index)
