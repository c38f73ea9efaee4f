"""Shell completion offers names of existing objects."""

import pytest
from click.testing import CliRunner

from argogrant.cli import object_names as completing
from argogrant.cli.main import app, complete_plugin
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import ACCESS_GRANTS, ARGOCD_INSTANCES
from support.fake_cluster import FakeCluster

NAMESPACE = "argogrant"
ROLES = [
    {"name": "role:admin"},
    {"name": "deployer", "project": "team-a"},
    {"name": "role:$(reboot)"},
]


@pytest.fixture
def with_objects(cluster: FakeCluster) -> FakeCluster:
    """A namespace with grants and an ArgoCDInstance that lists roles."""
    for name in ("alice-deploys", "alice-reads", "bob"):
        cluster.add(ACCESS_GRANTS.path(NAMESPACE), {"metadata": {"name": name}})
    path = ARGOCD_INSTANCES.path(NAMESPACE)
    cluster.add(path, {"metadata": {"name": "default"}})
    cluster.edit(f"{path}/default/status", {"status": {"roles": ROLES}})
    return cluster


def complete(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["kubectl_complete-argogrant", *words])
        complete_plugin()
    *names, last = capsys.readouterr().out.splitlines()
    assert last == ":4"
    return names


@pytest.mark.parametrize(
    ("words", "names"),
    [
        pytest.param(["re"], ["request", "revoke", "review", "report"], id="commands"),
        pytest.param(["show", "al"], ["alice-deploys", "alice-reads"], id="grants"),
        pytest.param(["revoke", "bob", "b"], ["bob"], id="a second grant"),
        pytest.param(["list", "-o", "y"], ["yaml"], id="a format"),
        pytest.param(["roles", "--instance", ""], ["default"], id="an instance"),
        pytest.param(
            ["request", "--role", ""],
            ["role:admin", "deployer"],
            id="roles without characters of the shell",
        ),
        pytest.param(
            ["request", "--project", "team-a", "--role", ""],
            ["deployer"],
            id="the roles of a project",
        ),
        pytest.param(["show", "-n", "other", ""], [], id="another namespace"),
    ],
)
@pytest.mark.usefixtures("with_objects")
def test_completion_offers_existing_names(
    words: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert complete(capsys, *words) == names


def test_completion_is_empty_without_permission(
    with_objects: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with_objects.fail("list", Forbidden("403"))

    assert complete(capsys, "show", "") == []


@pytest.mark.usefixtures("with_objects")
def test_completion_is_empty_after_timeout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(completing, "TIMEOUT_SECONDS", 0)

    assert complete(capsys, "show", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_printed(shell: str) -> None:
    result = CliRunner().invoke(app, ["completion", shell])

    assert result.exit_code == 0
    assert "argogrant" in result.output
