"""What a champion predicts for rows of its own frame: the reference that a night's predictions are held against."""

import pandas as pd

from training.scorer import Scorer

PREDICTIONS = ("frequency", "severity", "pure_premium")


def predictions(scorer: Scorer, rows: pd.DataFrame) -> pd.DataFrame:
    """Columns PREDICTIONS [claims a car-year, currency units a claim, currency units a car-year] for rows of raw features,
    without the reasons that Scorer.score adds."""
    return scorer.predict(rows)[list(PREDICTIONS)]
