"""Missing permissions are found and reported on the ArgoCDInstance."""

import asyncio

import pytest

from argogrant.controller.permissions import RECHECK_SECONDS
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Forbidden, NotFound, Unavailable
from argogrant.kube.permissions import ACCESS_REVIEWS
from support.in_memory_operator import (
    RBAC,
    SETTLED,
    SOON,
    InMemoryOperator,
    an_operator,
    running,
    until,
)

REVIEWS = ACCESS_REVIEWS.path("")
ALWAYS = 100_000


def is_patch_denied(attributes: Body) -> bool:
    return attributes["verb"] == "patch" and attributes["resource"] == "configmaps"


def deny_all(_attributes: Body) -> bool:
    return True


def deny_none(_attributes: Body) -> bool:
    return False


async def test_missing_permission_is_reported_at_start_before_a_request_fails() -> None:
    """The administrator need not wait for the first grant."""
    operator = InMemoryOperator()
    operator.install()
    operator.cluster.denied = is_patch_denied
    async with running(operator):
        await asyncio.sleep(SETTLED)

        assert operator.instance_ready == "-Forbidden"
        assert operator.instance_says == (
            "The operator's service account may not patch configmaps/argocd-rbac-cm in"
            " namespace argocd. Give it the Role argogrant of Argo CD's namespace"
            " (manifests/argocd-namespace.yaml)."
        )


async def test_withdrawn_permission_is_reported_after_the_next_resync() -> None:
    async with an_operator() as operator:
        operator.cluster.denied = is_patch_denied
        await asyncio.sleep(60)
        assert operator.instance_ready == "+Converged"
        await operator.namespace.resync("default")

        await until(lambda: operator.instance_ready == "-Forbidden", within=1.5)


async def test_all_missing_permissions_are_named_after_one_refused_request() -> None:
    async with an_operator() as operator:
        operator.cluster.denied = deny_all
        error = Forbidden("PATCH configmaps: 403 cannot patch")
        operator.cluster.fail("merge_patch", error, times=ALWAYS, path=RBAC)
        operator.grant("g1")
        await asyncio.sleep(SETTLED)

        assert "appprojects in namespace argocd" in operator.instance_says
        assert "accessgrants in namespace argogrant" in operator.instance_says
        assert "manifests/argogrant-namespace.yaml" in operator.instance_says


async def test_granted_permission_is_noticed_without_a_resync() -> None:
    async with an_operator() as operator:
        operator.cluster.denied = is_patch_denied
        await operator.namespace.resync("default")
        await until(lambda: operator.instance_ready == "-Forbidden", within=1.5)
        operator.cluster.denied = deny_none

        within = RECHECK_SECONDS + 1.5
        await until(lambda: operator.instance_ready == "+Converged", within=within)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Forbidden("403"), id="refuses the review"),
        pytest.param(NotFound("404"), id="does not serve the review"),
        pytest.param(Unavailable("503"), id="is unavailable"),
    ],
)
async def test_no_permission_is_reported_missing_if_the_api_server(
    error: ClusterError,
) -> None:
    operator = InMemoryOperator()
    operator.install()
    operator.cluster.denied = deny_all
    operator.cluster.fail("create", error, times=ALWAYS, path=REVIEWS)
    async with running(operator):
        await asyncio.sleep(60)

        assert operator.instance_ready == "+Converged"
        assert operator.cluster.count("create", REVIEWS) <= 2 * (
            60 / RECHECK_SECONDS + 2
        )


async def test_expired_grant_is_removed_despite_missing_permissions() -> None:
    """Access ends in time, whichever permissions are missing."""
    async with an_operator() as operator:
        operator.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        operator.cluster.denied = deny_all
        await operator.namespace.resync("default")
        await asyncio.sleep(60 - SETTLED - 1)
        assert operator.bound == {"alice"}

        await until(lambda: not operator.bound, within=1 + SOON)


async def test_changed_spec_is_checked_for_other_permissions_at_once() -> None:
    def is_project_patch_denied(attributes: Body) -> bool:
        return attributes["verb"] == "patch" and attributes["resource"] == "appprojects"

    async with an_operator() as operator:
        operator.cluster.denied = is_project_patch_denied
        await operator.namespace.resync("default")
        await asyncio.sleep(SETTLED)
        assert operator.instance_ready == "+Converged"
        operator.edit_instance(bindProjectRolesIn="AppProject")

        await until(lambda: operator.instance_ready == "-Forbidden", within=2)


async def test_permissions_are_not_checked_while_nothing_changes() -> None:
    async with an_operator() as operator:
        before = operator.cluster.count("create", REVIEWS)
        await asyncio.sleep(600)

        assert before > 0
        assert operator.cluster.count("create", REVIEWS) == before
