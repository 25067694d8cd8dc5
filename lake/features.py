"""The feature catalogue: every feature's formula, unit, source and expected sign, once, as data.

`transforms.windows` computes exactly this list, training and scoring read exactly this list, and the columns of
gold.policy_features and the feature page of the docs are generated from it.
"""

from dataclasses import dataclass
from typing import Literal

from lake.columns import Column
from lake.errors import ConfigError

FEATURE_VERSION_1 = "v1"
WINDOWS_DAYS = (7, 28, 90, 365)
DISPLAYED_RUNG = 3
"""The rung shown as "harsh": 8 mph/s = 3.58 m/s2, between Progressive's 7 and Allstate's 8 (DOMAIN table)."""

Sign = Literal[-1, 0, 1]


@dataclass(frozen=True)
class Feature:
    """numerator and denominator are sums over the window's policy days, or the names in `WINDOW_COUNTS`;
    value = scale * numerator / denominator (null where the denominator is 0), after ln(1 + x) where `log`.
    `sign` is the monotone constraint put on the model: 1 never falls, 0 free."""

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

    @property
    def name(self) -> str:
        """Column name, for instance brake_per_100km_365."""
        return f"{self.stem}_{self.window_days}"

    @property
    def formula(self) -> str:
        """The value as text, for the docs."""
        ratio = self.numerator if self.denominator is None else f"{self.numerator} / {self.denominator}"
        scaled = ratio if self.scale == 1.0 else f"{self.scale:g} * {ratio}"
        return f"ln(1 + {scaled})" if self.log else scaled


WINDOW_COUNTS = {
    "days_driven": "days with a row in the window",
    "span_days": "days from the first driven day in the window to its end",
}
"""What a window has besides sums. The span, not the window's length, divides the distance of a car that was insured
last month; it overstates a first day (which is a driven one by choice), so short histories need credibility."""

_MM_PER_KM = 1e6
_PER_100_KM = 100.0 * _MM_PER_KM
_r = DISPLAYED_RUNG


def _window(w: int) -> tuple[Feature, ...]:
    year, quarter = w == 365, w == 90
    return (
        Feature("km", w, "km", "distance_mm", None, 1 / _MM_PER_KM, "distance driven"),
        Feature("days_driven", w, "days", "days_driven", None, 1.0, "days with driving"),
        Feature("trips", w, "trips", "trips", None, 1.0, "trips begun"),
        Feature("moving_hours", w, "h", "moving_ms", None, 1 / 3.6e6, "time in motion"),
        Feature("log_km_per_day", w, "ln km/day", "distance_mm", "span_days", 1 / _MM_PER_KM,
                "log distance a day since first seen in the window", 1, True, year, "distance driven"),
        Feature("brake_per_100km", w, "events/100 km", f"brake_r{_r}", "distance_mm", _PER_100_KM,
                "harsh braking", 1, False, year or quarter, "harsh braking"),
        Feature("accelerate_per_100km", w, "events/100 km", f"accelerate_r{_r}", "distance_mm", _PER_100_KM,
                "harsh acceleration", 1, False, year, "harsh acceleration"),
        Feature("corner_per_100km", w, "events/100 km", f"corner_r{_r}", "distance_mm", _PER_100_KM,
                "harsh cornering", 1, False, year, "harsh cornering"),
        Feature("speeding_share", w, "share", "speeding_ms", "limit_known_ms", 1.0,
                "time above the posted limit, where it is known", 1, False, year or quarter, "driving above the posted limit"),
        Feature("phone_share", w, "share", "phone_ms", "phone_known_ms", 1.0,
                "moving time with the phone in use", 1, False, year, "handling the phone while driving"),
        Feature("night_share", w, "share", "night_ms", "moving_ms", 1.0,
                "moving time between 00:00 and 04:00 local", 1, False, year, "driving between midnight and 4 am"),
        Feature("rush_share", w, "share", "rush_ms", "moving_ms", 1.0,
                "moving time in the weekday rush hours", 0, False, year, "driving in the rush hours"),
        Feature("mean_trip_km", w, "km/trip", "distance_mm", "trips", 1 / _MM_PER_KM,
                "mean trip length", 0, False, year, "length of trips"),
        Feature("mean_speed_kmh", w, "km/h", "distance_mm", "moving_ms", 3.6,
                "mean speed in motion", 0, False, year, "average speed"),
        Feature("completeness", w, "share", "covered_ms", "duration_ms", 1.0, "share of driving time without gaps in the data"),
    )  # fmt: skip


FEATURES: dict[str, tuple[Feature, ...]] = {FEATURE_VERSION_1: tuple(f for w in WINDOWS_DAYS for f in _window(w))}
"""Feature lists by version; versions live side by side and are never edited once a model has used them."""


def feature_list(version: str = FEATURE_VERSION_1) -> tuple[Feature, ...]:
    """All features of a version. Raises ConfigError naming the versions there are."""
    if version not in FEATURES:
        raise ConfigError(f"unknown feature version '{version}'; the catalogue has {', '.join(FEATURES)}")
    return FEATURES[version]


def model_features(version: str = FEATURE_VERSION_1) -> tuple[Feature, ...]:
    """The features a model of this version sees, in order; training and scoring both call this."""
    return tuple(f for f in feature_list(version) if f.model)


def feature_columns(version: str = FEATURE_VERSION_1) -> tuple[Column, ...]:
    """Columns of gold.policy_features for a version."""
    return tuple(
        Column(f.name, "double", f.unit, f"{f.meaning}, last {f.window_days} days: {f.formula}") for f in feature_list(version)
    )
