"""Leader election: acquire, renew, take over, lose, release."""

import asyncio
from types import SimpleNamespace

import pytest

from argogrant.kube.errors import Conflict, Unavailable
from argogrant.kube.leader_election import (
    LEASE_NAME,
    RENEW_DEADLINE,
    RETRY_PERIOD,
    LeaderElector,
)
from argogrant.kube.resources import LEASES
from support.fake_clock import FakeClock
from support.fake_cluster import FakeCluster

PATH = LEASES.path("argogrant", LEASE_NAME)
SECONDS = 15.0
RETRY = SECONDS * RETRY_PERIOD
UNAVAILABLE = Unavailable("503")


@pytest.fixture(autouse=True)
def monotonic(monkeypatch) -> None:
    """The monotonic clock is that of the event loop."""
    now = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    monkeypatch.setattr("argogrant.kube.leader_election.time", now)


def an_elector(cluster: FakeCluster, identity: str) -> LeaderElector:
    return LeaderElector(
        cluster, "argogrant", identity=identity, seconds=SECONDS, clock=FakeClock()
    )


def holder(cluster: FakeCluster) -> str:
    name: str = cluster.object(PATH)["spec"]["holderIdentity"]
    return name


def lose_the_answer() -> None:
    raise UNAVAILABLE


