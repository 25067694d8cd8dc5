"""One simulation, from a seed to files: population, reference, raw points, history and the truth about all of them."""

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from lake.errors import InputError
from simulator import book, cars, faults, landing, people, reference, summary
from simulator.summary import Summary

START = dt.date(2026, 1, 5)
"""First simulated day, a Monday."""
FOLDERS = ("sim_phone", "reference", "history", "truth")
DEVICES_PER_BATCH = 50
MIN_PARALLEL_TASKS = 4
"""Below this, starting processes takes longer than the work."""
_PEOPLE, _RAW, _BOOK, _CLAIMS, _SKEW, _GROUPS = range(6)
Progress = Callable[[str, float], None]
Faults = Literal["default", "none", "all"]


@dataclass(frozen=True)
class Setup:
    """What decides the content of every file: raw days are [start, start + days), the book's the book_days up to their end."""

    policies: int
    days: int
    seed: int
    book_policies: int
    book_days: int
    start: dt.date
    faulty: Faults

    @property
    def end(self) -> dt.date:
        """The day after the last simulated one."""
        return self.start + dt.timedelta(days=self.days)

    @property
    def begin(self) -> dt.date:
        """First day of the book."""
        return self.end - dt.timedelta(days=self.book_days)

    @property
    def middle(self) -> dt.datetime:
        """When the special cases happen: half-way through the simulated days (UTC, naive)."""
        return dt.datetime.combine(self.start, dt.time()) + dt.timedelta(days=self.days) / 2

    @property
    def last_arrival(self) -> dt.datetime:
        """Nothing is known or arrives after this (UTC, naive)."""
        return dt.datetime.combine(self.end, dt.time()) + dt.timedelta(days=landing.LATEST_DAYS, seconds=-1)

    @property
    def arguments(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"start": self.start.isoformat()}

    def check(self) -> None:
        """Raise InputError for a number that is out of range."""
        least = {"policies": 1, "days": 1, "seed": 0, "book_policies": 0, "book_days": self.days}
        for name, bound in least.items():
            value = getattr(self, name)
            if value < bound:
                why = " (days: the book ends with them)" if name == "book_days" else ""
                raise InputError(f"simulate: {name} is {value}, it must be at least {bound}{why}")


@dataclass(frozen=True)
class RawDay:
    """One local day of a batch of cars: what was written, and the truth about it."""

    files: int
    points: int
    trips: pd.DataFrame
    events: pd.DataFrame
    faults: pd.DataFrame


def simulate(  # noqa: PLR0913
    policies: int,
    days: int,
    seed: int,
    out: Path,
    *,
    book_policies: int = 0,
    book_days: int = 730,
    start: dt.date = START,
    faulty: Faults = "default",
    processes: int = 2,
    progress: Progress | None = None,
) -> Summary:
    """Simulate `policies` cars with raw points for `days` local days from `start`, and a book with `book_days` of history
    up to the last of them, below `out`. The same arguments give the same bytes, whatever `processes` is; where `out`
    holds that very simulation already, nothing is done.

    `progress` hears of each stage and its share done. Raises InputError for a number out of range or an `out` that
    holds another simulation, or a part of one.
    """
    setup, out = Setup(policies, days, seed, book_policies, book_days, start, faulty), Path(out)
    setup.check()
    done = _done_before(setup, out)
    if done is not None:
        return done
    tell: Progress = progress or (lambda stage, share: None)
    tell("population", 0.0)
    everyone = _population(setup)
    occurred = _write_reference(setup, everyone, out / "reference")
    tell("population", 1.0)
    raw = _write_raw(setup, everyone, out, processes, tell)
    rows = _write_history(setup, everyone, out, processes, tell) if book_policies else 0
    return _write_truth(setup, everyone, occurred, raw, rows, out)


def _done_before(setup: Setup, out: Path) -> Summary | None:
    found = summary.read(out)
    if found is not None and found.arguments == setup.arguments:
        return found
    taken = [f for f in FOLDERS if (out / f).exists()]
    if taken:
        raise InputError(f"simulate: {out} holds another simulation ({', '.join(taken)}): remove it or give another --out")
    return None


def _population(setup: Setup) -> pd.DataFrame:
    """The fleet, then the book."""
    fleet = people.fleet(np.random.default_rng([setup.seed, _PEOPLE, 0]), setup.policies, setup.middle)
    if setup.book_policies == 0:
        return fleet
    others = people.book(np.random.default_rng([setup.seed, _PEOPLE, 1]), setup.book_policies, setup.begin, setup.end)
    return pd.concat([fleet, others], ignore_index=True)


