"""Audit events of a running operator, with failures between two reports."""

import asyncio

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.kube.errors import Forbidden, Unavailable
from support.in_memory_operator import (
    GRANTS,
    RBAC,
    SETTLED,
    SOON,
    Room,
    a_room,
    running,
)
from support.live_cluster import RULES

OUTAGE = Unavailable("503")
ORPHAN = "g, eve, role:admin\n"


def ids(room: Room, name: str) -> list[str]:
    return [one.event.id for one in room.told if one.ref.name == name]


def forget_status(room: Room, name: str) -> None:
    """Remove the status of a grant, as if none had been written."""
    written = room.cluster.object(f"{GRANTS}/{name}")["status"]
    room.cluster.edit(f"{GRANTS}/{name}/status", {"status": dict.fromkeys(written)})


async def test_events_of_a_grant_are_emitted_in_order() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SOON)
        assert room.happened("g1") == ["requested", "bound"]
        await asyncio.sleep(60)

        assert room.happened("g1") == ["requested", "bound", "ended"]
        assert len(set(ids(room, "g1"))) == 3


async def test_event_contains_the_grant_and_the_reason() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(61)

        event = room.told[-1].event
        data = event.model_dump(by_alias=True, exclude_none=True)["data"]
        assert event.source == "/argogrant/argogrant/default"
        assert event.type == "dev.argogrant.grant.ended"
        assert event.subject == "argogrant/g1"
        assert data.pop("uid").startswith("uid-")
        assert data == {
            "name": "g1",
            "namespace": "argogrant",
            "instance": "default",
            "subject": {"kind": "User", "name": "alice"},
            "role": "role:deployer",
            "startedAt": "2026-11-24T12:00:08Z",
            "expiresAt": "2026-11-24T12:01:08Z",
            "endedAt": "2026-11-24T12:01:08Z",
            "approval": "PolicyNotRequired",
            "approvals": [],
            "breakGlass": False,
            "wasBound": True,
            "reason": "Expired",
            "message": "The grant expired at 2026-11-24T12:01:08Z."
            " Create a new AccessGrant for new access.",
        }


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        pytest.param(Room.revoke, "Revoked", id="revoked"),
        pytest.param(
            Room.delete, "Deleted", id="deleted, before the finalizer is removed"
        ),
    ],
)
async def test_ended_event_has_the_reason_of_the_end(end, reason) -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        end(room, "g1")
        await asyncio.sleep(SETTLED)

        assert room.happened("g1") == ["requested", "bound", "ended"]
        assert room.told[-1].transition.reason == reason


async def test_role_that_is_removed_and_added_again_binds_twice() -> None:
    """With an id for each binding."""
    async with a_room() as room:
        role = "p, role:new, x, y, z, allow\n"
        room.grant("g1", role={"name": "role:new"})
        for text in (RULES + role, RULES, RULES + role):
            room.edit_rbac(policy_csv=text)
            await asyncio.sleep(SETTLED)

        assert room.happened("g1") == ["requested", "bound", "unbound", "bound"]
        assert len(set(ids(room, "g1"))) == 4


async def test_event_is_emitted_once_while_no_status_can_be_written() -> None:
    async with a_room() as room:
        forbidden = Forbidden("403")
        room.cluster.fail("merge_patch", forbidden, times=99, path="/status")
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.cluster.edit(f"{GRANTS}/g1", {"metadata": {"labels": {"a": "b"}}})
        await asyncio.sleep(61)

        assert room.happened("g1") == ["requested", "bound", "ended"]


async def test_restart_emits_no_event_again() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.told == []


async def test_crash_between_event_and_status_repeats_the_event_with_its_id() -> None:
    async with a_room() as room:
        room.cluster.fail("merge_patch", OUTAGE, times=99, path="/status")
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        assert room.happened("g1") == ["requested", "bound"]
    await asyncio.sleep(61)
    room.cluster.stop_failing()
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g1") == ["requested", "bound", "ended"]
        assert ids(again, "g1")[:2] == ids(room, "g1")
        assert again.bound == set()


async def test_crash_between_binding_and_event_loses_no_event() -> None:
    """The binding in the ConfigMap is the only trace."""
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
    forget_status(room, "g1")
    await asyncio.sleep(61)
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g1") == ["requested", "bound", "ended"]


