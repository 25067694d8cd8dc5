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
from dataclasses import dataclass, replace

from monitoring.decision import Limits
from monitoring.sequential import level_evidence


@dataclass(frozen=True)
class Mature:
    """Mature experience of a segment, and the night since when it has spoken against the segment's prices without a break."""

    claims: int = 0
    expected: float = 0.0
    off_since: dt.date | None = None

    @property
    def log_evidence(self) -> float:
        """ln of the evidence against actual over expected being 1."""
        return level_evidence(self.claims, self.expected)

    def after(self, date: dt.date, new: "Mature", limits: Limits) -> "Mature":
        """With what has come of age by night `date`."""
        grown = Mature(self.claims + new.claims, self.expected + new.expected)
        return replace(grown, off_since=(self.off_since or date) if grown._is_off(limits) else None)

    def _is_off(self, limits: Limits) -> bool:
        is_certain = self.log_evidence >= math.log(1 / limits.false_alarm)
        return is_certain and abs(self.claims - self.expected) >= limits.effect * self.expected
