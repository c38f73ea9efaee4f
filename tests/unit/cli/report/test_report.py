"""The command ``argogrant report``: its sources and their gaps."""

import csv
import json

import pytest
from click.testing import CliRunner

from argogrant.cli.main import app
from argogrant.cli.report import report as command
from argogrant.kube.errors import Forbidden
from support.audit_lines import an_audit_event
from support.builders import MINUTE, NOON
from support.stored_grants import a_stored_grant, active_status

HOME = "/apis/argogrant.dev/v1alpha1/namespaces/argogrant"
INSTANCE = {
    "apiVersion": "argogrant.dev/v1alpha1",
    "kind": "ArgoCDInstance",
    "metadata": {"name": "default"},
    "spec": {"retention": "48h"},
}
ENDED = an_audit_event(
    *("grant.ended", 0),
    uid="old",
    name="old",
    subject={"kind": "User", "name": "=carol"},
    role="role:ops",
    startedAt="2026-11-24T10:00:00Z",
    endedAt="2026-11-24T11:00:00Z",
    wasBound=True,
    reason="Expired",
)
OLD = json.dumps({**ENDED, "time": "2026-11-24T11:00:01.000Z"})


@pytest.fixture
def reported(cluster, monkeypatch):
    """Run the command with an active grant and these instances."""
    monkeypatch.setattr(command, "utc_now", lambda: NOON + MINUTE)

    def run(*arguments: str, stdin: str = "", instances=(INSTANCE,), bodies=1):
        for body in [a_stored_grant(status=active_status())][:bodies]:
            cluster.add(f"{HOME}/accessgrants", body)
            path = f"{HOME}/accessgrants/g1/status"
            cluster.edit(path, {"status": body["status"]})
        for body in instances:
            cluster.add(f"{HOME}/argocdinstances", body)
        return CliRunner().invoke(app, ["report", *arguments], input=stdin)

    return run


def subjects(result) -> list[str]:
    return [one["subject"] for one in json.loads(result.stdout)]


def test_cluster_and_files_are_merged(reported, tmp_path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(OLD.encode() + b"\n\xff\n")
    result = reported("--audit", str(path), "-o", "json")

    assert result.exit_code == 0
    assert subjects(result) == ["=carol", "alice"]
    assert result.stderr.splitlines() == [
        (
            "Grants that were deleted, manually or by retention"
            ' (spec.retention: "default" 48h), are only in the audit stream (--audit).'
        ),
        "The audit files have no event before 2026-11-24T11:00:01Z.",
        "Lines of the audit files that were left out, no line of the audit stream: 1.",
    ]


def test_csv_is_safe_for_spreadsheets(reported) -> None:
    result = reported("--audit", "-", "-o", "csv", stdin=OLD)
    rows = list(csv.DictReader(result.stdout.splitlines()))

    assert [row["subject"] for row in rows] == ["'=carol", "alice"]


def test_audit_files_need_no_api_server(reported, cluster) -> None:
    result = reported("--no-cluster", "--audit", "-", "-o", "json", stdin=OLD)

    assert subjects(result) == ["=carol"]
    assert not cluster.calls
    assert "cluster" not in result.stderr


def test_table_is_the_default(reported) -> None:
    result = reported()

    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        *("SUBJECT", "alice")
    ]


@pytest.mark.parametrize(
    ("output", "stdout"),
    [("table", ""), ("json", "[]\n")],
)
def test_empty_table_is_a_message(reported, output, stdout) -> None:
    result = reported("-o", output, bodies=0)

    assert (result.exit_code, result.stdout) == (0, stdout)
    assert ("No known access in this period." in result.stderr) is (output == "table")


def test_unreadable_retention_is_omitted(reported, cluster) -> None:
    cluster.fail("list", Forbidden("403"), path="argocdinstances")
    result = reported()

    assert "or by retention, are only" in result.stderr


def test_missing_file_is_an_error(reported) -> None:
    result = reported("--audit", "/nowhere")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        'argogrant report: "/nowhere" cannot be read: No such file or directory;'
        " name a file of the audit stream, or - for standard input.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--since", "soon"), "is not a time in the past"),
        (("--since", "1d", "--until", "2d"), "--since is not before --until"),
    ],
)
def test_invalid_period_is_a_usage_error(reported, arguments, message) -> None:
    result = reported(*arguments)

    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("where", ["a file", "standard input"])
def test_carriage_return_begins_no_line(reported, tmp_path, where) -> None:
    """A log message could have one, from text that somebody else wrote."""
    text = f"[2026-11-24 11:00:00,000] no\r{OLD}\n"
    path = tmp_path / "pod.log"
    path.write_bytes(text.encode())
    name = str(path) if where == "a file" else "-"
    result = reported("--no-cluster", "--audit", name, "-o", "json", stdin=text)

    assert subjects(result) == []
    assert result.stderr.endswith("no line of the audit stream: 1.\n")
