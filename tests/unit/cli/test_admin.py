"""The command ``allow``, and the order of what ``sweep`` removes and prints."""

import pytest
from click.testing import CliRunner, Result

from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from argogrant.argocd.policy_csv import OVERLAY_KEY
from argogrant.cli import admin
from argogrant.cli.main import app
from argogrant.kube.errors import Forbidden, Unavailable
from argogrant.kube.resources import APP_PROJECTS, ARGOCD_INSTANCES, CONFIG_MAPS
from support.appprojects import with_alice
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

    assert result.exit_code != 0
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


KEY = (
    "# argogrant v1 argogrant/default u1\n# until 2099-01-01T00:00:00Z\n"
    "g, dana, role:deployer\n# until never\ng, erin, role:deployer\n"
)


def add_access(cluster: FakeCluster, members: str) -> None:
    """Give two users access in the key, and one in an AppProject."""
    data = {"policy.csv": "g, x, role:y", OVERLAY_KEY: KEY}
    metadata = {"name": "argocd-rbac-cm"}
    cluster.add(CONFIG_MAPS.path("argocd"), {"metadata": metadata, "data": data})
    project = {"name": "team-a", "annotations": {MEMBERS_ANNOTATION: members}}
    roles = [{"name": "deployer", "groups": ["alice", "ops"]}]
    cluster.add(
        APP_PROJECTS.path("argocd"), {"metadata": project, "spec": {"roles": roles}}
    )


def test_sweep_of_everything_removes_all_that_argogrant_added(
    cluster: FakeCluster,
) -> None:
    """Also what has not ended, what has no end, and what another instance added."""
    add_access(cluster, with_alice().members or "")
    result = CliRunner().invoke(app, ["sweep", "--all"])
    project = cluster.object(APP_PROJECTS.path("argocd", "team-a"))

    assert result.exit_code == 0, result.output
    assert "2 removed, 0 kept, 0 unreadable" in result.output
    assert cluster.object(CONFIG_MAP)["data"] == {"policy.csv": "g, x, role:y"}
    assert project["spec"]["roles"][0]["groups"] == ["ops"]
    assert MEMBERS_ANNOTATION not in project["metadata"]["annotations"]


def test_sweep_prints_where_it_writes(cluster: FakeCluster) -> None:
    add_access(cluster, with_alice().members or "")
    result = CliRunner().invoke(app, ["sweep", "--all", "--context", "far"])
    lines = result.stdout.splitlines()

    assert len(lines) == 2
    assert all(one.endswith(" (context far, namespace argocd)") for one in lines)


def test_uninstall_prints_where_before_its_first_write(cluster: FakeCluster) -> None:
    path = ARGOCD_INSTANCES.path("team-b")
    cluster.add(path, {"metadata": {"name": "default"}, "spec": {}})
    cluster.before("delete", lambda: print("deleting"))
    words = ("--namespace", "team-a", "--namespace", "team-b", "--wait-seconds", "0")
    result = CliRunner().invoke(app, ["uninstall", *words])
    lines = result.stdout.splitlines()

    assert lines[0] == "team-a: uninstalling (context one, namespace team-a)"
    assert lines.index("deleting") == 1 + lines.index(
        "team-b: uninstalling (context one, namespace team-b)"
    )


def test_sweep_of_everything_fails_if_members_may_remain(cluster: FakeCluster) -> None:
    add_access(cluster, "{")
    result = CliRunner().invoke(app, ["sweep", "--all"])

    assert result.exit_code == 1
    assert "1 projects unreadable" in result.output
    assert OVERLAY_KEY not in cluster.object(CONFIG_MAP)["data"]


def test_sweep_of_everything_writes_nothing_without_a_binding(
    cluster: FakeCluster,
) -> None:
    metadata = {"name": "argocd-rbac-cm"}
    cluster.add(CONFIG_MAPS.path("argocd"), {"metadata": metadata, "data": {}})
    result = CliRunner().invoke(app, ["sweep", "--all"])

    assert result.exit_code == 0, result.output
    assert cluster.count("merge_patch") == 0
