"""Deletion of ended grants once their retention has passed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from argogrant.api.accessgrant import TRACKING_ANNOTATION
from argogrant.controller.status.retention import DELETE_INTERVAL, RETRY
from argogrant.kube.errors import Conflict, Forbidden, NotFound, Unavailable
from support.guarded_cluster import (
    APPROVALS,
    a_guarded_room,
    a_policy,
    approve,
    ask,
    reviewed,
)
from support.in_memory_operator import (
    GRANTS,
    RBAC,
    SETTLED,
    Room,
    a_room,
    running,
    until,
)
from support.live_cluster import RULES

HOUR = 3600.0
MINUTE = 60.0
RETENTION = 10 * MINUTE
FOR_EVER = 10_000


@asynccontextmanager
async def a_room_with_retention() -> AsyncIterator[Room]:
    """Run an operator that keeps ended grants for ten minutes."""
    async with a_room() as room:
        room.edit_instance(retention="10m")
        yield room


async def test_ended_grant_is_deleted_after_its_retention() -> None:
    async with a_room_with_retention() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION - 5)
        assert room.has("g1")

        await until(lambda: not room.has("g1"), within=10)


async def test_deletion_is_reported_and_counted_once() -> None:
    async with a_room_with_retention() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)

        assert room.happened("g1") == ["requested", "bound", "ended", "deleted"]
        assert room.told[-1].transition.reason == "Expired"
        assert deleted_grants(room) == 1


async def test_grant_that_was_never_in_force_is_deleted() -> None:
    async with a_room_with_retention() as room:
        room.grant("g1", revoked=True)
        await asyncio.sleep(RETENTION + SETTLED)

        assert not room.has("g1")


async def test_active_grant_is_not_deleted() -> None:
    async with a_room_with_retention() as room:
        room.grant("g1", duration="6h")
        await asyncio.sleep(5 * HOUR)

        assert room.bound == {"alice"}


async def test_grant_tracked_from_git_is_not_deleted() -> None:
    async with a_room_with_retention() as room:
        room.grant("g1", expiresAt="2026-11-24T12:01:00Z")
        tracked = {"metadata": {"annotations": {TRACKING_ANNOTATION: "app:x"}}}
        room.cluster.edit(f"{GRANTS}/g1", tracked)
        await asyncio.sleep(2 * HOUR)

        assert room.has_ended("g1")


async def test_grant_is_kept_while_its_extension_is_active() -> None:
    async with a_room_with_retention() as room:
        room.grant("g1", duration="1m")
        room.grant("g2", duration="1h", extends="g1")
        await asyncio.sleep(HOUR - MINUTE)
        assert room.has("g1")
        await asyncio.sleep(MINUTE + SETTLED)

        assert not room.has("g1")
        assert room.has("g2")


async def test_grant_is_kept_while_argo_cd_may_still_allow_it() -> None:
    """It expired while the ConfigMap was missing."""
    async with a_room_with_retention() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(30)
        room.cluster.delete_object(RBAC)
        await asyncio.sleep(RETENTION + HOUR)
        assert room.has("g1")
        room.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert not room.has("g1")


async def test_shorter_retention_applies_at_once() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(HOUR)
        assert room.has("g1")
        room.edit_instance(retention="5m")
        await asyncio.sleep(SETTLED)

        assert not room.has("g1")


async def test_grants_of_an_invalid_instance_are_kept() -> None:
    async with a_room_with_retention() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(2 * MINUTE)
        room.edit_instance(maxDuration="a while")
        await asyncio.sleep(HOUR)

        assert room.has("g1")


async def test_deletions_are_limited_in_rate() -> None:
    """For example after the clock was stepped forward."""
    async with a_room_with_retention() as room:
        for number in range(40):
            room.grant(f"g{number}", f"user-{number}", duration="1m")
        await asyncio.sleep(2 * MINUTE)
        room.clock.step(timedelta(days=1))
        await asyncio.sleep(20 * DELETE_INTERVAL)
        assert 10 < room.cluster.count("delete") <= 21
        await asyncio.sleep(20 * DELETE_INTERVAL + SETTLED)

        assert not any(room.has(f"g{number}") for number in range(40))


async def test_clock_that_is_ahead_does_not_shorten_the_retention() -> None:
    async with a_room_with_retention() as room:
        room.cluster.skew = -HOUR
        room.grant("g1", duration="1m")
        await asyncio.sleep(HOUR + RETENTION)
        assert room.has("g1")

        await until(lambda: not room.has("g1"), within=2 * MINUTE)


async def test_missing_permission_is_reported_on_the_instance_until_it_is_granted() -> (
    None
):
    async with a_room_with_retention() as room:
        refused = Forbidden("DELETE /apis/argogrant.dev/x: 403 cannot delete")
        room.cluster.fail("delete", refused, times=FOR_EVER)
        room.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)
        assert room.instance_ready == "-Forbidden"
        assert "ended grants cannot be deleted after spec.retention" in (
            room.instance_says
        )
        assert "manifests/argogrant-namespace.yaml" in room.instance_says
        room.cluster.stop_failing()
        await asyncio.sleep(RETRY + SETTLED)

        assert room.instance_ready == "+Converged"
        assert not room.has("g1")
        assert room.happened("g1").count("deleted") == 1


async def test_outage_is_not_reported_on_the_instance() -> None:
    async with a_room_with_retention() as room:
        room.cluster.fail("delete", Unavailable("503"))
        room.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION + 2)
        assert room.instance_ready == "+Converged"
        await asyncio.sleep(RETRY)

        assert not room.has("g1")


@pytest.mark.parametrize("error", [Conflict("409"), NotFound("404")])
async def test_deletion_of_a_changed_grant_is_checked_again(error) -> None:
    """The change may be one that keeps the grant."""
    async with a_room_with_retention() as room:
        room.cluster.fail("delete", error)
        room.grant("g1", duration="1m")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)
        assert room.has("g1")
        await room.namespace.resync("default")
        await asyncio.sleep(SETTLED)

        assert not room.has("g1")


async def test_approvals_are_deleted_with_their_grant() -> None:
    async with a_guarded_room(a_policy(**reviewed())) as room:
        room.edit_instance(retention="10m")
        ask(room, duration="1m")
        ask(room, "g2", duration="1h")
        await asyncio.sleep(SETTLED)
        approve(room, "g1")
        approve(room, "g2")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)

        assert not room.has("g1")
        assert approvals(room) == {"g2-bob"}


async def test_approval_of_an_earlier_grant_of_the_same_name_is_kept() -> None:
    async with a_guarded_room(a_policy(**reviewed())) as room:
        room.edit_instance(retention="10m")
        ask(room, duration="1m")
        await asyncio.sleep(SETTLED)
        other = {"spec": {"grant": {"uid": "another"}}}
        approve(room, "g1", name="stray")
        room.cluster.edit(f"{APPROVALS}/stray", other)
        approve(room, "g1")
        await asyncio.sleep(MINUTE + RETENTION + SETTLED)

        assert not room.has("g1")
        assert approvals(room) == {"stray"}


async def test_grant_with_an_invalid_time_of_its_end_is_kept() -> None:
    async with a_room_with_retention() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(2 * MINUTE)
        broken = {"status": {"endedAt": "yesterday"}}
        room.cluster.edit(f"{GRANTS}/g1/status", broken)
        await room.namespace.resync("default")
        await asyncio.sleep(HOUR)

        assert room.has("g1")


async def test_standby_deletes_no_grant() -> None:
    room = Room()
    room.install()
    room.edit_instance(retention="10m")
    async with running(room):
        room.grant("g1", duration="1m")
        await asyncio.sleep(2 * MINUTE)
    standby = Room(room.cluster)
    standby.leading.clear()
    task = asyncio.create_task(standby.namespace.run())
    await asyncio.sleep(HOUR)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert standby.has("g1")


def approvals(room: Room) -> set[str]:
    """Return the names of the approvals that exist."""
    return {name for name in ("g1-bob", "g2-bob", "stray") if exists(room, name)}


def exists(room: Room, approval: str) -> bool:
    try:
        room.cluster.object(f"{APPROVALS}/{approval}")
    except NotFound:
        return False
    return True


def deleted_grants(room: Room) -> float | None:
    labels = {"namespace": "argogrant", "instance": "default"}
    name = "argogrant_grants_deleted_total"
    return room.metrics.registry.get_sample_value(name, labels)
