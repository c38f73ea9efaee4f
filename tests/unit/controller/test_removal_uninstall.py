"""Uninstall: removal of everything that a running operator has not removed."""

import asyncio

import pytest

from argogrant.api.accessgrant import FINALIZER
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.removal import uninstall
from argogrant.kube.errors import Conflict, Forbidden
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    DEPLOYMENTS,
)
from support.fake_clock import FakeClock
from support.fake_cluster import FakeCluster

NAMESPACE = "argogrant"
INSTANCE = ARGOCD_INSTANCES.path(NAMESPACE, "default")
GRANT = ACCESS_GRANTS.path(NAMESPACE, "one")
RBAC = CONFIG_MAPS.path("argocd", "argocd-rbac-cm")
DEPLOYMENT = DEPLOYMENTS.path(NAMESPACE, "argogrant")
OTHERS = "example.com/keep"


def a_cluster(*, owner: str = "", **spec: object) -> FakeCluster:
    cluster = FakeCluster(FakeClock())
    instance = cluster.add(
        ARGOCD_INSTANCES.path(NAMESPACE),
        {
            "metadata": {
                "name": "default",
                "namespace": NAMESPACE,
                "finalizers": [FINALIZER],
            },
            "spec": spec,
        },
    )
    cluster.add(
        ACCESS_GRANTS.path(NAMESPACE),
        {
            "metadata": {
                "name": "one",
                "namespace": NAMESPACE,
                "finalizers": [OTHERS, FINALIZER],
            },
            "spec": {},
        },
    )
    uid = owner or instance["metadata"]["uid"]
    text = f"# argogrant v1 {NAMESPACE}/default {uid}\ng, alice, role:a\n"
    cluster.add(
        CONFIG_MAPS.path("argocd"),
        {
            "metadata": {"name": "argocd-rbac-cm", "namespace": "argocd"},
            "data": {"policy.csv": "g, x, y", OVERLAY_KEY: text},
        },
    )
    return cluster


async def steps_of(cluster: FakeCluster, deployment: str = ""):
    return [
        step
        async for step in uninstall(
            cluster, NAMESPACE, deployment=deployment, wait_seconds=5
        )
    ]


def finalizers(cluster: FakeCluster, path: str) -> list[str]:
    return cluster.object(path)["metadata"].get("finalizers") or []


def is_there(cluster: FakeCluster, path: str) -> bool:
    return path in cluster._objects


async def test_all_bindings_and_finalizers_are_removed_without_an_operator() -> None:
    cluster = a_cluster()
    steps = await steps_of(cluster)

    assert not any(step.failed for step in steps)
    assert cluster.object(RBAC)["data"] == {"policy.csv": "g, x, y"}
    assert not is_there(cluster, INSTANCE)
    assert finalizers(cluster, GRANT) == [OTHERS]
    assert "removed 1 bindings from argocd" in steps[1].text


async def test_second_run_writes_nothing() -> None:
    cluster = a_cluster()
    await steps_of(cluster)
    writes = cluster.count("merge_patch")
    steps = await steps_of(cluster)

    assert not any(step.failed for step in steps)
    assert cluster.count("merge_patch") == writes


async def test_uninstall_waits_for_a_running_operator() -> None:
    """An Argo CD that the operator has cleaned is not written again."""
    cluster = a_cluster()

    async def operate() -> None:
        await asyncio.sleep(2)
        assert "deletionTimestamp" in cluster.object(INSTANCE)["metadata"]
        cluster.edit(RBAC, {"data": {OVERLAY_KEY: None}})
        cluster.edit(INSTANCE, {"metadata": {"finalizers": []}})

    operating = asyncio.create_task(operate())
    steps = await steps_of(cluster)
    await operating

    assert "0 ArgoCDInstances remain" in steps[0].text
    assert cluster.count("merge_patch", RBAC) == 0
    assert finalizers(cluster, GRANT) == [OTHERS]


async def test_operator_is_scaled_down_before_anything_is_removed() -> None:
    cluster = a_cluster()
    cluster.add(
        DEPLOYMENTS.path(NAMESPACE),
        {
            "metadata": {"name": "argogrant", "namespace": NAMESPACE},
            "spec": {"replicas": 2},
        },
    )
    await steps_of(cluster, "argogrant")
    patched = [path for verb, path in cluster.calls if verb == "merge_patch"]

    assert patched == [DEPLOYMENT, RBAC, INSTANCE, GRANT]
    assert cluster.object(DEPLOYMENT)["spec"]["replicas"] == 0


async def test_missing_deployment_is_no_failure() -> None:
    steps = await steps_of(a_cluster(), "argogrant")

    assert not any(step.failed for step in steps)
    assert "the Deployment argogrant does not exist" in steps[1].text


async def test_instance_without_a_finalizer_leaves_no_binding() -> None:
    """It is deleted at once, whether an operator has observed it or not."""
    cluster = a_cluster()
    cluster.edit(INSTANCE, {"metadata": {"finalizers": []}})
    steps = await steps_of(cluster)

    assert not any(step.failed for step in steps)
    assert OVERLAY_KEY not in cluster.object(RBAC)["data"]


