"""A user of a terminal who names no grant chooses one."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from argogrant.cli import choosing
from argogrant.cli.change import approve as approving
from argogrant.cli.change import extend as extending
from argogrant.cli.change import revoke as revoking
from argogrant.cli.change import verdict
from argogrant.cli.main import app
from argogrant.kube.client import Body
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import ACCESS_POLICIES, ARGOCD_INSTANCES
from support.builders import HOUR, NOON
from support.fake_cluster import FakeCluster
from support.fake_cluster_grants import GRANTS, created_approvals
from support.stored_grants import (
    a_stored_grant,
    active_status,
    ended_status,
    not_ready_status,
)

LONG = "team-a-production-deployer-of-the-payment-service"
PENDING = not_ready_status("AwaitingApproval")
GRANTS_OF_ALL_STATES = [
    a_stored_grant(
        LONG, "alice", requester={"username": "alice"}, status=active_status()
    ),
    a_stored_grant(
        "waits-for-bob", "dan", requester={"username": "dan"}, status=PENDING
    ),
    a_stored_grant(
        "waits-for-alice", "erin", requester={"username": "erin"}, status=PENDING
    ),
    a_stored_grant("old", "fred", status=ended_status("Expired", NOON - HOUR)),
    a_stored_grant("given-back", "gina", status=active_status(), revoked=True),
]


@pytest.fixture(autouse=True)
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("choosing", "access_rules", "change.extend", "inspect.show"):
        monkeypatch.setattr(f"argogrant.cli.{module}.utc_now", lambda: NOON)
    monkeypatch.setattr(verdict, "USUAL_DELAY", timedelta(milliseconds=20))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user sees questions, and can answer them."""
    monkeypatch.setattr(choosing, "can_ask", lambda: True)
    monkeypatch.setattr(extending, "can_ask", lambda: True)
    monkeypatch.setattr(revoking, "can_ask", lambda: True)
    monkeypatch.setattr(approving, "_is_terminal", lambda: True)


def store(cluster: FakeCluster, bodies: list[Body]) -> None:
    for body in bodies:
        stored = cluster.add(GRANTS, body)
        path = f"{GRANTS}/{stored['metadata']['name']}/status"
        cluster.edit(path, {"status": body["status"]})


@pytest.fixture
def grants(cluster: FakeCluster) -> FakeCluster:
    store(cluster, GRANTS_OF_ALL_STATES)
    return cluster


@pytest.fixture
def policies(cluster: FakeCluster) -> None:
    """Policies under which alice approves the grants of erin, and bob all others."""
    cluster.add(
        ARGOCD_INSTANCES.path("argogrant"),
        {"metadata": {"name": "default"}, "spec": {}},
    )
    for requester, approver in (("erin", "alice"), ("dan", "bob")):
        spec = {
            "requesters": [{"kind": "User", "name": requester}],
            "subjects": {"self": True},
            "roles": [{"name": "role:*"}],
            "approval": {
                "required": 1,
                "approvers": [{"kind": "User", "name": approver}],
            },
        }
        body = {"metadata": {"name": f"of-{requester}"}, "spec": spec}
        cluster.add(ACCESS_POLICIES.path("argogrant"), body)


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, words, input=typed)


def offered(result: Result) -> set[str]:
    lines = (line.split() for line in result.stderr.splitlines())
    return {words[1] for words in lines if len(words) > 1 and words[0].isdigit()}