def _write_reference(setup: Setup, everyone: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Write the reference files; returns every claim that occurred."""
    rng = np.random.default_rng([setup.seed, _CLAIMS])
    occurred = reference.losses(rng, everyone, setup.begin, setup.end)
    tables = {
        "policies": reference.policies(everyone),
        "devices": reference.devices(everyone, setup.middle),
        "consents": reference.consents(everyone, setup.middle),
        "fairness_groups": reference.fairness_groups(np.random.default_rng([setup.seed, _GROUPS]), everyone),
        "claims": reference.claims(rng, occurred, setup.last_arrival),
    }
    for name, table in tables.items():
        reference.write_csv(table, folder / f"{name}.csv")
    return occurred


def _write_raw(setup: Setup, everyone: pd.DataFrame, out: Path, processes: int, tell: Progress) -> list[RawDay]:
    """Raw files of the fleet, a task per day and batch of cars."""
    driven = everyone[(everyone["level"] == people.FLEET) & everyone["device_id"].notna()]
    rng = np.random.default_rng([setup.seed, _SKEW])
    skew = faults.skewed_devices(rng, driven["device_id"].tolist()) if setup.faulty != "none" else {}
    batches = [driven.iloc[k : k + DEVICES_PER_BATCH] for k in range(0, len(driven), DEVICES_PER_BATCH)]
    dates = [setup.start + dt.timedelta(days=n) for n in range(setup.days)]
    tasks = [(setup, number, batch, date, out, skew) for date in dates for number, batch in enumerate(batches)]
    return list(_in_order(write_raw_day, tasks, processes, lambda share: tell("points", share)))


def write_raw_day(setup: Setup, number: int, batch: pd.DataFrame, day: dt.date, out: Path, skew: dict[str, int]) -> RawDay:
    """Write one local day of a batch of cars; `skew` is the clock error by device, in seconds."""
    rng = np.random.default_rng([setup.seed, _RAW, number, day.toordinal()])
    points, trips, events = cars.drive(rng, batch, day, setup.middle)
    if points.empty:
        return RawDay(0, 0, trips, events, pd.DataFrame(columns=list(faults.FAULT_COLUMNS)))
    noted = []
    if setup.faulty != "none":
        points, planted = faults.plant(rng, points, skew)
        noted.append(planted)
    last_ms = int(setup.last_arrival.replace(tzinfo=dt.UTC).timestamp()) * 1000
    files, planted = landing.write(rng, points, out / "sim_phone", f"b{number:04d}-{day:%Y%m%d}", last_ms, setup.faulty)
    return RawDay(files, len(points), trips, events, pd.concat([*noted, planted], ignore_index=True))


def _write_history(setup: Setup, everyone: pd.DataFrame, out: Path, processes: int, tell: Progress) -> int:
    """The book's policy days, and the fleet's before its first raw day; only with consent. Returns the rows."""
    known = everyone[everyone["consent"] & everyone["policy_id"].notna() & everyone["device_id"].notna()]
    tasks: list[tuple[Any, ...]] = []
    for level, end in ((people.FLEET, setup.start), (people.BOOK, setup.end)):
        members = known[known["level"] == level]
        for k in range(0, len(members), book.POLICIES_PER_FILE):
            part = members.iloc[k : k + book.POLICIES_PER_FILE]
            path = out / "history" / f"policy_days-{level}-{k // book.POLICIES_PER_FILE:04d}.parquet"
            tasks.append(((setup.seed, _BOOK, len(tasks)), part, setup.begin, end, path))
    return sum(_in_order(book.write, tasks, processes, lambda share: tell("history", share)))


def _in_order(
    work: Callable[..., Any], tasks: list[tuple[Any, ...]], processes: int, tell: Callable[[float], None]
) -> Iterator[Any]:
    """Results in the order of the tasks; in other processes where there are enough of them."""
    tell(0.0)
    if processes == 1 or len(tasks) < MIN_PARALLEL_TASKS:
        for n, task in enumerate(tasks, 1):
            yield work(*task)
            tell(n / len(tasks))
        return
    # spawn: a fork of a process that holds a JVM's threads can hang
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        futures = [pool.submit(work, *task) for task in tasks]
        for n, _ in enumerate(as_completed(futures), 1):
            tell(n / len(tasks))
        yield from (f.result() for f in futures)


def _write_truth(
    setup: Setup, everyone: pd.DataFrame, occurred: pd.DataFrame, raw: list[RawDay], policy_days: int, out: Path
) -> Summary:
    claims = everyone["policy_id"].map(occurred["policy_id"].value_counts()).fillna(0).astype(np.int64)
    drivers = everyone.assign(exposure_years=reference.exposure(everyone, setup.begin, setup.end), claims=claims)
    planted = pd.concat([day.faults for day in raw], ignore_index=True)
    trips = pd.concat([day.trips for day in raw], ignore_index=True)
    events = pd.concat([day.events for day in raw], ignore_index=True)
    tables = {"drivers": drivers, "claims": occurred, "trips": trips, "events": events, "faults": planted}
    summary.write_truth(out, tables)
    made = Summary(
        out=str(out),
        start=setup.start,
        days=setup.days,
        files=sum(day.files for day in raw),
        points=sum(day.points for day in raw),
        trips=len(trips),
        policy_days=policy_days,
        claims=len(occurred),
        oracle_gini=summary.gini_of_all(drivers),
        faults={str(k): int(v) for k, v in planted["kind"].value_counts().sort_index().items()},
        cases=people.cases(everyone, setup.middle),
        arguments=setup.arguments,
        **summary.population(everyone),
    )
    made.write(out)
    return made
