"""What a shell is offered at the Tab key."""

import pytest
from typer.testing import CliRunner

from argogrant.cli import completion as completing
from argogrant.cli.completion import answer_kubectl
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


@pytest.fixture(autouse=True)
def _words_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told by the environment is told to one process only."""
    for name in ("_ARGOGRANT_COMPLETE", "COMP_WORDS", "COMP_CWORD"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def known(cluster: FakeCluster) -> FakeCluster:
    """A namespace with grants and an ArgoCDInstance that lists roles."""
    for name in ("alice-deploys", "alice-reads", "bob"):
        cluster.add(ACCESS_GRANTS.path(NAMESPACE), {"metadata": {"name": name}})
    path = ARGOCD_INSTANCES.path(NAMESPACE)
    cluster.add(path, {"metadata": {"name": "default"}})
    cluster.edit(f"{path}/default/status", {"status": {"roles": ROLES}})
    return cluster


def offered(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    answer_kubectl(app, words)
    *names, last = capsys.readouterr().out.splitlines()
    assert last == ":4"
    return names


@pytest.mark.parametrize(
    ("words", "names"),
    [
        pytest.param(["appr"], ["approve"], id="a command"),
        pytest.param(["show", "al"], ["alice-deploys", "alice-reads"], id="grants"),
        pytest.param(["revoke", "bob", "b"], ["bob"], id="more grants"),
        pytest.param(["list", "-o", "y"], ["yaml"], id="a format"),
        pytest.param(["roles", "--instance", ""], ["default"], id="an instance"),
        pytest.param(
            ["request", "--role", ""],
            ["role:admin", "deployer"],
            id="roles, and nothing that a shell obeys",
        ),
        pytest.param(
            ["request", "--project", "team-a", "--role", ""],
            ["deployer"],
            id="the roles of a project",
        ),
        pytest.param(["show", "-n", "other", ""], [], id="another namespace"),
    ],
)
@pytest.mark.usefixtures("known")
def test_it_offers(
    words: list[str], names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered(capsys, *words) == names


def test_what_may_not_be_read_is_not_offered(
    known: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    known.fail("list", Forbidden("403"))

    assert offered(capsys, "show", "") == []


@pytest.mark.usefixtures("known")
def test_nobody_waits_for_an_api_server_that_is_slow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(completing, "PATIENCE_SECONDS", 0)

    assert offered(capsys, "show", "") == []


@pytest.mark.usefixtures("known")
def test_kubectl_asks_with_what_was_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["kubectl_complete-argogrant", "rep"])
    complete_plugin()

    assert capsys.readouterr().out == "report\n:4\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_written_for(shell: str) -> None:
    result = CliRunner().invoke(app, ["completion", shell])

    assert result.exit_code == 0
    assert "_ARGOGRANT_COMPLETE" in result.output