@pytest.mark.parametrize(
    ("command", "names"),
    [
        pytest.param(
            ["show"],
            {LONG, "waits-for-bob", "waits-for-alice", "old", "given-back"},
            id="show offers all",
        ),
        pytest.param(
            ["revoke"],
            {LONG, "waits-for-bob", "waits-for-alice"},
            id="revoke offers what has not ended",
        ),
        pytest.param(
            ["extend", "--by", "1h"], {LONG}, id="extend offers what has an end"
        ),
        pytest.param(
            ["approve"],
            {"waits-for-alice"},
            id="approve offers what waits for the user",
        ),
        pytest.param(
            ["deny"],
            {LONG, "waits-for-bob", "waits-for-alice"},
            id="deny offers what has not ended",
        ),
    ],
)
@pytest.mark.usefixtures("terminal", "grants", "policies")
def test_command_offers_what_fits(command: list[str], names: set[str]) -> None:
    result = run(*command, typed="x\n0\n7\n")

    assert offered(result) == names
    assert result.stderr.count("Type a number from 1 to ") == 3


@pytest.mark.usefixtures("terminal", "grants")
def test_approve_offers_what_is_pending_if_the_policies_are_unknown(
    cluster: FakeCluster,
) -> None:
    cluster.fail("list", Forbidden("403 no"), path="accesspolicies")

    assert offered(run("approve")) == {"waits-for-bob", "waits-for-alice"}


@pytest.mark.usefixtures("terminal", "policies")
def test_chosen_grant_is_changed_and_no_other(grants: FakeCluster) -> None:
    revoked = run("revoke", typed="1\n")
    approved = run("approve", typed="1\ny\n")

    assert revoked.exit_code == approved.exit_code == 0, approved.output
    assert grants.object(f"{GRANTS}/{LONG}")["spec"]["revoked"]
    assert "Removes role:deployer from alice." in revoked.stdout
    (vote,) = created_approvals(grants)
    assert vote["spec"]["grant"]["name"] == "waits-for-alice"


@pytest.mark.usefixtures("terminal", "policies")
def test_extend_asks_for_the_duration(grants: FakeCluster) -> None:
    result = run("extend", LONG, typed="1x\n30m\n")

    assert result.exit_code == 0, result.output
    assert "Error:" in result.stderr
    (created,) = [
        path for path in grants._objects if path.startswith(f"{GRANTS}/{LONG}-")
    ]
    assert grants.object(created)["spec"]["expiresAt"] == "2026-11-24T13:30:00Z"


@pytest.mark.usefixtures("terminal", "cluster")
def test_nothing_to_choose_is_an_error() -> None:
    result = run("revoke")

    assert result.exit_code == 1
    assert 'there is no grant to revoke in namespace "argogrant"' in result.stderr


@pytest.mark.usefixtures("terminal")
def test_too_many_grants_are_not_offered(cluster: FakeCluster) -> None:
    store(cluster, [a_stored_grant(f"g{n}", status=PENDING) for n in range(51)])
    result = run("approve")

    assert result.exit_code == 1
    assert "there are 51 grants to approve" in result.stderr


