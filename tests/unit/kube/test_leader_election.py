"""One leader among several: who waits, who takes over, who gives up."""

import asyncio
from types import SimpleNamespace

import pytest

from argogrant.kube.errors import Conflict, Unavailable
from argogrant.kube.leader_election import LEASE_NAME, LeaderElector
from argogrant.kube.resources import LEASES
from support.fake_clock import FakeClock
from support.fake_cluster import FakeCluster

PATH = LEASES.path("argogrant", LEASE_NAME)
SECONDS = 15.0
AWAY = Unavailable("503")


@pytest.fixture(autouse=True)
def monotonic(monkeypatch) -> None:
    """The lease's own clock is the loop's."""
    now = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr("argogrant.kube.leader_election.time", now)


def a_lease(cluster: FakeCluster, identity: str) -> LeaderElector:
    return LeaderElector(
        cluster, "argogrant", identity=identity, seconds=SECONDS, clock=FakeClock()
    )


def holder(cluster: FakeCluster) -> str:
    name: str = cluster.object(PATH)["spec"]["holderIdentity"]
    return name


def lose_the_answer() -> None:
    raise AWAY


async def acquired(lease: LeaderElector, *, within: float) -> float:
    """Take the lease; tell how long that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(within):
        await lease.acquire()
    return loop.time() - began


async def test_the_first_leads_at_once_and_says_so() -> None:
    cluster = FakeCluster()
    await acquired(a_lease(cluster, "one"), within=0.1)
    spec = cluster.object(PATH)["spec"]

    assert spec["holderIdentity"] == "one"
    assert spec["leaseDurationSeconds"] == 15
    assert spec["leaseTransitions"] == 0
    assert spec["acquireTime"] == spec["renewTime"]


async def test_a_silent_leader_is_replaced_when_its_lease_has_run_out() -> None:
    cluster = FakeCluster()
    await a_lease(cluster, "one").acquire()
    took = await acquired(a_lease(cluster, "two"), within=SECONDS + 2)

    assert took >= SECONDS
    assert holder(cluster) == "two"
    assert cluster.object(PATH)["spec"]["leaseTransitions"] == 1


async def test_a_leader_that_renews_is_not_replaced() -> None:
    cluster = FakeCluster()
    one = a_lease(cluster, "one")
    await one.acquire()
    keeping = asyncio.create_task(one.renew())
    with pytest.raises(TimeoutError):
        await acquired(a_lease(cluster, "two"), within=10 * SECONDS)

    assert not keeping.done()
    assert holder(cluster) == "one"
    keeping.cancel()


async def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    cluster = FakeCluster()
    one = a_lease(cluster, "one")
    await one.acquire()
    waiting = asyncio.create_task(a_lease(cluster, "two").acquire())
    await asyncio.sleep(1)
    await one.release()
    await asyncio.sleep(0.1)

    assert waiting.done()
    assert holder(cluster) == "two"


async def test_a_pod_that_restarts_takes_its_own_lease_up() -> None:
    cluster = FakeCluster()
    await a_lease(cluster, "one").acquire()

    assert await acquired(a_lease(cluster, "one"), within=1) < 0.1


async def test_of_two_that_are_quick_one_leads() -> None:
    cluster = FakeCluster()
    leases = [a_lease(cluster, name) for name in ("one", "two")]
    tasks = [asyncio.create_task(lease.acquire()) for lease in leases]
    await asyncio.sleep(SECONDS / 2)

    assert sum(task.done() for task in tasks) == 1
    for task in tasks:
        task.cancel()


async def test_a_lease_is_waited_for_through_an_outage() -> None:
    cluster = FakeCluster()
    cluster.fail("create", AWAY, times=5)
    took = await acquired(a_lease(cluster, "one"), within=10)

    assert took > 1


async def test_a_lease_that_another_took_is_lost_at_the_next_renewal() -> None:
    cluster = FakeCluster()
    one = a_lease(cluster, "one")
    await one.acquire()
    keeping = asyncio.create_task(one.renew())
    cluster.edit(PATH, {"spec": {"holderIdentity": "two"}})
    await asyncio.sleep(SECONDS / 3)

    assert keeping.done()
    assert holder(cluster) == "two"


async def test_a_lease_that_somebody_labelled_is_kept() -> None:
    """A conflict is no loss as long as the name in it is ours."""
    cluster = FakeCluster()
    one = a_lease(cluster, "one")
    await one.acquire()
    keeping = asyncio.create_task(one.renew())
    cluster.edit(PATH, {"metadata": {"labels": {"a": "b"}}})
    await asyncio.sleep(5 * SECONDS)

    assert not keeping.done()
    keeping.cancel()


async def test_who_can_not_renew_gives_up_before_the_lease_runs_out() -> None:
    """Or two would lead: the others count from the last renewal."""
    cluster = FakeCluster()
    one = a_lease(cluster, "one")
    await one.acquire()
    cluster.fail("merge_patch", AWAY, times=1000)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await one.renew()

    assert loop.time() - began < SECONDS


async def test_a_lease_is_not_renewed_for_a_process_that_hangs() -> None:
    cluster = FakeCluster()
    one = a_lease(cluster, "one")
    await one.acquire()
    await one.renew(lambda: False)
    await acquired(a_lease(cluster, "two"), within=SECONDS + 1)

    assert holder(cluster) == "two"


async def test_a_renewal_whose_answer_was_lost_counts_as_soon_as_it_is_seen() -> None:
    cluster = FakeCluster()
    one = a_lease(cluster, "one")
    await one.acquire()
    for _ in range(2):
        cluster.after("merge_patch", lose_the_answer)
    keeping = asyncio.create_task(one.renew())
    await asyncio.sleep(4 * SECONDS)

    assert not keeping.done()
    keeping.cancel()


async def test_a_short_outage_loses_nothing() -> None:
    cluster = FakeCluster()
    one = a_lease(cluster, "one")
    await one.acquire()
    cluster.fail("merge_patch", AWAY, times=2)
    keeping = asyncio.create_task(one.renew())
    await asyncio.sleep(4 * SECONDS)

    assert not keeping.done()
    keeping.cancel()


@pytest.mark.parametrize("error", [AWAY, Conflict("409")])
async def test_giving_back_is_tried_and_never_insisted_on(error) -> None:
    cluster = FakeCluster()
    one = a_lease(cluster, "one")
    await one.acquire()
    cluster.fail("merge_patch", error)
    await one.release()

    assert holder(cluster) == "one"