async def test_managed_key_of_another_instance_stays() -> None:
    cluster = a_cluster(owner="another-uid")
    steps = await steps_of(cluster)

    assert not any(step.failed for step in steps)
    assert OVERLAY_KEY in cluster.object(RBAC)["data"]
    assert not is_there(cluster, INSTANCE)


async def test_objects_are_read_again_after_a_conflict() -> None:
    cluster = a_cluster()
    cluster.fail("merge_patch", Conflict("409"), path=RBAC)
    cluster.fail("merge_patch", Conflict("409"), path=INSTANCE)
    steps = await steps_of(cluster)

    assert not any(step.failed for step in steps)
    assert OVERLAY_KEY not in cluster.object(RBAC)["data"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param(
            {"cluster": {"server": "https://other"}},
            "another cluster, https://other",
            id="Argo CD in another cluster",
        ),
        pytest.param(
            {"bindProjectRolesIn": "AppProject"},
            "binds in AppProjects",
            id="bindings in AppProjects",
        ),
        pytest.param(
            {"namespace": "elsewhere"},
            "elsewhere/argocd-rbac-cm does not exist",
            id="missing ConfigMap",
        ),
    ],
)
async def test_finalizers_stay_while_bindings_may_remain(spec, expected) -> None:
    cluster = a_cluster(**spec)
    steps = await steps_of(cluster)

    assert steps[-1].failed
    assert expected in steps[-1].text
    assert finalizers(cluster, INSTANCE) == [FINALIZER]
    assert FINALIZER in finalizers(cluster, GRANT)


async def test_instance_with_the_abandon_annotation_is_deleted() -> None:
    cluster = a_cluster(namespace="elsewhere")
    abandon = {"argogrant.dev/abandon": "true"}
    cluster.edit(INSTANCE, {"metadata": {"annotations": abandon}})
    steps = await steps_of(cluster)

    assert not any(step.failed for step in steps)
    assert not is_there(cluster, INSTANCE)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        pytest.param("merge_patch", RBAC, id="write of the ConfigMap"),
        pytest.param(
            "list", ACCESS_GRANTS.path(NAMESPACE), id="list of the AccessGrants"
        ),
    ],
)
async def test_missing_permission_is_a_failure(verb, path) -> None:
    cluster = a_cluster()
    cluster.fail(verb, Forbidden("403 forbidden"), path=path)
    steps = await steps_of(cluster)

    assert steps[-1].failed
    assert "403 forbidden" in steps[-1].text
    assert FINALIZER in finalizers(cluster, GRANT)


async def test_config_map_with_a_conflict_at_every_attempt_is_a_failure() -> None:
    cluster = a_cluster()
    cluster.fail("merge_patch", Conflict("409"), times=5, path=RBAC)
    steps = await steps_of(cluster)

    assert "changed 5 times" in steps[-1].text


def add_another(cluster: FakeCluster, name: str) -> str:
    """Add a second instance, whose Argo CD has no bindings; return its path."""
    metadata = {"name": name, "namespace": NAMESPACE, "finalizers": [FINALIZER]}
    body = {"metadata": metadata, "spec": {"namespace": name}}
    cluster.add(ARGOCD_INSTANCES.path(NAMESPACE), body)
    cluster.add(
        CONFIG_MAPS.path(name),
        {"metadata": {"name": "argocd-rbac-cm", "namespace": name}, "data": {}},
    )
    return ARGOCD_INSTANCES.path(NAMESPACE, name)


@pytest.mark.parametrize(
    ("verb", "path", "error"),
    [
        pytest.param("delete", INSTANCE, Forbidden("403"), id="may not be deleted"),
        pytest.param("get", RBAC, Forbidden("403"), id="may not be read"),
        pytest.param("get", RBAC, RecursionError("deep"), id="unexpected error"),
    ],
)
async def test_broken_instance_does_not_stop_the_others(verb, path, error) -> None:
    cluster = a_cluster()
    another = add_another(cluster, "other")
    cluster.fail(verb, error, path=path)
    steps = await steps_of(cluster)

    assert [step.failed for step in steps].count(True) == 1
    assert not is_there(cluster, another)
    assert FINALIZER in finalizers(cluster, GRANT)


async def test_grant_that_cannot_be_released_does_not_stop_the_others() -> None:
    cluster = a_cluster()
    two = {"name": "two", "namespace": NAMESPACE, "finalizers": [FINALIZER]}
    cluster.add(ACCESS_GRANTS.path(NAMESPACE), {"metadata": two, "spec": {}})
    cluster.fail("get", Forbidden("403"), path=GRANT)
    steps = await steps_of(cluster)

    assert [step.failed for step in steps[-2:]] == [True, False]
    assert finalizers(cluster, ACCESS_GRANTS.path(NAMESPACE, "two")) == []
