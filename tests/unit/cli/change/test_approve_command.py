"""``argogrant approve`` and ``deny`` decide about what was shown, or say why not."""

import json

import pytest
from click.testing import Result
from typer.testing import CliRunner

from argogrant.cli.change import approve as approving
from argogrant.cli.main import app
from argogrant.kube.client import Body
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import ARGOCD_INSTANCES
from support.fake_cluster import FakeCluster
from support.requested_grants import GRANTS, VOTES, asked_for, say, votes


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, words, input=typed)


@pytest.fixture(autouse=True)
def grant(cluster: FakeCluster) -> Body:
    """A grant that nobody has looked at yet."""
    return asked_for(cluster, "hotfix", expiresAt="2999-01-01T18:00:00Z")


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


def test_a_decision_can_be_tried(cluster: FakeCluster) -> None:
    result = run("approve", "hotfix", "--dry-run=server")

    assert result.stdout.splitlines()[-1].endswith(
        " created (server dry run): approved"
    )
    assert cluster.is_dry_run


def test_programs_read_the_approval_and_people_what_it_is_about() -> None:
    result = run("approve", "hotfix", "-o", "json")

    assert json.loads(result.stdout)["spec"]["decision"] == "Approve"
    assert "Role:     role:ops" in result.stderr


def test_programs_read_twice_what_is_there() -> None:
    first = run("approve", "hotfix", "-o", "name")
    again = run("approve", "hotfix", "-o", "name")

    assert first.stdout == again.stdout != ""


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
        cluster.delete_object(f"{GRANTS}/hotfix")
        asked_for(cluster, "hotfix", expiresAt="2999-01-01T19:00:00Z")

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


@pytest.mark.parametrize("name", ["../secrets/x", "hotfix/status", "", "a b"])
def test_a_name_never_leads_elsewhere(cluster: FakeCluster, name: str) -> None:
    result = run("approve", name)

    assert result.exit_code == 1
    assert "is no name of an AccessGrant" in result.stderr
    assert cluster.calls == []


def test_a_grant_that_is_not_understood_is_told(cluster: FakeCluster) -> None:
    asked_for(cluster, "other")

    assert "apply the CRDs" in run("approve", "other").stderr
