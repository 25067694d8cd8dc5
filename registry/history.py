"""What became of a model's versions: an append-only chain of numbered entries, each with the hash of the one before.

An entry is an object that is made only if its number is free, so two who write at once cannot both have it. The head (number and
hash) is anchored in a second place: an entry that was altered, removed or cut off no longer agrees with it, and one that was
added behind it counts for nothing.
"""

import datetime as dt
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lake.conf import Conf
from lake.errors import EnvironmentProblem, ModelRefused
from lake.lease_store import LeaseStore, numbered_store
from registry.actors import Actor
from registry.store import answering, checked_name, connect

HEAD_TAG = "history_head"
ATTEMPTS = 20
PAUSE_S = 0.25
"""Between attempts: as long as somebody else needs to anchor what they wrote."""
REGISTERED, APPROVED, REJECTED, PROMOTED, ROLLED_BACK = "registered", "approved", "rejected", "promoted", "rolled back"
CANARY, CANARY_WITHDRAWN = "canary", "canary withdrawn"
WITHDRAWN = "withdrawn"
"""A champion that was taken out of force with nobody in its place."""


@dataclass(frozen=True)
class Entry:
    """One thing that was done to a version; `detail` is what it rests on."""

    number: int
    at: str
    model: str
    version: str
    action: str
    actor: Actor
    reason: str
    detail: dict[str, Any]
    previous: str

    def body(self) -> bytes:
        """As it is kept, and hashed."""
        plain = {**vars(self), "actor": vars(self.actor)}
        return json.dumps(plain, sort_keys=True, indent=1).encode()

    @classmethod
    def parse(cls, body: bytes) -> "Entry":
        """Raises ValueError for what is none."""
        plain = json.loads(body)
        return cls(**{**plain, "actor": Actor(**plain["actor"])})

    def describe(self) -> str:
        """One line."""
        vouched = "" if self.actor.verified else " (unverified)"
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.number:>4}  {self.at}  version {self.version} {self.action} by {self.actor.name}{vouched}{reason}"


@dataclass(frozen=True)
class History:
    """A model's entries in order, with the hash of each; `broken` says what is wrong with them, empty where nothing is.

    `beyond` are entries that follow the anchored head: somebody was killed before anchoring, or wrote them by hand. They count
    for nothing.
    """

    entries: tuple[Entry, ...]
    hashes: tuple[str, ...]
    broken: str = ""
    beyond: tuple[Entry, ...] = ()

    def of(self, version: str) -> list[Entry]:
        """Of one version, in order."""
        return [e for e in self.entries if e.version == version]

    def last(self, version: str, *actions: str) -> Entry | None:
        """The version's last entry of these actions."""
        return next((e for e in reversed(self.of(version)) if e.action in actions), None)

    def registered(self, version: str) -> Entry:
        """How a version came to be: author and digest of its files. Raises ModelRefused where the history does not say."""
        found = self.last(version, REGISTERED)
        if found is None:
            raise ModelRefused(f"no history says who registered version {version} and with which files: train it again")
        return found

    def state(self, version: str) -> str:
        """champion, or what was last decided about a version; a version of which nothing was is a candidate, not approved."""
        if version == self.champion:
            return "champion"
        last = self.last(version, APPROVED, REJECTED, WITHDRAWN)
        return "candidate, not approved" if last is None else last.action

    @property
    def crowned(self) -> Entry | None:
        """The entry that says which version is in force, or that none is."""
        return next((e for e in reversed(self.entries) if e.action in (PROMOTED, ROLLED_BACK, WITHDRAWN)), None)

    @property
    def champion(self) -> str | None:
        """The version in force, None for none."""
        last = self.crowned
        return None if last is None or last.action == WITHDRAWN else last.version

    def sound(self) -> "History":
        """Itself. Raises ModelRefused saying what is wrong with the chain."""
        if self.broken:
            raise ModelRefused(f"the history of models is not what was written: {self.broken}; nothing in it can be relied on")
        return self

    def complete(self) -> "History":
        """Itself, sound and with its last entry anchored. Raises ModelRefused naming what is beyond the anchor."""
        if self.sound().beyond:
            raise ModelRefused(f"not anchored, so it counts for nothing: {self.beyond[0].describe().strip()}")
        return self

    def until(self, number: int, head: str) -> "History":
        """What was anchored: the first `number` entries, the last of which has the hash `head`; the others are `beyond`."""
        if number > len(self.entries):
            return replace(self, broken=f"{number} entries were anchored and {len(self.entries)} are there")
        if number and self.hashes[number - 1] != head:
            return replace(self, broken=f"entry {number} is not the one whose hash was anchored")
        return History(self.entries[:number], self.hashes[:number], beyond=self.entries[number:])


