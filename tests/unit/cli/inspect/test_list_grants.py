"""``argogrant list``: who has what, until when."""

import json
from datetime import UTC

import pytest
import yaml
from typer.testing import CliRunner

from argogrant.cli.inspect import list_grants as grants
from argogrant.cli.inspect.grant_table import (
    GrantFilter,
    TableOptions,
    chosen,
    format_grants,
)
from argogrant.cli.main import app
from argogrant.cli.options import ListFormat
from argogrant.kube.errors import Forbidden
from support.builders import MINUTE, NOON
from support.stored_grants import a_body, in_force, not_ready, over

ALICE = a_body("alice-deploys", "alice", status=in_force())
PROJECT = a_body(
    "ops",
    "a-very-long-name-of-a-group-that-goes-on@example.com",
    role={"name": "deployer", "project": "team-a"},
    requester={"username": "oidc:bob"},
    status=not_ready("AwaitingApproval"),
)
ENDED = a_body(
    "old",
    "carol",
    status=over(
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
PAGE = TableOptions(NOON + 5 * MINUTE, 80, zone=UTC)
ALSO_ENDED = GrantFilter(and_ended=True)


def lines(*bodies, wanted=ALSO_ENDED, output=ListFormat.TABLE, page=PAGE) -> list[str]:
    return format_grants(chosen(bodies, wanted), output, page).splitlines()


def test_a_table_fits_the_terminal_and_begins_with_what_ends_first() -> None:
    page = TableOptions(NOON + 5 * MINUTE, 64, zone=UTC)

    assert lines(*ALL, page=page) == [
        "NAME           SUBJECT          ROLE            STATE    ENDS",
        "old            carol            role:deployer   Ended    6m ago",
        "alice-deploys  alice            role:deployer   Active   in 55m",
        "ops            a-very-long-na…  proj:team-a:d…  Pending  1h long",
    ]


def test_a_wide_table_says_who_and_why_and_when_exactly() -> None:
    header, old = lines(ENDED, output=ListFormat.WIDE)

    assert header.endswith("REQUESTER  APPROVED BY  POLICY  INSTANCE  REASON")
    assert "2026-11-24 11:59 UTC (6m ago)" in old
    assert old.split()[-6:] == ["User", "-", "dan", "prod", "default", "Expired"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        pytest.param(
            GrantFilter(), ["alice-deploys", "ops"], id="not those that ended"
        ),
        pytest.param(GrantFilter("carol"), [], id="a subject whose grant has ended"),
        pytest.param(GrantFilter("carol", and_ended=True), ["old"], id="a subject"),
        pytest.param(GrantFilter("CAROL", and_ended=True), [], id="the case matters"),
        pytest.param(GrantFilter(role="proj:team-a:deployer"), ["ops"], id="a role"),
        pytest.param(
            GrantFilter(role="deployer"), ["alice-deploys", "ops"], id="a bare role"
        ),
    ],
)
def test_who_is_asked_for_is_listed(wanted, names) -> None:
    assert [told.name for _, told in chosen(ALL, wanted)] == names


def test_programs_read_the_objects_without_whose_the_fields_are() -> None:
    body = a_body(metadata={"managedFields": [{}]}, status=in_force())
    read = [
        json.loads("\n".join(lines(body, output=ListFormat.JSON))),
        yaml.safe_load("\n".join(lines(body, output=ListFormat.YAML))),
    ]

    assert read[0] == read[1]
    assert (read[0]["kind"], read[0]["apiVersion"]) == ("List", "v1")
    assert read[0]["items"] == [a_body(status=in_force())]


def test_names_are_what_kubectl_takes() -> None:
    assert lines(ALICE, output=ListFormat.NAME) == [
        "accessgrant.argogrant.dev/alice-deploys"
    ]


def test_what_a_terminal_might_obey_is_escaped() -> None:
    hostile = a_body("x", "\x1b[2J" + "a" * 300 + "\n", status=not_ready("\x07"))
    _, row = lines(hostile)

    assert "\x1b" not in row
    assert len(row) <= 80
    assert lines(hostile, output=ListFormat.WIDE)[-1].endswith(r"\x07")


def test_a_colour_is_never_the_only_sign() -> None:
    row = lines(ALICE, page=TableOptions(NOON, 80, has_colours=True))[1]

    assert "\x1b[32mActive" in row


@pytest.fixture
def listed(cluster, monkeypatch):
    """Run the command against these objects."""
    monkeypatch.setattr(grants, "utc_now", lambda: NOON)

    def run(*arguments: str, namespace: str = "argogrant", bodies=ALL):
        path = f"/apis/argogrant.dev/v1alpha1/namespaces/{namespace}/accessgrants"
        for body in bodies:
            made = cluster.add(path, body)
            cluster.edit(
                f"{path}/{made['metadata']['name']}/status", {"status": body["status"]}
            )
        return CliRunner().invoke(app, ["list", *arguments])

    return run


def test_the_command_lists_what_has_not_ended(listed) -> None:
    result = listed()

    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        *("NAME", "alice-deploys", "ops")
    ]


@pytest.mark.parametrize(
    ("arguments", "bodies", "said"),
    [
        ((), [], 'No grants in namespace "argogrant".\n'),
        (("-A",), [], "No grants.\n"),
        (
            (),
            [ENDED],
            (
                'No grants in namespace "argogrant". Those that have ended, or are'
                " others', are left out.\n"
            ),
        ),
    ],
)
def test_nothing_is_said_to_be_nothing(listed, arguments, bodies, said) -> None:
    result = listed(*arguments, bodies=bodies)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", said)


def test_nothing_is_an_empty_list_for_programs(listed) -> None:
    result = listed("-o", "json", bodies=[])

    assert json.loads(result.stdout)["items"] == []


def test_labels_select(listed) -> None:
    marked = a_body("marked", metadata={"labels": {"team": "a"}}, status={})
    result = listed("-l", "team=a", "-o", "name", bodies=[ALICE, marked])

    assert result.stdout == "accessgrant.argogrant.dev/marked\n"


def test_who_may_not_list_is_told_so(listed, cluster) -> None:
    cluster.fail("list", Forbidden("GET /x: 403 no"))
    result = listed()

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("argogrant list: GET /x: 403 no Ask for the right")
