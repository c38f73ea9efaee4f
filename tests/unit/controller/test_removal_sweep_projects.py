"""Sweep of AppProjects: one that fails delays no other."""

from collections.abc import Callable

import pytest

from argogrant.argocd.appproject.members import SweptMembers
from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.controller import removal
from argogrant.controller.removal import ProjectSweep, sweep_projects
from argogrant.kube.errors import Conflict, Forbidden, NotFound, Unavailable
from argogrant.kube.resources import APP_PROJECTS
from support.appprojects import END, with_alice
from support.fake_clock import FakeClock
from support.fake_cluster import FakeCluster

NAMES = ("team-a", "team-b", "team-c")


def path_of(name: str) -> str:
    return APP_PROJECTS.path("argocd", name)


def a_cluster() -> FakeCluster:
    """Three projects with an expired member each."""
    cluster = FakeCluster(FakeClock())
    for name in NAMES:
        cluster.add(
            APP_PROJECTS.path("argocd"),
            {
                "metadata": {
                    "name": name,
                    "namespace": "argocd",
                    "annotations": {MEMBERS_ANNOTATION: with_alice().members},
                },
                "spec": {"roles": [{"name": "deployer", "groups": ["alice", "ops"]}]},
            },
        )
    return cluster


async def swept(cluster: FakeCluster) -> ProjectSweep | None:
    return await sweep_projects(cluster, "argocd", lambda: END)


def members(cluster: FakeCluster, name: str) -> list[str]:
    return cluster.object(path_of(name))["spec"]["roles"][0]["groups"]


async def test_expired_members_of_all_projects_are_removed() -> None:
    cluster = a_cluster()
    result = await swept(cluster)

    assert result == ProjectSweep(members=SweptMembers(removed=3))
    assert [members(cluster, name) for name in NAMES] == [["ops"]] * 3


def refuse(
    error: Exception, verb: str = "merge_patch"
) -> Callable[[FakeCluster], None]:
    return lambda cluster: cluster.fail(verb, error, times=5, path="team-b")


def change_meanwhile(error: Exception) -> Callable[[FakeCluster], None]:
    """Let the first write conflict, and the read after it fail."""

    def prepare(cluster: FakeCluster) -> None:
        cluster.fail("merge_patch", Conflict("409"), path="team-b")
        cluster.fail("get", error, path="team-b")

    return prepare


@pytest.mark.parametrize(
    ("prepare", "failure"),
    [
        pytest.param(refuse(Forbidden("PATCH: 403")), "PATCH: 403", id="no patch"),
        pytest.param(refuse(Conflict("409")), "changed 5 times", id="every conflict"),
        pytest.param(
            change_meanwhile(Forbidden("GET: 403")),
            "GET: 403",
            id="the permission to read again",
        ),
        pytest.param(
            refuse(RecursionError("x\ny")),
            'AppProject "team-b": an internal error (RecursionError x\\ny (',
            id="an error that nobody expects",
        ),
    ],
)
async def test_failure_of_one_project_is_reported_and_the_others_are_swept(
    prepare, failure
) -> None:
    cluster = a_cluster()
    prepare(cluster)
    result = await swept(cluster)

    assert result is not None
    assert result.members == SweptMembers(removed=2)
    assert len(result.failures) == 1
    assert failure in result.failures[0]
    assert members(cluster, "team-c") == ["ops"]


async def test_project_that_cannot_be_planned_is_reported(monkeypatch) -> None:
    cluster, observe = a_cluster(), removal.observe_project

    def fail(body):
        if body["metadata"]["name"] == "team-a":
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return observe(body)

    monkeypatch.setattr(removal, "observe_project", fail)
    result = await swept(cluster)

    assert result is not None
    assert (result.members.removed, len(result.failures)) == (2, 1)


async def test_project_that_is_deleted_meanwhile_is_no_failure() -> None:
    cluster = a_cluster()
    change_meanwhile(NotFound("404"))(cluster)

    assert await swept(cluster) == ProjectSweep(members=SweptMembers(removed=2))


@pytest.mark.parametrize("error", [Forbidden("403"), NotFound("404")])
async def test_projects_that_may_not_be_listed_are_skipped(error) -> None:
    cluster = a_cluster()
    cluster.fail("list", error)

    assert await swept(cluster) is None


async def test_list_that_breaks_is_a_failure() -> None:
    cluster = a_cluster()
    cluster.fail("list", Unavailable("503"))

    assert await swept(cluster) == ProjectSweep(
        members=SweptMembers(), failures=("503",)
    )


async def test_permission_that_is_withdrawn_between_two_pages_is_a_failure(
    monkeypatch,
) -> None:
    monkeypatch.setattr("support.fake_cluster.PAGE_SIZE", 2)
    cluster = a_cluster()
    cluster.after("list", lambda: cluster.fail("list", Forbidden("403")))
    result = await swept(cluster)

    assert result == ProjectSweep(members=SweptMembers(removed=2), failures=("403",))
