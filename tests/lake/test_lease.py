"""The lease of the one writer, on disk and on a real S3 server: no Spark."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lake.errors import LakeError, LeaseHeld, LeaseLost, LeaseOver
from lake.lease import KEPT, Lease
from lake.lease_chain import Held, is_over, myself, refuse_if_held, release_by_hand, stands
from lake.lease_store import DiskStore, LeaseStore, S3Store
from tests.servers import S3

LONG_S, TAKEOVER_S = 3600.0, 2.0


def nothing() -> None:
    """What a test's lease does when it is lost."""


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LeaseStore:
    if request.param == "disk":
        return DiskStore(tmp_path / "lake" / "_leases")
    s3: S3 = request.getfixturevalue("s3")
    return S3Store(s3.client(), s3.new_bucket(), "lake/_leases")


def record(duration_s: float = LONG_S, *, host: str = "elsewhere", command: str = "telematics nightly") -> Held:
    """Of another host, so that its processes cannot be asked for."""
    return myself(command, duration_s).model_copy(update={"host": host})


def take(store: LeaseStore, held: Held, on_loss: Callable[[], None] = nothing) -> Lease:
    return Lease.take(store, held, TAKEOVER_S, on_loss)


def test_the_second_of_two_writers_is_told_who_the_first_is(store: LeaseStore) -> None:
    lease = take(store, record())
    with pytest.raises(LeaseHeld, match=r"on elsewhere \(process \d+\) runs `telematics nightly` since 20.* UTC \(lease 1, "):
        take(store, record())
    lease.check()
    lease.release()
    second = take(store, record())
    assert second.number == 3
    with pytest.raises(LeaseLost):
        lease.check()
    second.check()
    second.release()


def test_of_eight_at_once_one_gets_it(store: LeaseStore) -> None:
    def attempt(_: int) -> Lease | None:
        try:
            return take(store, record())
        except LeaseHeld:
            return None

    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            got = [x for x in pool.map(attempt, range(8)) if x is not None]
        assert len(got) == 1
        got[0].check()
        got[0].release()


def test_a_number_that_was_pruned_can_be_made_again_and_holds_nothing(store: LeaseStore) -> None:
    for _ in range(KEPT):
        take(store, record()).release()
    holder = take(store, record())
    assert min(store.listing().ages_s) == holder.number - KEPT > 1
    late = Lease(store, record(), 1, nothing)
    assert store.create(1, b"{}")
    with pytest.raises(LeaseLost, match=f"number {holder.number} was made after ours, 1") as lost:
        late.check()
    assert not isinstance(lost.value, LeaseOver)
    holder.check()
    holder.release()


def test_it_is_renewed_while_it_is_held_and_over_when_nobody_renews(store: LeaseStore) -> None:
    lease = take(store, record(6.0))
    time.sleep(5.0)
    assert lease.number > 1
    lease.check()
    with pytest.raises(LeaseHeld):
        refuse_if_held(store, TAKEOVER_S)
    # a holder that stopped without a word: its thread renews no more
    lease._ended.set()
    time.sleep(5.2)
    with pytest.raises(LeaseOver, match="it was over"):
        lease.check()
    # over for the holder, and not yet for others: a request of the holder may be under way
    with pytest.raises(LeaseHeld):
        refuse_if_held(store, 3600.0)
    time.sleep(max(0.0, 6.0 + TAKEOVER_S + 2.0 + 1.1 - stands(store).age_s))
    take(store, record()).release()
    # and once another has taken it, that is why
    with pytest.raises(LeaseLost, match="was made after ours") as lost:
        lease.check()
    assert not isinstance(lost.value, LeaseOver)


def test_the_watchdog_ends_the_work_of_a_lease_that_another_has(store: LeaseStore) -> None:
    told: list[str] = []
    lease = take(store, record(6.0), lambda: told.append("lost"))
    assert release_by_hand(store, lease.number) == stands(store).held.describe()  # type: ignore[union-attr]
    time.sleep(3.0)
    assert told == ["lost"]
    assert lease.lost is not None
    with pytest.raises(LeaseLost):
        lease.check()


def test_an_answer_that_was_lost_is_no_refusal(store: LeaseStore) -> None:
    class Forgetful:
        """S3 made the object, and a retry of the same request is refused."""

        def create(self, number: int, body: bytes) -> bool:
            store.create(number, body)
            return False

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

    lease = take(Forgetful(), record())  # type: ignore[arg-type]
    lease.check()
    lease.release()
    assert stands(store).held.state == "released"  # type: ignore[union-attr]


def test_a_renewal_whose_answer_was_lost_is_our_own(store: LeaseStore) -> None:
    """S3 made the next number and did not say so, nor anything until the next renewal."""
    lease = take(store, record())
    assert store.create(lease.number + 1, store.read(lease.number) or b"")
    lease.check()
    assert lease.number == stands(store).number
    lease.release()


def test_release_by_hand_ends_only_what_was_looked_at(store: LeaseStore) -> None:
    with pytest.raises(LeaseHeld, match="there is no lease"):
        release_by_hand(store, 1)
    lease = take(store, record())
    with pytest.raises(LeaseHeld, match="lease 7 is not the last one"):
        release_by_hand(store, 7)
    lease.check()
    release_by_hand(store, lease.number)
    with pytest.raises(LeaseHeld, match=f"lease 7 is not the last one: lease {lease.number + 1} is, and nobody holds it"):
        release_by_hand(store, 7)
    with pytest.raises(LeaseHeld, match="is not held any more"):
        release_by_hand(store, 2)
    refuse_if_held(store, TAKEOVER_S)


def test_a_lease_that_cannot_be_read_is_released_by_its_number(store: LeaseStore) -> None:
    store.create(1, b"not a lease")
    with pytest.raises(LakeError, match="telematics lease release 1"):
        take(store, record())
    with pytest.raises(LeaseHeld, match="lease 2 is not the last one"):
        release_by_hand(store, 2)
    release_by_hand(store, 1)
    take(store, record()).release()


def test_an_object_that_is_no_lease_is_named(store: LeaseStore) -> None:
    store.create(1, b"not json")
    with pytest.raises(LakeError, match=r"lease 000000000001\.json cannot be read"):
        stands(store)


def test_a_holder_that_was_killed_on_this_machine_is_not_waited_for(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    held = myself("telematics nightly", LONG_S)
    lease = Lease.take(store, held, 0.0, nothing)
    lease.add_process(child.pid)
    assert held.host == socket.gethostname()
    me = stands(store)
    assert me.held is not None
    assert [pid for pid, _ in me.held.processes] == [os.getpid(), child.pid]
    child.kill()
    child.wait()
    # one of its processes lives
    assert not is_over(me, store, 0.0)
    gone = me.held.model_copy(update={"processes": me.held.processes[1:]})
    dead = type(me)(me.number, me.age_s, gone)
    assert is_over(dead, store, 0.0)
    # a process with the number of a dead one is another
    reused = gone.model_copy(update={"processes": ((os.getpid(), 1.0),)})
    assert is_over(type(me)(me.number, me.age_s, reused), store, 0.0)
    # what lives on another machine cannot be seen from here
    assert not is_over(type(me)(me.number, me.age_s, gone.model_copy(update={"host": "elsewhere"})), store, 0.0)
    lease.release()
