"""Whether the prices of a segment are off night after night, by experience that counts once.

Actual over expected of a night is of all experience so far, which it shares with the night before: ten nights in a row with 1
outside the interval are one finding, not ten. So evidence is of exposure that has come of age, each of which is held against its
claims once (jobs/matured.py), and its chance of ever exceeding 1 / alpha is at most alpha where prices are right, however
often one looks (monitoring/sequential.py). For many segments 1 / evidence is a p-value, and Benjamini and Hochberg over such
p-values holds the false discovery rate however segments overlap (Wang and Ramdas 2022, False discovery rate control with
e-values).
"""

import datetime as dt
import math
from dataclasses import dataclass

from monitoring.decision import Limits
from monitoring.sequential import off_evidence


@dataclass(frozen=True)
class Mature:
    """Mature experience of a segment, the night since when it has spoken against the segment's prices without a break, and ln of
    the evidence that they are off by more than the effect that is asked for."""

    claims: int = 0
    expected: float = 0.0
    off_since: dt.date | None = None
    log_evidence: float = 0.0

    def after(self, date: dt.date, new: "Mature", limits: Limits) -> "Mature":
        """With what has come of age by night `date`."""
        claims, expected = self.claims + new.claims, self.expected + new.expected
        evidence = off_evidence(claims, expected, limits.effect)
        is_off = evidence >= math.log(1 / limits.false_alarm)
        return Mature(claims, expected, (self.off_since or date) if is_off else None, evidence)