async def test_binding_without_report_that_was_removed_again_is_reported() -> None:
    """The operator was killed before any report, and then the role was deleted."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
    forget_status(room, "g1")
    room.edit_rbac(policy_csv="")
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g1") == ["requested", "bound", "unbound"]


async def test_lost_answer_to_a_write_loses_no_event() -> None:
    """The binding was written, but the grant ended before the operator learned it."""
    async with a_room() as room:

        def lose_the_answer() -> None:
            room.cluster.fail("merge_patch", OUTAGE, times=99, path=RBAC)
            raise OUTAGE

        room.cluster.after("merge_patch", lose_the_answer)
        room.grant("g1", duration="20s")
        await asyncio.sleep(21)
        room.cluster.stop_failing()
        await asyncio.sleep(SETTLED)

        assert room.happened("g1") == ["requested", "bound", "overdue", "ended"]


async def test_binding_of_another_grant_is_no_evidence() -> None:
    """Two grants share a binding; only one of them was ever in force."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.grant("g2", notBefore="2026-11-25T12:00:00Z")
        await asyncio.sleep(SETTLED)
        room.revoke("g2")
        room.revoke("g1")
        await asyncio.sleep(SETTLED)

        assert room.happened("g1") == ["requested", "bound", "ended"]
        assert room.happened("g2") == ["requested", "ended"]
        assert [one.event.data.was_bound for one in room.told[-2:]] == [True, False]  # type: ignore[union-attr]


async def test_binding_of_another_grant_is_no_evidence_after_a_restart():
    """Both end while no operator runs, and only one of them was bound."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
    room.grant("g2")
    room.revoke("g1")
    room.revoke("g2")
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g1") == ["ended"]
        assert again.happened("g2") == ["requested", "ended"]


async def test_shared_binding_without_report_is_reported() -> None:
    """The binding was there during the whole window; another grant keeps it."""
    async with a_room() as room:
        room.grant("g1")
        room.grant("g2", duration="1m")
        await asyncio.sleep(SETTLED)
    forget_status(room, "g2")
    await asyncio.sleep(61)
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.happened("g2") == ["requested", "bound", "ended"]
        assert again.bound == {"alice"}


async def test_refused_grant_is_not_reported_as_bound() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        room.grant("g2", subject="role:x", duration="1m")
        await asyncio.sleep(61)

        assert room.happened("g2") == ["requested", "refused", "ended"]


async def test_grant_is_overdue_while_its_revocation_cannot_be_written() -> None:
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        await asyncio.sleep(61)
        assert room.happened("g1")[-2:] == ["unbound", "overdue"]
        room.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert room.happened("g1")[-2:] == ["overdue", "ended"]


async def test_orphan_is_reported_once_although_its_removal_is_retried() -> None:
    async with a_room() as room:
        room.cluster.fail("merge_patch", OUTAGE, times=3, path=RBAC)
        room.edit_rbac(policy_argogrant_csv=ORPHAN)
        await asyncio.sleep(SETTLED)
        assert room.happened("default") == ["orphan-removed"]
        room.edit_rbac(policy_argogrant_csv=room.data[OVERLAY_KEY] + ORPHAN)
        await asyncio.sleep(SETTLED)

        orphan = room.told[-1].event.model_dump(by_alias=True)["data"]
        assert (orphan["subject"], orphan["role"]) == ("eve", "role:admin")
        assert room.happened("default").count("orphan-removed") == 2
        assert len(set(ids(room, "default"))) == 2


async def test_contested_instance_is_reported() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        for _ in range(8):
            room.edit_rbac(policy_argogrant_csv=None)
            await asyncio.sleep(3)

        assert room.happened("default") == ["contested"]


async def test_invalid_grant_is_reported() -> None:
    async with a_room() as room:
        room.grant("g1", duration="no time")
        await asyncio.sleep(SETTLED)

        assert room.happened("g1") == ["requested", "refused"]
        assert room.told[-1].transition.reason == "InvalidGrant"


async def test_deleted_grant_is_forgotten() -> None:
    """Thousands of deleted grants must not stay in memory."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.delete("g1")
        await asyncio.sleep(SETTLED)
        assert not room.has("g1")
        log = room.namespace._reporter._audit

        assert not log._unstored  # type: ignore[attr-defined]
