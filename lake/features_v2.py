"""Version v2 of the features: v1 with harsh events over the distance where they could be measured, and what else trips know."""

from dataclasses import replace

from lake.feature import VA, Feature
from lake.features_v1 import DATA_QUALITY as _DATA
from lake.features_v1 import MM_PER_KM, PAYD, PER_100_KM
from lake.features_v1 import window as window_v1

REGULARITY_DAYS = (90, 365)
"""Shorter windows seldom have the trips it needs."""
VA_DAYS = 365
CREDIBLE_DAYS = 365
MEASURED_ON = {
    "brake_per_100km": "harsh_known_mm", "accelerate_per_100km": "harsh_known_mm", "corner_per_100km": "corner_known_mm"
}  # fmt: skip
"""Distance on which such events could be measured: speed alone tells brakes and no corners."""
EXPOSURES = {
    "harsh_km": ("harsh_known_mm", "brakes and accelerations"), "corner_km": ("corner_known_mm", "corners"),
    "limit_km": ("limit_known_mm", "the posted limit"), "phone_km": ("phone_known_mm", "the phone"),
}  # fmt: skip
"""Distance by what was seen on it: a car whose device sees half of its way is half as well known."""
_EXPOSURE_OF = {
    "brake_per_100km": "harsh_km", "accelerate_per_100km": "harsh_km", "corner_per_100km": "corner_km",
    "speeding_share": "limit_km", "speeding_events_per_100km": "limit_km", "phone_share": "phone_km",
    "phone_events_per_100km": "phone_km",
}  # fmt: skip
CREDIBLE_STEMS = (*MEASURED_ON, "speeding_events_per_100km", "phone_events_per_100km")
_WUTHRICH = "Wuthrich 2017, Covariate selection from telematics car driving data; Gao, Wuthrich 2018: two components suffice"
_ENTROPY = "entropy of private cars' habits: Gallotti et al. 2013, arXiv 1305.1836 (of counts alone, not of their order)"
_BUHLMANN = "Buhlmann, Straub 1970; Klugman, Panjer, Willmot, Loss Models: empirical Bayes"
_ROADS = "motorways have the fewest accidents per distance; road type: Ayuso, Guillen, Nielsen 2019 (urban share)"


def window(w: int) -> tuple[Feature, ...]:
    """The features of a window of w days that are computed from the vehicle's own sums."""
    changed = tuple(_where_measured(f) for f in window_v1(w))
    found = tuple(_exposed(f) for f in (*changed, *_shares(w), *_amounts(w), *_known(w)))
    found = (*found, _regularity(w)) if w in REGULARITY_DAYS else found
    return (*found, _component(w, 0), _component(w, 1)) if w == VA_DAYS else found


def credible(own: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """Rates pulled to the portfolio's mean: for readers, since a model's own rates are made credible when it is trained."""
    chosen = [f for f in own if f.stem in CREDIBLE_STEMS and f.window_days == CREDIBLE_DAYS]
    return tuple(
        replace(
            f, stem=f"{f.stem}_credible", numerator=f.name, denominator=f"{f.exposure}_{f.window_days}", scale=1.0, model=False,
            kind="credible", meaning=f"{f.meaning}, pulled to the portfolio's mean", source=_BUHLMANN,
        )
        for f in chosen
    )  # fmt: skip


def _where_measured(f: Feature) -> Feature:
    if f.stem == "mean_speed_kmh":
        return replace(f, numerator="moving_mm")
    return replace(f, denominator=MEASURED_ON[f.stem]) if f.stem in MEASURED_ON else f


def _exposed(f: Feature) -> Feature:
    return replace(f, exposure=_EXPOSURE_OF.get(f.stem, f.exposure))


def _known(w: int) -> tuple[Feature, ...]:
    """What the window knows of its own: kilometres by what was seen on them, and how long the vehicle has been seen."""
    of_kind = tuple(
        Feature(stem, w, "km", known, None, 1 / MM_PER_KM, f"distance on which {what} could be seen", source=_DATA)
        for stem, (known, what) in EXPOSURES.items()
    )
    seen = Feature("seen_share", w, "share", "span_days", None, 1 / w, "part of the window since its first day with driving",
                   source=_DATA)  # fmt: skip
    return (*of_kind, seen)


def _shares(w: int) -> tuple[Feature, ...]:
    year = w == 365
    return (
        Feature("weekend_share", w, "share", "weekend_ms", "weekend_known_ms", 1.0, "moving time on Saturday or Sunday", 0, False,
                year, "driving on weekends", "So, Boucher, Valdez 2021: share of driving by day of the week"),
        Feature("holiday_share", w, "share", "holiday_ms", "holiday_known_ms", 1.0, "moving time on national public holidays", 0,
                False, year, "driving on public holidays", "own: holidays have other traffic than other days of the week"),
        Feature("idle_share", w, "share", "idle_ms", "idle_known_ms", 1.0, "covered time at a stand", 0, False, year,
                "standing in traffic", "own: dense traffic; trip summaries of Duval, Boucher, Pigeon 2022"),
        Feature("wet_share", w, "share", "wet_ms", "weather_known_ms", 1.0, "moving time in rain, snow or ice, where known", 1,
                False, year, "driving in rain, snow or ice", "crash rates rise in rain and snow: Qiu, Nixon 2008"),
        Feature("motorway_share", w, "share", "motorway_mm", "road_known_mm", 1.0, "distance on motorways, of known roads", -1,
                False, year, "driving on motorways", _ROADS),
        Feature("main_share", w, "share", "main_mm", "road_known_mm", 1.0, "distance on main roads, of known roads", 0, False,
                year, "driving on main roads", _ROADS),
        Feature("quality", w, "share", "quality_mm", "quality_known_mm", 1.0, "quality of trips, weighted with distance",
                source="data quality: covered share x sound points x agreement of the two distances"),
    )  # fmt: skip


def _amounts(w: int) -> tuple[Feature, ...]:
    year = w == 365
    return (
        Feature("log_km", w, "ln km", "distance_mm", None, 1 / MM_PER_KM, "log distance", 1, True, year, "distance driven",
                "claims rise at a decreasing rate with distance: Boucher, Cote, Guillen 2017, Exposure as duration and distance"),
        Feature("speeding_events_per_100km", w, "events/100 km", "speeding_events", "limit_known_mm", PER_100_KM,
                "runs above the posted limit, over the distance where it is known", 1, False, year,
                "how often the posted limit is exceeded", PAYD),
        Feature("phone_events_per_100km", w, "events/100 km", "phone_events", "phone_known_mm", PER_100_KM,
                "runs of phone use, over the distance where it is known", 1, False, year,
                "how often the phone is handled while driving", "CMT: drivers of the worst tenth crash 2.3 times as often"),
    )  # fmt: skip


def _regularity(w: int) -> Feature:
    return Feature(
        "regularity", w, "share", "starts", None, 1.0, "how far trips begin at the same times of the day and week", 0, False,
        w == 365, "how regular the times of driving are", _ENTROPY, "regularity",
    )  # fmt: skip


def _component(w: int, place: int) -> Feature:
    return Feature(
        f"va_pc{place + 1}", w, "", VA, None, 1.0, f"principal component {place + 1} of acceleration by speed", 0, False,
        w == 365, "style of accelerating and braking by speed", _WUTHRICH, "va_component", place,
    )  # fmt: skip
