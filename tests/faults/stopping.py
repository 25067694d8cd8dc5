"""A night that its gate stops, in a process of its own, on a copy of the world's lake: with a reader beside it, secrets in its
environment, and personal data and names that climb among what has landed. Then it is mended, in two steps."""

import gzip
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from registry.champion import FILES, JUDGED
from tests.faults.killing import start
from tests.world import NIGHTS, Said, World, command, write_conf, write_csv
from training.artefacts import digest

NIGHT = NIGHTS[-1] + timedelta(days=1)
SCORES = "gold.policy_scores"
CLIMBS = "../../../../climbed"
"""Told apart by its last part wherever it should turn up."""
POLICY = (
    "policy_id,vehicle_id,coverage,valid_from,valid_to,jurisdiction,currency,base_premium_minor,driver_age_band,"
    "vehicle_group_band,territory_band,known_from"
)
DEVICE = "dev-planted-4711"
LAT, LON = 48.8583701, 2.2944813
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED42",
    "AWS_SECRET_ACCESS_KEY": "planted/secret+key/0123456789",
    "AWS_SESSION_TOKEN": "planted-session-token-0123456789",
    "MLFLOW_TRACKING_TOKEN": "planted-tracking-token-0123456789",
}
PASSWORDS = ("planted-mlflow-password", "planted-endpoint-password")
DOWN = f"http://fleet:{PASSWORDS[0]}@127.0.0.1:9"
ENDPOINT = f"http://fleet:{PASSWORDS[1]}@127.0.0.1:9"
"""The discard port: nothing listens there."""
ENVIRONMENT = {**SECRETS, "TELEMATICS_MLFLOW_TRACKING_URI": DOWN, "AWS_ENDPOINT_URL_S3": ENDPOINT}


@dataclass(frozen=True)
class Look:
    """What a reader saw at one time."""

    version: int
    rows: int
    dates: frozenset[Any]
    is_staged: bool


@dataclass
class StoppedNight:
    """The lake after it, what was said, and what the page was after each run."""

    world: World
    said: list[Said] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)

    @property
    def reports(self) -> Path:
        return self.world.root / "lake" / "_reports"

    def note(self, said: Said) -> None:
        """Keep what a run said, and what it left for people and readers."""
        folder = self.reports / "nights" / f"{NIGHT}"
        self.said.append(said)
        self.pages.append((folder / "index.html").read_text())
        self.data.append(json.loads((folder / "page.json").read_text()))
        self.indexes.append((self.reports / "index.html").read_text())
        self.versions.append(DeltaTable(self.world.lake.path(SCORES)).version())


@contextmanager
def looked_at(lake: Path, looks: list[Look]) -> Iterator[None]:
    """A reader without Spark that looks again and again, from before until after."""
    ended = threading.Event()

    def look() -> None:
        while True:
            last = ended.is_set()
            is_staged = any((lake / "_staging").glob(f"{SCORES}-*/*.parquet"))
            table = DeltaTable(str(lake / SCORES.replace(".", "/")))
            dates = table.to_pyarrow_table(columns=["score_date"])["score_date"]
            looks.append(Look(table.version(), len(dates), frozenset(dates.to_pylist()), is_staged))
            if last:
                return
            time.sleep(0.05)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()


def copied(world: World, root: Path) -> World:
    """The world's lake at another place, with what lands for the next night only."""
    shutil.copytree(world.root / "lake", root / "lake")
    for day in (world.landing / "sim_phone").glob(f"date={NIGHT}"):
        shutil.copytree(day, root / "landing" / "sim_phone" / day.name)
    return World(world.spark, root, write_conf(root / "conf.yml", root))


def plant(root: Path) -> None:
    """Records that are held or refused for every kind of reason, and names that climb."""
    folder = root / "landing" / "sim_phone" / f"date={NIGHT}" / "hour=12"
    folder.mkdir(parents=True, exist_ok=True)
    point = {"device": DEVICE, "ts": 1768132800000, "lat": LAT, "lon": LON, "speed": 10.0, "seq": 1}
    lines = [json.dumps(point), json.dumps(point)[:-3], json.dumps({**point, "lat": f"x{LAT}"}), json.dumps({**point, "ts": 1})]
    text = gzip.compress("".join(f"{x}\n" for x in lines).encode())
    (folder / f"{CLIMBS.replace('/', '%2f')}.jsonl.gz".lstrip(".")).write_bytes(text)
    (folder / "cut.jsonl.gz").write_bytes(text[:-9])
    (root / "landing" / "reference").mkdir()
    at = "2025-01-01T00:00:00Z"
    write_csv(root / "landing" / "reference" / "policies.csv", POLICY, [
        f"{CLIMBS},{CLIMBS},liability,{at},,US-NE,USD,50000,25-34,g2,urban,{at}"
    ])  # fmt: skip


