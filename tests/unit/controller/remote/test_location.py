"""An Argo CD that is moved while grants run: the old place is cleaned first."""

import asyncio

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.kube.errors import Unavailable
from argogrant.kube.resources import CONFIG_MAPS
from support.in_memory_operator import (
    FOR_EVER,
    INSTANCE_PATH,
    INSTANCES,
    RBAC,
    SETTLED,
    SOON,
    Room,
    a_room,
    running,
    until,
)
from support.in_memory_remote import (
    CLUSTER,
    SERVER,
    a_remote_room,
    an_argocd,
    bound_in,
    cut_off,
    put_token,
)
from support.live_cluster import INSTANCE, RULES

ELSEWHERE = CONFIG_MAPS.path("elsewhere", "argocd-rbac-cm")
OTHER = "https://other.example.com"


def install_elsewhere(room: Room) -> None:
    body = {"metadata": {"name": "argocd-rbac-cm"}, "data": {"policy.csv": RULES}}
    room.cluster.add(CONFIG_MAPS.path("elsewhere"), body)


def places(room: Room) -> list[str]:
    """Where the status says that something may be bound."""
    written = room.cluster.object(INSTANCE_PATH)["status"].get("boundIn", [])
    return [f"{one.get('server', '')}/{one['namespace']}" for one in written]


async def test_another_namespace_is_bound_in_once_the_old_one_is_clean() -> None:
    async with a_room() as room:
        install_elsewhere(room)
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        assert places(room) == ["/argocd"]
        cleaned: list[bool] = []
        room.cluster.after(
            "merge_patch", lambda: cleaned.append(OVERLAY_KEY not in room.data)
        )
        room.edit_instance(namespace="elsewhere")
        await until(
            lambda: OVERLAY_KEY in room.cluster.object(ELSEWHERE)["data"], within=2
        )
        await asyncio.sleep(SETTLED)

        assert cleaned[0]
        assert room.data == {"policy.csv": RULES}
        assert room.ready("g1") == "+Bound"
        assert room.instance_ready == "+Converged"
        assert places(room) == ["/elsewhere"]
        assert room.is_served


async def test_nothing_is_bound_in_a_place_before_it_is_remembered() -> None:
    """A restart that finds another place in spec would leave it there."""
    room = Room()
    room.install()
    room.grant("g1")
    away = Unavailable("PATCH /apis/argogrant.dev/: no route")
    room.cluster.fail("merge_patch", away, times=FOR_EVER, path=INSTANCE_PATH)
    async with running(room):
        await asyncio.sleep(SETTLED)
        assert room.bound == set()
        room.cluster.stop_failing()
        await until(lambda: room.bound == {"alice"}, within=8)

        assert places(room) == ["/argocd"]


async def test_an_end_does_not_wait_until_a_place_is_remembered() -> None:
    """An older operator bound something here, and remembered no place."""
    room = Room()
    room.install()
    owner = room.cluster.object(INSTANCE_PATH)["metadata"]["uid"]
    header = f"# argogrant v1 argogrant/default {owner}\n"
    over = f"{header}g, bob, role:deployer\n"
    room.cluster.edit(RBAC, {"data": {OVERLAY_KEY: over}})
    room.grant("g1")
    away = Unavailable("PATCH /apis/argogrant.dev/: no route")
    room.cluster.fail("merge_patch", away, times=FOR_EVER, path=INSTANCE_PATH)
    async with running(room):
        await asyncio.sleep(SETTLED)

        assert "bob" not in room.data.get(OVERLAY_KEY, "")
        assert "alice" not in room.data.get(OVERLAY_KEY, "")


async def test_a_move_during_a_restart_leaves_nothing() -> None:
    async with a_room() as room:
        install_elsewhere(room)
        room.grant("g1")
        await asyncio.sleep(SETTLED)
    room.edit_instance(namespace="elsewhere")
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.data == {"policy.csv": RULES}
        assert again.ready("g1") == "+Bound"
        assert places(again) == ["/elsewhere"]


async def test_another_cluster_is_cleaned_with_the_token_of_its_time() -> None:
    """Somebody writes the new cluster's token into the same Secret, and before."""
    room, there = a_remote_room("old")
    room.elsewhere[OTHER] = other = an_argocd(room)
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.refused.add("new")  # by the old cluster
        put_token(room, "new")
        await asyncio.sleep(SETTLED)
        room.edit_instance(cluster={**CLUSTER, "server": OTHER})
        await until(lambda: bound_in(there) == set(), within=4)
        room.refused.clear()  # the new one takes it
        await until(lambda: bound_in(other) == {"alice"}, within=8)
        await asyncio.sleep(SETTLED)

        assert places(room) == [f"{OTHER}/argocd"]
        assert room.instance_ready == "+Converged"


