"""The command ``argogrant list``."""

import json
from datetime import UTC

import pytest
import yaml
from typer.testing import CliRunner

from argogrant.cli.inspect import list_grants as command
from argogrant.cli.inspect.list_grants import (
    GrantFilter,
    TableOptions,
    format_grants,
    select_grants,
)
from argogrant.cli.main import app
from argogrant.cli.options import ListFormat
from argogrant.kube.errors import Forbidden
from support.builders import MINUTE, NOON
from support.stored_grants import (
    a_stored_grant,
    active_status,
    ended_status,
    not_ready_status,
)

ALICE = a_stored_grant("alice-deploys", "alice", status=active_status())
PROJECT = a_stored_grant(
    "ops",
    "a-very-long-name-of-a-group-that-goes-on@example.com",
    role={"name": "deployer", "project": "team-a"},
    requester={"username": "oidc:bob"},
    status=not_ready_status("AwaitingApproval"),
)
ENDED = a_stored_grant(
    "old",
    "carol",
    status=ended_status(
        "Expired",
        NOON - MINUTE,
        accessPolicy="prod",
        approvals=[
            {"name": "a", "approver": "dan", "decision": "Approve", "at": "x"},
            {"name": "b", "approver": "erin", "decision": "Deny", "at": "x"},
        ],
    ),
)
ALL = [ALICE, PROJECT, ENDED]
OPTIONS = TableOptions(NOON + 5 * MINUTE, 80, zone=UTC)
WITH_ENDED = GrantFilter(include_ended=True)


def lines(*bodies, output=ListFormat.TABLE, options=OPTIONS) -> list[str]:
    return format_grants(
        select_grants(bodies, WITH_ENDED), output, options
    ).splitlines()


def test_table_is_sorted_by_end_and_fits_the_terminal() -> None:
    options = TableOptions(NOON + 5 * MINUTE, 64, zone=UTC)

    assert lines(*ALL, options=options) == [
        "NAME           SUBJECT          ROLE            STATE    ENDS",
        "old            carol            role:deployer   Ended    6m ago",
        "alice-deploys  alice            role:deployer   Active   in 55m",
        "ops            a-very-long-na…  proj:team-a:d…  Pending  1h long",
    ]


def test_wide_table_has_absolute_ends_approvers_and_reasons() -> None:
    header, old = lines(ENDED, output=ListFormat.WIDE)

    assert header.endswith("REQUESTER  APPROVED BY  POLICY  INSTANCE  REASON")
    assert "2026-11-24 11:59 UTC (6m ago)" in old
    assert old.split()[-6:] == ["User", "-", "dan", "prod", "default", "Expired"]


@pytest.mark.parametrize(
    ("grant_filter", "names"),
    [
        pytest.param(
            GrantFilter(), ["alice-deploys", "ops"], id="without ended grants"
        ),
        pytest.param(GrantFilter("carol"), [], id="subject of an ended grant"),
        pytest.param(GrantFilter("carol", include_ended=True), ["old"], id="subject"),
        pytest.param(
            GrantFilter("CAROL", include_ended=True), [], id="subject in another case"
        ),
        pytest.param(
            GrantFilter(role="proj:team-a:deployer"),
            ["ops"],
            id="role with its project",
        ),
        pytest.param(
            GrantFilter(role="deployer"),
            ["alice-deploys", "ops"],
            id="role without its project",
        ),
    ],
)
def test_filter_selects(grant_filter, names) -> None:
    assert [one.view.name for one in select_grants(ALL, grant_filter)] == names


def test_json_and_yaml_are_lists_without_managed_fields() -> None:
    body = a_stored_grant(metadata={"managedFields": [{}]}, status=active_status())
    lists = [
        json.loads("\n".join(lines(body, output=ListFormat.JSON))),
        yaml.safe_load("\n".join(lines(body, output=ListFormat.YAML))),
    ]

    assert lists[0] == lists[1]
    assert (lists[0]["kind"], lists[0]["apiVersion"]) == ("List", "v1")
    assert lists[0]["items"] == [a_stored_grant(status=active_status())]


def test_names_are_those_of_kubectl() -> None:
    assert lines(ALICE, output=ListFormat.NAME) == [
        "accessgrant.argogrant.dev/alice-deploys"
    ]


def test_control_characters_are_escaped() -> None:
    hostile = a_stored_grant(
        "x", "\x1b[2J" + "a" * 300 + "\n", status=not_ready_status("\x07")
    )
    _, row = lines(hostile)

    assert "\x1b" not in row
    assert len(row) <= 80
    assert lines(hostile, output=ListFormat.WIDE)[-1].endswith(r"\x07")


def test_coloured_state_keeps_its_word() -> None:
    row = lines(ALICE, options=TableOptions(NOON, 80, has_colours=True))[1]

    assert "\x1b[32mActive" in row


@pytest.fixture
def listed(cluster, monkeypatch):
    """Run the command on a cluster with these grants."""
    monkeypatch.setattr(command, "utc_now", lambda: NOON)

    def run(*arguments: str, namespace: str = "argogrant", bodies=ALL):
        path = f"/apis/argogrant.dev/v1alpha1/namespaces/{namespace}/accessgrants"
        for body in bodies:
            stored = cluster.add(path, body)
            cluster.edit(
                f"{path}/{stored['metadata']['name']}/status",
                {"status": body["status"]},
            )
        return CliRunner().invoke(app, ["list", *arguments])

    return run


def test_ended_grants_are_not_listed(listed) -> None:
    result = listed()

    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        *("NAME", "alice-deploys", "ops")
    ]


@pytest.mark.parametrize(
    ("arguments", "bodies", "message"),
    [
        ((), [], 'No grants in namespace "argogrant".\n'),
        (("-A",), [], "No grants.\n"),
        (
            (),
            [ENDED],
            (
                'No grants in namespace "argogrant". Grants that have ended (--all) or'
                " do not match the options are not shown.\n"
            ),
        ),
    ],
)
def test_empty_list_is_a_message(listed, arguments, bodies, message) -> None:
    result = listed(*arguments, bodies=bodies)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", message)


def test_empty_list_is_valid_json(listed) -> None:
    result = listed("-o", "json", bodies=[])

    assert json.loads(result.stdout)["items"] == []


def test_selector_filters_by_label(listed) -> None:
    labelled = a_stored_grant("labelled", metadata={"labels": {"team": "a"}}, status={})
    result = listed("-l", "team=a", "-o", "name", bodies=[ALICE, labelled])

    assert result.stdout == "accessgrant.argogrant.dev/labelled\n"


def test_forbidden_list_is_an_error(listed, cluster) -> None:
    cluster.fail("list", Forbidden("GET /x: 403 no"))
    result = listed()

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "argogrant list: GET /x: 403 no. Ask an administrator"
    )
