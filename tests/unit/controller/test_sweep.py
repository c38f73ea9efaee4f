"""A sweep that needs nothing but the ConfigMap."""

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.sweep import SweepFailed, sweep_config_map
from argogrant.kube.errors import Conflict, Forbidden
from support.in_memory_operator import RBAC, Room

OVER = "# until 2026-11-24T11:00:00Z\ng, alice, role:a\n"
LIVE = "# until 2026-11-24T13:00:00Z\ng, bob, role:a\n"


def a_room(text: str | None) -> Room:
    room = Room()
    data = {"policy.csv": "g, x, y"}
    room.write_rbac(data if text is None else {**data, OVERLAY_KEY: text})
    return room


async def swept(room: Room):
    return await sweep_config_map(room.cluster, "argocd", room.clock)


async def test_what_has_passed_is_removed_and_nothing_else_touched() -> None:
    room = a_room(OVER + LIVE)
    result = await swept(room)

    assert (result.removed, result.kept) == (1, 1)
    assert room.data == {"policy.csv": "g, x, y", OVERLAY_KEY: LIVE}


@pytest.mark.parametrize("text", [None, LIVE], ids=["no key", "nothing past its end"])
async def test_nothing_to_remove_is_no_write(text) -> None:
    room = a_room(text)
    result = await swept(room)

    assert result.removed == 0
    assert room.writes == 0


async def test_a_conflict_is_read_again() -> None:
    room = a_room(OVER)
    room.cluster.before("merge_patch", lambda: room.edit_rbac(policy_csv="g, new, y"))
    result = await swept(room)

    assert result.removed == 1
    assert room.data == {"policy.csv": "g, new, y", OVERLAY_KEY: ""}


@pytest.mark.parametrize(
    ("verb", "error", "words"),
    [
        pytest.param("get", Forbidden("403 get"), "403 get. Nothing", id="no right"),
        pytest.param(
            "merge_patch", Conflict("409"), "changed 5 times", id="no quiet moment"
        ),
    ],
)
async def test_a_sweep_that_failed_says_why(verb, error, words) -> None:
    room = a_room(OVER)
    room.cluster.fail(verb, error, times=5)
    with pytest.raises(SweepFailed) as got:
        await swept(room)

    assert words in str(got.value)


async def test_a_missing_config_map_is_not_created() -> None:
    room = a_room(OVER)
    room.cluster.delete_object(RBAC)
    with pytest.raises(SweepFailed, match="no such ConfigMap"):
        await swept(room)

    assert room.writes == 0
