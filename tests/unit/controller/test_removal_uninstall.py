"""Uninstall: removal of everything that a running operator has not removed."""

import asyncio

import pytest

from argogrant.api.accessgrant import FINALIZER
from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.removal import uninstall
from argogrant.kube.errors import Conflict, Forbidden, NotFound
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
)
from support.appprojects import with_alice
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


OWNERS = [
    pytest.param(f"{NAMESPACE}/default another-uid", True, id="an earlier instance"),
    pytest.param(f"{NAMESPACE}/gone u0", True, id="an instance that does not exist"),
    pytest.param("other/default u0", True, id="one that is gone from elsewhere"),
    pytest.param("../.. u0", True, id="an owner that cannot exist"),
    pytest.param("team-b/other UID", True, id="a living one of another Argo CD"),
    pytest.param("team-b/default UID", False, id="a living instance elsewhere"),
]


@pytest.mark.parametrize(("owner", "failed"), OWNERS)
async def test_access_that_remains_is_a_failure_with_the_command_that_removes_it(
    owner, failed
) -> None:
    """Unless it belongs to an instance that exists in another namespace."""
    cluster = a_cluster()
    for name, spec in (("default", {}), ("other", {"namespace": "gitops"})):
        body = {"metadata": {"name": name}, "spec": spec}
        living = cluster.add(ARGOCD_INSTANCES.path("team-b"), body)
        owner = owner.replace(f"{name} UID", f"{name} {living['metadata']['uid']}")
    line = "g, dana, role:b\n"
    text = f"# argogrant v1 {owner}\n# until 2030-01-01T00:00:00Z\n{line}"
    cluster.edit(RBAC, {"data": {OVERLAY_KEY: text}})
    steps = await steps_of(cluster)
    failures = [step.text for step in steps if step.failed]

    assert line in cluster.object(RBAC)["data"][OVERLAY_KEY]
    assert not is_there(cluster, INSTANCE)
    assert bool(failures) is failed
    assert (FINALIZER in finalizers(cluster, GRANT)) is failed
    if failed:
        assert '"dana" has "role:b" until 2030-01-01T00:00:00Z' in failures[0]
        assert failures[0].endswith("argogrant sweep --all --argocd-namespace argocd")


async def test_owner_that_may_not_be_read_is_named_and_no_failure() -> None:
    cluster = a_cluster(owner="another-uid")
    text = "# argogrant v1 team-b/default u9\ng, dana, role:b\n"
    cluster.edit(RBAC, {"data": {OVERLAY_KEY: text}})
    cluster.fail("get", Forbidden("403"), path=ARGOCD_INSTANCES.path("team-b"))
    steps = await steps_of(cluster)

    assert not any(step.failed for step in steps)
    assert any(
        "ArgoCDInstance team-b/default (uid u9). Whether" in s.text for s in steps
    )


@pytest.mark.parametrize("header", ["", "# argogrant v1 a b/c/d\n", "# argogrant v2\n"])
async def test_key_without_an_owner_belongs_to_the_instance_that_is_deleted(
    header,
) -> None:
    """Without any instance it remains, which is a failure."""
    for has_instance in (True, False):
        cluster = a_cluster()
        cluster.edit(RBAC, {"data": {OVERLAY_KEY: f"{header}g, dana, role:b\n"}})
        if not has_instance:
            cluster.edit(INSTANCE, {"metadata": {"finalizers": []}})
            cluster.delete_object(INSTANCE)
        failures = [step.text for step in await steps_of(cluster) if step.failed]

        assert (OVERLAY_KEY in cluster.object(RBAC)["data"]) is not has_instance
        assert bool(failures) is not has_instance
        assert has_instance or "an unknown ArgoCDInstance" in failures[0]


@pytest.mark.parametrize("kinds", [True, False], ids=["with kinds", "without kinds"])
async def test_access_remains_without_any_instance(kinds) -> None:
    """Its finalizers were removed by hand, or the CRDs were deleted."""
    cluster = a_cluster()
    cluster.edit(INSTANCE, {"metadata": {"finalizers": []}})
    cluster.delete_object(INSTANCE)
    if not kinds:
        for resource in (ARGOCD_INSTANCES, ACCESS_GRANTS):
            path = resource.path(NAMESPACE)
            cluster.fail("list", NotFound("404"), times=9, path=path)
    steps = await steps_of(cluster)

    assert [step.failed for step in steps].count(True) == 1
    assert "argogrant sweep --all" in next(step.text for step in steps if step.failed)


async def test_access_in_a_namespace_of_another_name_is_found() -> None:
    cluster = a_cluster(namespace="argocd")
    text = f"# argogrant v1 {NAMESPACE}/gone u0\ng, dana, role:b\n"
    metadata = {"name": "argocd-rbac-cm", "namespace": "gitops"}
    body = {"metadata": metadata, "data": {OVERLAY_KEY: text}}
    cluster.add(CONFIG_MAPS.path("gitops"), body)
    (failure,) = [step.text for step in await steps_of(cluster) if step.failed]

    assert "gitops/argocd-rbac-cm still gives access" in failure
    assert "--argocd-namespace gitops" in failure