@contextmanager
def spoiled(world: World) -> Iterator[None]:
    """The champion with a base that is far off, as a bad write would leave it: each price is 22,026 times the base. A changed
    model is refused by its digest; only one that was approved and has scored as it is comes as far as the gate of the scores."""
    lake = world.root / "lake"
    (seen,) = (lake / "_mlflow" / "cache").glob("*/champion.json")
    file = seen.parent / json.loads(seen.read_text())["run_id"] / "scorer.json"
    good, was = file.read_text(), _digest(file.parent)
    spec = json.loads(good)
    file.write_text(json.dumps(spec | {"base": spec["base"] - 10.0}))
    now = _digest(file.parent)
    _scored_instead(world, was, now)
    kept = _approved_instead(lake / "_registry" / file.parent.parent.name, seen, was, now)
    yield
    file.write_text(good)
    _scored_instead(world, now, was)
    for entry, body in kept.items():
        entry.write_bytes(body)


def _digest(folder: Path) -> str:
    return digest({f: (folder / f).read_bytes() for f in (*FILES, *JUDGED) if (folder / f).is_file()})


def _scored_instead(world: World, was: str, now: str) -> None:
    """Records of nights that name another digest."""
    nights = DeltaTable(world.lake.path("gold.nights"))
    nights.update(updates={"detail": f"replace(detail, '{was}', '{now}')"}, predicate=f"detail LIKE '%{was}%'")


def _approved_instead(history: Path, seen: Path, was: str, now: str) -> dict[Path, bytes]:
    """A chain in which another digest was approved, and the head that was seen of it; returns the files that they take the place
    of."""
    entries = sorted(history.glob("*.json"))
    kept = {file: file.read_bytes() for file in (*entries, seen)}
    hashes = [""]
    for entry in entries:
        changed = json.loads(kept[entry].decode().replace(was, now)) | {"previous": hashes[-1]}
        body = json.dumps(changed, sort_keys=True, indent=1).encode()
        entry.write_bytes(body)
        hashes.append(hashlib.sha256(body).hexdigest())
    pointer = json.loads(seen.read_text())
    number, _ = pointer["head"]
    seen.write_text(json.dumps(pointer | {"head": [number, hashes[number]]}))
    return kept


@contextmanager
def without_frames(lake: Path) -> Iterator[None]:
    """The frames the champion was trained on are gone for a while."""
    (lake / "frames").rename(lake / "away")
    yield
    with suppress(FileNotFoundError):
        shutil.rmtree(lake / "frames")
    (lake / "away").rename(lake / "frames")


def in_a_process(conf: Path, *arguments: str) -> Said:
    """The real command line with the planted environment; both streams together."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        child = start(conf, *arguments)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    out, _ = child.communicate()
    return Said(child.returncode, out, out)


def stop_and_mend(world: World, root: Path) -> StoppedNight:
    """The night: its gate stops it, then drift cannot be measured, then it is published; its last job runs again while its page
    is that of a stopped night; its gate stops a rerun."""
    night = StoppedNight(copied(world, root))
    lake, nightly = root / "lake", ("nightly", "--date", str(NIGHT))
    plant(root)
    with spoiled(night.world), looked_at(lake, night.looks):
        night.note(in_a_process(night.world.conf, *nightly))
    with without_frames(lake):
        night.note(command(night.world.conf, *nightly))
    night.note(command(night.world.conf, *nightly))
    # as where `maintain` alone had failed
    (night.reports / "nights" / f"{NIGHT}" / "page.json").write_text(json.dumps(night.data[1]))
    night.note(command(night.world.conf, *nightly, "--rerun", "--from-job", "maintain"))
    with spoiled(night.world):
        night.note(command(night.world.conf, *nightly, "--rerun", "--from-job", "score"))
    return night
