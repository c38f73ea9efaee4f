"""Instances that are deleted leave nothing; those that make no sense say so."""

import asyncio

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.status.writer import FINALIZER
from argogrant.kube.errors import Forbidden
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
from support.live_cluster import INSTANCE, RULES

FOR_EVER = 10_000


async def test_an_instance_that_is_deleted_leaves_nothing() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.delete_instance()
        await until(lambda: not room.is_served, within=2)
        await asyncio.sleep(SOON)

        assert room.data == {"policy.csv": RULES}
        assert room.ready("g1") == "-InstanceNotFound"


@pytest.mark.parametrize("restored", ["our key", "nothing of ours"])
async def test_a_deleted_instance_waits_for_the_config_map(restored) -> None:
    """Argo CD obeys its memory, and nobody else would clean a restored backup."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        backup = dict(room.data)
        room.cluster.delete_object(RBAC)
        room.delete_instance()
        await asyncio.sleep(120)
        assert room.is_served
        assert room.instance_ready == "-ConfigMapMissing"
        assert 'argogrant.dev/abandon: "true"' in room.instance_says
        assert room.ready("g1") == "-ConfigMapMissing"
        room.write_rbac(backup if restored == "our key" else {"policy.csv": RULES})
        await until(lambda: not room.is_served, within=2)

        assert room.data == {"policy.csv": RULES}


async def test_a_deleted_instance_waits_as_well_after_a_restart() -> None:
    async with a_room() as room:
        room.cluster.delete_object(RBAC)
        room.delete_instance()
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(120)
        assert again.is_served
        again.abandon_instance()

        await until(lambda: not again.is_served, within=2)


async def test_a_deleted_instance_that_is_abandoned_takes_its_grants_along() -> None:
    """Those that are deleted have nothing to wait for any longer."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(RBAC)
        room.delete("g1")
        room.delete_instance()
        await asyncio.sleep(SETTLED)
        assert room.has("g1")
        room.abandon_instance()
        await until(lambda: not room.is_served, within=2)
        room.cluster.edit(f"{INSTANCES}/default", {"metadata": {"finalizers": None}})

        await until(lambda: not room.has("g1"), within=2)


async def test_a_deleted_instance_can_be_abandoned_although_writes_fail() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        forbidden = Forbidden("PATCH configmaps: 403")
        room.cluster.fail("merge_patch", forbidden, times=FOR_EVER, path=RBAC)
        room.delete_instance()
        await asyncio.sleep(60)
        assert room.is_served
        room.abandon_instance()

        await until(lambda: not room.is_served, within=6)


async def test_abandoning_an_instance_that_is_not_deleted_changes_nothing() -> None:
    async with a_room() as room:
        room.grant("g1")
        room.abandon_instance()
        await asyncio.sleep(SETTLED)

        assert room.is_served
        assert room.instance_ready == "+Converged"
        assert room.bound == {"alice"}


async def test_an_instance_that_makes_no_sense_any_longer_keeps_ends() -> None:
    """What is bound stays until its end, and nothing is added."""
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.edit_instance(maxDuration="soon")
        room.grant("g2", "carol")
        await asyncio.sleep(SETTLED)
        assert room.instance_ready == "-InvalidInstance"
        assert "spec.maxDuration" in room.instance_says
        assert room.ready("g1") == "+Bound"
        assert room.ready("g2") == "-InstanceUnavailable"
        assert room.bound == {"alice"}
        await asyncio.sleep(60)
        assert not room.bound
        assert room.ready("g1") == "-Expired"
        room.edit_instance(maxDuration="1h")
        await until(lambda: room.bound == {"carol"}, within=2)
        await asyncio.sleep(SETTLED)

        assert room.instance_ready == "+Converged"


async def test_an_instance_that_makes_no_sense_any_longer_can_be_deleted() -> None:
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.edit_instance(maxDuration="soon")
        await asyncio.sleep(SETTLED)
        room.delete_instance()
        await until(lambda: not room.is_served, within=2)

        assert room.data == {"policy.csv": RULES}


