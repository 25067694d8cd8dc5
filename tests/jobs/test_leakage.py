"""No frame knows what came later: all that can arrive after t0 is put into a real lake, through the jobs where they make it, and
the frame stays as it was. Each arrival is also made in time, and then the frame must change: so the first test can fail."""

import datetime as dt
import gzip
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from jobs import days as days_job
from jobs import ingest, trips
from jobs.frames import FrameResult, build_frame, summarise
from lake.clock import cutoff
from lake.conf import Conf, load_conf
from lake.delta import Lake
from lake.tables import TABLES
from tests.jobs.context import night, passing
from tests.transforms.driving import devices
from tests.transforms.rows import claim, consent, date, day, frame, policy, ts
from transforms.frames import FrameSpec, Sources, training_frame

pytestmark = pytest.mark.slow
AS_OF, VALUATION = date("2026-01-31"), date("2026-05-01")
"""60 days of horizon and 30 of maturity: t0 is 1 February, the horizon ends on 2 April."""
T0, END, VALUED = cutoff(AS_OF), cutoff(date("2026-04-01")), cutoff(VALUATION)
TICK = dt.timedelta(microseconds=1)
READ = ("reference.policies", "reference.consents", "reference.claims", "gold.policy_days")
"""What a frame is made from."""
TRAINING = {"horizon_days": 60, "maturity_days": 30, "as_of_dates": 1}
SPEC = FrameSpec((AS_OF,), TRAINING["horizon_days"], VALUATION)
BASE = {
    "reference.policies": [
        *(policy(n) for n in (1, 2, 3, 4, 5)), policy(1, coverage="theft"),
        # terms changed in the horizon, known a month before
        policy(6, valid_to=ts("2026-02-21"), known_from=ts("2026-01-01")),
        policy(6, valid_from=ts("2026-02-21"), base_premium_minor=70_000, known_from=ts("2026-01-01")),
    ],
    "reference.consents": [consent(n) for n in (1, 2, 3, 4, 6, 9)],
    "reference.claims": [
        claim("a", "2026-02-10"), claim("b", "2026-03-10", coverage="theft", incurred_minor=30_000), claim("c", "2026-03-01", 2),
    ],
    "gold.policy_days": [day(f"v{n}", f"2026-01-{d:02d}") for n in (3, 4) for d in (10, 20)],
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A lake with its landing folder."""

    lake: Lake
    conf: Conf
    root: Path

    def add(self, name: str, *rows: dict[str, Any]) -> None:
        """New rows of a bitemporal table."""
        self.lake.append_once(name, frame(self.lake.spark, TABLES[name], list(rows)), f"{name} {rows}")

    def restate(self, name: str, was: dict[str, Any], at: dt.datetime, **now: Any) -> None:
        """Close a version at an instant; `now` is what differs in its successor, None for no successor."""
        closes = frame(self.lake.spark, TABLES[name], [was | {"known_to": at}])
        adds = frame(self.lake.spark, TABLES[name], [was | now | {"known_from": at}] if now else [])
        self.lake.apply_versions(name, closes, adds, f"{name} restated")

    def drive(self, device: str, start: str, received: dt.datetime) -> None:
        """Land a minute at 15 m/s, as a file received in that hour."""
        began = ts(start).timestamp()
        lines = [
            {"device": device, "ts": int((began + s) * 1000), "lat": 41.2, "lon": -96 + 0.00018 * s, "speed": 15.0}
            for s in range(60)
        ]
        path = (
            self.root
            / "landing"
            / "sim_phone"
            / f"date={received:%Y-%m-%d}"
            / f"hour={received:%H}"
            / f"{device}{began}.jsonl.gz"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress("".join(json.dumps(x) + "\n" for x in lines).encode()))

    def night(self, in_time: bool) -> None:
        """From landed files to policy days: the night of t0 once more, or the one after it."""
        of, previous = (AS_OF, None) if in_time else (AS_OF + dt.timedelta(days=1), AS_OF)
        ran = [job.run(night(self.lake, self.conf, of, previous)) for job in (ingest, trips, days_job)]
        assert not any(x.complaints for x in ran)

    def frame(self) -> FrameResult:
        """As a training run builds it."""
        return build_frame(self.lake, self.conf, VALUATION, passing)

    def made(self) -> DataFrame:
        """What a training run would write."""
        return training_frame(Sources(*(self.lake.read(x) for x in READ)), SPEC)

    def hash(self) -> str:
        """What it would be named."""
        return summarise(self.lake.shaped("frames.new", self.made()), SPEC)[1]

    def rows(self) -> dict[tuple[str, str], Row]:
        """Its rows by policy and coverage."""
        return {(x.policy_id, x.coverage): x for x in self.made().collect()}


def site(spark: SparkSession, root: Path) -> Site:
    conf = load_conf("local")
    landing = conf.landing.model_copy(update={"root": str(root / "landing")})
    training = conf.training.model_copy(update=TRAINING)
    conf = conf.model_copy(update={"lake": str(root / "lake"), "landing": landing, "training": training})
    return Site(Lake(spark, conf.lake), conf, root)


@pytest.fixture(scope="module")
def base(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """All that was known at t0, and what was known of the horizon when it was valued; nothing changes it."""
    here = site(spark, tmp_path_factory.mktemp("base"))
    for name, rows in BASE.items():
        here.add(name, *rows)
    sits = [(f"d{n}", f"v{n}", ts("2025-01-01"), None, ts("2025-01-01")) for n in (1, 2)]
    here.lake.append_once("reference.devices", devices(spark, *sits), "devices")
    for device in ("d1", "d2"):
        here.drive(device, "2026-01-29T15:00:00", ts("2026-01-29T16:00:00"))
    here.night(in_time=True)
    return here


def copied(base: Site, root: Path) -> Site:
    shutil.copytree(base.root, root, dirs_exist_ok=True)
    return site(base.lake.spark, root)


def at_t0(change: Callable[[Site, dt.datetime], None]) -> Callable[[Site, bool], None]:
    """Known a microsecond before t0, or at it."""
    return lambda here, in_time: change(here, T0 - TICK if in_time else T0)


def at_valuation(change: Callable[[Site, dt.datetime], None]) -> Callable[[Site, bool], None]:
    """Known a microsecond before the valuation's cutoff, or at it."""
    return lambda here, in_time: change(here, VALUED - TICK if in_time else VALUED)


def through_the_jobs(here: Site, in_time: bool) -> None:
    """In the last hour before t0, or in the first one after it: of car v1 a trip of the 30th and a minute by which that of the
    29th is longer; and that the phone of v2 was in v4 all the time."""
    for start in ("2026-01-30T10:00:00", "2026-01-29T15:01:00"):
        here.drive("d1", start, T0 - dt.timedelta(hours=1) if in_time else T0)
    sat = devices(here.lake.spark, ("d2", "v4", ts("2025-01-02"), None, T0 - TICK if in_time else T0))
    here.lake.append_once("reference.devices", sat, "remapped")
    here.night(in_time)


def claims_at_edges(here: Site, inside: bool) -> None:
    """At the first and at the last instant of the horizon, or just outside both."""
    instants = (T0, END - TICK) if inside else (T0 - TICK, END)
    known = {"known_from": ts("2026-04-10")}
    here.add("reference.claims", *(claim(f"edge {x}", "2026-03-01", 6, occurred_ts=x, **known) for x in instants))


ARRIVALS: dict[str, Callable[[Site, bool], None]] = {
    "a day imported": at_t0(lambda here, known: here.add("gold.policy_days", day("v1", "2026-01-05", known_from=known))),
    "a day restated": at_t0(
        lambda here, known: here.restate("gold.policy_days", BASE["gold.policy_days"][0], known, distance_mm=1)
    ),
    "a day withdrawn": at_t0(lambda here, known: here.restate("gold.policy_days", BASE["gold.policy_days"][3], known)),
    "a policy": at_t0(lambda here, known: here.add("reference.policies", policy(9, known_from=known))),
    "a coverage": at_t0(lambda here, known: here.add("reference.policies", policy(2, coverage="theft", known_from=known))),
    "a premium restated": at_t0(
        lambda here, known: here.restate("reference.policies", policy(4), known, base_premium_minor=1)
    ),
    "a consent": at_t0(lambda here, known: here.add("reference.consents", consent(5, known_from=known))),
    "a consent withdrawn": at_t0(
        lambda here, known: here.restate("reference.consents", consent(3), known, valid_to=ts("2026-01-15"))
    ),
    "a claim told": at_valuation(
        lambda here, known: here.add("reference.claims", claim("told", "2026-03-01", 4, known_from=known))
    ),
    "a claim's amount": at_valuation(
        lambda here, known: here.restate("reference.claims", BASE["reference.claims"][0], known, incurred_minor=1)
    ),
    "a claim gone": at_valuation(lambda here, known: here.restate("reference.claims", BASE["reference.claims"][2], known)),
    "a cancellation": at_valuation(
        lambda here, known: here.restate("reference.policies", policy(2), known, valid_to=ts("2026-03-20"))
    ),
    "claims at the edges": claims_at_edges,
}  # fmt: skip


def test_what_comes_later_changes_nothing(base: Site, tmp_path: Path, spark: SparkSession) -> None:
    here = copied(base, tmp_path)
    built = here.frame()
    rows = sorted(map(str, built.df.collect()))
    assert len(rows) == 6
    # on and after the as-of day, received as they happened
    for start in ("2026-01-31T10:00:00", "2026-02-01T10:00:00"):
        here.drive("d1", start, ts("2026-02-01T12:00:00"))
    through_the_jobs(here, False)
    for arrive in ARRIVALS.values():
        arrive(here, False)
    # the jobs restated v1's 29th and v2's, and added v1's 30th, 31st and 1st and v4's 29th; two days were restated by hand
    days = here.lake.read("gold.policy_days")
    assert days.where(F.col("known_to") >= T0).count() == 4
    late = days.where((F.col("known_from") >= T0) & (F.col("source") == "sim_phone")).select("vehicle_id", "local_date").collect()
    assert sorted(f"{x[0]} {x[1]:%d}" for x in late) == ["v1 01", "v1 29", "v1 30", "v1 31", "v4 29"]

    def unchanged() -> None:
        again = here.frame()
        assert (again.hash, sorted(map(str, again.df.collect()))) == (built.hash, rows)
        # neither a commit nor a frame more
        assert (here.lake.version(again.name), here.lake.frames()) == (1, [built.name])

    unchanged()
    files = len(list(tmp_path.glob("lake/gold/policy_days/**/*.parquet")))
    check = "spark.databricks.delta.retentionDurationCheck.enabled"
    spark.conf.set(check, "false")
    try:
        for name in READ:
            table = DeltaTable.forPath(spark, here.lake.path(name))
            table.optimize().executeCompaction()
            table.vacuum(0)
    finally:
        spark.conf.unset(check)
    assert len(list(tmp_path.glob("lake/gold/policy_days/**/*.parquet"))) < files
    unchanged()


def test_the_same_in_time_changes_the_frame_each_time(base: Site, tmp_path: Path) -> None:
    here = copied(base, tmp_path)
    hashes = [here.hash()]
    for name, arrive in ARRIVALS.items():
        arrive(here, True)
        digest = here.hash()
        assert digest not in hashes, name
        hashes.append(digest)
    rows = here.rows()
    # the first instant and the last; the term that changed in between is one row of 60 days
    assert (rows["p6", "liability"].claims, rows["p6", "liability"].exposure_years) == (2, pytest.approx(60 / 365.25))
    # p1 and p2 in two coverages, p3 without consent, p4, p5, p6 and p9
    assert sorted(rows) == [
        ("p1", "liability"), ("p1", "theft"), ("p2", "liability"), ("p2", "theft"),
        *((f"p{n}", "liability") for n in (4, 5, 6, 9)),
    ]  # fmt: skip


def test_what_the_jobs_make_in_time_is_in_the_frame(base: Site, tmp_path: Path) -> None:
    here = copied(base, tmp_path)
    before = here.rows()
    through_the_jobs(here, True)
    after = here.rows()
    found = {
        n: tuple((x[f"p{n}", "liability"].days_driven_7, x[f"p{n}", "liability"].km_7) for x in (before, after))
        for n in (1, 2, 4)
    }
    # a minute is 59 steps of 0.00018 degrees: 59 x 0.00018 x 111.195 km x cos(41.2) = 0.889 km; two in a row have 119 steps
    minute = 59 * 0.00018 * 111.195 * math.cos(math.radians(41.2))
    longer = minute * 60 / 59 + minute
    assert found == {
        1: ((1, pytest.approx(minute, rel=1e-3)), (2, pytest.approx(minute + longer, rel=0.02))),
        2: ((1, pytest.approx(minute, rel=1e-3)), (0, 0)),
        4: ((0, 0), (1, pytest.approx(minute, rel=1e-3))),
    }  # fmt: skip
