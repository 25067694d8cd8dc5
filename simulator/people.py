"""The population: drivers with ids, homes and cover, and the special cases that every fleet of ten or more has."""

import datetime as dt

import numpy as np
import pandas as pd

from simulator.truth import draw_drivers

CITIES = (
    ("US-NE", "America/Chicago", 41.26, -96.00),
    ("US-CO", "America/Denver", 39.74, -104.95),
)
"""Jurisdiction, zone and centre: Omaha and Denver."""
CITY_HALF_DEG = 0.15
GRID_DEG = 0.0045
"""Homes stand on a grid of about 500 m."""
TERM_DAYS = 365
RENEWAL_P = 0.88
BOOK_WITHOUT_CONSENT_P = 0.01
BOOK_RUNNING_P = 0.25
"""Share of the book whose first term began before the history does; the others begin within it."""
LAST_START_DAYS = 30
FLEET_AGE_DAYS = (200, 360)
MIN_FLEET_FOR_CASES = 10
BOOK_FIRST_ID = 100_000
SPARE_DEVICE_FIRST_ID = 900_000
"""Devices that take another's place in a vehicle."""

FLEET, BOOK = "fleet", "book"
NO_POLICY, EXPIRES, WITHDRAWN, NO_DEVICE, CHANGES_DEVICE, NO_CONSENT = (
    "device_without_policy", "policy_expires", "consent_withdrawn", "policy_without_device", "vehicle_changes_device",
    "policy_without_consent",
)  # fmt: skip
CASES = (NO_POLICY, EXPIRES, WITHDRAWN, NO_DEVICE, CHANGES_DEVICE, NO_CONSENT)


def fleet(rng: np.random.Generator, policies: int, middle: dt.datetime) -> pd.DataFrame:
    """Cars that send raw points: drivers with ids, home, `first_from`, `last_to` (UTC, naive) and `case`.

    From ten policies on there is one car more, whose device has no policy, and cars 2 to 6 are the other cases;
    what happens to them happens at `middle` (UTC, naive).
    """
    special = policies >= MIN_FLEET_FOR_CASES
    people = _people(rng, policies + int(special), 1, FLEET)
    age = rng.integers(*FLEET_AGE_DAYS, len(people))
    day = pd.Timestamp(middle).normalize()
    people["first_from"] = day - pd.to_timedelta(age, unit="D")
    people["last_to"] = people["first_from"] + pd.Timedelta(days=2 * TERM_DAYS)
    people["case"] = ""
    if special:
        people.loc[policies, "case"] = NO_POLICY
        people.loc[range(1, len(CASES)), "case"] = list(CASES[1:])
        people.loc[people["case"] == EXPIRES, ["first_from", "last_to"]] = [middle - pd.Timedelta(days=TERM_DAYS), middle]
    people["policy_id"] = people["policy_id"].where(people["case"] != NO_POLICY)
    people["device_id"] = people["device_id"].where(people["case"] != NO_DEVICE)
    people["consent"] = people["case"] != NO_CONSENT
    return people


def book(rng: np.random.Generator, policies: int, begin: dt.date, end: dt.date) -> pd.DataFrame:
    """The book's policies: staggered starts in [begin, end), yearly terms, each renewed with chance RENEWAL_P."""
    people = _people(rng, policies, BOOK_FIRST_ID, BOOK)
    days = (end - begin).days
    running = rng.random(policies) < BOOK_RUNNING_P
    later = rng.integers(0, max(days - LAST_START_DAYS, 1), policies)
    offset = np.where(running, -rng.integers(1, TERM_DAYS, policies), later)
    terms = rng.geometric(1.0 - RENEWAL_P, policies)
    needed = (days - offset) // TERM_DAYS + 1
    people["first_from"] = pd.Timestamp(begin) + pd.to_timedelta(offset, unit="D")
    people["last_to"] = people["first_from"] + pd.to_timedelta(TERM_DAYS * np.minimum(terms, needed), unit="D")
    people["case"] = ""
    people["consent"] = rng.random(policies) >= BOOK_WITHOUT_CONSENT_P
    return people


def _people(rng: np.random.Generator, n: int, first_id: int, level: str) -> pd.DataFrame:
    """Drivers with ids and homes, half of them in each city."""
    people = draw_drivers(rng, n)
    ids = np.arange(first_id, first_id + n)
    for kind in ("policy", "vehicle", "device"):
        people[f"{kind}_id"] = [f"{kind[0]}-{i:06d}" for i in ids]
    city = rng.integers(len(CITIES), size=n)
    for k, name in enumerate(("jurisdiction", "tz", "home_lat", "home_lon")):
        people[name] = np.take([c[k] for c in CITIES], city)
    for name in ("home_lat", "home_lon"):
        steps = np.round(rng.uniform(-CITY_HALF_DEG, CITY_HALF_DEG, n) / GRID_DEG)
        people[name] = people[name].astype(np.float64) + steps * GRID_DEG
    people["level"] = level
    return people


def spare_device(people: pd.DataFrame) -> pd.Series:
    """The device that takes the first one's place where the vehicle changes devices, else null."""
    spare = pd.Series([f"d-{SPARE_DEVICE_FIRST_ID + i:06d}" for i in range(len(people))], index=people.index)
    return spare.where(people["case"] == CHANGES_DEVICE)


def cases(people: pd.DataFrame, middle: dt.datetime) -> dict[str, dict[str, str | None]]:
    """Who the special cases are, and when it happens."""
    special = people[people["case"] != ""]
    return {
        str(row.case): {
            "policy_id": _text(row.policy_id),
            "vehicle_id": _text(row.vehicle_id),
            "device_id": _text(row.device_id),
            "at": f"{middle.isoformat()}Z",
        }
        for row in special.itertuples()
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
