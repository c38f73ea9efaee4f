"""``argogrant approve`` and ``deny`` record a decision about the shown grant."""

import json

import pytest
from click.testing import CliRunner, Result

from argogrant.cli.change import approve as approving
from argogrant.cli.main import app
from argogrant.kube.client import Body
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import ARGOCD_INSTANCES
from support.fake_cluster import FakeCluster
from support.fake_cluster_grants import (
    APPROVALS,
    GRANTS,
    create_grant,
    created_approvals,
    set_condition,
)


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, words, input=stdin)


@pytest.fixture(autouse=True)
def grant(cluster: FakeCluster) -> Body:
    """A grant that the operator has not observed yet."""
    return create_grant(cluster, "hotfix", expiresAt="2999-01-01T18:00:00Z")


@pytest.mark.parametrize(
    ("command", "decision", "done"),
    [("approve", "Approve", "approved"), ("deny", "Deny", "denied")],
)
def test_approval_names_the_shown_grant_and_its_uid(
    cluster: FakeCluster, grant: Body, command: str, decision: str, done: str
) -> None:
    cluster.user = {"username": "bob", "groups": ["approvers"]}
    result = run(command, "hotfix", "--comment", "as agreed")
    (vote,) = created_approvals(cluster)

    assert result.exit_code == 0, result.output
    assert vote["spec"] == {
        "grant": {"name": "hotfix", "uid": grant["metadata"]["uid"]},
        "decision": decision,
        "comment": "as agreed",
        "approver": {"username": "bob", "groups": ["approvers"]},
    }
    assert "Role:      role:ops" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(
        f" created: {done} (context one, namespace argogrant)"
    )


def test_dry_run_is_marked(cluster: FakeCluster) -> None:
    result = run("approve", "hotfix", "--dry-run=server")

    assert result.stdout.splitlines()[-1].endswith(
        " created (server dry run): approved (context one, namespace argogrant)"
    )
    assert cluster.is_dry_run


def test_json_goes_to_stdout_and_the_summary_to_stderr() -> None:
    result = run("approve", "hotfix", "-o", "json")

    assert json.loads(result.stdout)["spec"]["decision"] == "Approve"
    assert "Role:      role:ops" in result.stderr


def test_repeated_approval_prints_the_same_name() -> None:
    first = run("approve", "hotfix", "-o", "name")
    again = run("approve", "hotfix", "-o", "name")

    assert first.stdout == again.stdout != ""


def test_repeated_approval_is_unchanged(cluster: FakeCluster) -> None:
    run("approve", "hotfix")
    again = run("approve", "hotfix")

    assert again.exit_code == 0
    assert "unchanged: you approved this grant" in again.stdout
    assert len(created_approvals(cluster)) == 1


def test_other_approval_with_the_same_name_fails(cluster: FakeCluster) -> None:
    run("approve", "hotfix")
    (vote,) = created_approvals(cluster)
    path = f"{APPROVALS}/{vote['metadata']['name']}"
    cluster.edit(path, {"spec": {"decision": "Deny"}})
    again = run("approve", "hotfix")

    assert again.exit_code == 1
    assert "another AccessApproval" in again.stderr


def test_grant_that_was_created_again_is_not_approved(cluster: FakeCluster) -> None:
    def replace() -> None:
        cluster.delete_object(f"{GRANTS}/hotfix")
        create_grant(cluster, "hotfix", expiresAt="2999-01-01T19:00:00Z")

    cluster.before("create", replace)  # whoami follows the summary
    result = run("approve", "hotfix")

    assert result.exit_code == 1
    assert "created again after it was shown" in result.stderr
    assert created_approvals(cluster) == []


@pytest.mark.parametrize(
    ("command", "condition", "message"),
    [
        pytest.param("approve", "Ended", "has ended: Because.", id="approve: ended"),
        pytest.param("deny", "Ended", "has ended: Because.", id="deny: ended"),
        pytest.param(
            "approve",
            "Approved",
            "needs no approval: Because.",
            id="approve: already approved",
        ),
    ],
)
def test_decision_without_effect_fails(
    cluster: FakeCluster, command: str, condition: str, message: str
) -> None:
    set_condition(cluster, condition, "True")
    result = run(command, "hotfix")

    assert result.exit_code == 1
    assert message in result.stderr
    assert created_approvals(cluster) == []


