"""kopf handlers of ArgoCDInstances: reconcile loop, resync, finalizer, heap."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import kopf
import pytest

from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.audit.audit_log import AuditLog
from argogrant.handlers import instances
from argogrant.handlers.instances import NamespaceRegistry
from argogrant.handlers.startup import OperatorSettings
from argogrant.kube.errors import Unavailable
from argogrant.kube.resources import NAMESPACES
from argogrant.telemetry.metrics import Metrics
from support.fake_clock import FakeClock
from support.fake_cluster import FakeCluster
from support.in_memory_operator import (
    ABANDONED,
    INSTANCE_PATH,
    INSTANCES,
    OURS,
    RBAC,
    SETTLED,
)
from support.live_cluster import INSTANCE

MEGABYTE = 2**20
OBJECT_BYTES = 2000
"""Python keeps objects of at most 512 bytes in pools of its own."""
OBJECTS = 32 * MEGABYTE // OBJECT_BYTES
KEPT = 100
"""One object in so many stays."""


class Operator:
    """The arguments that kopf passes to handlers, with an API server in memory."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.namespaces = NamespaceRegistry(
            lambda: self.cluster, Metrics(), AuditLog(), FakeClock()
        )
        self.namespaces.leading.set()
        self.memo = kopf.Memo(namespaces=self.namespaces, settings=OperatorSettings())


@asynccontextmanager
async def an_operator() -> AsyncIterator[Operator]:
    operator = Operator()
    try:
        yield operator
    finally:
        await operator.namespaces.close()


async def test_finalizer_of_deleted_instance_stays_until_it_is_released() -> None:
    """Also if the manager of its namespace fails and is started again meanwhile."""
    async with an_operator() as operator:
        metadata = {"name": "default", "finalizers": ["argogrant.dev/revoke"]}
        operator.cluster.add(INSTANCES, {**INSTANCE, "metadata": metadata})
        operator.cluster.delete_object(INSTANCE_PATH)
        waiting = asyncio.create_task(
            instances.on_instance_deleted(
                name="default", namespace=OURS, memo=operator.memo
            )
        )
        await asyncio.sleep(SETTLED)
        manager = operator.namespaces.get(OURS)
        operator.namespaces._managers[OURS][1].cancel()
        await asyncio.sleep(SETTLED)
        assert operator.namespaces.get(OURS) is not manager
        assert not waiting.done()
        operator.cluster.edit(INSTANCE_PATH, ABANDONED)
        await asyncio.sleep(SETTLED)

        assert waiting.done()


async def test_resync_lists_every_collection_again() -> None:
    async with an_operator() as operator:
        operator.namespaces.get(OURS)
        await asyncio.sleep(SETTLED)
        before = operator.cluster.count("list")
        await instances.resync_instance(
            name="default", namespace=OURS, memo=operator.memo
        )

        assert operator.cluster.count("list") == before + 8


async def test_failed_resync_is_retried_after_seconds() -> None:
    async with an_operator() as operator:
        operator.namespaces.get(OURS)
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("list", Unavailable("503"))
        with pytest.raises(kopf.TemporaryError) as got:
            await instances.resync_instance(
                name="x", namespace=OURS, memo=operator.memo
            )

        assert got.value.delay == instances.LONGEST_RESYNC_RETRY


def test_memory_between_living_objects_is_returned_to_the_kernel() -> None:
    burst = [bytes(OBJECT_BYTES) for _ in range(OBJECTS)]
    living = burst[::KEPT]
    burst.clear()
    before = resident_bytes()

    instances.trim_heap()

    assert before - resident_bytes() > 16 * MEGABYTE
    assert len(living) == len(range(0, OBJECTS, KEPT))


def test_trim_heap_does_nothing_without_glibc() -> None:
    instances.trim_heap(object())


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    status = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


async def test_stop_waits_until_access_of_a_deleted_namespace_has_ended() -> None:
    """kopf cancels its daemons first; the loops go on meanwhile."""
    async with an_operator() as operator:
        cluster = operator.cluster
        metadata = {"name": OURS, "finalizers": ["kubernetes"]}
        cluster.add(NAMESPACES.path(""), {"metadata": metadata})
        cluster.add(INSTANCES, {**INSTANCE, "metadata": {"name": "default"}})
        data = {OVERLAY_KEY: "g, alice, role:deployer\n"}
        allowed = {ALLOWED_NAMESPACES_ANNOTATION: OURS}
        of_rbac = {"name": "argocd-rbac-cm", "annotations": allowed}
        config_map = {"metadata": of_rbac, "data": {}}
        cluster.add(RBAC.rpartition("/")[0], config_map)
        manager = operator.namespaces.get(OURS)
        daemon = asyncio.create_task(manager.run_instance("default"))
        await asyncio.sleep(SETTLED)
        await operator.namespaces.finish_ending_access(SETTLED)  # nothing is ending
        cluster.fail("merge_patch", Unavailable("503"), path=RBAC)
        cluster.edit(RBAC, {"data": data})
        cluster.delete_object(NAMESPACES.path("", OURS))
        daemon.cancel()
        await asyncio.sleep(0.05)
        await operator.namespaces.finish_ending_access(SETTLED)

        assert OVERLAY_KEY not in cluster.object(RBAC)["data"]


async def test_stop_of_a_standby_waits_for_nothing() -> None:
    async with an_operator() as operator:
        operator.namespaces.leading.clear()
        loop = asyncio.get_running_loop()
        began = loop.time()
        await operator.namespaces.finish_ending_access(SETTLED)

        assert loop.time() == began
