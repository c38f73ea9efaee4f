"""The owner of an Argo CD says which namespaces may bind, and may withdraw it."""

import asyncio

import pytest

from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from argogrant.argocd.policy_csv import OVERLAY_KEY
from support.in_memory_operator import (
    INSTANCE_PATH,
    RBAC,
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
    running,
)
from support.in_memory_remote import a_remote_operator, bound_in
from support.live_cluster import RULES

COMMAND = "kubectl -n argocd annotate configmap argocd-rbac-cm"


async def test_other_namespace_than_the_operators_binds_once_it_is_named() -> None:
    """From the first reconciliation on, and without a restart."""
    operator = InMemoryOperator(operator_namespace="platform")
    operator.install()
    operator.grant("g1")
    async with running(operator):
        await asyncio.sleep(SETTLED)
        assert OVERLAY_KEY not in operator.data
        assert operator.ready("g1") == operator.instance_ready == "-NotAllowedByArgoCD"
        assert f"{COMMAND} argogrant.dev/allowed-namespaces=platform,argogrant" in (
            operator.instance_says
        )
        operator.allow("platform,argogrant")
        await asyncio.sleep(SOON)
        assert operator.bound == {"alice"}
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "+Bound"
        assert operator.instance_ready == "+Converged"


@pytest.mark.parametrize(
    "namespaces",
    [
        pytest.param("team-b", id="another namespace is named"),
        pytest.param("", id="nobody is named"),
        pytest.param("*", id="a wildcard is named"),
    ],
)
async def test_withdrawn_permission_ends_access_at_once(namespaces) -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        assert operator.bound == {"alice"}
        operator.allow(namespaces)
        await asyncio.sleep(SOON)
        assert operator.data == {"policy.csv": RULES}
        await asyncio.sleep(SETTLED)
        assert operator.ready("g1") == operator.instance_ready == "-NotAllowedByArgoCD"
        assert operator.happened("g1")[-1] == "unbound"
        operator.allow("argogrant")
        await asyncio.sleep(SETTLED)

        assert operator.ready("g1") == "+Bound"


async def test_operator_never_writes_the_annotation() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        for namespaces in ("argogrant , team-b,", "team-b,*"):
            operator.allow(namespaces)
            await asyncio.sleep(SETTLED)
            metadata = operator.cluster.object(RBAC)["metadata"]

            assert metadata["annotations"] == {
                ALLOWED_NAMESPACES_ANNOTATION: namespaces
            }
        assert operator.writes == 2


async def test_binding_goes_at_the_first_reconciliation_of_a_new_process() -> None:
    """Permission was withdrawn while no operator ran."""
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
    successor = InMemoryOperator(operator.cluster, operator_namespace="platform")
    async with running(successor):
        assert not successor.bound


async def test_unreadable_instance_does_not_keep_its_bindings() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.edit_instance(maxDuration="soon")
        await asyncio.sleep(SETTLED)
        assert operator.bound == {"alice"}
        operator.allow("team-b")
        await asyncio.sleep(SOON)

        assert not operator.bound


async def test_deletions_do_not_wait_for_permission() -> None:
    async with an_operator() as operator:
        operator.grant("g1")
        await asyncio.sleep(SETTLED)
        operator.allow("team-b")
        await asyncio.sleep(SETTLED)
        operator.delete("g1")
        operator.delete_instance()
        await asyncio.sleep(SETTLED)

        assert not operator.has("g1")
        assert not operator.is_served


async def test_argocd_of_another_cluster_is_asked_itself() -> None:
    operator, there = a_remote_operator()
    operator.grant("g1")
    async with running(operator):
        await asyncio.sleep(SETTLED)
        assert bound_in(there) == {"alice"}
        annotations = {ALLOWED_NAMESPACES_ANNOTATION: "team-b"}
        there.edit(RBAC, {"metadata": {"annotations": annotations}})
        await asyncio.sleep(SETTLED)

        assert not bound_in(there)
        assert operator.instance_ready == "-NotAllowedByArgoCD"
        assert "https://prod.example.com:6443" in operator.instance_says


async def test_status_shows_nothing_of_an_argocd_that_does_not_allow_it() -> None:
    async with an_operator() as operator:
        operator.edit_rbac(scopes="[email]", policy_default="role:readonly")
        await asyncio.sleep(SETTLED)
        assert {"scopes", "defaultRole"} <= operator.cluster.object(INSTANCE_PATH)[
            "status"
        ].keys()
        operator.allow("team-b")
        await asyncio.sleep(SETTLED)
        status = operator.cluster.object(INSTANCE_PATH)["status"]

        assert not status["roles"]
        assert not {"scopes", "defaultRole"} & status.keys()


async def test_own_namespace_of_the_operator_is_reported() -> None:
    async with an_operator() as operator:
        status = operator.cluster.object(INSTANCE_PATH)["status"]

        assert status["operatorNamespace"] == "argogrant"
