"""A deleted grant is held until its revocation is certain, and no longer."""

import asyncio

import pytest

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.kube.cluster import Body
from argogrant.kube.failures import Unavailable
from rooms import GRANTS, RBAC, SETTLED, SOON, Room, a_room, running
from world import RULES

FOR_EVER = 10_000


def released(room: Room, grant: Body) -> asyncio.Task[None]:
    """What kopf's deletion handler waits for."""
    uid = grant["metadata"]["uid"]
    return asyncio.create_task(room.namespace.wait_for_release(uid))


async def test_a_deletion_finishes_as_soon_as_the_binding_is_gone() -> None:
    async with a_room() as room:
        grant = room.grant("g1")
        await asyncio.sleep(SETTLED)
        waiting = released(room, grant)
        room.delete("g1")
        await asyncio.sleep(SOON)

        assert not room.bound
        assert waiting.done()


async def test_a_grant_that_is_not_deleted_is_never_released() -> None:
    async with a_room() as room:
        waiting = released(room, room.grant("g1"))
        await asyncio.sleep(60)

        assert not waiting.done()
        waiting.cancel()


async def test_a_deletion_waits_while_the_revocation_can_not_be_written() -> None:
    async with a_room() as room:
        grant = room.grant("g1")
        await asyncio.sleep(SETTLED)
        away = Unavailable("503")
        room.cluster.fail("merge_patch", away, times=FOR_EVER, path=RBAC)
        waiting = released(room, grant)
        room.delete("g1")
        await asyncio.sleep(60)
        assert not waiting.done()
        room.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert not room.bound
        assert waiting.done()


async def test_a_deletion_waits_while_the_config_map_is_missing() -> None:
    """Argo CD keeps its last rules in memory, so nothing is certain."""
    async with a_room() as room:
        grant = room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete(RBAC)
        waiting = released(room, grant)
        room.delete("g1")
        await asyncio.sleep(60)
        assert not waiting.done()
        room.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert waiting.done()


async def test_a_person_can_abandon_the_wait() -> None:
    async with a_room() as room:
        grant = room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete(RBAC)
        waiting = released(room, grant)
        room.delete("g1")
        await asyncio.sleep(SETTLED)
        assert not waiting.done()
        annotations = {ABANDON_ANNOTATION: "true"}
        room.cluster.edit(f"{GRANTS}/g1", {"metadata": {"annotations": annotations}})
        await asyncio.sleep(2)

        assert waiting.done()


async def test_a_binding_that_another_grant_wants_holds_no_deletion() -> None:
    async with a_room() as room:
        grant = room.grant("g1")
        room.grant("g2")
        await asyncio.sleep(SETTLED)
        waiting = released(room, grant)
        room.delete("g1")
        await asyncio.sleep(SOON)

        assert room.bound == {"alice"}
        assert waiting.done()


async def test_a_grant_that_is_gone_holds_nobody() -> None:
    """Somebody removed the finalizer by hand."""
    async with a_room() as room:
        grant = room.grant("g1")
        await asyncio.sleep(SETTLED)
        waiting = released(room, grant)
        room.vanish("g1")
        room.delete("g1")
        await asyncio.sleep(SOON)

        assert waiting.done()
        assert not room.bound


async def test_a_grant_of_the_same_name_is_another_grant() -> None:
    """Its status begins anew, and the old one's deletion is over."""
    async with a_room() as room:
        old = room.grant("g1", subject="alice")
        await asyncio.sleep(SETTLED)
        waiting = released(room, old)
        room.vanish("g1")
        room.delete("g1")
        room.grant("g1", subject="bob")
        await asyncio.sleep(SETTLED)

        assert waiting.done()
        assert room.bound == {"bob"}
        assert room.ready("g1") == "+Bound"


async def test_an_invalid_grant_is_told_why_and_can_be_deleted() -> None:
    """A CRD that is older than the operator, or none, let it pass."""
    async with a_room() as room:
        grant = room.grant("g1", subject="")
        room.cluster.edit(f"{GRANTS}/g1", {"spec": {"duration": "soon"}})
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-InvalidGrant"
        assert not room.bound
        waiting = released(room, grant)
        room.delete("g1")
        await asyncio.sleep(SOON)

        assert waiting.done()


async def test_an_invalid_grant_without_an_instance_can_be_deleted() -> None:
    room = Room()
    async with running(room):
        grant = room.grant("g1")
        room.cluster.edit(f"{GRANTS}/g1", {"spec": {"duration": "soon"}})
        await asyncio.sleep(SETTLED)
        waiting = released(room, grant)
        room.delete("g1")
        await asyncio.sleep(2)

        assert waiting.done()


@pytest.mark.parametrize("step", ["create the instance", "delete the grant"])
async def test_a_grant_without_an_instance_waits_or_goes(step) -> None:
    room = Room()
    async with running(room):
        grant = room.grant("g1")
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-InstanceNotFound"
        waiting = released(room, grant)
        if step == "create the instance":
            room.install()
            await asyncio.sleep(SETTLED)
            assert room.ready("g1") == "+Bound"
            waiting.cancel()
        else:
            room.delete("g1")
            await asyncio.sleep(2)
            assert waiting.done()


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
