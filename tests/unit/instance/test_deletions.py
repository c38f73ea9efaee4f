"""A deleted grant is held until its revocation is certain, and no longer."""

import asyncio

import pytest

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.instance.status import FINALIZER
from argogrant.kube.failures import Unavailable
from rooms import GRANTS, RBAC, SETTLED, Room, a_room, running, until
from world import RULES

FOR_EVER = 10_000
AWAY = Unavailable("503")


def finalizers(room: Room, name: str) -> list[str]:
    return room.cluster.object(f"{GRANTS}/{name}")["metadata"].get("finalizers") or []


async def test_what_is_bound_is_held() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)

        assert finalizers(room, "g1") == [FINALIZER]


async def test_what_never_was_in_force_is_not_held() -> None:
    async with a_room() as room:
        room.grant("g1", role={"name": "role:none"})
        await asyncio.sleep(SETTLED)

        assert finalizers(room, "g1") == []


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
        room.cluster.delete(RBAC)
        room.delete("g1")
        await asyncio.sleep(60)
        assert room.has("g1")
        room.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert not room.has("g1")


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
        room.cluster.delete(RBAC)
        room.delete("g1")
        await asyncio.sleep(SETTLED)
        assert room.has("g1")
        annotations = {ABANDON_ANNOTATION: "true"}
        room.cluster.edit(f"{GRANTS}/g1", {"metadata": {"annotations": annotations}})

        await until(lambda: not room.has("g1"), within=2)


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
        assert finalizers(room, "g1") == [FINALIZER]


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