async def test_an_instance_that_never_made_sense_says_so() -> None:
    """Where its Argo CD is can not be known, so no grant is said to be over."""
    async with a_room() as room:
        room.edit_instance(maxDuration="72h")
        room.grant("g1", duration="48h")
        room.grant("g2", duration="1m")
        await asyncio.sleep(SETTLED)
        room.edit_instance(maxDuration="soon")
        await asyncio.sleep(SETTLED)
    again = Room(room.cluster)
    async with running(again):
        await asyncio.sleep(25 * 3600)
        assert again.instance_ready == "-InvalidInstance"
        assert again.ready("g1") == "-InstanceUnavailable"
        assert again.ready("g2") == "-InstanceUnavailable"
        assert not again.has_ended("g2")
        again.edit_instance(maxDuration="72h")
        await asyncio.sleep(SETTLED)

        assert again.ready("g1") == "+Bound"
        assert again.ready("g2") == "-Expired"


@pytest.mark.parametrize("way", ["abandoned", "mended", "torn away"])
async def test_an_instance_that_never_made_sense_is_deleted_once_it_is(way) -> None:
    """It may have been understood before, and have left something."""
    room = Room()
    room.install()
    room.edit_instance(maxDuration="soon")
    async with running(room):
        room.delete_instance()
        await asyncio.sleep(60)
        assert room.is_served
        assert room.instance_ready == "-InvalidInstance"
        if way == "abandoned":
            room.abandon_instance()
        elif way == "mended":
            room.edit_instance(maxDuration="1h")
        else:
            free = {"metadata": {"finalizers": None}}
            room.cluster.edit(f"{INSTANCES}/default", free)

        await until(lambda: not room.is_served, within=2)


async def test_the_key_of_an_instance_that_makes_no_sense_is_still_its_own() -> None:
    """Another instance of this namespace does not take it over."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.edit_instance(maxDuration="soon")
        text = room.data[OVERLAY_KEY]
        room.cluster.add(INSTANCES, {**INSTANCE, "metadata": {"name": "second"}})
        second = asyncio.create_task(room.namespace.run_instance("second"))
        room.grant("g2", "carol", instance="second")
        await asyncio.sleep(SETTLED)
        second.cancel()

        assert room.data[OVERLAY_KEY] == text
        assert room.ready("g2") == "-OverlayOwnedByAnother"


async def test_an_instance_that_was_torn_away_and_made_anew_is_served() -> None:
    """Under the same name, and for another Argo CD."""
    async with a_room() as room:
        room.grant("g1")
        await asyncio.sleep(SETTLED)
        room.cluster.delete_object(f"{INSTANCES}/default")
        elsewhere = {**INSTANCE, "metadata": {"name": "default"}}
        elsewhere["spec"] = {"namespace": "elsewhere"}
        room.cluster.add(INSTANCES, elsewhere)
        await asyncio.sleep(SETTLED)

        assert room.is_served
        assert room.instance_ready == "-ConfigMapMissing"
        assert room.holders("g1") == [FINALIZER]


async def test_instance_that_names_another_argocd_is_invalid() -> None:
    """An older CRD accepts that; bindings stay where they are until they expire."""
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.edit_instance(namespace="elsewhere")
        room.grant("g2", "carol")
        await asyncio.sleep(SETTLED)
        assert room.instance_ready == "-InvalidInstance"
        assert "delete this ArgoCDInstance and create another" in room.instance_says
        assert room.ready("g1") == "+Bound"
        assert room.bound == {"alice"}
        await asyncio.sleep(60)
        assert not room.bound
        room.edit_instance(namespace="argocd")
        await until(lambda: room.bound == {"carol"}, within=2)
        await asyncio.sleep(SETTLED)

        assert room.instance_ready == "+Converged"
