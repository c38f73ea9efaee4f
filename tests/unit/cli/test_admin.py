"""The command ``sweep`` sweeps everything before it prints anything."""

from typer.testing import CliRunner

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
    monkeypatch.setattr(admin.typer, "echo", fail)
    result = CliRunner().invoke(app, ["sweep"])

    assert isinstance(result.exception, OSError)
    assert cluster.count("list", APP_PROJECTS.path("argocd")) == 1


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
