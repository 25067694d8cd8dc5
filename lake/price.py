"""What holds of every price: training makes it so, expectations check it. A scorer is loaded where there is no Spark, so nothing
is imported here."""

ADDITIVITY_TOLERANCE = 1e-4
"""Log units: how far base + reasons + others + calibration may be from ln pure premium (docs/contract-night.md), and an
explained margin from an independent prediction."""
MAX_REASONS = 4
