"""A deleted grant is held until its revocation is certain, and no longer."""

import asyncio

import pytest

from argogrant.controller.status.finalizers import RETRY_SECONDS
from argogrant.controller.status.writer import FINALIZER
from argogrant.kube.errors import Forbidden, Invalid, Unavailable
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

FOR_EVER = 10_000
AWAY = Unavailable("503")


async def test_a_deletion_finishes_soon_after_the_binding_is_gone() -> None:
    """Soon, not at once: argocd-server's watch has to follow."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.delete("g1")
        await until(lambda: not room.bound, within=0.1)
        assert room.has("g1")

        await until(lambda: not room.has("g1"), within=0.5)


async def test_a_deletion_waits_while_the_revocation_can_not_be_written() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", AWAY, times=FOR_EVER, path=RBAC)
        room.delete("g1")
        await asyncio.sleep(60)
        assert room.has("g1")
        room.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert not room.bound
        assert not room.has("g1")


async def test_a_deletion_waits_while_the_config_map_is_missing() -> None:
    """Argo CD keeps its last rules in memory, so nothing is certain."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        room.delete("g1")
        await asyncio.sleep(60)
        assert room.has("g1")
        room.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert not room.has("g1")


async def test_a_deletion_waits_as_well_after_a_restart() -> None:
    """An operator that starts without a ConfigMap knows nothing of its bindings."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        room.delete("g1")
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(60)
        assert again.has("g1")
        again.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert not again.has("g1")


async def test_a_finalizer_that_can_not_be_removed_is_tried_again() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", AWAY, times=3, path=GRANTS)
        room.delete("g1")

        await until(lambda: not room.has("g1"), within=10)


async def test_a_person_can_abandon_the_wait() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        room.delete("g1")
        await asyncio.sleep(SETTLED)
        assert room.has("g1")
        room.abandon("g1")

        await until(lambda: not room.has("g1"), within=0.5)


async def test_abandoning_a_grant_that_is_not_deleted_changes_nothing() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.abandon("g1")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "+Bound"
        assert room.holders("g1") == [FINALIZER]


async def test_a_grant_that_has_ended_is_held_until_it_is_deleted() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(120)

        assert room.ready("g1") == "-Expired"
        assert room.holders("g1") == [FINALIZER]


async def test_a_release_that_was_dropped_is_tried_again_later() -> None:
    """By a convergence some seconds later."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", Invalid("422"), path=f"{GRANTS}/g1")
        room.delete("g1")
        await asyncio.sleep(SETTLED)
        assert room.has("g1")
        await room.namespace.resync("default")

        await until(lambda: not room.has("g1"), within=0.5)


async def test_a_release_that_is_forbidden_for_a_moment_comes_soon() -> None:
    """As by an API server that has just started; no convergence has to ask for it."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", Forbidden("403"), path=f"{GRANTS}/g1")
        room.delete("g1")

        await until(lambda: not room.has("g1"), within=4)


async def test_a_release_without_an_instance_is_tried_again_as_well() -> None:
    """No sweep of an instance would do it."""
    room = Room()
    async with running(room):
        room.grant("g1", held_by=FINALIZER)
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", Forbidden("403"), path=f"{GRANTS}/g1")
        room.delete("g1")
        await asyncio.sleep(1)
        assert room.has("g1")

        await until(lambda: not room.has("g1"), within=RETRY_SECONDS + 2)


async def test_a_release_is_not_repeated_by_every_convergence() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.fail("merge_patch", Invalid("422"), path=f"{GRANTS}/g1")
        room.delete("g1")
        await asyncio.sleep(0.5)
        tried = room.cluster.count("merge_patch", f"{GRANTS}/g1")
        for _ in range(int(RETRY_SECONDS) - 1):
            await room.namespace.resync("default")
            await asyncio.sleep(0.9)

        assert room.cluster.count("merge_patch", f"{GRANTS}/g1") == tried


async def test_a_binding_that_another_grant_wants_holds_no_deletion() -> None:
    async with a_room() as room:
        room.grant("g1")
        room.grant("g2")
        await asyncio.sleep(SETTLED)
        room.delete("g1")
        await until(lambda: not room.has("g1"), within=1)

        assert room.bound == {"alice"}


async def test_a_grant_that_is_torn_away_is_revoked() -> None:
    """Somebody removed the finalizer by hand."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.tear_away("g1")

        await until(lambda: not room.bound, within=0.1)


async def test_a_grant_of_the_same_name_is_another_grant() -> None:
    """Its status begins anew, and nothing of the old one is left."""
    async with a_room() as room:
        room.grant("g1", subject="alice")
        await asyncio.sleep(SETTLED)
        room.tear_away("g1")
        room.grant("g1", subject="bob")
        await asyncio.sleep(SETTLED)

        assert room.bound == {"bob"}
        assert room.ready("g1") == "+Bound"
        assert room.holders("g1") == [FINALIZER]


async def test_a_grant_that_became_invalid_is_told_why_and_can_be_deleted() -> None:
    """A CRD that is older than the operator, or none, let it pass."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.edit(f"{GRANTS}/g1", {"spec": {"duration": "soon"}})
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-InvalidGrant"
        assert not room.bound
        room.delete("g1")

        await until(lambda: not room.has("g1"), within=1)


async def test_an_invalid_grant_without_an_instance_can_be_deleted() -> None:
    room = Room()
    async with running(room):
        room.grant("g1")
        held = {"metadata": {"finalizers": [FINALIZER]}, "spec": {"duration": "soon"}}
        room.cluster.edit(f"{GRANTS}/g1", held)
        await asyncio.sleep(SETTLED)
        room.delete("g1")

        await until(lambda: not room.has("g1"), within=2)


@pytest.mark.parametrize("step", ["create the instance", "delete the grant"])
async def test_a_grant_without_an_instance_waits_or_goes(step) -> None:
    room = Room()
    async with running(room):
        room.grant("g1")
        room.cluster.edit(f"{GRANTS}/g1", {"metadata": {"finalizers": [FINALIZER]}})
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-InstanceNotFound"
        if step == "create the instance":
            room.install()
            await asyncio.sleep(SETTLED)
            assert room.ready("g1") == "+Bound"
        else:
            room.delete("g1")
            await until(lambda: not room.has("g1"), within=2)


async def test_a_grant_without_an_instance_ends_like_any_other() -> None:
    room = Room()
    async with running(room):
        room.grant("g1", duration="1m")
        await asyncio.sleep(62)

        assert room.ready("g1") == "-Expired"


async def test_a_grant_names_one_instance_of_several() -> None:
    async with a_room() as room:
        room.grant("g1", instance="another")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-InstanceNotFound"
        assert not room.bound