async def test_namespaces_that_may_not_be_read_are_named() -> None:
    cluster = a_cluster()
    for path in ("/api/v1/configmaps", "/appprojects", NAMESPACES.path("")):
        cluster.fail("list", Forbidden("403"), times=9, path=path)
    steps = await steps_of(cluster)

    assert not any(step.failed for step in steps)
    assert any("access was not read in all other namespaces" in s.text for s in steps)


def add_project(cluster: FakeCluster, members: str) -> str:
    """Add an AppProject with a member and this annotation; return its path."""
    metadata = {"name": "team-a", "annotations": {MEMBERS_ANNOTATION: members}}
    spec = {"roles": [{"name": "deployer", "groups": ["alice", "ops"]}]}
    cluster.add(APP_PROJECTS.path("argocd"), {"metadata": metadata, "spec": spec})
    return APP_PROJECTS.path("argocd", "team-a")


async def test_members_of_appprojects_are_removed_without_an_operator() -> None:
    cluster = a_cluster(bindProjectRolesIn="AppProject")
    uid = cluster.object(INSTANCE)["metadata"]["uid"]
    path = add_project(cluster, with_alice().members.replace('"u1"', f'"{uid}"'))
    steps = await steps_of(cluster)

    assert not any(step.failed for step in steps)
    assert cluster.object(path)["spec"]["roles"][0]["groups"] == ["ops"]
    assert "removed 1 members of AppProjects" in steps[1].text
    assert not is_there(cluster, INSTANCE)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        pytest.param(
            with_alice().members, "argogrant sweep --all", id="an earlier instance"
        ),
        pytest.param("{", "kubectl -n argocd edit appproject team-a", id="broken"),
    ],
)
async def test_members_that_remain_are_a_failure(members, words) -> None:
    cluster = a_cluster()
    path = add_project(cluster, members)
    (failure,) = [step.text for step in await steps_of(cluster) if step.failed]

    assert failure.startswith("AppProject argocd/team-a still gives access")
    assert failure.endswith(
        words + ("" if "kubectl" in words else " --argocd-namespace argocd")
    )
    assert cluster.object(path)["spec"]["roles"][0]["groups"] == ["alice", "ops"]


@pytest.mark.parametrize("verb", ["list", "merge_patch"])
async def test_missing_permission_for_appprojects_is_a_failure_where_they_bind(
    verb,
) -> None:
    cluster = a_cluster(bindProjectRolesIn="AppProject")
    uid = cluster.object(INSTANCE)["metadata"]["uid"]
    add_project(cluster, with_alice().members.replace('"u1"', f'"{uid}"'))
    cluster.fail(verb, Forbidden("403"), times=9, path="/appprojects")
    steps = await steps_of(cluster)

    assert any(step.failed for step in steps)
    assert finalizers(cluster, INSTANCE) == [FINALIZER]


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
            {"namespace": "elsewhere"},
            "elsewhere/argocd-rbac-cm does not exist",
            id="missing ConfigMap",
        ),
    ],
)
async def test_finalizers_stay_while_bindings_may_remain(spec, expected) -> None:
    cluster = a_cluster(**spec)
    steps = await steps_of(cluster)

    failures = [step.text for step in steps if step.failed]
    assert any(expected in text for text in failures)
    assert finalizers(cluster, INSTANCE) == [FINALIZER]
    assert FINALIZER in finalizers(cluster, GRANT)


async def test_instance_with_the_abandon_annotation_is_deleted() -> None:
    """Its access remains, and is reported."""
    cluster = a_cluster()
    abandon = {"argogrant.dev/abandon": "true"}
    cluster.edit(INSTANCE, {"metadata": {"annotations": abandon}})
    (failure,) = [step.text for step in await steps_of(cluster) if step.failed]

    assert "argocd/argocd-rbac-cm still gives access" in failure
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

    assert any(step.failed and "403 forbidden" in step.text for step in steps)
    assert FINALIZER in finalizers(cluster, GRANT)


async def test_config_map_with_a_conflict_at_every_attempt_is_a_failure() -> None:
    cluster = a_cluster()
    cluster.fail("merge_patch", Conflict("409"), times=5, path=RBAC)
    steps = await steps_of(cluster)

    assert any("changed 5 times" in step.text for step in steps if step.failed)


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
    ("verb", "path", "error", "failures"),
    [
        pytest.param("delete", INSTANCE, Forbidden("403"), 1, id="may not be deleted"),
        pytest.param("get", RBAC, Forbidden("403"), 2, id="may not be read"),
        pytest.param("get", RBAC, RecursionError("deep"), 2, id="unexpected error"),
    ],
)
async def test_broken_instance_does_not_stop_the_others(
    verb, path, error, failures
) -> None:
    """Access that remains is reported too."""
    cluster = a_cluster()
    another = add_another(cluster, "other")
    cluster.fail(verb, error, path=path)
    steps = await steps_of(cluster)

    assert [step.failed for step in steps].count(True) == failures
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
