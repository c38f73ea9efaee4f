"""Survey of Argo CDs with permission for all namespaces, for some, and for none."""

from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.controller.access_survey import (
    MOST_NAMESPACES,
    NO_PERMISSION,
    AccessSurvey,
    survey_access,
)
from argogrant.kube.errors import Forbidden, NotFound, Unavailable
from argogrant.kube.resources import APP_PROJECTS, CONFIG_MAPS, NAMESPACES
from support.appprojects import with_alice
from support.fake_clock import FakeClock
from support.fake_cluster import FakeCluster

TEXT = "# argogrant v1 argogrant/default u1\n# until 2030-01-01T00:00:00Z\n"
LINE = "g, dana, role:deployer\n"
ALL_CONFIG_MAPS = CONFIG_MAPS.path("")
ALL_PROJECTS = APP_PROJECTS.path("")
FOR_EVER = 10_000


def a_cluster(*namespaces: str) -> FakeCluster:
    """A cluster with an Argo CD in each namespace, one of them with a project."""
    cluster = FakeCluster(FakeClock())
    for name in namespaces:
        cluster.add(NAMESPACES.path(""), {"metadata": {"name": name}})
        for config_map in ("argocd-rbac-cm", "other"):
            body = {
                "metadata": {"name": config_map},
                "data": {OVERLAY_KEY: TEXT + LINE},
            }
            cluster.add(CONFIG_MAPS.path(name), body)
    annotations = {MEMBERS_ANNOTATION: with_alice().members}
    project = {
        "metadata": {"name": "team-a", "annotations": annotations},
        "spec": {"roles": [{"name": "deployer", "groups": ["alice"]}]},
    }
    cluster.add(APP_PROJECTS.path(namespaces[0]), project)
    return cluster


def refuse(cluster: FakeCluster, *paths: str, verb: str = "list") -> None:
    for path in paths:
        cluster.fail(verb, Forbidden("403"), times=FOR_EVER, path=path)


def places(survey: AccessSurvey) -> list[str]:
    return [one.place for one in survey.found]


async def test_every_namespace_is_read_without_a_name() -> None:
    survey = await survey_access(a_cluster("argocd", "team-b"), [])

    assert places(survey) == [
        "argocd/argocd-rbac-cm",
        "AppProject argocd/team-a",
        "team-b/argocd-rbac-cm",
    ]
    assert survey.not_read == {}


async def test_namespaces_are_read_one_by_one_if_all_at_once_are_refused() -> None:
    cluster = a_cluster("argocd", "team-b", "gitops")
    refuse(cluster, ALL_CONFIG_MAPS, ALL_PROJECTS)
    survey = await survey_access(cluster, ["argocd"])

    assert len(survey.found) == 4
    assert survey.not_read == {}


async def test_named_namespaces_are_read_if_namespaces_may_not_be_listed() -> None:
    """The shipped Roles permit to get the one ConfigMap, and no list."""
    cluster = a_cluster("argocd", "team-b")
    refuse(cluster, ALL_CONFIG_MAPS, "/appprojects", NAMESPACES.path(""))
    survey = await survey_access(cluster, ["argocd"])

    assert places(survey) == ["argocd/argocd-rbac-cm"]
    assert survey.not_read == {
        "all other namespaces": NO_PERMISSION,
        "appprojects in namespace argocd": NO_PERMISSION,
    }


async def test_config_map_that_may_not_be_read_is_named() -> None:
    cluster = a_cluster("argocd", "team-b")
    refuse(cluster, ALL_CONFIG_MAPS)
    refuse(cluster, "/namespaces/team-b/", verb="get")
    survey = await survey_access(cluster, [])

    assert "team-b/argocd-rbac-cm" not in places(survey)
    assert survey.not_read == {
        "configmaps/argocd-rbac-cm in namespace team-b": NO_PERMISSION
    }


async def test_api_server_that_fails_is_no_absence() -> None:
    cluster = a_cluster("argocd")
    cluster.fail("list", Unavailable("LIST: 503"), path=ALL_CONFIG_MAPS)
    survey = await survey_access(cluster, [])

    assert places(survey) == ["AppProject argocd/team-a"]
    assert survey.not_read == {"configmaps/argocd-rbac-cm": "LIST: 503"}


async def test_cluster_without_the_kind_appproject_is_read_completely() -> None:
    cluster = a_cluster("argocd")
    cluster.fail("list", NotFound("404"), path=ALL_PROJECTS)
    survey = await survey_access(cluster, ["missing"])

    assert places(survey) == ["argocd/argocd-rbac-cm"]
    assert survey.not_read == {}


async def test_namespaces_beyond_the_limit_are_reported() -> None:
    names = [f"n{n}" for n in range(MOST_NAMESPACES + 1)]
    cluster = a_cluster("argocd")
    for name in names:
        cluster.add(NAMESPACES.path(""), {"metadata": {"name": name}})
    refuse(cluster, ALL_CONFIG_MAPS, ALL_PROJECTS)
    survey = await survey_access(cluster, ["argocd"])

    assert len(survey.found) == 2
    assert "only 500 were read" in survey.not_read["all other namespaces"]
