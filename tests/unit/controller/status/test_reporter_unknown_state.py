"""What is said of an end while nobody can know whether Argo CD has heard of it."""

import asyncio

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.status.writer import FINALIZER
from argogrant.kube.errors import Forbidden, Unavailable
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
THEIRS = "# argogrant v1 elsewhere/default u9\ng, alice, role:deployer\n"


def message(room: Room, name: str) -> str:
    said: str = room.condition(f"{GRANTS}/{name}", "Ready")["message"]
    return said


@pytest.mark.parametrize(
    ("overlay", "how"),
    [
        pytest.param(False, "-Expired", id="restored without our key"),
        pytest.param(True, "-Expired", id="restored from a backup with our key"),
    ],
)
async def test_an_end_without_a_config_map_is_told_once_it_is_certain(
    overlay, how
) -> None:
    """Argo CD still obeys what it has in memory."""
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        backup = dict(room.data)
        room.cluster.delete_object(RBAC)
        await asyncio.sleep(120)
        assert room.ready("g1") == "-ConfigMapMissing"
        assert not room.has_ended("g1")
        assert message(room, "g1").startswith("The grant ended at ")
        assert "Restore the ConfigMap" in message(room, "g1")
        room.write_rbac(backup if overlay else {"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert not room.bound
        assert room.ready("g1") == how
        assert room.has_ended("g1")


async def test_a_revocation_without_a_config_map_is_told_likewise() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        room.revoke("g1")
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-ConfigMapMissing"
        assert not room.has_ended("g1")
        room.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-Revoked"
        assert room.has_ended("g1")


async def test_an_end_is_told_at_once_of_what_was_not_bound() -> None:
    """Nothing of it can be left in Argo CD's memory."""
    async with a_room() as room:
        room.grant("g1", role={"name": "role:none"}, duration="1m")
        room.grant("g2", "carol", duration="1m")
        room.grant("g3", "carol", duration="1h")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        await asyncio.sleep(60)

        assert room.ready("g1") == "-Expired"
        assert room.has_ended("g1")
        assert room.ready("g2") == "-Expired"
        assert room.ready("g3") == "-ConfigMapMissing"


async def test_an_operator_that_starts_without_a_config_map_is_no_surer() -> None:
    """It has seen nothing, and goes by what the grant last said."""
    async with a_room() as room:
        room.grant("g1", duration="1m")
        room.grant("g2", role={"name": "role:none"}, duration="1m")
        room.grant("g3", duration="20s")
        await asyncio.sleep(30)
        assert room.has_ended("g3")
        room.cluster.delete_object(RBAC)
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(60)

        assert again.ready("g1") == "-ConfigMapMissing"
        assert not again.has_ended("g1")
        assert again.has_ended("g2")
        assert again.has_ended("g3")


async def test_an_end_that_can_not_be_written_is_told_once_it_was() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        forbidden = Forbidden("PATCH configmaps: 403")
        room.cluster.fail("merge_patch", forbidden, times=FOR_EVER, path=RBAC)
        await asyncio.sleep(120)
        assert room.ready("g1") == "-InstanceUnavailable"
        assert not room.has_ended("g1")
        room.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-Expired"
        assert room.has_ended("g1")


async def test_a_deleted_grant_says_what_it_waits_for() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        room.delete("g1")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-ConfigMapMissing"
        assert message(room, "g1").startswith("The grant is being deleted. ")
        assert not room.has_ended("g1")


async def test_a_deleted_grant_says_that_nothing_can_be_written() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        forbidden = Forbidden("PATCH configmaps: 403")
        room.cluster.fail("merge_patch", forbidden, times=FOR_EVER, path=RBAC)
        room.delete("g1")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-InstanceUnavailable"
        assert room.holders("g1") == [FINALIZER]


@pytest.mark.parametrize("times", [0, 1])
async def test_a_deleted_grant_that_somebody_else_keeps_says_so(times) -> None:
    """Also if the report is still to be written when the grant is let go."""
    async with a_room() as room:
        room.grant("g1", held_by="example.com/theirs")
        await asyncio.sleep(SETTLED)
        away = Unavailable("503")
        room.cluster.fail("merge_patch", away, times=times, path="g1/status")
        room.delete("g1")
        await asyncio.sleep(SETTLED)

        assert room.ready("g1") == "-Deleted"
        assert room.holders("g1") == ["example.com/theirs"]


async def test_nothing_is_written_on_a_grant_that_vanishes_at_once() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        before = room.cluster.count("merge_patch", f"{GRANTS}/g1")
        room.delete("g1")
        await until(lambda: not room.has("g1"), within=0.5)

        assert room.cluster.count("merge_patch", f"{GRANTS}/g1") == before + 1


async def test_what_another_instance_wrote_is_not_ours() -> None:
    """Its line gives our grant nothing, and does not hold it."""
    room = Room()
    room.install({"policy.csv": RULES, OVERLAY_KEY: THEIRS})
    async with running(room):
        room.grant("g1", held_by=FINALIZER)
        room.grant("g2", duration="1m")
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-OverlayOwnedByAnother"
        room.delete("g1")
        await until(lambda: not room.has("g1"), within=0.5)
        await asyncio.sleep(60)

        assert room.ready("g2") == "-Expired"
        assert room.has_ended("g2")
        assert room.bound == {"alice"}
