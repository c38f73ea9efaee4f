"""The results of an examination on a terminal, and what the command ends with."""

import json

import click
import pytest
from typer.testing import CliRunner

from argogrant.cli.doctor.doctor import show
from argogrant.cli.main import app
from argogrant.cli.terminal.checklist import (
    PLAIN_SIGNS,
    SIGNS,
    CheckResult,
    fine,
    symbols_for,
    unknown,
    wrong,
)
from argogrant.kube.errors import Forbidden
from support.fake_cluster import FakeCluster

PATCH = (
    "kubectl -n argocd patch configmap argocd-rbac-cm --type=merge -p"
    """ '{"data":{"scopes":"[groups,email]"}}'"""
)
LONG = "a sentence that goes on and on, so that it needs more than a line, " * 2


def shown(*results: CheckResult, width: int = 80) -> list[str]:
    """The lines as they look, without colours."""
    return [click.unstyle(line) for line in show(results, width=width, marks=SIGNS)]


def test_a_check_is_a_line() -> None:
    assert shown(fine("Scopes", "[groups]")) == [
        "✓ Scopes       [groups]",
        "\nNothing is wrong.",
    ]


def test_a_long_text_goes_on_below_its_beginning() -> None:
    lines = shown(wrong("Scopes", LONG, remedy="Do this."))

    assert all(line.startswith(" " * 15) for line in lines[1:-1])
    assert lines[-2] == f"{' ' * 15}Do this."


def test_a_long_name_has_its_own_line() -> None:
    assert shown(unknown("RequesterVerified", "why"))[:2] == [
        "? RequesterVerified",
        f"{' ' * 15}why",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    results = (wrong("Scopes", LONG, remedy=LONG, command="kubectl get pods"),)

    assert max(len(line) for line in shown(*results, width=width)) <= width


def test_a_long_command_can_be_copied() -> None:
    lines = [line[15:] for line in shown(wrong("Scopes", "x", command=PATCH))[1:-1]]
    typed = "\n".join(lines).removeprefix("$ ")

    assert len(lines) > 1
    assert " ".join(typed.replace("\\\n", " ").split()) == PATCH


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    (line, _) = shown(wrong("Ready", "refused: \x1b[2Jthe\r end"))

    assert line == "✗ Ready        refused:  [2Jthe  end"


def test_instances_are_named_above_their_checks() -> None:
    result = CheckResult(check="Ready", outcome="fine", text="So.", instance="prod")

    assert shown(result)[0] == "\nArgoCDInstance prod"


@pytest.mark.parametrize(
    ("results", "last"),
    [
        pytest.param([fine("a", "b")], "Nothing is wrong.", id="all is fine"),
        pytest.param([wrong("a", "b")], "1 wrong.", id="one is wrong"),
        pytest.param(
            [unknown("a", "b")],
            "Nothing wrong was seen; 1 check could not be made.",
            id="one is not known",
        ),
        pytest.param(
            [wrong("a", "b"), unknown("a", "b"), unknown("c", "d")],
            "1 wrong; 2 checks could not be made.",
            id="both",
        ),
    ],
)
def test_the_last_line_counts(results, last) -> None:
    assert shown(*results)[-1].strip() == last


@pytest.mark.parametrize(
    ("encoding", "marks"),
    [("utf-8", SIGNS), ("ascii", PLAIN_SIGNS), ("no-such-thing", PLAIN_SIGNS)],
)
def test_a_terminal_gets_signs_that_it_has(encoding, marks) -> None:
    assert symbols_for(encoding) is marks


def test_an_api_server_that_refuses_the_credentials_is_the_only_finding(
    cluster: FakeCluster,
) -> None:
    cluster.fail("get", Forbidden("GET /version: 401 Unauthorized"))
    result = CliRunner().invoke(app, ["doctor", "-o", "json"])
    (found,) = json.loads(result.output)["checks"]

    assert result.exit_code == 1
    assert found["check"] == "API server"
    assert "401 Unauthorized" in found["text"]


def test_an_empty_cluster_is_told_what_it_lacks(cluster: FakeCluster) -> None:
    version = {"metadata": {"name": "version"}, "gitVersion": "v1.37.0"}
    cluster._objects["/version"] = version
    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 1
    assert "not installed: accessgrants" in result.output
    assert "Traceback" not in result.output


def run_plainly() -> str:
    """What it prints, without its line breaks."""
    output = CliRunner().invoke(app, ["doctor"]).output
    return " ".join(output.split())


def test_it_looks_where_other_commands_look(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster._objects["/version"] = {"gitVersion": "v1.37.0"}
    monkeypatch.setenv("ARGOGRANT_NAMESPACE", "team-b")

    assert "no ArgoCDInstance in namespace team-b" in run_plainly()


def test_an_instance_that_is_not_there_is_named(cluster: FakeCluster) -> None:
    cluster._objects["/version"] = {"gitVersion": "v1.37.0"}
    result = CliRunner().invoke(app, ["doctor", "--instance", "prod"])

    assert "there is no ArgoCDInstance prod in namespace" in result.output
