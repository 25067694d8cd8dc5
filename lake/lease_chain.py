"""The chain of numbered objects that a lake's lease is, of which the highest counts (docs/contract-lake.md): who holds it, and
whether another may take it."""

import datetime as dt
import os
import socket
import uuid
from dataclasses import dataclass
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from lake.errors import LakeError, LeaseHeld
from lake.lease_store import DiskStore, LeaseStore

CLOCK_MARGIN_S = 2.0
"""An age is a difference of two times that S3 states to the second."""
NIGHTS = "nightly"
"""A word of the command that runs nights."""


class Held(BaseModel):
    """What an object of the chain says."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    state: Literal["held", "released"]
    nonce: str
    owner: str
    host: str
    processes: tuple[tuple[int, float], ...]
    """Process id and start time of the command and of its JVM: on the same disk they tell a killed holder."""
    command: str
    since: dt.datetime
    duration_s: float

    def describe(self) -> str:
        """Who, where, what and since when, for people."""
        process, since = self.processes[0][0], f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.owner} on {self.host} (process {process}) runs `{self.command}` since {since}"


@dataclass(frozen=True)
class Standing:
    """The highest object of a chain: number, seconds since it was made, what it says; None where there is none."""

    number: int
    age_s: float
    held: Held | None


class UnreadableLease(LakeError):
    """The chain's highest object is not ours to read, so nobody knows who writes."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"lease {number:012d}.json cannot be read: {why}; `telematics lease release {number}`")
        self.number = number


def myself(command: str, duration_s: float) -> Held:
    """A record of this process, not yet in any chain."""
    started = psutil.Process().create_time()
    return Held(
        state="held", nonce=uuid.uuid4().hex, owner=_user(), host=socket.gethostname(), processes=((os.getpid(), started),),
        command=command, since=dt.datetime.now(dt.UTC), duration_s=duration_s,
    )  # fmt: skip


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def stands(store: LeaseStore) -> Standing:
    """The chain's highest object. Raises LakeError for one that is not ours to read."""
    listing = store.listing()
    number = listing.last
    body = store.read(number) if number else None
    if body is None:
        return Standing(number, 0.0, None)
    try:
        return Standing(number, listing.ages_s[number], Held.model_validate_json(body))
    except ValidationError as e:
        raise UnreadableLease(number, e.errors()[0]["msg"]) from e


def is_over(standing: Standing, store: LeaseStore, takeover_after_s: float) -> bool:
    """Whether another may take the lease: released, its holder was killed on this machine's disk, or over for so long that
    no request of its holder can be under way any more."""
    held = standing.held
    if held is None or held.state == "released" or (isinstance(store, DiskStore) and _is_dead(held)):
        return True
    return standing.age_s > held.duration_s + takeover_after_s + CLOCK_MARGIN_S


def refuse_if_held(store: LeaseStore, takeover_after_s: float) -> int:
    """The chain's highest number. Raises LeaseHeld where its holder may still write."""
    found = stands(store)
    if not is_over(found, store, takeover_after_s):
        raise refusal(found)
    return found.number


def release_by_hand(store: LeaseStore, number: int) -> str:
    """End the lease with the number, whoever holds it; a holder that lives notices before its next commit. Returns who it was.

    Raises LeaseHeld where another number is the highest: it is not what was looked at.
    """
    try:
        found = stands(store)
    except UnreadableLease as e:
        return _release_unreadable(store, number, e)
    if found.number != number or found.held is None:
        raise LeaseHeld(f"lease {number} is not the last one: {_held_by(found)}" if found.number else "there is no lease")
    if found.held.state == "released" or not make(store, number + 1, found.held.model_copy(update={"state": "released"})):
        raise LeaseHeld(f"lease {number} is not held any more: see `telematics lease show`")
    return found.held.describe()


def _release_unreadable(store: LeaseStore, number: int, found: UnreadableLease) -> str:
    released = myself("telematics lease release", 0).model_copy(update={"state": "released"})
    if found.number != number or not make(store, number + 1, released):
        raise LeaseHeld(f"lease {number} is not the last one: see `telematics lease show`") from found
    return "it could not be read"


def _is_dead(held: Held) -> bool:
    """Whether every process of the holder is gone from this host."""
    return held.host == socket.gethostname() and not any(_is_alive(pid, started) for pid, started in held.processes)


def _is_alive(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def make(store: LeaseStore, number: int, record: Held) -> bool:
    """Whether the number is ours; one that is there may be our own, whose answer was lost."""
    return store.create(number, record.model_dump_json().encode()) or is_of(store, number, record)


def is_of(store: LeaseStore, number: int, record: Held) -> bool:
    """Whether a number that is there is of this holder, in this state."""
    body = store.read(number)
    try:
        found = Held.model_validate_json(body) if body is not None else None
    except ValidationError:
        return False
    return found is not None and (found.nonce, found.state) == (record.nonce, record.state)


def refusal(standing: Standing) -> LeaseHeld:
    """Why the lease cannot be had, naming its holder."""
    held = standing.held
    return LeaseHeld(_held_by(standing), is_of_a_night=held is None or NIGHTS in held.command.split())


def _held_by(standing: Standing) -> str:
    who = standing.held.describe() if standing.held else "another"
    if standing.held is not None and standing.held.state == "released":
        return f"lease {standing.number} is, and nobody holds it: released {standing.age_s:.0f} s ago ({who})"
    return f"the lake is being written: {who} (lease {standing.number}, renewed {standing.age_s:.0f} s ago)"
