"""``approve``, ``deny``, ``revoke`` and ``extend`` do what they say, or say why not."""

from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from argogrant.cli import approve as approving
from argogrant.cli.main import app
from argogrant.kube.cluster import Body
from argogrant.kube.failures import Forbidden, Refused, Unavailable
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_GRANTS,
    ARGOCD_INSTANCES,
)
from fakes import FakeCluster

GRANTS = ACCESS_GRANTS.path("argogrant")
VOTES = ACCESS_APPROVALS.path("argogrant")
END = "2999-01-01T18:00:00Z"
LATER = "2999-01-01T19:00:00Z"


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, words, input=typed)


@pytest.fixture(autouse=True)
def grant(cluster: FakeCluster) -> Body:
    """A grant that nobody has looked at yet."""
    return asked_for(cluster, "hotfix", expiresAt=END)


def asked_for(cluster: FakeCluster, name: str, **spec: Any) -> Body:
    subject = {"kind": "User", "name": "alice"}
    return cluster.add(
        GRANTS,
        {
            "apiVersion": "argogrant.dev/v1alpha1",
            "kind": "AccessGrant",
            "metadata": {"name": name},
            "spec": {
                "subject": subject,
                "role": {"name": "role:ops"},
                "justification": "hotfix",
                **spec,
            },
        },
    )


def say(cluster: FakeCluster, type_: str, status: str, **more: Any) -> None:
    """What the operator says of the grant."""
    said = {"type": type_, "status": status, "reason": "R", "message": "Because."}
    body = {"status": {"observedGeneration": 9, "conditions": [said], **more}}
    cluster.edit(f"{GRANTS}/hotfix/status", body)


def votes(cluster: FakeCluster) -> list[Body]:
    return [body for path, body in cluster._objects.items() if path.startswith(VOTES)]


@pytest.mark.parametrize(
    ("command", "decision", "done"),
    [("approve", "Approve", "approved"), ("deny", "Deny", "denied")],
)
def test_a_decision_is_about_the_grant_that_was_shown(
    cluster: FakeCluster, grant: Body, command: str, decision: str, done: str
) -> None:
    cluster.user = {"username": "bob", "groups": ["approvers"]}
    result = run(command, "hotfix", "--comment", "as agreed")
    (vote,) = votes(cluster)

    assert result.exit_code == 0, result.output
    assert vote["spec"] == {
        "grant": {"name": "hotfix", "uid": grant["metadata"]["uid"]},
        "decision": decision,
        "comment": "as agreed",
        "approver": {"username": "bob", "groups": ["approvers"]},
    }
    assert "Role:     role:ops" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(f" created: {done}")


def test_twice_is_told(cluster: FakeCluster) -> None:
    run("approve", "hotfix")
    again = run("approve", "hotfix")

    assert again.exit_code == 0
    assert "unchanged: you approved this" in again.stdout
    assert len(votes(cluster)) == 1


def test_another_object_of_that_name_is_told(cluster: FakeCluster) -> None:
    run("approve", "hotfix")
    (vote,) = votes(cluster)
    path = f"{VOTES}/{vote['metadata']['name']}"
    cluster.edit(path, {"spec": {"decision": "Deny"}})
    again = run("approve", "hotfix")

    assert again.exit_code == 1
    assert "there is another AccessApproval" in again.stderr


def test_a_grant_that_was_created_anew_is_not_approved(cluster: FakeCluster) -> None:
    def anew() -> None:
        cluster.delete(f"{GRANTS}/hotfix")
        asked_for(cluster, "hotfix", expiresAt=LATER)

    cluster.before("create", anew)  # it asks who we are when all has been shown
    result = run("approve", "hotfix")

    assert result.exit_code == 1
    assert "created anew while you looked at it" in result.stderr
    assert votes(cluster) == []


@pytest.mark.parametrize(
    ("command", "condition", "said"),
    [
        pytest.param("approve", "Ended", "is over: Because.", id="over"),
        pytest.param("deny", "Ended", "is over: Because.", id="over, and denied"),
        pytest.param("approve", "Approved", "needs no approval: Because.", id="done"),
    ],
)
def test_what_would_change_nothing_is_not_done(
    cluster: FakeCluster, command: str, condition: str, said: str
) -> None:
    say(cluster, condition, "True")
    result = run(command, "hotfix")

    assert result.exit_code == 1
    assert said in result.stderr
    assert votes(cluster) == []