@pytest.mark.usefixtures("terminal", "grants")
@pytest.mark.parametrize("width", ["60", "80", "120", "200"])
def test_names_to_choose_from_are_whole(
    width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    result = run("revoke")

    assert LONG in result.stderr
    table = [line for line in result.stderr.splitlines() if line[:1].isdigit()]
    assert max(map(len, table)) <= max(int(width), len(LONG) + len("1    Pending"))


@pytest.mark.parametrize(
    "command", [["show"], ["approve"], ["deny"], ["extend", "--by", "1h"], ["revoke"]]
)
def test_name_is_required_without_a_terminal(
    grants: FakeCluster, command: list[str]
) -> None:
    result = run(*command)

    assert result.exit_code == 2
    assert (
        "Missing argument 'NAME'" in result.stderr or "names or a sel" in result.stderr
    )
    assert not grants.calls


@pytest.mark.parametrize(
    "name",
    [
        f"accessgrant/{LONG}",
        f"accessgrants/{LONG}",
        f"agrant/{LONG}",
        f"AccessGrant/{LONG}",
        f"accessgrant.argogrant.dev/{LONG}",
        f"accessgrants.argogrant.dev/{LONG}",
        f"accessgrants.v1alpha1.argogrant.dev/{LONG}",
    ],
)
@pytest.mark.parametrize(
    "command", [["show"], ["approve"], ["deny"], ["extend", "--by", "1h"], ["revoke"]]
)
@pytest.mark.usefixtures("grants", "policies")
def test_name_with_its_type_is_the_same_grant(command: list[str], name: str) -> None:
    plain, typed = run(*command, LONG, "--help"), run(*command, name)

    assert plain.exit_code == 0
    assert "is not a valid name" not in typed.output
    assert f'AccessGrant "{LONG}" does not exist' not in typed.output
    assert LONG in typed.output


@pytest.mark.parametrize("name", ["pod/x", "accessgrant/", "argocdinstance/x", "a/b/c"])
@pytest.mark.usefixtures("grants")
def test_name_of_another_type_is_refused(name: str) -> None:
    result = run("show", name)

    assert result.exit_code == 1
    assert "is not a valid name of an AccessGrant" in result.stderr


@pytest.mark.usefixtures("policies")
def test_several_grants_are_decided_and_a_failure_stops_no_other(
    grants: FakeCluster,
) -> None:
    result = run("approve", "waits-for-bob", "missing", "waits-for-alice")

    assert result.exit_code == 1
    assert len(created_approvals(grants)) == 2
    assert result.stderr.count("does not exist") == 1


@pytest.mark.usefixtures("grants")
def test_several_grants_are_shown_and_a_failure_stops_no_other() -> None:
    text = run("show", LONG, "missing", "old")
    items = json.loads(run("show", LONG, "old", "-o", "json").stdout)["items"]

    assert text.exit_code == 1
    assert f"AccessGrant argogrant/{LONG}" in text.stdout
    assert "AccessGrant argogrant/old" in text.stdout
    assert text.stderr.count("does not exist") == 1
    assert len(items) == 2


@pytest.mark.usefixtures("policies")
def test_several_grants_are_extended(grants: FakeCluster) -> None:
    store(grants, [a_stored_grant("second", status=active_status())])
    result = run("extend", LONG, "second", "--by", "1h", "-o", "name")

    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize("may_deny", [True, False])
@pytest.mark.usefixtures("grants")
def test_approver_who_may_not_revoke_is_pointed_to_deny(
    cluster: FakeCluster, *, may_deny: bool
) -> None:
    cluster.denied = lambda attributes: (
        not (may_deny and attributes["resource"] == "accessapprovals")
    )
    cluster.fail("merge_patch", Forbidden("PATCH /x: 403 no"))
    result = run("revoke", LONG)

    assert result.exit_code == 1
    assert (f"argogrant deny {LONG}" in result.stderr) is may_deny


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        pytest.param(
            {"kind": "User", "name": "alice"},
            "Removes role:deployer from alice.",
            id="a user",
        ),
        pytest.param(
            {"kind": "Group", "name": "sre"},
            "Removes role:deployer from the members of group sre.",
            id="a group",
        ),
        pytest.param(
            {"kind": "User", "name": "a\x1b[2Jb"},
            "Removes role:deployer from a\\x1b[2Jb.",
            id="a hostile name",
        ),
    ],
)
def test_revoke_shows_who_loses_what(
    cluster: FakeCluster, subject: Body, text: str
) -> None:
    body = a_stored_grant("x", status=active_status())
    body["spec"]["subject"] = subject
    store(cluster, [body])

    assert run("revoke", "x").stdout.splitlines()[1] == text


def test_revoke_of_a_grant_that_never_gave_access_removes_nothing(
    cluster: FakeCluster,
) -> None:
    ready = {
        "type": "Ready",
        "status": "Unknown",
        "reason": "AwaitingApproval",
        "message": "",
        "lastTransitionTime": "2026-11-24T12:00:00Z",
    }
    store(cluster, [a_stored_grant("x", status={"conditions": [ready]})])
    result = run("revoke", "x", "--reason", "done")

    assert "Removes" not in result.stdout
    assert "Ends the request of role:deployer for " in result.stdout
