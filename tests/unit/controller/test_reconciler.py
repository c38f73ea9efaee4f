"""State in, state out: what people do, and what Argo CD's ConfigMap holds then."""

import asyncio

from argogrant.argocd.policy_csv import OVERLAY_KEY
from support.in_memory_operator import (
    INSTANCES,
    RBAC,
    SETTLED,
    SOON,
    Room,
    a_room,
    running,
    until,
)
from support.live_cluster import RULES

THEIRS = "# argogrant v1 elsewhere/default u9\n"


async def test_a_grant_is_bound_and_says_so() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SOON)

        assert room.bound == {"alice"}
        assert room.ready("g1") == "+Bound"
        assert room.instance_ready == "+Converged"
        assert room.data["policy.csv"] == RULES


async def test_overlapping_grants_keep_a_binding() -> None:
    """The last grant that wants it ends it."""
    async with a_room() as room:
        room.grant("g1", duration="1h")
        room.grant("g2", duration="2h")
        await asyncio.sleep(SETTLED)
        room.revoke("g1")
        await asyncio.sleep(SETTLED)
        assert room.bound == {"alice"}
        room.revoke("g2")
        await asyncio.sleep(SOON)

        assert not room.bound


async def test_what_nobody_granted_is_removed_at_the_first_look() -> None:
    """Also what became overdue while no operator ran."""
    room = Room()
    room.install({"policy.csv": RULES, OVERLAY_KEY: "g, eve, role:deployer\n"})
    async with running(room):
        assert not room.bound
        assert "eve" not in room.data[OVERLAY_KEY]


async def test_an_edit_of_our_key_by_hand_is_undone() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.edit_rbac(policy_argogrant_csv="g, eve, role:admin\n")
        await asyncio.sleep(SETTLED)

        assert room.bound == {"alice"}


async def test_keys_of_others_are_never_touched() -> None:
    theirs = {"policy.csv": RULES, "policy.x.csv": "g, x, y\n", "scopes": "[email]"}
    room = Room()
    room.install(theirs)
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)

        data = room.data
        assert data.pop(OVERLAY_KEY)
        assert data == theirs


async def test_while_a_line_of_others_is_broken_only_removals_are_written() -> None:
    async with a_room() as room:
        room.grant("g1", "alice")
        room.grant("g2", "bob")
        await asyncio.sleep(SETTLED)
        room.edit_rbac(policy_csv=RULES + "broken\n")
        room.grant("g3", "carol")
        room.revoke("g1")
        await asyncio.sleep(SETTLED)

        assert room.bound == {"bob"}
        assert room.ready("g3") == "-RBACTextInvalid"
        assert room.instance_ready == "-RBACTextInvalid"
        assert room.condition(f"{INSTANCES}/default", "RBACTextValid")["message"] == (
            "policy.csv line 3: a line must begin with 'p,' or 'g,', or '#' for a"
            " comment (1 such line in argocd-rbac-cm)."
        )


async def test_a_line_that_was_mended_lets_the_waiting_in() -> None:
    async with a_room() as room:
        room.edit_rbac(policy_csv=RULES + "broken\n")
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.edit_rbac(policy_csv=RULES)
        await asyncio.sleep(SETTLED)

        assert room.bound == {"alice"}
        assert room.instance_ready == "+Converged"


async def test_a_role_that_appears_is_bound_and_one_that_goes_is_released() -> None:
    async with a_room() as room:
        room.grant("g1", role={"name": "role:new"})
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-RoleNotFound"
        room.edit_rbac(policy_csv=RULES + "p, role:new, x, y, z, allow\n")
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "+Bound"
        room.edit_rbac(policy_csv=RULES)
        await asyncio.sleep(SETTLED)

        assert not room.bound
        assert room.ready("g1") == "-RoleNotFound"


async def test_a_projects_role_is_bound_under_its_full_name() -> None:
    async with a_room() as room:
        room.grant("g1", role={"name": "deployer", "project": "team-a"})
        await asyncio.sleep(SOON)

        assert "g, alice, proj:team-a:deployer" in room.data[OVERLAY_KEY]


async def test_the_overlay_of_another_owner_is_left_alone() -> None:
    room = Room()
    room.install({"policy.csv": RULES, OVERLAY_KEY: THEIRS + "g, eve, role:admin\n"})
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)

        assert room.bound == {"eve"}
        assert room.writes == 0
        assert room.ready("g1") == "-OverlayOwnedByAnother"
        assert room.instance_ready == "-OverlayOwnedByAnother"


async def test_the_overlay_of_a_former_instance_of_ours_is_taken_over() -> None:
    """An ArgoCDInstance that was created anew has another uid."""
    room = Room()
    header = "# argogrant v1 argogrant/default long-gone\n"
    room.install({"policy.csv": RULES, OVERLAY_KEY: header + "g, eve, role:admin\n"})
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)

        assert room.bound == {"alice"}


async def test_an_instance_that_vanishes_is_no_longer_served() -> None:
    async with a_room() as room:
        room.cluster.delete_object(f"{INSTANCES}/default")
        assert room.serving is not None

        await until(room.serving.done, within=2)


async def test_a_lowered_ceiling_ends_running_grants() -> None:
    async with a_room() as room:
        room.grant("g1", duration="10h")
        await asyncio.sleep(60)
        room.cluster.edit(f"{INSTANCES}/default", {"spec": {"maxDuration": "1m"}})

        await until(lambda: not room.bound, within=SOON)


async def test_a_missing_config_map_is_said_and_never_created() -> None:
    room = Room()
    room.install()
    room.cluster.delete_object(RBAC)
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        assert room.ready("g1") == "-ConfigMapMissing"
        assert room.instance_ready == "-ConfigMapMissing"
        assert room.writes == 0
        room.write_rbac({"policy.csv": RULES})
        await asyncio.sleep(SETTLED)

        assert room.bound == {"alice"}
        assert room.ready("g1") == "+Bound"