async def acquired(elector: LeaderElector, *, within: float) -> float:
    """Acquire the Lease and return the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(within):
        await elector.acquire()
    return loop.time() - began


async def test_first_replica_leads_at_once() -> None:
    cluster = FakeCluster()
    await acquired(an_elector(cluster, "one"), within=0.1)
    spec = cluster.object(PATH)["spec"]

    assert spec["holderIdentity"] == "one"
    assert spec["leaseDurationSeconds"] == 15
    assert spec["leaseTransitions"] == 0
    assert spec["acquireTime"] == spec["renewTime"]


async def test_silent_leader_is_replaced_when_its_lease_expires() -> None:
    cluster = FakeCluster()
    await an_elector(cluster, "one").acquire()
    took = await acquired(an_elector(cluster, "two"), within=SECONDS + RETRY)

    assert took >= SECONDS
    assert holder(cluster) == "two"
    assert cluster.object(PATH)["spec"]["leaseTransitions"] == 1


async def test_standby_that_waits_takes_over_one_retry_period_late_at_most() -> None:
    """It observes the last renewal when it polls next."""
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    renewing = asyncio.create_task(one.renew())
    waiting = asyncio.create_task(
        acquired(an_elector(cluster, "two"), within=10 * SECONDS)
    )
    await asyncio.sleep(3 * SECONDS)
    renewing.cancel()
    await asyncio.sleep(SECONDS - RETRY)
    assert not waiting.done()
    await asyncio.sleep(2 * RETRY)

    assert waiting.done()
    assert holder(cluster) == "two"


async def test_leader_that_renews_is_not_replaced() -> None:
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    renewing = asyncio.create_task(one.renew())
    with pytest.raises(TimeoutError):
        await acquired(an_elector(cluster, "two"), within=10 * SECONDS)

    assert not renewing.done()
    assert holder(cluster) == "one"
    renewing.cancel()


async def test_released_lease_is_acquired_within_a_retry_period() -> None:
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    waiting = asyncio.create_task(an_elector(cluster, "two").acquire())
    await asyncio.sleep(1)
    await one.release()
    await asyncio.sleep(RETRY + 0.1)

    assert waiting.done()
    assert holder(cluster) == "two"


async def test_restarted_pod_acquires_its_own_lease_at_once() -> None:
    cluster = FakeCluster()
    await an_elector(cluster, "one").acquire()

    assert await acquired(an_elector(cluster, "one"), within=1) < 0.1


async def test_one_of_two_simultaneous_replicas_leads() -> None:
    cluster = FakeCluster()
    electors = [an_elector(cluster, name) for name in ("one", "two")]
    tasks = [asyncio.create_task(elector.acquire()) for elector in electors]
    await asyncio.sleep(SECONDS / 2)

    assert sum(task.done() for task in tasks) == 1
    for task in tasks:
        task.cancel()


@pytest.mark.parametrize("verb", ["get", "create"])
async def test_lease_is_acquired_after_an_outage(verb) -> None:
    cluster = FakeCluster()
    cluster.fail(verb, UNAVAILABLE, times=5)
    took = await acquired(an_elector(cluster, "one"), within=5 * RETRY + 1)

    assert took >= 5 * RETRY


async def test_lease_of_another_holder_is_lost_at_the_next_renewal() -> None:
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    renewing = asyncio.create_task(one.renew())
    cluster.edit(PATH, {"spec": {"holderIdentity": "two"}})
    await asyncio.sleep(RETRY + 0.1)

    assert renewing.done()
    assert holder(cluster) == "two"


async def test_lease_whose_metadata_changed_is_kept() -> None:
    """Only another holder ends the leadership, a conflict does not."""
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    renewing = asyncio.create_task(one.renew())

    def label() -> None:
        cluster.edit(PATH, {"metadata": {"labels": {"a": "b"}}})

    cluster.before("merge_patch", label)
    await asyncio.sleep(5 * SECONDS)

    assert not renewing.done()
    renewing.cancel()


@pytest.mark.parametrize("verb", ["get", "merge_patch"])
async def test_leader_that_cannot_renew_stops_before_the_lease_expires(verb) -> None:
    """Otherwise two would lead: a standby counts from the last renewal."""
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    cluster.fail(verb, UNAVAILABLE, times=1000)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await one.renew()

    assert loop.time() - began <= SECONDS * RENEW_DEADLINE


async def test_leader_whose_renewals_hang_stops_before_the_lease_expires() -> None:
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    for _ in range(10):
        cluster.before("get", lambda: asyncio.sleep(1000))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await one.renew()

    assert loop.time() - began <= SECONDS * RENEW_DEADLINE


async def test_suspended_leader_stops_without_a_renewal(monkeypatch) -> None:
    """Another replica may have led meanwhile, even if its Lease has expired."""
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    renewing = asyncio.create_task(one.renew())
    await asyncio.sleep(RETRY / 2)
    writes = cluster.count("merge_patch")
    loop = asyncio.get_running_loop()
    later = SimpleNamespace(monotonic=lambda: loop.time() + 2 * SECONDS)
    monkeypatch.setattr("argogrant.kube.leader_election.time", later)
    await asyncio.sleep(RETRY)

    assert renewing.done()
    assert cluster.count("merge_patch") == writes


async def test_lease_of_a_hung_process_is_not_renewed() -> None:
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    await one.renew(lambda: False)
    await acquired(an_elector(cluster, "two"), within=SECONDS + RETRY)

    assert holder(cluster) == "two"


async def test_renewal_whose_answer_was_lost_is_observed_later() -> None:
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    for _ in range(2):
        cluster.after("merge_patch", lose_the_answer)
    renewing = asyncio.create_task(one.renew())
    await asyncio.sleep(4 * SECONDS)

    assert not renewing.done()
    renewing.cancel()


async def test_lease_is_kept_over_a_short_outage() -> None:
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    cluster.fail("merge_patch", UNAVAILABLE, times=2)
    renewing = asyncio.create_task(one.renew())
    await asyncio.sleep(4 * SECONDS)

    assert not renewing.done()
    renewing.cancel()


@pytest.mark.parametrize("error", [UNAVAILABLE, Conflict("409")])
async def test_release_is_attempted_once(error) -> None:
    """A standby then waits until the Lease expires."""
    cluster = FakeCluster()
    one = an_elector(cluster, "one")
    await one.acquire()
    cluster.fail("merge_patch", error)
    await one.release()

    assert holder(cluster) == "one"


def forge(cluster: FakeCluster, spec: object) -> None:
    """Write a Lease as somebody else may who has the permission."""
    cluster.add(
        LEASES.path("argogrant"), {"metadata": {"name": LEASE_NAME}, "spec": spec}
    )


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"leaseDurationSeconds": 2**31 - 1}, id="duration of a century"),
        pytest.param({"leaseDurationSeconds": "x"}, id="duration that is no number"),
        pytest.param({"leaseDurationSeconds": -5}, id="duration below zero"),
        pytest.param({}, id="no duration"),
        pytest.param({"renewTime": "2999-01-01T00:00:00.000000Z"}, id="future renewal"),
        pytest.param({"renewTime": 7, "acquireTime": []}, id="times of another type"),
        pytest.param({"leaseTransitions": "many"}, id="transitions of another type"),
        pytest.param({"leaseTransitions": 2**31 - 1}, id="most transitions"),
        pytest.param({"leaseTransitions": -1}, id="transitions below zero"),
    ],
)
async def test_forged_lease_is_taken_over_after_our_lease_duration(fields) -> None:
    """And not before: the holder may be another replica that leads."""
    cluster = FakeCluster()
    forge(cluster, {"holderIdentity": "mallory", **fields})
    took = await acquired(an_elector(cluster, "one"), within=SECONDS + RETRY)

    assert took >= SECONDS
    assert holder(cluster) == "one"
    assert 0 <= cluster.object(PATH)["spec"]["leaseTransitions"] < 2**31


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(None, id="no spec"),
        pytest.param([], id="spec of another type"),
        pytest.param({"holderIdentity": None}, id="no holder"),
        pytest.param({"holderIdentity": ["mallory"]}, id="holder of another type"),
    ],
)
async def test_lease_without_a_holder_is_acquired_at_once(spec) -> None:
    cluster = FakeCluster()
    forge(cluster, spec)

    assert await acquired(an_elector(cluster, "one"), within=1) < 0.1
