"""Silences of alerts: numbered objects below the lake, each made once; ending one early is another object."""

import datetime as dt
import json
from dataclasses import asdict, dataclass
from typing import Any

from lake.conf import Conf
from lake.errors import EnvironmentProblem, InputError
from lake.lease_store import LeaseStore, numbered_store
from monitoring.alerting import Silence

FOLDER = "_silences"
ATTEMPTS = 20
LONGEST_DAYS = 90
"""A silence is a promise to come back to it."""


@dataclass(frozen=True)
class Kept:
    """A silence with its number, by which it is ended."""

    number: int
    silence: Silence


def store_of(conf: Conf) -> LeaseStore:
    """Where they are."""
    return numbered_store(f"{conf.lake.rstrip('/')}/{FOLDER}")


def silences(conf: Conf) -> list[Kept]:
    """Those that were not ended early, in the order in which they were made; whether one still holds depends on the night."""
    store, found, ended = store_of(conf), dict[int, Silence](), set[int]()
    number = 1
    while (body := store.read(number)) is not None:
        plain: dict[str, Any] = json.loads(body)
        if "ends" in plain:
            ended.add(plain["ends"])
        else:
            found[number] = Silence(**{**plain, "until": dt.date.fromisoformat(plain["until"])})
        number += 1
    return [Kept(n, s) for n, s in found.items() if n not in ended]


def keep_silence(conf: Conf, wanted: Silence, today: dt.date) -> int:
    """Keep a silence; returns its number. Raises InputError for one that is over or too long."""
    if not today <= wanted.until <= today + dt.timedelta(days=LONGEST_DAYS):
        last = today + dt.timedelta(days=LONGEST_DAYS)
        raise InputError(f"--until {wanted.until}: a silence ends between today and {last}, {LONGEST_DAYS} days from now")
    return _add(conf, {**asdict(wanted), "until": f"{wanted.until}"})


def end(conf: Conf, number: int, by: str, reason: str) -> Silence:
    """End a silence early. Raises InputError where there is none of that number."""
    found = next((k.silence for k in silences(conf) if k.number == number), None)
    if found is None:
        raise InputError(f"there is no silence {number}: `telematics alerts list` shows them")
    _add(conf, {"ends": number, "by": by, "reason": reason})
    return found


def _add(conf: Conf, plain: dict[str, Any]) -> int:
    store = store_of(conf)
    for _ in range(ATTEMPTS):
        number = 1
        while store.read(number) is not None:
            number += 1
        if store.create(number, json.dumps(plain, indent=1).encode()):
            return number
    raise EnvironmentProblem(f"no number was free in {ATTEMPTS} attempts at {conf.lake}/{FOLDER}")
