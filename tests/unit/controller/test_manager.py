"""Instances that are deleted, invalid, or created again."""

import asyncio

import pytest

from argogrant.api.accessgrant import FINALIZER
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.kube.errors import Forbidden
from support.in_memory_operator import (
    INSTANCES,
    RBAC,
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
    running,
    until,
)
from support.live_cluster import INSTANCE, RULES

FOR_EVER = 10_000


async def test_deleted_instance_leaves_nothing() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.delete_instance()
        await until(lambda: not operator.is_served, within=2)
        await asyncio.sleep(SOON)

        assert operator.data == {"policy.csv": RULES}
        assert operator.ready("g1") == "-InstanceNotFound"


@pytest.mark.parametrize("restored", ["with the key", "without the key"])
async def test_deleted_instance_is_kept_while_the_config_map_is_missing(
    restored,
) -> None:
    """Argo CD keeps the old rules in memory, and a restored backup may have the key."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        backup = dict(operator.data)
        operator.cluster.delete_object(RBAC)
        operator.delete_instance()
        await asyncio.sleep(120)
        assert operator.is_served
        assert operator.instance_ready == "-ConfigMapMissing"
        assert 'argogrant.dev/abandon: "true"' in operator.instance_says
        assert operator.ready("g1") == "-ConfigMapMissing"
        operator.write_rbac(
            backup if restored == "with the key" else {"policy.csv": RULES}
        )
        await until(lambda: not operator.is_served, within=2)

        assert operator.data == {"policy.csv": RULES}


async def test_deleted_instance_is_kept_after_a_restart() -> None:
    async with an_operator() as operator:
        operator.cluster.delete_object(RBAC)
        operator.delete_instance()
    again = InMemoryOperator(operator.cluster)
    async with running(again):
        await asyncio.sleep(120)
        assert again.is_served
        again.abandon_instance()

        await until(lambda: not again.is_served, within=2)


async def test_abandoned_instance_releases_its_deleted_grants() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(RBAC)
        operator.delete("g1")
        operator.delete_instance()
        await asyncio.sleep(SETTLED)
        assert operator.has("g1")
        operator.abandon_instance()
        await until(lambda: not operator.is_served, within=2)
        operator.cluster.edit(
            f"{INSTANCES}/default", {"metadata": {"finalizers": None}}
        )

        await until(lambda: not operator.has("g1"), within=2)


async def test_deleted_instance_can_be_abandoned_while_writes_fail() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        forbidden = Forbidden("PATCH configmaps: 403")
        operator.cluster.fail("merge_patch", forbidden, times=FOR_EVER, path=RBAC)
        operator.delete_instance()
        await asyncio.sleep(60)
        assert operator.is_served
        operator.abandon_instance()

        await until(lambda: not operator.is_served, within=6)


async def test_abandon_annotation_has_no_effect_before_the_deletion() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        operator.abandon_instance()
        await asyncio.sleep(SETTLED)

        assert operator.is_served
        assert operator.instance_ready == "+Converged"
        assert operator.bound == {"alice"}


async def test_grants_of_an_instance_that_became_invalid_expire() -> None:
    """Bindings stay until their grants expire, and none is added."""
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        operator.edit_instance(maxDuration="soon")
        operator.grant("g2", "carol")
        await asyncio.sleep(SETTLED)
        assert operator.instance_ready == "-InvalidInstance"
        assert "spec.maxDuration" in operator.instance_says
        assert operator.ready("g1") == "+Bound"
        assert operator.ready("g2") == "-InstanceUnavailable"
        assert operator.bound == {"alice"}
        await asyncio.sleep(60)
        assert not operator.bound
        assert operator.ready("g1") == "-Expired"
        operator.edit_instance(maxDuration="1h")
        await until(lambda: operator.bound == {"carol"}, within=2)
        await asyncio.sleep(SETTLED)

        assert operator.instance_ready == "+Converged"


async def test_instance_that_became_invalid_can_be_deleted() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.edit_instance(maxDuration="soon")
        await asyncio.sleep(SETTLED)
        operator.delete_instance()
        await until(lambda: not operator.is_served, within=2)

        assert operator.data == {"policy.csv": RULES}


async def test_instance_that_was_never_valid_is_reported() -> None:
    """The location of its Argo CD is unknown, so no grant is reported as ended."""
    async with an_operator() as operator:
        operator.edit_instance(maxDuration="72h")
        operator.grant("g1", duration="48h")
        operator.grant("g2", duration="1m")
        await asyncio.sleep(SETTLED)
        operator.edit_instance(maxDuration="soon")
        await asyncio.sleep(SETTLED)
    again = InMemoryOperator(operator.cluster)
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


@pytest.mark.parametrize("way", ["abandoned", "fixed", "finalizers removed by hand"])
async def test_invalid_instance_is_deleted_once_it_is(way) -> None:
    """It may have been valid before, and have bindings in Argo CD."""
    operator = InMemoryOperator()
    operator.install()
    operator.edit_instance(maxDuration="soon")
    async with running(operator):
        operator.delete_instance()
        await asyncio.sleep(60)
        assert operator.is_served
        assert operator.instance_ready == "-InvalidInstance"
        if way == "abandoned":
            operator.abandon_instance()
        elif way == "fixed":
            operator.edit_instance(maxDuration="1h")
        else:
            free = {"metadata": {"finalizers": None}}
            operator.cluster.edit(f"{INSTANCES}/default", free)

        await until(lambda: not operator.is_served, within=2)


async def test_key_of_an_invalid_instance_still_belongs_to_it() -> None:
    """Another instance of the namespace does not replace it."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.edit_instance(maxDuration="soon")
        text = operator.data[OVERLAY_KEY]
        operator.cluster.add(INSTANCES, {**INSTANCE, "metadata": {"name": "second"}})
        second = asyncio.create_task(operator.namespace.run_instance("second"))
        operator.grant("g2", "carol", instance="second")
        await asyncio.sleep(SETTLED)
        second.cancel()

        assert operator.data[OVERLAY_KEY] == text
        assert operator.ready("g2") == "-OverlayOwnedByAnother"


