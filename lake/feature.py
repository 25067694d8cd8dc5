"""What a feature is: its formula over sums of policy days, its unit, its source and its expected sign, as data."""

from dataclasses import dataclass
from typing import Literal

from lake.table import START_SLOTS

Sign = Literal[-1, 0, 1]
Kind = Literal["ratio", "regularity", "va_component", "credible"]
STARTS = tuple(f"starts_{day}_{hour:02d}" for day, hour in START_SLOTS)
"""Counts of trips by when they began."""
VA = "va_ms"
MIN_STARTS = 10
"""Trips from which their regularity is told: with fewer, twelve slots look regular by chance."""

WINDOW_COUNTS = {
    "days_driven": "days with a row in the window",
    "span_days": "days from the first driven day in the window to its end",
}
"""What a window has besides sums. The span, not the window's length, divides the distance of a car that was insured
last month; it overstates a first day (which is a driven one by choice), so short histories need credibility."""

_MOVING_MM = "coalesce(moving_mm, distance_mm)"
DAY_TERMS = {
    "harsh_known_mm": "coalesce(harsh_known_mm, distance_mm)",
    "corner_known_mm": "coalesce(corner_known_mm, distance_mm)",
    "moving_mm": _MOVING_MM,
    "limit_known_mm": f"cast(round(coalesce(try_divide({_MOVING_MM} * limit_known_ms, moving_ms), 0)) AS bigint)",
    "phone_known_mm": f"cast(round(coalesce(try_divide({_MOVING_MM} * phone_known_ms, moving_ms), 0)) AS bigint)",
    "weekend_known_ms": "if(weekend_ms IS NULL, 0, moving_ms)",
    "holiday_known_ms": "if(holiday_ms IS NULL, 0, moving_ms)",
    "idle_known_ms": "if(idle_ms IS NULL, 0, covered_ms)",
    "quality_known_mm": "if(quality_mm IS NULL, 0, distance_mm)",
    "road_known_mm": "coalesce(motorway_mm, 0) + coalesce(main_mm, 0) + coalesce(local_mm, 0)",
}
"""Terms that a policy day does not have as a column, in SQL over its columns; of any other column, null counts as 0. They
divide by what is known: a day without a lookup, or imported without a column, is in neither part of a share."""


@dataclass(frozen=True)
class Feature:
    """numerator and denominator are sums over the window's policy days, or the names in `WINDOW_COUNTS`;
    value = scale * numerator / denominator (null where the denominator is 0), after ln(1 + x) where `log`; other kinds
    have their own formula. `sign` is how expected claims may move with it, and the monotone constraint put on a model that
    sees it: 1 never falls, -1 never rises, 0 free. `source` says where the feature comes from."""

    stem: str
    window_days: int
    unit: str
    numerator: str
    denominator: str | None
    scale: float
    meaning: str
    sign: Sign = 0
    log: bool = False
    model: bool = False
    text: str = ""
    source: str = ""
    kind: Kind = "ratio"
    place: int = 0
    """Which principal component, from 0, of a va_component."""
    exposure: str = "km"
    """Stem of the feature that says on how many kilometres a rate was measured: what its credibility goes by."""

    @property
    def name(self) -> str:
        """Column name, for instance brake_per_100km_365."""
        return f"{self.stem}_{self.window_days}"

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the sums it is computed from."""
        if self.kind == "regularity":
            return STARTS
        return tuple(x for x in (self.numerator, self.denominator) if x is not None)

    @property
    def formula(self) -> str:
        """The value as text, for the docs."""
        if self.kind != "ratio":
            return _FORMULAS[self.kind].format(self)
        ratio = self.numerator if self.denominator is None else f"{self.numerator} / {self.denominator}"
        scaled = ratio if self.scale == 1.0 else f"{self.scale:g} * {ratio}"
        return f"ln(1 + {scaled})" if self.log else scaled


_FORMULAS: dict[Kind, str] = {
    "regularity": f"1 - H / ln {len(STARTS)}, H = -sum p ln p over the starts_*; null under {MIN_STARTS} trips",
    "va_component": "sum (x - mean) * loading[{0.place}], x = va_ms / its speed bucket's sum; null without va_ms",
    "credible": "Z * {0.numerator} + (1 - Z) * mean, Z = {0.denominator} / ({0.denominator} + k); k, mean: gold.credibility",
}
