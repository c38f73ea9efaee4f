"""Sweep of the managed key, which reads the ConfigMap only."""

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.sweep import SweepFailed, sweep_config_map
from argogrant.kube.errors import Conflict, Forbidden
from support.in_memory_operator import RBAC, Room

EXPIRED = "# until 2026-11-24T11:00:00Z\ng, alice, role:a\n"
ACTIVE = "# until 2026-11-24T13:00:00Z\ng, bob, role:a\n"


def a_room(text: str | None) -> Room:
    room = Room()
    data = {"policy.csv": "g, x, y"}
    room.write_rbac(data if text is None else {**data, OVERLAY_KEY: text})
    return room


async def swept(room: Room):
    return await sweep_config_map(room.cluster, "argocd", room.clock)


async def test_expired_bindings_are_removed_and_nothing_else() -> None:
    room = a_room(EXPIRED + ACTIVE)
    result = await swept(room)

    assert (result.removed, result.kept) == (1, 1)
    assert room.data == {"policy.csv": "g, x, y", OVERLAY_KEY: ACTIVE}


@pytest.mark.parametrize(
    "text", [None, ACTIVE], ids=["no managed key", "no expired binding"]
)
async def test_sweep_without_expired_bindings_writes_nothing(text) -> None:
    room = a_room(text)
    result = await swept(room)

    assert result.removed == 0
    assert room.writes == 0


async def test_config_map_is_read_again_after_a_conflict() -> None:
    room = a_room(EXPIRED)
    room.cluster.before("merge_patch", lambda: room.edit_rbac(policy_csv="g, new, y"))
    result = await swept(room)

    assert result.removed == 1
    assert room.data == {"policy.csv": "g, new, y", OVERLAY_KEY: ""}


@pytest.mark.parametrize(
    ("verb", "error", "expected"),
    [
        pytest.param(
            "get", Forbidden("403 get"), "403 get. Nothing", id="permission missing"
        ),
        pytest.param(
            "merge_patch",
            Conflict("409"),
            "changed 5 times",
            id="conflict at every attempt",
        ),
    ],
)
async def test_failed_sweep_names_the_cause(verb, error, expected) -> None:
    room = a_room(EXPIRED)
    room.cluster.fail(verb, error, times=5)
    with pytest.raises(SweepFailed) as got:
        await swept(room)

    assert expected in str(got.value)


async def test_missing_config_map_is_not_created() -> None:
    room = a_room(EXPIRED)
    room.cluster.delete_object(RBAC)
    with pytest.raises(SweepFailed, match="the ConfigMap does not exist"):
        await swept(room)

    assert room.writes == 0
