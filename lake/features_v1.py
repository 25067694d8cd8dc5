"""Version v1 of the features. Never edited: models have used it."""

from lake.feature import Feature

DISPLAYED_RUNG = 3
"""The rung shown as "harsh": 8 mph/s = 3.58 m/s2, between Progressive's 7 and Allstate's 8 (DOMAIN table)."""
MM_PER_KM = 1e6
PER_100_KM = 100.0 * MM_PER_KM
PAYD = "pay-as-you-drive: Ayuso, Guillen, Nielsen 2019, Improving automobile insurance ratemaking using telematics"
HARSH = "Progressive Snapshot and Allstate Drivewise count hard braking; counted once a run, per distance"
DATA_QUALITY = "data quality: what can be known of the driving at all"
_r = DISPLAYED_RUNG


def window(w: int) -> tuple[Feature, ...]:
    """The features of a window of w days."""
    year, quarter = w == 365, w == 90
    return (
        Feature("km", w, "km", "distance_mm", None, 1 / MM_PER_KM, "distance driven", source=PAYD),
        Feature("days_driven", w, "days", "days_driven", None, 1.0, "days with driving", source=DATA_QUALITY),
        Feature("trips", w, "trips", "trips", None, 1.0, "trips begun", source=DATA_QUALITY),
        Feature("moving_hours", w, "h", "moving_ms", None, 1 / 3.6e6, "time in motion", source=DATA_QUALITY),
        Feature("log_km_per_day", w, "ln km/day", "distance_mm", "span_days", 1 / MM_PER_KM,
                "log distance a day since first seen in the window", 1, True, year, "distance driven",
                "claims rise at a decreasing rate with distance: Boucher, Cote, Guillen 2017, Exposure as duration and distance"),
        Feature("brake_per_100km", w, "events/100 km", f"brake_r{_r}", "distance_mm", PER_100_KM,
                "harsh braking", 1, False, year or quarter, "harsh braking", HARSH),
        Feature("accelerate_per_100km", w, "events/100 km", f"accelerate_r{_r}", "distance_mm", PER_100_KM,
                "harsh acceleration", 1, False, year, "harsh acceleration", HARSH),
        Feature("corner_per_100km", w, "events/100 km", f"corner_r{_r}", "distance_mm", PER_100_KM,
                "harsh cornering", 1, False, year, "harsh cornering", HARSH),
        Feature("speeding_share", w, "share", "speeding_ms", "limit_known_ms", 1.0,
                "time above the posted limit, where it is known", 1, False, year or quarter, "driving above the posted limit",
                PAYD),
        Feature("phone_share", w, "share", "phone_ms", "phone_known_ms", 1.0,
                "moving time with the phone in use", 1, False, year, "handling the phone while driving",
                "CMT: drivers of the worst tenth crash 2.3 times as often as the average"),
        Feature("night_share", w, "share", "night_ms", "moving_ms", 1.0,
                "moving time between 00:00 and 04:00 local", 1, False, year, "driving between midnight and 4 am",
                "Progressive Snapshot rates these hours highest; Ayuso, Guillen, Nielsen 2019"),
        Feature("rush_share", w, "share", "rush_ms", "moving_ms", 1.0,
                "moving time in the weekday rush hours", 0, False, year, "driving in the rush hours",
                "Progressive Snapshot rates hours of the day apart"),
        Feature("mean_trip_km", w, "km/trip", "distance_mm", "trips", 1 / MM_PER_KM,
                "mean trip length", 0, False, year, "length of trips", "trip summaries: Duval, Boucher, Pigeon 2022"),
        Feature("mean_speed_kmh", w, "km/h", "distance_mm", "moving_ms", 3.6,
                "mean speed in motion", 0, False, year, "average speed", "trip summaries: Duval, Boucher, Pigeon 2022"),
        Feature("completeness", w, "share", "covered_ms", "duration_ms", 1.0, "share of driving time without gaps in the data",
                source=DATA_QUALITY),
    )  # fmt: skip
