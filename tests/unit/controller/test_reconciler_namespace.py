"""Deletion of the operator's namespace, or of a served one: access ends first."""

import asyncio

import pytest

from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.kube.client import ListPage
from argogrant.kube.errors import Forbidden, Unavailable
from argogrant.kube.resources import APP_PROJECTS, NAMESPACES, Collection
from support.fake_cluster import FakeCluster
from support.in_memory_operator import (
    INSTANCE_PATH,
    OURS,
    RBAC,
    SETTLED,
    SOON,
    InMemoryOperator,
    running,
    until,
)

HELD = ["kubernetes"]
"""Finalizers with which a Namespace stays while its content is deleted."""


def create(cluster: FakeCluster, *names: str) -> None:
    for name in names:
        metadata = {"name": name, "finalizers": HELD}
        cluster.add(NAMESPACES.path(""), {"metadata": metadata})


@pytest.mark.parametrize("deleted", [OURS, "platform"], ids=["served", "operator's"])
async def test_access_ends_when_a_namespace_is_deleted(deleted) -> None:
    """Before anything in it is deleted; nothing is added any more."""
    operator = InMemoryOperator(operator_namespace="platform")
    operator.install()
    operator.allow(OURS)
    create(operator.cluster, OURS, "platform")
    operator.grant("one")
    async with running(operator):
        await until(lambda: operator.bound == {"alice"}, within=SETTLED)
        operator.cluster.delete_object(NAMESPACES.path("", deleted))
        await until(lambda: not operator.bound, within=SOON)
        await until(lambda: not operator.namespace.is_ending_access(), within=SETTLED)
        operator.grant("two", "bob")
        await asyncio.sleep(SETTLED)

        assert operator.bound == set()
        assert operator.is_served
        assert (
            "deletionTimestamp"
            not in operator.cluster.object(INSTANCE_PATH)["metadata"]
        )


async def test_members_of_appprojects_are_removed_too() -> None:
    operator = InMemoryOperator()
    operator.install()
    operator.edit_instance(bindProjectRolesIn="AppProject")
    create(operator.cluster, OURS)
    path = APP_PROJECTS.path("argocd", "team-a")
    operator.grant("one", role={"project": "team-a", "name": "deployer"})

    def members() -> list[str]:
        roles = operator.cluster.object(path)["spec"]["roles"]
        return [one for role in roles for one in role.get("groups", ())]

    async with running(operator):
        await until(lambda: "alice" in members(), within=SETTLED)
        operator.cluster.delete_object(NAMESPACES.path("", OURS))
        await until(lambda: "alice" not in members(), within=1)


async def test_deleted_grants_are_released_meanwhile() -> None:
    operator = InMemoryOperator()
    operator.install()
    create(operator.cluster, OURS)
    operator.grant("one")
    async with running(operator):
        await until(lambda: operator.bound == {"alice"}, within=SETTLED)
        operator.cluster.delete_object(NAMESPACES.path("", OURS))
        operator.delete("one")
        await until(lambda: not operator.has("one"), within=SETTLED)

        assert operator.bound == set()


async def test_instance_is_released_when_it_is_deleted_with_its_namespace() -> None:
    operator = InMemoryOperator()
    operator.install()
    create(operator.cluster, OURS)
    operator.grant("one")
    async with running(operator):
        await until(lambda: operator.bound == {"alice"}, within=SETTLED)
        operator.cluster.delete_object(NAMESPACES.path("", OURS))
        await until(lambda: not operator.bound, within=SETTLED)
        operator.delete_instance()
        await until(lambda: not operator.is_served, within=SETTLED)


async def test_access_that_cannot_be_removed_is_waited_for() -> None:
    operator = InMemoryOperator()
    operator.install()
    create(operator.cluster, OURS)
    operator.grant("one")
    async with running(operator):
        await until(lambda: operator.bound == {"alice"}, within=SETTLED)
        assert not operator.namespace.is_ending_access()
        operator.cluster.fail("merge_patch", Forbidden("403"), path="argocd-rbac-cm")
        operator.cluster.delete_object(NAMESPACES.path("", OURS))
        await asyncio.sleep(SOON)
        assert operator.namespace.is_ending_access()
        await until(lambda: not operator.namespace.is_ending_access(), within=SETTLED)

        assert operator.bound == set()


async def test_missing_config_map_is_not_waited_for() -> None:
    """It has no bindings; the instance stays until it is restored, and is cleaned."""
    operator = InMemoryOperator()
    operator.install()
    create(operator.cluster, OURS)
    operator.grant("one")
    async with running(operator):
        await until(lambda: operator.bound == {"alice"}, within=SETTLED)
        operator.cluster.delete_object(RBAC)
        operator.delete_instance()
        await asyncio.sleep(SETTLED)

        assert not operator.namespace.is_ending_access()
        assert operator.is_served


@pytest.mark.parametrize("failures", [0, 2])
async def test_instance_that_vanishes_without_its_finalizer_leaves_no_binding(
    failures,
) -> None:
    """Its finalizers were removed by hand while the operator runs."""
    operator = InMemoryOperator()
    operator.install()
    operator.grant("one")
    async with running(operator):
        await until(lambda: operator.bound == {"alice"}, within=SETTLED)
        error = Unavailable("503")
        operator.cluster.fail("merge_patch", error, times=failures, path=RBAC)
        operator.cluster.delete_object(INSTANCE_PATH)
        await until(lambda: not operator.bound, within=SETTLED)
        await until(lambda: not operator.is_served, within=SETTLED)

        assert OVERLAY_KEY not in operator.data


async def test_abandoned_instance_that_vanishes_keeps_its_bindings() -> None:
    operator = InMemoryOperator()
    operator.install()
    operator.grant("one")
    async with running(operator):
        await until(lambda: operator.bound == {"alice"}, within=SETTLED)
        operator.cluster.fail("merge_patch", Unavailable("503"), times=99, path=RBAC)
        operator.delete_instance()
        operator.abandon_instance()
        await until(lambda: not operator.is_served, within=SETTLED)

        assert operator.bound == {"alice"}


class ClusterWithoutNamespaces(FakeCluster):
    """An API server that does not permit to list Namespaces."""

    async def list(self, collection: Collection, page: str = "") -> ListPage:
        if collection.resource == NAMESPACES:
            raise Forbidden("403")
        return await super().list(collection, page)


async def test_operator_that_may_not_read_its_namespace_works() -> None:
    operator = InMemoryOperator(ClusterWithoutNamespaces())
    operator.install()
    operator.grant("one")
    async with running(operator):
        await until(lambda: operator.bound == {"alice"}, within=SETTLED)
        await asyncio.sleep(SETTLED)

        assert operator.instance_ready == "+Converged"
        assert operator.namespace.is_synced()