def test_what_runs_can_be_denied(cluster: FakeCluster) -> None:
    say(cluster, "Approved", "True")

    assert run("deny", "hotfix").exit_code == 0


@pytest.mark.parametrize(("answer", "count"), [("y\n", 1), ("n\n", 0)])
def test_on_a_terminal_it_is_asked(
    cluster: FakeCluster, monkeypatch, answer: str, count: int
) -> None:
    monkeypatch.setattr(approving, "_is_at_a_terminal", lambda: True)
    result = run("approve", "hotfix", typed=answer)

    assert "Approve this?" in result.output
    assert len(votes(cluster)) == count
    assert result.exit_code == 1 - count


def test_what_the_role_can_do_is_shown(cluster: FakeCluster) -> None:
    cluster.add(
        ARGOCD_INSTANCES.path("argogrant"),
        {"metadata": {"name": "default"}, "spec": {}},
    )
    role = {"name": "role:ops", "hasDeny": True}
    path = f"{ARGOCD_INSTANCES.path('argogrant', 'default')}/status"
    cluster.edit(path, {"status": {"roles": [role]}})

    assert "Careful:  it holds deny rules" in run("approve", "hotfix").stdout


@pytest.mark.parametrize(("status", "code"), [("True", 0), ("False", 1)])
def test_whether_an_approval_counts_is_waited_for(
    cluster: FakeCluster, status: str, code: int
) -> None:
    def count() -> None:
        (vote,) = votes(cluster)
        said = {"type": "Counted", "status": status, "reason": "R", "message": "So"}
        path = f"{VOTES}/{vote['metadata']['name']}/status"
        cluster.edit(path, {"status": {"observedGeneration": 1, "conditions": [said]}})

    cluster.before("watch", count)
    result = run("approve", "hotfix", "--wait")

    assert result.exit_code == code
    assert result.output.rstrip().endswith("So.")


def test_a_refusal_by_the_api_server_is_a_sentence(cluster: FakeCluster) -> None:
    cluster.fail("create", Forbidden("POST /x: 403 no"), path="accessapprovals")
    result = run("approve", "hotfix")

    assert result.exit_code == 1
    assert result.stderr.startswith("argogrant approve: no. Ask for the right")


@pytest.mark.parametrize("command", ["approve", "deny", "revoke"])
def test_a_grant_that_is_not_there_is_told(command: str) -> None:
    result = run(command, "none")

    assert result.exit_code == 1
    assert 'there is no AccessGrant "none" in namespace "argogrant"' in result.stderr


def test_a_grant_that_is_not_understood_is_told(cluster: FakeCluster) -> None:
    asked_for(cluster, "other")

    assert "apply the CRDs" in run("approve", "other").stderr


def test_grants_are_revoked(cluster: FakeCluster) -> None:
    asked_for(cluster, "other", duration="2h")
    result = run("revoke", "hotfix", "other", "hotfix", "--reason", "closed")
    spec = cluster.object(f"{GRANTS}/other")["spec"]

    assert result.exit_code == 0, result.output
    assert (spec["revoked"], spec["revocation"]) == (True, {"justification": "closed"})
    assert result.stdout.splitlines() == [
        "accessgrant.argogrant.dev/hotfix revoked",
        "accessgrant.argogrant.dev/other revoked",
    ]


def test_what_is_revoked_or_over_stays_as_it_is(cluster: FakeCluster) -> None:
    asked_for(cluster, "other", duration="2h", revoked=True)
    say(cluster, "Ended", "True")
    result = run("revoke", "hotfix", "other")

    assert result.stdout.splitlines() == [
        "accessgrant.argogrant.dev/hotfix unchanged: it is over already",
        "accessgrant.argogrant.dev/other unchanged: it is revoked already",
    ]
    assert cluster.count("merge_patch") == 0


def test_one_that_can_not_be_revoked_does_not_hold_up_the_others(
    cluster: FakeCluster,
) -> None:
    asked_for(cluster, "other", duration="2h")
    asked_for(cluster, "third", duration="2h")
    cluster.fail("merge_patch", Refused("PATCH /x: 422 no"), path="hotfix")
    cluster.fail("merge_patch", Unavailable("PATCH /x: lost"), path="other")
    result = run("revoke", "hotfix", "other", "third")

    assert result.exit_code == 1
    assert "third revoked" in result.stdout
    assert result.stderr.splitlines() == [
        "argogrant revoke: no. Nothing was changed.",
        "PATCH /x: lost Does kubectl reach that cluster?",
    ]


