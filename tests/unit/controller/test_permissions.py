"""The operator asks for its rights, and names on the instance what is missing."""

import asyncio

import pytest

from argogrant.controller.permissions import RECHECK_SECONDS
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError, Forbidden, NotFound, Unavailable
from argogrant.kube.permissions import ACCESS_REVIEWS
from support.in_memory_operator import RBAC, SETTLED, SOON, Room, a_room, running, until

REVIEWS = ACCESS_REVIEWS.path("")
FOR_EVER = 100_000


def may_not_patch(attributes: Body) -> bool:
    return attributes["verb"] == "patch" and attributes["resource"] == "configmaps"


def may_nothing(_attributes: Body) -> bool:
    return True


def may_all(_attributes: Body) -> bool:
    return False


async def test_what_is_missing_is_told_at_the_start_although_nothing_fails() -> None:
    """Nobody has to wait for the first grant to learn of it."""
    room = Room()
    room.install()
    room.cluster.denied = may_not_patch
    async with running(room):
        await asyncio.sleep(SETTLED)

        assert room.instance_ready == "-Forbidden"
        assert room.instance_says == (
            "The operator's service account may not patch configmaps/argocd-rbac-cm in"
            " namespace argocd. Give it the Role argogrant of Argo CD's namespace"
            " (manifests/argocd-namespace.yaml)."
        )


async def test_a_right_that_was_taken_away_is_told_at_the_next_sweep() -> None:
    async with a_room() as room:
        room.cluster.denied = may_not_patch
        await asyncio.sleep(60)
        assert room.instance_ready == "+Converged"
        await room.namespace.resync("default")

        await until(lambda: room.instance_ready == "-Forbidden", within=1.5)


async def test_all_that_is_missing_is_named_when_one_request_is_refused() -> None:
    async with a_room() as room:
        room.cluster.denied = may_nothing
        error = Forbidden("PATCH configmaps: 403 cannot patch")
        room.cluster.fail("merge_patch", error, times=FOR_EVER, path=RBAC)
        room.grant("g1")
        await asyncio.sleep(SETTLED)

        assert "appprojects in namespace argocd" in room.instance_says
        assert "accessgrants in namespace argogrant" in room.instance_says
        assert "manifests/argogrant-namespace.yaml" in room.instance_says


async def test_a_right_that_was_given_is_noticed_without_a_sweep() -> None:
    async with a_room() as room:
        room.cluster.denied = may_not_patch
        await room.namespace.resync("default")
        await until(lambda: room.instance_ready == "-Forbidden", within=1.5)
        room.cluster.denied = may_all

        within = RECHECK_SECONDS + 1.5
        await until(lambda: room.instance_ready == "+Converged", within=within)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(Forbidden("403"), id="does not let us ask"),
        pytest.param(NotFound("404"), id="does not serve the question"),
        pytest.param(Unavailable("503"), id="is away"),
    ],
)
async def test_nothing_is_claimed_if_the_api_server(error: ClusterError) -> None:
    room = Room()
    room.install()
    room.cluster.denied = may_nothing
    room.cluster.fail("create", error, times=FOR_EVER, path=REVIEWS)
    async with running(room):
        await asyncio.sleep(60)

        assert room.instance_ready == "+Converged"
        assert room.cluster.count("create", REVIEWS) <= 2 * (60 / RECHECK_SECONDS + 2)


async def test_what_can_be_done_without_the_missing_right_is_done() -> None:
    """Access ends in time, whatever else the operator may not do."""
    async with a_room() as room:
        room.grant("g1", duration="1m")
        await asyncio.sleep(SETTLED)
        room.cluster.denied = may_nothing
        await room.namespace.resync("default")
        await asyncio.sleep(60 - SETTLED - 1)
        assert room.bound == {"alice"}

        await until(lambda: not room.bound, within=1 + SOON)


async def test_an_instance_that_needs_other_rights_asks_for_them_at_once() -> None:
    def may_not_change_projects(attributes: Body) -> bool:
        return attributes["verb"] == "patch" and attributes["resource"] == "appprojects"

    async with a_room() as room:
        room.cluster.denied = may_not_change_projects
        await room.namespace.resync("default")
        await asyncio.sleep(SETTLED)
        assert room.instance_ready == "+Converged"
        room.edit_instance(bindProjectRolesIn="AppProject")

        await until(lambda: room.instance_ready == "-Forbidden", within=2)


async def test_nobody_is_asked_while_nothing_happens() -> None:
    async with a_room() as room:
        before = room.cluster.count("create", REVIEWS)
        await asyncio.sleep(600)

        assert before > 0
        assert room.cluster.count("create", REVIEWS) == before