def test_active_grant_can_be_denied(cluster: FakeCluster) -> None:
    set_condition(cluster, "Approved", "True")

    assert run("deny", "hotfix").exit_code == 0


@pytest.mark.parametrize(("answer", "count"), [("y\n", 1), ("n\n", 0)])
def test_terminal_prompts_for_confirmation(
    cluster: FakeCluster, monkeypatch, answer: str, count: int
) -> None:
    monkeypatch.setattr(approving, "_is_terminal", lambda: True)
    result = run("approve", "hotfix", stdin=answer)

    assert "Approve this grant?" in result.output
    assert len(created_approvals(cluster)) == count
    assert result.exit_code == 1 - count


def test_summary_contains_the_risks_of_the_role(cluster: FakeCluster) -> None:
    cluster.add(
        ARGOCD_INSTANCES.path("argogrant"),
        {"metadata": {"name": "default"}, "spec": {}},
    )
    role = {"name": "role:ops", "hasDeny": True}
    path = f"{ARGOCD_INSTANCES.path('argogrant', 'default')}/status"
    cluster.edit(path, {"status": {"roles": [role]}})

    assert "Risks:     contains deny rules" in run("approve", "hotfix").stdout


@pytest.mark.parametrize(("status", "code"), [("True", 0), ("False", 1)])
def test_wait_exits_by_whether_the_approval_counts(
    cluster: FakeCluster, status: str, code: int
) -> None:
    def count() -> None:
        (vote,) = created_approvals(cluster)
        said = {"type": "Counted", "status": status, "reason": "R", "message": "So"}
        path = f"{APPROVALS}/{vote['metadata']['name']}/status"
        cluster.edit(path, {"status": {"observedGeneration": 1, "conditions": [said]}})

    cluster.before("watch", count)
    result = run("approve", "hotfix", "--wait")

    assert result.exit_code == code
    assert "So.\n" in result.output


def test_api_error_is_one_message(cluster: FakeCluster) -> None:
    cluster.fail("create", Forbidden("no"), path="accessapprovals")
    result = run("approve", "hotfix")

    assert result.exit_code == 1
    assert result.stderr.startswith("argogrant approve: no. Ask an administrator")


@pytest.mark.parametrize("command", ["approve", "deny", "revoke"])
def test_missing_grant_fails(command: str) -> None:
    result = run(command, "none")

    assert result.exit_code == 1
    assert 'AccessGrant "none" does not exist in namespace "argogrant"' in result.stderr


@pytest.mark.parametrize("name", ["../secrets/x", "hotfix/status", "", "a b"])
def test_invalid_name_fails_without_a_request(cluster: FakeCluster, name: str) -> None:
    result = run("approve", name)

    assert result.exit_code == 1
    assert "is not a valid name of an AccessGrant" in result.stderr
    assert cluster.calls == []


def test_invalid_grant_fails(cluster: FakeCluster) -> None:
    create_grant(cluster, "other")

    assert "Apply the CRDs" in run("approve", "other").stderr


@pytest.mark.parametrize(
    ("spec", "is_shortened"),
    [
        pytest.param({"duration": "25h"}, True, id="a long duration"),
        pytest.param({"duration": "24h"}, False, id="the maximum"),
        pytest.param({"expiresAt": "2999-01-01T18:00:00Z"}, True, id="a late end"),
        pytest.param(
            {
                "notBefore": "2999-01-01T09:00:00Z",
                "expiresAt": "2999-01-01T18:00:00Z",
            },
            False,
            id="a window that is ahead",
        ),
    ],
)
def test_approver_sees_that_the_instance_shortens_the_access(
    cluster: FakeCluster, spec: dict[str, str], *, is_shortened: bool
) -> None:
    cluster.add(ARGOCD_INSTANCES.path("argogrant"), {"metadata": {"name": "default"}})
    create_grant(cluster, "long", **spec)
    shown = run("approve", "long").stdout
    note = "Maximum:   It is shortened to 1d, the maxDuration of ArgoCDInstance"

    assert (note in shown) is is_shortened
