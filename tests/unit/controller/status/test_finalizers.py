"""Our finalizer is on what is or was in force, and nobody else's is ever lost."""

import asyncio

import pytest

from argogrant.controller.status.finalizers import ARGOCD_WATCH_MARGIN
from argogrant.kube.errors import Unavailable
from support.in_memory_operator import GRANTS, SETTLED, SOON, a_room, until

OURS = "argogrant.dev/revoke"
THEIRS = "example.com/theirs"
GONE = ARGOCD_WATCH_MARGIN + SOON
FOR_EVER = 10_000


async def test_a_grant_in_force_is_held() -> None:
    async with a_room() as room:
        room.grant("g1")

        await until(lambda: room.holders("g1") == [OURS], within=SOON)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"role": {"name": "role:missing"}}, id="its role is missing"),
        pytest.param({"instance": "another"}, id="its instance is missing"),
        pytest.param({"notBefore": "2026-11-24T14:00:00Z"}, id="it begins later"),
        pytest.param({"expiresAt": "2026-11-24T11:00:00Z"}, id="it is over"),
        pytest.param({"revoked": True}, id="it was created revoked"),
        pytest.param({"subject": {"kind": "User", "name": ""}}, id="it is refused"),
    ],
)
async def test_a_grant_that_never_was_in_force_is_not_held(spec) -> None:
    """Nothing has to be taken away, so it can be deleted without any operator."""
    async with a_room() as room:
        room.grant("g1", **spec)
        await asyncio.sleep(SETTLED)
        assert room.ready("g1").startswith("-")
        assert room.holders("g1") == []
        room.delete("g1")

        assert not room.has("g1")


async def test_a_scheduled_grant_is_held_from_its_start_on() -> None:
    async with a_room() as room:
        room.grant("g1", notBefore="2026-11-24T12:01:00Z")
        await asyncio.sleep(SETTLED)
        assert room.holders("g1") == []
        await asyncio.sleep(60)

        assert room.ready("g1") == "+Bound"
        assert room.holders("g1") == [OURS]


async def test_a_grant_that_is_deleted_before_it_is_held_is_never_held() -> None:
    """Somebody else keeps it; the API server would refuse a new finalizer."""
    async with a_room() as room:
        room.grant("g1", held_by=THEIRS)
        room.delete("g1")
        await asyncio.sleep(SETTLED)

        assert room.holders("g1") == [THEIRS]
        assert room.cluster.count("merge_patch", f"{GRANTS}/g1") <= 1
        assert not room.bound


async def test_a_deletion_that_is_quicker_than_the_hold_is_respected(caplog) -> None:
    async with a_room() as room:
        room.cluster.fail("merge_patch", Unavailable("503"), path=f"{GRANTS}/g1")
        room.grant("g1", held_by=THEIRS)
        await until(lambda: room.bound == {"alice"}, within=SOON)
        room.delete("g1")
        await asyncio.sleep(SETTLED)

        assert room.holders("g1") == [THEIRS]
        assert not room.bound
        assert caplog.text == ""


async def test_anothers_finalizer_outlives_ours() -> None:
    async with a_room() as room:
        room.grant("g1", held_by=THEIRS)
        await asyncio.sleep(SETTLED)
        assert room.holders("g1") == [THEIRS, OURS]
        room.delete("g1")
        await asyncio.sleep(GONE)

        assert room.holders("g1") == [THEIRS]
        assert not room.bound


async def test_a_binding_waits_for_no_finalizer() -> None:
    async with a_room() as room:
        away = Unavailable("503")
        room.cluster.fail("merge_patch", away, times=FOR_EVER, path=GRANTS)
        room.grant("g1")

        await until(lambda: room.bound == {"alice"}, within=SOON)
