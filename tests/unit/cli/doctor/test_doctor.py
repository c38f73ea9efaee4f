"""Output and exit status of ``argogrant doctor``."""

import json

import click
import pytest
from click.testing import CliRunner

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
LONG = "a sentence that is long enough to need more than one line, " * 2


def shown(*results: CheckResult, width: int = 80) -> list[str]:
    """Return the output lines without colours."""
    return [click.unstyle(line) for line in show(results, width=width, marks=SIGNS)]


def test_result_is_one_line() -> None:
    assert shown(fine("Scopes", "[groups]")) == [
        "✓ Scopes       [groups]",
        "\nNo problem found.",
    ]


def test_long_text_continues_below_its_first_line() -> None:
    lines = shown(wrong("Scopes", LONG, remedy="Do this."))

    assert all(line.startswith(" " * 15) for line in lines[1:-1])
    assert lines[-2] == f"{' ' * 15}Do this."


def test_long_name_has_a_line_of_its_own() -> None:
    assert shown(unknown("RequesterVerified", "why"))[:2] == [
        "? RequesterVerified",
        f"{' ' * 15}why",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    results = (wrong("Scopes", LONG, remedy=LONG, command="kubectl get pods"),)

    assert max(len(line) for line in shown(*results, width=width)) <= width


def test_long_command_can_be_copied() -> None:
    lines = [line[15:] for line in shown(wrong("Scopes", "x", command=PATCH))[1:-1]]
    typed = "\n".join(lines).removeprefix("$ ")

    assert len(lines) > 1
    assert " ".join(typed.replace("\\\n", " ").split()) == PATCH


def test_control_characters_in_a_message_are_removed() -> None:
    (line, _) = shown(wrong("Ready", "refused: \x1b[2Jthe\r end"))

    assert line == "✗ Ready        refused:  [2Jthe  end"


def test_instance_is_named_above_its_results() -> None:
    result = CheckResult(check="Ready", outcome="fine", text="Fine.", instance="prod")

    assert shown(result)[0] == "\nArgoCDInstance prod"


@pytest.mark.parametrize(
    ("results", "last"),
    [
        pytest.param([fine("a", "b")], "No problem found.", id="no problem"),
        pytest.param([wrong("a", "b")], "1 problem found.", id="one problem"),
        pytest.param(
            [unknown("a", "b")],
            "No problem found; 1 check could not be completed.",
            id="one unknown",
        ),
        pytest.param(
            [wrong("a", "b"), unknown("a", "b"), unknown("c", "d")],
            "1 problem found; 2 checks could not be completed.",
            id="both",
        ),
    ],
)
def test_last_line_counts_problems_and_unknowns(results, last) -> None:
    assert shown(*results)[-1].strip() == last


@pytest.mark.parametrize(
    ("encoding", "marks"),
    [("utf-8", SIGNS), ("ascii", PLAIN_SIGNS), ("no-such-thing", PLAIN_SIGNS)],
)
def test_symbols_fit_the_encoding_of_the_terminal(encoding, marks) -> None:
    assert symbols_for(encoding) is marks


def test_api_server_that_rejects_the_credentials_is_the_only_result(
    cluster: FakeCluster,
) -> None:
    cluster.fail("get", Forbidden("GET /version: 401 Unauthorized"))
    done = CliRunner().invoke(app, ["doctor", "-o", "json"])
    (result,) = json.loads(done.output)["checks"]

    assert done.exit_code == 1
    assert result["check"] == "API server"
    assert "401 Unauthorized" in result["text"]


def serve_version(cluster: FakeCluster) -> None:
    """Serve nothing but the version, without permission to review permissions."""
    cluster._objects["/version"] = {"gitVersion": "v1.37.0"}
    cluster.fail("create", Forbidden("403"), path="reviews", times=99)


def test_empty_cluster_has_missing_crds(cluster: FakeCluster) -> None:
    serve_version(cluster)
    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 1
    assert "not installed: accessgrants" in result.output
    assert "Traceback" not in result.output


def joined_output() -> str:
    """Run the command, and return its output without line breaks."""
    output = CliRunner().invoke(app, ["doctor"]).output
    return " ".join(output.split())


def test_namespace_is_read_from_the_environment(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_version(cluster)
    monkeypatch.setenv("ARGOGRANT_NAMESPACE", "team-b")

    assert "no ArgoCDInstance in namespace team-b" in joined_output()


def test_missing_instance_is_named(cluster: FakeCluster) -> None:
    serve_version(cluster)
    result = CliRunner().invoke(app, ["doctor", "--instance", "prod"])

    assert "there is no ArgoCDInstance prod in namespace" in result.output