def store_of(conf: Conf, model: str) -> LeaseStore:
    """Where a model's entries are."""
    return numbered_store(f"{conf.registry_history.rstrip('/')}/{checked_name(model)}")


def read(conf: Conf, model: str, anchored: bool = True) -> History:
    """The chain, checked; with `anchored` also against the head that is kept in the second place, which needs that place."""
    # the anchor first: what somebody adds meanwhile is then beyond it, and not missing
    anchor = head_of(conf, model) if anchored else None
    found = chain(store_of(conf, model).read)
    return found if anchor is None or found.broken else found.until(*anchor)


def chain(body_of: Callable[[int], bytes | None]) -> History:
    """Entries by number from 1 on, until there is none; `broken` at the first that does not follow the one before it."""
    entries: list[Entry] = []
    hashes: list[str] = []
    while (body := body_of(len(entries) + 1)) is not None:
        number = len(entries) + 1
        try:
            entry = Entry.parse(body)
        except (ValueError, TypeError, KeyError):
            return History(tuple(entries), tuple(hashes), f"entry {number} cannot be read")
        if entry.number != number or entry.previous != (hashes[-1] if hashes else ""):
            return History(tuple(entries), tuple(hashes), f"entry {number} does not follow the one before it")
        entries.append(entry)
        hashes.append(hashlib.sha256(body).hexdigest())
    return History(tuple(entries), tuple(hashes))


def append(
    conf: Conf, model: str, version: str, action: str, actor: Actor, reason: str, detail: dict[str, Any],
    expected: int | None = None,
) -> Entry:  # fmt: skip
    """Add an entry and anchor the new head.

    With `expected`, the number of entries that the decision rests on: raises ModelRefused where another was added meanwhile.
    """
    for _ in range(ATTEMPTS):
        found = read(conf, model).sound()
        if expected is not None and len(found.entries) != expected:
            last = found.entries[-1].describe().strip()
            raise ModelRefused(f"{model}: somebody else was at it meanwhile: {last}; look again")
        entry = _finished(conf, _next(found, model, version, action, actor, reason, detail), found.beyond)
        if entry is not None:
            return entry
        time.sleep(PAUSE_S)
    beyond = read(conf, model).beyond
    if beyond:
        raise ModelRefused(
            f"{model}: an entry was written and not anchored: {beyond[0].describe().strip()}; who wrote it finishes it "
            f"by the same command, else look at number {beyond[0].number} below {conf.registry_history}/{model} and remove it"
        )
    raise EnvironmentProblem(f"{model}: no number was free in {ATTEMPTS} attempts at its history")


def _next(
    found: History, model: str, version: str, action: str, actor: Actor, reason: str, detail: dict[str, Any]
) -> Entry:  # fmt: skip
    previous = found.hashes[-1] if found.hashes else ""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Entry(len(found.entries) + 1, now, model, version, action, actor, reason, detail, previous)


def _finished(conf: Conf, entry: Entry, beyond: tuple[Entry, ...]) -> Entry | None:
    """The entry, written and anchored; None where its number is another's. One that says the same in all but the time was written
    by a call that was killed before it anchored, and is anchored now."""
    if len(beyond) == 1:
        written = beyond[0]
        if replace(entry, at=written.at).body() != written.body():
            return None
        entry = written
    elif beyond or not store_of(conf, entry.model).create(entry.number, entry.body()):
        return None
    _anchor(conf, entry.model, entry.number, hashlib.sha256(entry.body()).hexdigest())
    return entry


def head_of(conf: Conf, model: str) -> tuple[int, str]:
    """Number and hash of the anchored head, (0, "") where there is none."""
    if conf.registry.anchor:
        store = numbered_store(f"{conf.registry.anchor.rstrip('/')}/{model}")
        last = store.listing().last if store.read(1) is not None else 0
        return last, (store.read(last) or b"").decode()
    with answering(conf):
        found = [m for m in connect(conf).search_registered_models(f"name = '{checked_name(model)}'") if m.name == model]
    number, _, head = (found[0].tags.get(HEAD_TAG, "") if found else "").partition(":")
    return int(number or 0), head


def _anchor(conf: Conf, model: str, number: int, head: str) -> None:
    if conf.registry.anchor:
        store = numbered_store(f"{conf.registry.anchor.rstrip('/')}/{model}")
        if store.create(number, head.encode()) or store.read(number) == head.encode():
            return
        raise ModelRefused(f"another history of {model} has anchored entry {number}: the two must be looked at by a person")
    with answering(conf):
        connect(conf).set_registered_model_tag(model, HEAD_TAG, f"{number}:{head}")