async def test_instance_that_was_created_again_is_reconciled() -> None:
    """It has the same name, and another Argo CD."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.cluster.delete_object(f"{INSTANCES}/default")
        elsewhere = {**INSTANCE, "metadata": {"name": "default"}}
        elsewhere["spec"] = {"namespace": "elsewhere"}
        operator.cluster.add(INSTANCES, elsewhere)
        await asyncio.sleep(SETTLED)

        assert operator.is_served
        assert operator.instance_ready == "-ConfigMapMissing"
        assert operator.holders("g1") == [FINALIZER]


async def test_instance_that_names_another_argocd_is_invalid() -> None:
    """An older CRD accepts that; bindings stay where they are until they expire."""
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        operator.edit_instance(namespace="elsewhere")
        operator.grant("g2", "carol")
        await asyncio.sleep(SETTLED)
        assert operator.instance_ready == "-InvalidInstance"
        assert "delete this ArgoCDInstance and create another" in operator.instance_says
        assert operator.ready("g1") == "+Bound"
        assert operator.bound == {"alice"}
        await asyncio.sleep(60)
        assert not operator.bound
        operator.edit_instance(namespace="argocd")
        await until(lambda: operator.bound == {"carol"}, within=2)
        await asyncio.sleep(SETTLED)

        assert operator.instance_ready == "+Converged"


async def test_resyncs_of_many_instances_share_a_list() -> None:
    """Each would list all instances, so the memory would grow with their square."""
    async with an_operator() as operator:
        before = operator.cluster.count("list", INSTANCES)
        names = [f"i{number}" for number in range(50)]
        resyncs = [operator.namespace.resync(name) for name in names]
        await asyncio.gather(*resyncs)
        await operator.namespace.resync("default")

        assert operator.cluster.count("list", INSTANCES) == before + 2


async def test_failed_list_fails_the_resyncs_that_share_it_but_no_later_one() -> None:
    async with an_operator() as operator:
        operator.cluster.fail("list", Forbidden("GET /x: 403"), path=INSTANCES)
        resyncs = [operator.namespace.resync(name) for name in ("default", "other")]
        results = await asyncio.gather(*resyncs, return_exceptions=True)
        before = operator.cluster.count("list", INSTANCES)
        await operator.namespace.resync("default")

        assert [type(one) for one in results] == [Forbidden, Forbidden]
        assert operator.cluster.count("list", INSTANCES) == before + 1
