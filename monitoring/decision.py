"""What the experience of a version asks for: keep it, recalibrate its level, or refit it.

The rule of Brauer, Menzel and Wüthrich 2025, Model Monitoring: A General Framework with an Application to Non-life Insurance
Pricing (arXiv 2510.04556): where only the global calibration is off, recalibrate; where the local one or the ranking is, refit.
Their tests are for one look; these are for one every night (monitoring/sequential.py). Bands are of the predicted frequency, so
a ranking that has weakened shows as bands whose actual over expected runs against it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from monitoring.sequential import level_interval, off_evidence, shape_increment

BANDS_A_DOUBLING = 4
FURTHEST_BAND = 8
"""Bands -8 to 7 of frequency over its mean in the frame, 2^(1/4) each, the outermost open: fixed, so that they add up."""
TESTS = 2
NO_SPREAD, CONVERGED = 1e-12, 1e-9
Name = Literal["undecided", "keep", "recalibrate", "refit"]


@dataclass(frozen=True)
class Band:
    """Experience of a band of predicted frequency."""

    car_years: float = 0.0
    expected: float = 0.0
    claims: int = 0

    def plus(self, other: "Band") -> "Band":
        """Both together."""
        return Band(self.car_years + other.car_years, self.expected + other.expected, self.claims + other.claims)


Bands = Mapping[int, Band]


@dataclass(frozen=True)
class Record:
    """Mature experience of a version, its mean age [days], and ln of the evidence against its shape, of every night so far."""

    bands: Bands = field(default_factory=dict)
    maturity_days: float = 0.0
    log_shape: float = 0.0

    @property
    def whole(self) -> Band:
        """All bands together."""
        found = Band()
        for band in self.bands.values():
            found = found.plus(band)
        return found

    def log_level(self, effect: float) -> float:
        """ln of the evidence that its level is off by more than `effect`."""
        return off_evidence(self.whole.claims, self.whole.expected, effect)

    def after(self, days: int, new: Bands, age_days: float) -> "Record":
        """The same `days` later, with what has come of age since, of mean age `age_days`."""
        claims, expected = {b: x.claims for b, x in new.items()}, {b: x.expected for b, x in new.items()}
        shape = shape_increment(claims, expected, {b: (x.claims, x.expected) for b, x in self.bands.items()})
        bands = {b: self.bands.get(b, Band()).plus(new.get(b, Band())) for b in sorted({*self.bands, *new})}
        old, added = self.whole.car_years, sum(x.car_years for x in new.values())
        age = (old * (self.maturity_days + days) + added * age_days) / (old + added) if old + added else 0.0
        return Record(bands, age, self.log_shape + shape)


@dataclass(frozen=True)
class Limits:
    """`least_claims` expected before anything is decided; `effect`: relative differences below it are kept; `false_alarm`: the
    chance that a version that is right is ever told to be changed."""

    least_claims: float
    effect: float
    false_alarm: float


@dataclass(frozen=True)
class Verdict:
    """`ratio` is actual over expected with its interval; `spread` how far bands are off the book's level, relative, chance taken
    out; `slope` how much of the predicted spread between bands there was: 1 all, 0 none."""

    decision: Name
    why: str
    ratio: float | None
    lower: float | None
    upper: float | None
    spread: float | None
    slope: float | None


def decide(record: Record, limits: Limits) -> Verdict:
    """The verdict on a version."""
    whole = record.whole
    if whole.expected < limits.least_claims:
        said = f"{whole.claims:,} claims on mature exposure and {whole.expected:,.0f} expected"
        why = f"{said}: fewer than {limits.least_claims:,.0f} say nothing"
        return Verdict("undecided", why, _ratio(whole), None, None, None, None)
    lower, upper = level_interval(whole.claims, whole.expected, limits.false_alarm)
    ratio, spread, slope = whole.claims / whole.expected, spread_of(record.bands), slope_of(record.bands)
    against = math.log(TESTS / limits.false_alarm)
    is_off = record.log_level(limits.effect) >= against
    is_bent = record.log_shape >= against and spread >= limits.effect
    level = f"actual over expected is {ratio:.2f} ({lower:.2f} to {upper:.2f}) on {whole.claims:,} claims"
    bent = f"bands of risk are off by {spread:.0%} beyond it, and the order holds {slope:.0%} of what was predicted"
    if is_bent:
        return Verdict("refit", f"{level}, {bent}", ratio, lower, upper, spread, slope)
    decision: Name = "recalibrate" if is_off else "keep"
    return Verdict(decision, f"{level}, and nothing speaks against the order of risks", ratio, lower, upper, spread, slope)


def _ratio(whole: Band) -> float | None:
    return whole.claims / whole.expected if whole.expected > 0 else None


def spread_of(bands: Bands) -> float:
    """Standard deviation between bands of actual over expected relative to the book's, weighted with expected claims; what chance
    alone would give, a variance of 1 / expected claims a band, is taken out."""
    claims, expected = (sum(getattr(x, y) for x in bands.values()) for y in ("claims", "expected"))
    if claims <= 0 or expected <= 0:
        return 0.0
    used = [x for x in bands.values() if x.expected > 0]
    raw = sum(x.expected * (x.claims * expected / (x.expected * claims) - 1) ** 2 for x in used) / expected
    return math.sqrt(max(0.0, raw - len(used) / claims))


def slope_of(bands: Bands, steps: int = 30) -> float:
    """Slope of ln actual frequency on ln predicted frequency between bands: the maximum of the likelihood of the bands that
    claims fell into, by Newton's method. 1 where all bands predict the same."""
    used = [x for x in bands.values() if x.expected > 0 and x.car_years > 0]
    x = [math.log(b.expected / b.car_years) for b in used]
    slope, n = 1.0, sum(b.claims for b in used)
    for _ in range(steps):
        weights = [b.car_years * math.exp(slope * (v - x[0])) for b, v in zip(used, x, strict=True)]
        total = sum(weights)
        mean = sum(w * v for w, v in zip(weights, x, strict=True)) / total if total else 0.0
        variance = sum(w * (v - mean) ** 2 for w, v in zip(weights, x, strict=True)) / total if total else 0.0
        if variance < NO_SPREAD or n == 0:
            return 1.0
        step = (sum(b.claims * v for b, v in zip(used, x, strict=True)) / n - mean) / variance
        slope += max(-1.0, min(1.0, step))
        if abs(step) < CONVERGED:
            break
    return slope
