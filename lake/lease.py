"""One writer per lake: a lease that is a chain of numbered objects, of which the highest counts (docs/contract-lake.md)."""

import datetime as dt
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Self

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from lake.errors import LakeError, LeaseHeld, LeaseLost, LeaseOver
from lake.lease_store import DiskStore, LeaseStore
from lake.log import log

CLOCK_MARGIN_S = 2.0
"""An age is a difference of two times that S3 states to the second."""
KEPT = 8
"""Numbers below the highest that stay, to be looked at. One that was deleted could be made again; who does is not the highest."""
RENEWALS = 3
"""A lease is renewed so many times before it would be over."""
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
        raise _refusal(found)
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
    if found.held.state == "released" or not _make(store, number + 1, found.held.model_copy(update={"state": "released"})):
        raise LeaseHeld(f"lease {number} is not held any more: see `telematics lease show`")
    return found.held.describe()


def _release_unreadable(store: LeaseStore, number: int, found: UnreadableLease) -> str:
    released = myself("telematics lease release", 0).model_copy(update={"state": "released"})
    if found.number != number or not _make(store, number + 1, released):
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


class Lease:
    """A lease that is held: renewed by a thread of its own until `release`. `on_loss` is called once where it cannot be."""

    def __init__(self, store: LeaseStore, record: Held, number: int, on_loss: Callable[[], None]) -> None:
        self._store, self._record, self._number, self._on_loss = store, record, number, on_loss
        self._one_at_a_time, self._ended = threading.Lock(), threading.Event()
        self._lost: str | None = None
        self._is_taken = False
        self._renewed_at = time.monotonic()
        self._watchdog = threading.Thread(target=self._watch, name="lease", daemon=True)

    @classmethod
    def take(cls, store: LeaseStore, record: Held, takeover_after_s: float, on_loss: Callable[[], None]) -> Self:
        """Take the lease, or raise LeaseHeld naming its holder; nothing is waited for."""
        number = refuse_if_held(store, takeover_after_s) + 1
        if not _make(store, number, record):
            raise _refusal(stands(store))
        if (now := stands(store)).number != number:
            # the number was free because it had been pruned: the chain has gone on
            raise _refusal(now)
        for old in [n for n in store.listing().ages_s if n < number - KEPT]:
            store.delete(old)
        lease = cls(store, record, number, on_loss)
        lease._watchdog.start()
        return lease

    @property
    def lost(self) -> str | None:
        """Why the lease is not held any more; None while it is, as far as is known."""
        return self._lost

    @property
    def nonce(self) -> str:
        """Names this writer in what it commits."""
        return self._record.nonce

    @property
    def number(self) -> int:
        """The chain's number that is ours."""
        return self._number

    def check(self) -> None:
        """Raise LeaseLost unless the chain's highest object is ours and not over, by the store's clock."""
        with self._one_at_a_time:
            if self._lost is None:
                standing = self._store.listing()
                self._follow(standing.last)
                age_s = standing.ages_s.get(self._number)
                if standing.last != self._number or age_s is None:
                    self._taken_by(f"number {standing.last} was made after ours, {self._number}")
                elif age_s > self._record.duration_s - CLOCK_MARGIN_S:
                    self._lost = f"it was over {age_s - self._record.duration_s + CLOCK_MARGIN_S:.0f} s ago"
            elif not self._is_taken:
                self._look_again()
            self._raise_if_lost()

    def release(self) -> None:
        """Stop renewing and let others take it; nothing where it is lost or over already."""
        self._ended.set()
        with self._one_at_a_time:
            if self._lost is None:
                self._end()
                self._lost = "it was released"

    def _end(self) -> None:
        released = self._record.model_copy(update={"state": "released"})
        try:
            _make(self._store, self._number + 1, released)
        except OSError:
            # a full disk has room again where older numbers were
            for old in [n for n in self._store.listing().ages_s if n < self._number]:
                self._store.delete(old)
            _make(self._store, self._number + 1, released)

    def add_process(self, pid: int) -> None:
        """Another process without whose end the holder is not gone: the JVM that commits."""
        with self._one_at_a_time:
            processes = (*self._record.processes, (pid, psutil.Process(pid).create_time()))
            self._record = self._record.model_copy(update={"processes": processes})
            self._renew()
            self._raise_if_lost()

    def _look_again(self) -> None:
        """Whether another has taken since what was over; of a store that does not answer nobody knows."""
        with suppress(Exception):
            last = self._store.listing().last
            self._follow(last)
            if last != self._number:
                self._taken_by(f"number {last} was made after ours, {self._number}")

    def _follow(self, last: int) -> None:
        """Where the next number is our own, whose answer was lost, it is the one we have."""
        if last == self._number + 1 and _is_of(self._store, last, self._record):
            self._number = last

    def _taken_by(self, another: str) -> None:
        self._lost, self._is_taken = another, True

    def _raise_if_lost(self) -> None:
        if self._lost is not None:
            raise (LeaseLost if self._is_taken else LeaseOver)(
                f"the lease of the lake is lost: {self._lost}; what is not committed is not written"
            )

    def _watch(self) -> None:
        while not self._ended.wait(self._record.duration_s / RENEWALS):
            with self._one_at_a_time:
                if self._ended.is_set():
                    return
                self._try_to_renew()
            if self._lost is not None:
                log().error("lease lost", cause=self._lost)
                self._on_loss()
                return

    def _try_to_renew(self) -> None:
        """A store that does not answer is asked again until the lease is over by this process's clock."""
        try:
            self._renew()
        except Exception as e:
            if time.monotonic() - self._renewed_at > self._record.duration_s - CLOCK_MARGIN_S:
                self._lost = f"it could not be renewed: {type(e).__name__}: {' '.join(str(e).split())[:200]}"

    def _renew(self) -> None:
        """Make the next number of the chain; caller holds the lock."""
        if self._lost is not None:
            return
        began = time.monotonic()
        ages = self._store.listing().ages_s
        self._follow(max(ages, default=0))
        if max(ages, default=0) != self._number:
            self._taken_by(f"number {max(ages, default=0)} was made after ours, {self._number}")
        elif ages[self._number] > self._record.duration_s - CLOCK_MARGIN_S:
            # stopped for longer than it lasts: renewing would revive a lease that another may be taking
            self._lost = "it was over before it could be renewed"
        elif _make(self._store, self._number + 1, self._record):
            self._store.delete(self._number - KEPT)
            self._number, self._renewed_at = self._number + 1, began
        else:
            self._taken_by(f"number {self._number + 1} was made by another")


def _make(store: LeaseStore, number: int, record: Held) -> bool:
    """Whether the number is ours; one that is there may be our own, whose answer was lost."""
    return store.create(number, record.model_dump_json().encode()) or _is_of(store, number, record)


def _is_of(store: LeaseStore, number: int, record: Held) -> bool:
    body = store.read(number)
    try:
        found = Held.model_validate_json(body) if body is not None else None
    except ValidationError:
        return False
    return found is not None and (found.nonce, found.state) == (record.nonce, record.state)


def _refusal(standing: Standing) -> LeaseHeld:
    held = standing.held
    return LeaseHeld(_held_by(standing), is_of_a_night=held is None or NIGHTS in held.command.split())


def _held_by(standing: Standing) -> str:
    who = standing.held.describe() if standing.held else "another"
    if standing.held is not None and standing.held.state == "released":
        return f"lease {standing.number} is, and nobody holds it: released {standing.age_s:.0f} s ago ({who})"
    return f"the lake is being written: {who} (lease {standing.number}, renewed {standing.age_s:.0f} s ago)"