async def test_an_old_place_that_is_away_is_held_until_it_is_clean() -> None:
    """The new one is bound in all the same; what may be obeyed is not called over."""
    room, there = a_remote_room()
    room.elsewhere[OTHER] = other = an_argocd(room)
    async with running(room):
        room.grant("g1")
        room.grant("g2", "carol", duration="1m")
        room.grant("g3", "erin")
        await asyncio.sleep(SETTLED)
        cut_off(there)
        room.edit_instance(cluster={**CLUSTER, "server": OTHER})
        await until(lambda: "alice" in bound_in(other), within=10)
        room.delete("g3")
        await asyncio.sleep(61)
        assert room.instance_ready == "-LeftBehind"
        assert SERVER in room.instance_says
        assert room.ready("g1") == "+Bound"
        assert room.ready("g2") == "-LeftBehind"
        assert not room.has_ended("g2")
        assert room.has("g3")
        assert places(room) == [f"{SERVER}/argocd", f"{OTHER}/argocd"]
        there.stop_failing()
        await until(lambda: bound_in(there) == set(), within=8)
        await asyncio.sleep(SETTLED)

        assert places(room) == [f"{OTHER}/argocd"]
        assert room.instance_ready == "+Converged"
        assert room.ready("g2") == "-Expired"
        assert not room.has("g3")


async def test_a_place_that_was_away_is_cleaned_after_a_restart() -> None:
    room, there = a_remote_room()
    room.elsewhere[OTHER] = an_argocd(room)
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        cut_off(there)
        room.edit_instance(cluster={**CLUSTER, "server": OTHER})
        await asyncio.sleep(SETTLED)
    there.stop_failing()
    again = Room(room.cluster)
    again.elsewhere = room.elsewhere
    async with running(again):
        await until(lambda: bound_in(there) == set(), within=4)
        await asyncio.sleep(SETTLED)

        assert places(again) == [f"{OTHER}/argocd"]


async def test_a_place_that_is_gone_may_be_forgotten() -> None:
    """By the annotation, which changes nothing else."""
    async with a_room() as room:
        install_elsewhere(room)
        room.grant("g1")
        room.grant("g2", "carol")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        room.edit_instance(namespace="elsewhere")
        await asyncio.sleep(SETTLED)
        room.delete("g2")
        await asyncio.sleep(60)
        assert room.instance_ready == "-LeftBehind"
        assert "argocd-rbac-cm is missing" in room.instance_says
        assert room.has("g2")
        room.abandon_instance()
        await until(lambda: not room.has("g2"), within=2)
        await asyncio.sleep(SETTLED)

        assert room.instance_ready == "+Converged"
        assert room.ready("g1") == "+Bound"
        assert places(room) == ["/elsewhere"]


@pytest.mark.parametrize("is_reachable", [True, False])
async def test_a_deleted_instance_waits_for_its_former_places(is_reachable) -> None:
    room, there = a_remote_room()
    room.elsewhere[OTHER] = other = an_argocd(room)
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        cut_off(there)
        room.edit_instance(cluster={**CLUSTER, "server": OTHER})
        await until(lambda: "alice" in bound_in(other), within=10)
        room.delete_instance()
        await asyncio.sleep(60)
        assert room.is_served
        if is_reachable:
            there.stop_failing()
        else:
            room.abandon_instance()
        await until(lambda: not room.is_served, within=8)

        assert OVERLAY_KEY not in other.object(RBAC)["data"]
        assert (OVERLAY_KEY not in there.object(RBAC)["data"]) is is_reachable


async def test_moving_back_before_the_old_place_was_clean_binds_there_again() -> None:
    room, there = a_remote_room()
    room.elsewhere[OTHER] = other = an_argocd(room)
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        cut_off(there)
        room.edit_instance(cluster={**CLUSTER, "server": OTHER})
        await until(lambda: "alice" in bound_in(other), within=10)
        room.edit_instance(cluster=CLUSTER)
        await asyncio.sleep(SETTLED)
        there.stop_failing()
        await asyncio.sleep(SETTLED)

        assert bound_in(other) == set()
        assert bound_in(there) == {"alice"}
        assert places(room) == [f"{SERVER}/argocd"]
        assert room.instance_ready == "+Converged"
        put_token(room, "newer")
        await asyncio.sleep(SOON)
        assert room.shown[-1] == "newer"


async def test_another_instances_key_in_the_old_place_is_left_alone() -> None:
    async with a_room() as room:
        install_elsewhere(room)
        room.grant("g1")
        await asyncio.sleep(SETTLED)
    room.cluster.add(INSTANCES, {**INSTANCE, "metadata": {"name": "second"}})
    uid = room.cluster.object(f"{INSTANCES}/second")["metadata"]["uid"]
    header = f"# argogrant v1 argogrant/second {uid}\n"
    room.edit_rbac(policy_argogrant_csv=f"{header}g, carol, role:deployer\n")
    room.edit_instance(namespace="elsewhere")
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(SETTLED)

        assert again.data[OVERLAY_KEY].startswith(header)
        assert places(again) == ["/elsewhere"]


async def test_another_authority_for_the_same_place_moves_nothing() -> None:
    room, there = a_remote_room()
    async with running(room):
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        writes = there.count("merge_patch")
        room.edit_instance(cluster={**CLUSTER, "tokenSecret": {"name": "prod2"}})
        await asyncio.sleep(SOON)
        put_token(room, "second", name="prod2")
        await asyncio.sleep(SETTLED)

        assert there.count("merge_patch") == writes
        assert bound_in(there) == {"alice"}
        assert room.shown == ["first", "second"]
        assert room.instance_ready == "+Converged"
