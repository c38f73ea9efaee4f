"""kopf's side: it opens namespaces and decides nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import kopf
import pytest

from argogrant.audit.audit_log import AuditLog
from argogrant.handlers import instances
from argogrant.handlers.startup import NamespaceRegistry, NoDiffBase
from argogrant.kube.errors import Unavailable
from argogrant.telemetry.metrics import Metrics
from support.fake_clock import FakeClock
from support.fake_cluster import FakeCluster
from support.in_memory_operator import (
    ABANDONED,
    GRANTS,
    INSTANCE_PATH,
    INSTANCES,
    OURS,
    SETTLED,
)
from support.live_cluster import INSTANCE


class Operator:
    """What kopf gives to handlers, on an API server in memory."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.rooms = NamespaceRegistry(self.cluster, Metrics(), AuditLog(), FakeClock())
        self.rooms.leading.set()
        self.memo = kopf.Memo(namespaces=self.rooms)


@asynccontextmanager
async def an_operator() -> AsyncIterator[Operator]:
    operator = Operator()
    try:
        yield operator
    finally:
        await operator.rooms.close()


async def test_a_namespace_is_opened_once() -> None:
    async with an_operator() as operator:
        room = operator.rooms.get(OURS)
        await asyncio.sleep(SETTLED)

        assert operator.rooms.get(OURS) is room
        assert operator.rooms.are_synced()


async def test_a_namespace_that_failed_is_opened_anew() -> None:
    """An error that nobody foresaw must not end every revocation."""
    async with an_operator() as operator:
        room = operator.rooms.get(OURS)
        operator.cluster.fail("list", RuntimeError("a bug"), path=GRANTS)
        await asyncio.sleep(SETTLED)

        assert operator.rooms.get(OURS) is not room


async def test_a_deleted_instance_is_held_until_it_is_served_no_longer() -> None:
    """Also while its namespace fails, and is opened anew."""
    async with an_operator() as operator:
        metadata = {"name": "default", "finalizers": ["argogrant.dev/revoke"]}
        operator.cluster.add(INSTANCES, {**INSTANCE, "metadata": metadata})
        operator.cluster.delete_object(INSTANCE_PATH)
        held = asyncio.create_task(
            instances.on_instance_deleted(
                name="default", namespace=OURS, memo=operator.memo
            )
        )
        await asyncio.sleep(SETTLED)
        room = operator.rooms.get(OURS)
        operator.cluster.fail("list", RuntimeError("a bug"))
        with contextlib.suppress(RuntimeError):
            await room.resync("default")
        operator.cluster.fail("watch", RuntimeError("a bug"), path=GRANTS)
        operator.cluster.end_watches()
        await asyncio.sleep(SETTLED)
        assert operator.rooms.get(OURS) is not room
        assert not held.done()
        operator.cluster.edit(INSTANCE_PATH, ABANDONED)
        await asyncio.sleep(SETTLED)

        assert held.done()


async def test_a_sweep_asks_the_api_server() -> None:
    async with an_operator() as operator:
        operator.rooms.get(OURS)
        await asyncio.sleep(SETTLED)
        before = operator.cluster.count("list")
        await instances.resync_instance(
            name="default", namespace=OURS, memo=operator.memo
        )

        assert operator.cluster.count("list") == before + 8


async def test_a_sweep_that_failed_is_soon_tried_again() -> None:
    async with an_operator() as operator:
        operator.rooms.get(OURS)
        await asyncio.sleep(SETTLED)
        operator.cluster.fail("list", Unavailable("503"))
        with pytest.raises(kopf.TemporaryError) as got:
            await instances.resync_instance(
                name="x", namespace=OURS, memo=operator.memo
            )

        assert got.value.delay is not None
        assert got.value.delay <= 5


@pytest.mark.parametrize("verb", ["build", "fetch"])
def test_kopf_is_kept_from_copying_objects(verb) -> None:
    """A copy of each object in its own annotation would double every write."""
    assert getattr(NoDiffBase(), verb)() == {}
    assert NoDiffBase().store() is None
