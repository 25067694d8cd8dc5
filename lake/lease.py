"""One writer per lake: a lease that is held, and renewed by a thread of its own (docs/contract-lake.md)."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import psutil

from lake.errors import LeaseLost, LeaseOver
from lake.lease_chain import CLOCK_MARGIN_S, Held, is_of, make, refusal, refuse_if_held, stands
from lake.lease_store import LeaseStore
from lake.log import log
from lake.masking import said

KEPT = 8
"""Numbers below the highest that stay, to be looked at. One that was deleted could be made again; who does is not the highest."""
RENEWALS = 3
"""A lease is renewed so many times before it would be over."""


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
        if not make(store, number, record):
            raise refusal(stands(store))
        if (now := stands(store)).number != number:
            # the number was free because it had been pruned: the chain has gone on
            raise refusal(now)
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
            make(self._store, self._number + 1, released)
        except OSError:
            # a full disk has room again where older numbers were
            for old in [n for n in self._store.listing().ages_s if n < self._number]:
                self._store.delete(old)
            make(self._store, self._number + 1, released)

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
        if last == self._number + 1 and is_of(self._store, last, self._record):
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
                self._lost = f"it could not be renewed: {type(e).__name__}: {said(e)}"

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
        elif make(self._store, self._number + 1, self._record):
            self._store.delete(self._number - KEPT)
            self._number, self._renewed_at = self._number + 1, began
        else:
            self._taken_by(f"number {self._number + 1} was made by another")
