"""The command ``argogrant list``."""

import json
import subprocess
import sys
from datetime import UTC

import pytest
import yaml
from click.testing import CliRunner
from rich.cells import cell_len

from argogrant.cli.formats import ListFormat
from argogrant.cli.inspect import list_grants as command
from argogrant.cli.inspect.filters import GrantFilter
from argogrant.cli.inspect.list_grants import (
    TableOptions,
    format_grants,
    select_grants,
)
from argogrant.cli.main import app
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    ACCESS_POLICIES,
    ARGOCD_INSTANCES,
)
from support.builders import MINUTE, NOON
from support.stored_grants import (
    a_stored_grant,
    active_status,
    condition,
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

    assert " ".join(header.split()).endswith(
        "REQUESTER APPROVED BY POLICY INSTANCE REASON WHY"
    )
    assert "2026-11-24 11:59 UTC (6m ago)" in old
    assert " ".join(old.split()).endswith(
        "User - dan prod default Expired The reason is Expired."
    )


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
    assert r"  \x07  " in lines(hostile, output=ListFormat.WIDE)[-1]


def test_coloured_state_keeps_its_word() -> None:
    row = lines(ALICE, options=TableOptions(NOON, 80, has_colours=True))[1]

    assert "\x1b[32mActive" in row


LONG = "team-a-production-deployer-of-the-payment-service-x7k2m"
NAMES = [
    pytest.param(LONG, id="a long name"),
    pytest.param("a" * 253, id="the longest name"),
    pytest.param("a-b.c-d.e", id="a name with dots"),
]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("subject", ["alice", "山田太郎" * 20, "a" * 300])
def test_name_state_and_end_are_never_cut(name: str, width: int, subject: str) -> None:
    body = a_stored_grant(name, subject, status=not_ready_status("AwaitingApproval"))
    other = a_stored_grant(f"{name[:-1]}b", subject, status=active_status())
    options = TableOptions(NOON, width, zone=UTC)
    _, *rows = lines(body, other, options=options)

    assert {row.split()[0] for row in rows} == {name, f"{name[:-1]}b"}
    assert {"Pending", "Active"} == {word for row in rows for word in row.split()} & {
        *("Pending", "Active")
    }
    assert all("1h" in row for row in rows)
    assert max(map(cell_len, rows)) <= max(width, len(name) + len("  Pending  1h long"))


@pytest.mark.parametrize(
    ("status", "why"),
    [
        pytest.param(
            not_ready_status("AwaitingApproval", "Ask bob."), "Ask bob.", id="pending"
        ),
        pytest.param(
            not_ready_status("NotAllowed", "No policy."), "No policy.", id="refused"
        ),
        pytest.param({}, "the operator has not processed it yet", id="not processed"),
        pytest.param(
            ended_status("Revoked", NOON), "The reason is Revoked.", id="ended"
        ),
        pytest.param(active_status(), "", id="active"),
        pytest.param(
            active_status(condition("Effective", "False", "X", "No login.")),
            "No login.",
            id="active without an effect",
        ),
        pytest.param(
            not_ready_status("X", "a\x1b[2Jb"), "a\\x1b[2Jb", id="escape sequences"
        ),
    ],
)
def test_why_explains_what_gives_no_access(status, why) -> None:
    options = TableOptions(NOON, zone=UTC)
    header, row = lines(a_stored_grant("x", status=status), options=options)

    assert header.endswith("WHY") is bool(why)
    assert row.endswith(why)


@pytest.mark.parametrize(
    ("width", "why"),
    [
        pytest.param(78, "x" * 23 + "…", id="shortened"),
        pytest.param(77, "", id="without the column"),
    ],
)
def test_why_shortens_no_other_column(width: int, why: str) -> None:
    body = a_stored_grant("x" * 10, "alice", status=not_ready_status("X", "x" * 90))
    _, row = lines(body, options=TableOptions(NOON, width, zone=UTC))

    assert row == f"xxxxxxxxxx  alice    role:deployer  Blocked  1h long  {why}".strip()


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
        (
            (),
            [],
            (
                'No grants in namespace "argogrant". No operator serves namespace'
                ' "argogrant", the default: it has no ArgoCDInstance. To list'
                " instances, run: kubectl get argocdinstances -A.\n"
            ),
        ),
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


@pytest.mark.parametrize(
    ("options", "names"),
    [
        pytest.param(["--mine"], ["alice-deploys", "theirs", "group"], id="mine"),
        pytest.param(["--pending"], ["ops", "theirs"], id="pending"),
        pytest.param(["--mine", "--pending"], ["theirs"], id="both"),
        pytest.param(
            ["--mine", "--all"],
            ["alice-deploys", "theirs", "group", "ended"],
            id="mine, also ended",
        ),
    ],
)
def test_option_selects_what_concerns_the_user(listed, cluster, options, names) -> None:
    cluster.user = {"username": "oidc:alice", "groups": ["sre"]}
    cluster.add(
        ARGOCD_INSTANCES.path("argogrant"),
        {
            "metadata": {"name": "default"},
            "spec": {"identity": {"stripPrefix": "oidc:"}},
        },
    )
    pending = not_ready_status("AwaitingApproval")
    by_alice = {"requester": {"username": "oidc:alice"}}
    group = a_stored_grant("group", status=active_status())
    group["spec"]["subject"] = {"kind": "Group", "name": "sre"}
    bodies = [
        ALICE,
        PROJECT,
        a_stored_grant("theirs", "bob", **by_alice, status=pending),
        group,
        a_stored_grant("no-group", "sre", status=active_status()),
        a_stored_grant("prefixed", "oidc:alice", status=active_status()),
        a_stored_grant("ended", **by_alice, status=ended_status("Expired", NOON)),
    ]
    result = listed(*options, "-o", "name", bodies=bodies)

    found = {line.rpartition("/")[2] for line in result.stdout.splitlines()}
    assert found == set(names), result.output


def test_mine_without_permission_to_read_instances_compares_the_names(
    listed, cluster
) -> None:
    cluster.fail("list", Forbidden("403 no"), path="argocdinstances")

    assert listed("--mine", "-o", "name").stdout.endswith("/alice-deploys\n")


@pytest.fixture
def with_policy(cluster):
    """A policy under which bob and the group sre approve grants for themselves."""
    for resource, name, spec in (
        (ARGOCD_INSTANCES, "default", {}),
        (
            ACCESS_POLICIES,
            "deployers",
            {
                "requesters": [{"kind": "User", "name": "*"}],
                "subjects": {"self": True},
                "roles": [{"name": "role:*"}],
                "approval": {
                    "required": 2,
                    "approvers": [
                        {"kind": "User", "name": "bob"},
                        {"kind": "Group", "name": "sre"},
                    ],
                },
            },
        ),
    ):
        path = resource.path("argogrant")
        cluster.add(path, {"metadata": {"name": name}, "spec": spec})


@pytest.mark.parametrize(
    ("user", "names"),
    [
        pytest.param({"username": "bob"}, ["one"], id="an approver"),
        pytest.param(
            {"username": "dan", "groups": ["sre"]},
            ["one", "two"],
            id="a member of a group",
        ),
        pytest.param({"username": "erin"}, [], id="no approver"),
        pytest.param(
            {"username": "alice", "groups": ["sre"]}, ["two"], id="their own grant"
        ),
    ],
)
@pytest.mark.usefixtures("with_policy")
def test_for_me_lists_what_waits_for_the_approval_of_the_user(
    listed, cluster, monkeypatch, user, names
) -> None:
    monkeypatch.setattr("argogrant.cli.access_rules.utc_now", lambda: NOON)
    cluster.user = user
    pending = not_ready_status("AwaitingApproval")
    by_bob = [{"name": "a", "approver": "bob", "decision": "Approve", "at": "x"}]
    bodies = [
        a_stored_grant("one", "alice", requester={"username": "alice"}, status=pending),
        a_stored_grant(
            "two",
            "carol",
            requester={"username": "carol"},
            status={**pending, "approvals": by_bob},
        ),
        a_stored_grant(
            "active", "fred", requester={"username": "fred"}, status=active_status()
        ),
        a_stored_grant("nobody", "fred", status=pending),
    ]
    result = listed("--for-me", "-o", "name", bodies=bodies)

    found = [line.rpartition("/")[2] for line in result.stdout.splitlines()]
    assert sorted(found) == names, result.output


@pytest.mark.usefixtures("with_policy")
def test_for_me_of_all_namespaces_judges_each_by_its_own_policies(
    cluster, monkeypatch
) -> None:
    """Bob is an approver in one namespace only, by a policy that is there."""
    monkeypatch.setattr("argogrant.cli.access_rules.utc_now", lambda: NOON)
    cluster.user = {"username": "bob"}
    of_carol = cluster.object(f"{ACCESS_POLICIES.path('argogrant')}/deployers")["spec"]
    approval = {"required": 1, "approvers": [{"kind": "User", "name": "carol"}]}
    for namespace, spec in (
        ("team-a", {**of_carol, "approval": approval}),
        ("team-b", of_carol),
    ):
        instances = ARGOCD_INSTANCES.path(namespace)
        cluster.add(instances, {"metadata": {"name": "default"}, "spec": {}})
        policies = ACCESS_POLICIES.path(namespace)
        cluster.add(policies, {"metadata": {"name": "deployers"}, "spec": spec})
    for namespace in ("argogrant", "team-a", "team-b", "no-instance"):
        body = a_stored_grant(
            f"in-{namespace}", "alice", requester={"username": "alice"}, status={}
        )
        body["metadata"]["namespace"] = namespace
        path = ACCESS_GRANTS.path(namespace)
        cluster.add(path, body)
        status = not_ready_status("AwaitingApproval")
        cluster.edit(f"{path}/in-{namespace}/status", {"status": status})
    result = CliRunner().invoke(app, ["list", "--for-me", "-A", "-o", "name"])

    found = {line.rpartition("/")[2] for line in result.stdout.splitlines()}
    assert found == {"in-argogrant", "in-team-b"}, result.output


def test_for_me_without_permission_to_list_policies_is_an_error(
    listed, cluster
) -> None:
    cluster.fail("list", Forbidden("403 no"), path="accesspolicies")
    result = listed("--for-me", "-A")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "403 no" in result.stderr


def test_list_without_headers_has_only_grants(listed) -> None:
    result = listed("--no-headers")

    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        *("alice-deploys", "ops")
    ]


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


def test_list_imports_no_library_that_parses_objects() -> None:
    """They take longer to import than the list takes to read."""
    script = (
        "import sys, argogrant.cli.inspect.list_grants, argogrant.cli.object_names;"
        "print({'pydantic', 'kopf', 'kubernetes', 'casbin'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", script]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)

    assert shown.stdout == "set()\n", shown.stdout
