"""The command ``allow``, and the order of what ``sweep`` removes and prints."""

import pytest
from click.testing import CliRunner, Result

from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from argogrant.cli import admin
from argogrant.cli.main import app
from argogrant.kube.errors import Forbidden, Unavailable
from argogrant.kube.resources import APP_PROJECTS, CONFIG_MAPS
from support.fake_cluster import FakeCluster


def test_output_that_cannot_be_written_does_not_stop_the_sweep_of_projects(
    cluster: FakeCluster, monkeypatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    path = CONFIG_MAPS.path("argocd")
    cluster.add(path, {"metadata": {"name": "argocd-rbac-cm"}, "data": {}})
    monkeypatch.setattr(admin.click, "echo", fail)
    result = CliRunner().invoke(app, ["sweep"])

    assert isinstance(result.exception, OSError)
    assert cluster.count("list", APP_PROJECTS.path("argocd")) == 1


CONFIG_MAP = f"{CONFIG_MAPS.path('argocd')}/argocd-rbac-cm"


def allow(cluster: FakeCluster, before: str | None, *names: str) -> Result:
    """Run ``allow`` on a ConfigMap with this annotation."""
    annotations = {} if before is None else {ALLOWED_NAMESPACES_ANNOTATION: before}
    metadata = {"name": "argocd-rbac-cm", "annotations": {"x": "y", **annotations}}
    cluster.add(CONFIG_MAPS.path("argocd"), {"metadata": metadata, "data": {"a": "b"}})
    return CliRunner().invoke(app, ["allow", *names])


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        pytest.param(None, ["argogrant", "team-b"], "argogrant,team-b", id="the first"),
        pytest.param("team-a", ["team-b"], "team-a,team-b", id="one more"),
        pytest.param("a,b", ["b", "a"], "a,b", id="none that is new"),
        pytest.param(" a,*, b,", ["c"], "a,b,c", id="one more, beside what is no name"),
    ],
)
def test_allow_adds_namespaces_to_those_that_are_named(
    cluster: FakeCluster, before, names, after
) -> None:
    result = allow(cluster, before, *names)
    body = cluster.object(CONFIG_MAP)

    assert result.exit_code == 0, result.output
    assert after.replace(",", ", ") in result.stdout
    assert body["metadata"]["annotations"] == {
        "x": "y",
        ALLOWED_NAMESPACES_ANNOTATION: after,
    }
    assert body["data"] == {"a": "b"}


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["*"], id="a wildcard"),
        pytest.param(["a,b"], id="two names in one"),
        pytest.param(["Team-B"], id="no name of a namespace"),
        pytest.param([f"team-{n}" for n in range(101)], id="too many"),
    ],
)
def test_allow_changes_nothing_with(cluster: FakeCluster, names) -> None:
    result = allow(cluster, "team-a", *names)
    annotations = cluster.object(CONFIG_MAP)["metadata"]["annotations"]

    assert result.exit_code == 1
    assert "name of a namespace" in result.stderr
    assert annotations[ALLOWED_NAMESPACES_ANNOTATION] == "team-a"


def test_allow_does_not_overwrite_a_concurrent_change(cluster: FakeCluster) -> None:
    def change() -> None:
        cluster.edit(CONFIG_MAP, {"data": {"a": "c"}})

    cluster.before("merge_patch", change)
    result = allow(cluster, None, "team-b")

    assert result.exit_code == 1
    assert ALLOWED_NAMESPACES_ANNOTATION not in str(cluster.object(CONFIG_MAP))


def test_missing_config_map_does_not_stop_the_sweep_of_projects(
    cluster: FakeCluster,
) -> None:
    result = CliRunner().invoke(app, ["sweep"])

    assert result.exit_code == 1
    assert "the ConfigMap does not exist" in result.output
    assert cluster.count("list", APP_PROJECTS.path("argocd")) == 1


def test_each_failure_of_the_sweep_is_printed(cluster: FakeCluster) -> None:
    cluster.fail("list", Unavailable("LIST: 503"))
    cluster.fail("get", Forbidden("GET: 403"))
    result = CliRunner().invoke(app, ["sweep"])

    assert result.exit_code == 1
    assert "argocd-rbac-cm: GET: 403. Nothing was removed." in result.output
    assert "AppProjects in argocd: LIST: 503." in result.output
