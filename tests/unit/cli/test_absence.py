"""An absent object is reported with the namespace, its source and the remedy."""

import pytest

from argogrant.cli.absence import (
    NamespaceOrigin,
    describe_absence,
    describe_alternatives,
    describe_unserved,
    find_instances,
)
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import ARGOCD_INSTANCES
from support.fake_cluster import FakeCluster

TEAM = NamespaceOrigin("team", "the namespace of the current context")
ARGOGRANT = 'An ArgoCDInstance is in namespace "argogrant": add -n argogrant.'
UNSERVED = "No operator serves that namespace: it has no ArgoCDInstance."


def cluster_with(*instances: str) -> FakeCluster:
    """A cluster with these ArgoCDInstances, as namespace/name."""
    cluster = FakeCluster()
    for one in instances:
        namespace, _, name = one.partition("/")
        path = ARGOCD_INSTANCES.path(namespace)
        cluster.add(path, {"metadata": {"name": name}, "spec": {}})
    return cluster


def forbid_all_namespaces(cluster: FakeCluster) -> None:
    cluster.fail("list", Forbidden("403"), path="apis/argogrant.dev/v1alpha1/argocd")


@pytest.mark.parametrize(
    ("instances", "place", "kind", "expected"),
    [
        pytest.param(
            ["argogrant/default"],
            TEAM,
            "ArgoCDInstance",
            'ArgoCDInstance "default" does not exist in namespace "team", the namespace'
            f" of the current context. {UNSERVED} {ARGOGRANT}",
            id="the context has another namespace than the instance",
        ),
        pytest.param(
            ["argogrant/default"],
            TEAM,
            "AccessGrant",
            'AccessGrant "default" does not exist in namespace "team", the namespace of'
            f" the current context. {UNSERVED} {ARGOGRANT}",
            id="so is a grant missing there",
        ),
        pytest.param(
            ["argogrant/default"],
            NamespaceOrigin("team"),
            "AccessGrant",
            f'AccessGrant "default" does not exist in namespace "team". {UNSERVED}'
            f" {ARGOGRANT}",
            id="an option that names the namespace is not explained",
        ),
        pytest.param(
            ["a/default", "b/default", "c/prod"],
            TEAM,
            "ArgoCDInstance",
            'ArgoCDInstance "default" does not exist in namespace "team", the namespace'
            f" of the current context. {UNSERVED} ArgoCDInstances are in the namespaces"
            ' "a", "b": add -n NAMESPACE.',
            id="the same name in two namespaces",
        ),
        pytest.param(
            ["team/prod", "team/test", "argogrant/default"],
            TEAM,
            "ArgoCDInstance",
            'ArgoCDInstance "default" does not exist in namespace "team", the namespace'
            ' of the current context. That namespace has "prod", "test": add --instance'
            " NAME.",
            id="the namespace has instances of other names",
        ),
        pytest.param(
            ["team/default"],
            TEAM,
            "AccessGrant",
            'AccessGrant "default" does not exist in namespace "team", the namespace of'
            " the current context. To list grants, run: argogrant list -A.",
            id="the namespace is served, but has no such grant",
        ),
        pytest.param(
            [],
            TEAM,
            "ArgoCDInstance",
            'ArgoCDInstance "default" does not exist in namespace "team", the namespace'
            f" of the current context. {UNSERVED} To list instances, run: kubectl get"
            " argocdinstances -A.",
            id="no instance exists",
        ),
        pytest.param(
            [f"n{number}/default" for number in range(9)],
            TEAM,
            "ArgoCDInstance",
            'ArgoCDInstance "default" does not exist in namespace "team", the namespace'
            f" of the current context. {UNSERVED} ArgoCDInstances are in the namespaces"
            ' "n0", "n1", "n2", "n3", "n4" and 4 more: add -n NAMESPACE.',
            id="many namespaces are counted",
        ),
    ],
)
async def test_absent_object_is_described(
    instances: list[str], place: NamespaceOrigin, kind: str, expected: str
) -> None:
    cluster = cluster_with(*instances)

    assert await describe_absence(cluster, place, kind, "default") == expected


async def test_default_namespace_is_found_without_permission_for_all() -> None:
    """The shipped Roles allow to list instances in one namespace."""
    cluster = cluster_with("argogrant/default")
    forbid_all_namespaces(cluster)
    text = await describe_absence(cluster, TEAM, "AccessGrant", "x")

    assert text.endswith(
        'An ArgoCDInstance is in namespace "argogrant": add -n argogrant.'
    )


@pytest.mark.parametrize("kind", ["AccessGrant", "ArgoCDInstance"])
async def test_nothing_is_claimed_of_a_namespace_that_cannot_be_read(kind: str) -> None:
    cluster = cluster_with("argogrant/default")
    cluster.fail("list", Forbidden("403"), times=9)
    text = await describe_absence(cluster, TEAM, kind, "x")

    assert "No operator" not in text
    assert await describe_unserved(cluster, TEAM) == ""


async def test_own_default_namespace_is_listed_once() -> None:
    cluster = cluster_with("argogrant/default")
    forbid_all_namespaces(cluster)

    assert await find_instances(cluster, "argogrant") == {"argogrant": ["default"]}
    assert cluster.count("list") == 2


async def test_namespace_with_an_instance_is_served() -> None:
    assert await describe_unserved(cluster_with("team/prod"), TEAM) == ""


async def test_namespace_without_an_instance_is_unserved() -> None:
    text = await describe_unserved(cluster_with("argogrant/default"), TEAM)

    assert text == (
        'No operator serves namespace "team", the namespace of the current context: it'
        f" has no ArgoCDInstance. {ARGOGRANT}"
    )


@pytest.mark.parametrize(
    ("instances", "place", "expected"),
    [
        pytest.param(
            ["argogrant/default"],
            TEAM,
            ' This is namespace "team", the namespace of the current context.'
            ' An ArgoCDInstance is in namespace "argogrant": add -n'
            " argogrant.",
            id="another namespace is served",
        ),
        pytest.param(
            ["argogrant/default"],
            NamespaceOrigin("team"),
            ' An ArgoCDInstance is in namespace "argogrant": add -n argogrant.',
            id="an option names the namespace",
        ),
        pytest.param(
            ["team/default", "argogrant/default"], TEAM, "", id="it is served itself"
        ),
        pytest.param([], TEAM, "", id="no instance is known"),
    ],
)
async def test_forbidden_namespace_is_reported_with_those_that_are_served(
    instances: list[str], place: NamespaceOrigin, expected: str
) -> None:
    cluster = cluster_with(*instances)

    assert await describe_alternatives(cluster, place) == expected


async def test_default_namespace_is_the_alternative_without_permission_for_all() -> (
    None
):
    cluster = cluster_with("argogrant/default", "b/default")
    forbid_all_namespaces(cluster)
    found = await describe_alternatives(cluster, TEAM)

    assert found.endswith(
        'An ArgoCDInstance is in namespace "argogrant": add -n argogrant.'
    )
    assert await describe_alternatives(cluster, NamespaceOrigin("argogrant")) == ""