def test_the_end_of_access_is_waited_for(cluster: FakeCluster) -> None:
    cluster.before("watch", lambda: say(cluster, "Ended", "True"))
    result = run("revoke", "hotfix", "--wait")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "hotfix: Because."


def test_an_end_that_does_not_come_is_told() -> None:
    result = run("revoke", "hotfix", "--wait", "--timeout", "1s")

    assert result.exit_code == 1
    assert "hotfix: after 1s still waiting" in result.stderr


def continued(cluster: FakeCluster) -> Body:
    (body,) = [
        body
        for path, body in cluster._objects.items()
        if path.startswith(GRANTS) and body["spec"].get("extends")
    ]
    return body


@pytest.mark.parametrize(
    "options", [("--by", "1h"), ("--until", LATER)], ids=["a length", "an end"]
)
def test_more_time_is_a_new_grant(
    cluster: FakeCluster, options: tuple[str, ...]
) -> None:
    result = run("extend", "hotfix", *options, "--zone", "UTC")
    body = continued(cluster)

    assert result.exit_code == 0, result.output
    assert body["metadata"]["name"].startswith("hotfix-")
    assert body["spec"] == {
        "instance": "default",
        "subject": {"kind": "User", "name": "alice"},
        "role": {"name": "role:ops"},
        "expiresAt": LATER,
        "justification": "hotfix",
        "extends": "hotfix",
        "requester": {"username": "alice", "groups": ["developers"]},
    }
    assert "who has to agree has to agree again" in result.stdout


def test_less_time_is_written_into_the_grant(cluster: FakeCluster) -> None:
    told = run("extend", "hotfix", "--until", "2998-01-01T00:00:00Z", "--zone", "UTC")
    named = run("extend", "hotfix", "--until", "2997-01-01T00:00:00Z", "-o", "name")
    spec = cluster.object(f"{GRANTS}/hotfix")["spec"]

    assert spec["expiresAt"] == "2997-01-01T00:00:00Z"
    assert "hotfix ends earlier: 2998-01-01 00:00 UTC" in told.stdout
    assert named.stdout == "accessgrant.argogrant.dev/hotfix\n"


@pytest.mark.parametrize(
    ("spec", "status", "options", "said"),
    [
        pytest.param(
            {"revoked": True}, {}, ("--by", "1h"), "is over; ask", id="revoked"
        ),
        pytest.param(
            {"expiresAt": None, "duration": "2h"},
            {},
            ("--by", "1h"),
            "has not begun",
            id="an end that is not known",
        ),
        pytest.param(
            {"expiresAt": None, "duration": "2h"},
            {"expiresAt": END},
            ("--until", "2998-01-01T00:00:00Z"),
            "has a duration, which can not change",
            id="a duration",
        ),
        pytest.param(
            {},
            {"extendedBy": "hotfix-2"},
            ("--by", "1h"),
            'is continued by "hotfix-2" already',
            id="continued already",
        ),
        pytest.param({}, {}, ("--until", END), "its end already", id="no change"),
    ],
)
def test_what_can_not_be_extended_is_told(
    cluster: FakeCluster,
    spec: dict[str, Any],
    status: dict[str, Any],
    options: tuple[str, ...],
    said: str,
) -> None:
    cluster.edit(f"{GRANTS}/hotfix", {"spec": spec})
    cluster.edit(f"{GRANTS}/hotfix/status", {"status": status})
    result = run("extend", "hotfix", *options)

    assert result.exit_code == 1
    assert said in result.stderr


def test_a_shorter_end_may_be_refused(cluster: FakeCluster) -> None:
    cluster.fail("merge_patch", Refused("PATCH /x: 422 no"))
    result = run("extend", "hotfix", "--until", "2998-01-01T00:00:00Z")

    assert result.stderr == "argogrant extend: no. Nothing was changed.\n"


@pytest.mark.parametrize(
    "options", [(), ("--by", "1h", "--until", "18:00"), ("--until", "soon")]
)
def test_one_new_end_is_given(options: tuple[str, ...]) -> None:
    assert run("extend", "hotfix", *options).exit_code == 2
