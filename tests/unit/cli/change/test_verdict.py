"""Commands report what the operator says first about the object that they created."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.cli.change import verdict as verdicts
from argogrant.cli.change import wait
from argogrant.cli.change.verdict import Verdict, judge_grant
from argogrant.cli.main import app
from argogrant.grants.model.stored_condition import StoredCondition
from argogrant.kube.errors import Forbidden
from argogrant.kube.resources import (
    ACCESS_APPROVALS,
    ACCESS_GRANTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
)
from support.fake_cluster import FakeCluster

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
GRANTS = ACCESS_GRANTS.path("argogrant")
APPROVALS = ACCESS_APPROVALS.path("argogrant")
INSTANCES = ARGOCD_INSTANCES.path("argogrant")
ALAS = StoredCondition(status=None, reason="SimilarName", message="Alas.")
PENDING = (
    "It awaits approval: Because. To approve, an approver runs: argogrant approve x -n"
    " team"
)
NO = StoredCondition(status=False, reason="RoleAllowsNothing", message="Alas.")
YES = StoredCondition(status=True, reason="Matchable", message="So.")


def ready(reason: str, *, status: bool = False) -> dict[str, StoredCondition]:
    return {"Ready": StoredCondition(status, reason, "Because.")}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param(
            ready("AwaitingApproval"),
            Verdict(
                [PENDING],
                [],
            ),
            id="a pending grant names who has to approve",
        ),
        pytest.param(
            ready("Scheduled"),
            Verdict(["Because."], []),
            id="a scheduled grant names its start",
        ),
        pytest.param(
            ready("Bound", status=True) | {"Effective": YES},
            Verdict(["x is active."], []),
            id="an active grant needs no step",
        ),
        pytest.param(
            ready("Bound", status=True) | {"Effective": ALAS},
            Verdict(["x is active."], ["Alas."]),
            id="a caution about the subject is a warning",
        ),
        pytest.param(
            ready("AwaitingApproval") | {"Effective": NO},
            Verdict(
                [PENDING],
                ["Alas."],
            ),
            id="a pending grant without effect is a warning",
        ),
        *(
            pytest.param(
                ready(reason),
                Verdict(
                    refusal=f'AccessGrant "x" gives no access ({reason}): Because.'
                ),
                id=f"{reason} is a refusal",
            )
            for reason in (
                *("NotAllowed", "RequesterUnverified", "SubjectRefused"),
                *("ExtensionRefused", "QuotaExceeded", "AbsoluteEndRequired"),
                *("Expired", "Revoked"),
            )
        ),
        pytest.param(
            {"Ended": StoredCondition(status=True, reason="Denied", message="No.")},
            Verdict(refusal='AccessGrant "x" gives no access (Denied): No.'),
            id="a grant that was denied meanwhile is refused",
        ),
        *(
            pytest.param(
                ready(reason),
                Verdict(warnings=[f"x gives no access yet ({reason}): Because."]),
                id=f"{reason} may be fixed, so it is a warning",
            )
            for reason in ("RoleNotFound", "RBACTextFull", "InstanceUnavailable")
        ),
        pytest.param({}, Verdict(), id="no report"),
    ],
)
def test_first_report_about_a_grant_is(
    conditions: dict[str, StoredCondition], expected: Verdict
) -> None:
    stored = StoredStatus(uid="u", name="x", is_current=True, conditions=conditions)

    assert judge_grant(stored, "team", NOW, UTC) == expected


def test_text_of_others_is_escaped() -> None:
    conditions = {"Ready": StoredCondition(False, "R\x1b", "a\nb\x1b[2J")}  # noqa: FBT003
    stored = StoredStatus(uid="u", name="x", is_current=True, conditions=conditions)
    (warning,) = judge_grant(stored, "team", NOW, UTC).warnings

    assert warning == r"x gives no access yet (R\x1b): a\nb\x1b[2J."


@pytest.fixture(autouse=True)
def instance(cluster: FakeCluster) -> None:
    cluster.add(INSTANCES, {"metadata": {"name": "default"}, "spec": {}})


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def request(*options: str) -> Result:
    base = ("request", "--role", "role:deployer", "--reason", "hotfix", "--for", "2h")
    return run(*base, "--name", "x", *options)


def report(
    cluster: FakeCluster, path: str, *conditions: tuple[str, str, str], **more: Any
) -> None:
    """Write a status as soon as the object is watched."""
    body = {
        "observedGeneration": 1,
        "conditions": [
            {"type": kind, "status": status, "reason": reason, "message": f"{reason}!"}
            for kind, status, reason in conditions
        ],
        **more,
    }

    def write() -> None:
        cluster.edit(f"{path}/status", {"status": body})

    cluster.before("watch", write)


def test_request_that_awaits_approval_exits_with_0_and_names_the_next_step(
    cluster: FakeCluster,
) -> None:
    report(cluster, f"{GRANTS}/x", ("Ready", "False", "AwaitingApproval"))
    result = request()

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[2] == (
        "It awaits approval: AwaitingApproval! To approve, an approver runs: argogrant"
        " approve x -n argogrant"
    )


@pytest.mark.parametrize("output", ["table", "json", "yaml", "name"])
def test_refused_request_exits_with_1_in_every_format(
    cluster: FakeCluster, output: str
) -> None:
    report(cluster, f"{GRANTS}/x", ("Ready", "False", "NotAllowed"))
    result = request("-o", output)

    assert result.exit_code == 1
    assert result.stderr == (
        'argogrant request: AccessGrant "x" gives no access (NotAllowed): NotAllowed!\n'
    )


def test_formats_for_programs_contain_only_the_object(cluster: FakeCluster) -> None:
    report(cluster, f"{GRANTS}/x", ("Ready", "False", "AwaitingApproval"))
    result = request("-o", "json")

    assert json.loads(result.stdout)["metadata"]["name"] == "x"
    assert (result.exit_code, result.stderr) == (0, "")


def test_name_is_all_that_the_name_format_prints(cluster: FakeCluster) -> None:
    report(cluster, f"{GRANTS}/x", ("Ready", "True", "Bound"))
    result = request("-o", "name")

    assert result.stdout == "accessgrant.argogrant.dev/x\n"


def test_active_request_prints_until_when(cluster: FakeCluster) -> None:
    end = "2999-01-01T00:00:00Z"
    report(cluster, f"{GRANTS}/x", ("Ready", "True", "Bound"), expiresAt=end)
    result = request("--zone", "UTC")

    assert result.stdout.splitlines()[2].startswith("x is active until 2999-01-01")


def test_binding_that_is_being_written_is_no_report_yet(cluster: FakeCluster) -> None:
    report(cluster, f"{GRANTS}/x", ("Ready", "False", "Binding"))
    result = request()

    assert result.exit_code == 0
    assert result.stderr == "Warning: x gives no access yet (Binding): Binding!\n"


@pytest.mark.parametrize(
    ("conditions", "cause"),
    [
        pytest.param(
            [],
            'no operator has reported about ArgoCDInstance "default" in namespace'
            ' "argogrant"',
            id="no operator serves the namespace",
        ),
        pytest.param(
            [{"type": "Ready", "status": "True", "reason": "Converged"}],
            "the operator has not processed the object yet. Is the operator running?",
            id="the operator does not run any more",
        ),
    ],
)
def test_request_without_a_report_names_the_cause(
    cluster: FakeCluster, conditions: Sequence[dict[str, str]], cause: str
) -> None:
    cluster.edit(f"{INSTANCES}/default/status", {"status": {"conditions": conditions}})
    result = request()

    assert result.exit_code == 0
    assert f'Warning: AccessGrant "x" has no report after 0s: {cause}' in result.stderr
    assert "argogrant doctor -n argogrant" in result.stderr


RULES = "g, bob, role:x\np, alice, applications, delete, */*, allow\n"
SUBJECT_RULE = {
    "where": "policy.csv line 2",
    "rule": "p, alice, applications, delete, */*, allow",
}


def report_subject_rules(cluster: FakeCluster, reason: str) -> None:
    rules = {"subjectRuleCount": 1, "subjectRules": [SUBJECT_RULE]}
    status = "True" if reason == "Bound" else "False"
    report(cluster, f"{GRANTS}/x", ("Ready", status, reason), **rules)


def add_argocd(cluster: FakeCluster, rules: str) -> None:
    body = {"metadata": {"name": "argocd-rbac-cm"}, "data": {"policy.csv": rules}}
    cluster.add(CONFIG_MAPS.path("argocd"), body)


@pytest.mark.parametrize("wait", [(), ("--wait",)], ids=["without wait", "with wait"])
def test_caution_that_was_printed_before_the_creation_is_not_repeated(
    cluster: FakeCluster, wait: tuple[str, ...]
) -> None:
    add_argocd(cluster, RULES)
    report_subject_rules(cluster, "Bound")
    cluster.before("create", lambda: print("creating"), path="accessgrants")
    result = request(*wait)

    assert result.stderr.count("policy.csv line 2") == 1
    assert result.output.index("policy.csv line 2") < result.output.index("creating")


@pytest.mark.parametrize("wait", [(), ("--wait",)], ids=["without wait", "with wait"])
def test_caution_that_only_the_operator_can_read_is_printed_after_the_creation(
    cluster: FakeCluster, wait: tuple[str, ...]
) -> None:
    cluster.fail("get", Forbidden("403"), times=9, path=CONFIG_MAPS.path("argocd"))
    report_subject_rules(cluster, "Bound")

    assert request(*wait).stderr.count("policy.csv line 2") == 1


def test_caution_about_other_rules_than_before_is_printed(cluster: FakeCluster) -> None:
    add_argocd(cluster, RULES.replace("delete", "get"))
    report_subject_rules(cluster, "AwaitingApproval")
    result = request()

    assert result.stderr.count("Warning: The grant also activates rules") == 2


def test_caution_about_an_empty_role_is_printed_once(cluster: FakeCluster) -> None:
    role = {"name": "role:deployer", "allowsNothing": "policy.csv line 3 (p, x): why."}
    cluster.edit(f"{INSTANCES}/default/status", {"status": {"roles": [role]}})
    caution = f'The role "role:deployer" allows nothing: {role["allowsNothing"]}'
    conditions = [
        {"type": "Ready", "status": "False", "reason": "AwaitingApproval"},
        {"type": "Effective", "status": "False", "message": caution},
    ]

    def write() -> None:
        status = {"observedGeneration": 1, "conditions": conditions}
        cluster.edit(f"{GRANTS}/x/status", {"status": status})

    cluster.before("watch", write)

    assert request().stderr == f"Warning: {caution}\n"


def test_missing_permission_to_watch_is_no_failure(cluster: FakeCluster) -> None:
    """A user who may only create grants can still use the command."""
    cluster.fail("list", Forbidden("no"), times=9, path="accessgrants")
    result = request()

    assert (result.exit_code, result.stderr) == (0, "")


def test_deleted_request_fails(cluster: FakeCluster) -> None:
    cluster.after(
        "create", lambda: cluster.delete_object(f"{GRANTS}/x"), path="accessgrants"
    )
    cluster.before("list", lambda: cluster.delete_object(f"{GRANTS}/x"), path="grants")
    result = request()

    assert result.exit_code == 1
    assert result.stderr == 'argogrant request: AccessGrant "x" was deleted.\n'


def test_dry_run_has_no_report(cluster: FakeCluster) -> None:
    result = request("--dry-run=server")

    assert (result.exit_code, result.stderr) == (0, "")
    assert cluster.count("watch") == 0


def grant(cluster: FakeCluster, name: str = "x", **spec: Any) -> None:
    body = {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessGrant",
        "metadata": {"name": name},
        "spec": {
            "instance": "default",
            "subject": {"kind": "User", "name": "alice"},
            "role": {"name": "role:ops"},
            "duration": "1h",
            **spec,
        },
    }
    cluster.add(GRANTS, body)


def report_approval(cluster: FakeCluster, status: str, reason: str) -> None:
    """Write the status of the only approval as soon as it is watched."""

    def write() -> None:
        (path,) = [one for one in cluster._objects if one.startswith(APPROVALS)]
        report(cluster, path, ("Counted", status, reason))

    cluster.before("list", write, path="accessapprovals")


def decide(
    cluster: FakeCluster,
    command: str,
    *conditions: tuple[str, str, str],
    is_listed: bool = True,
    options: Sequence[str] = (),
    **status: Any,
) -> Result:
    """Decide with an operator that counts it, and then reports about the grant."""
    grant(cluster)
    report_approval(cluster, "True", "Counts")

    def write() -> None:
        (path,) = [one for one in cluster._objects if one.startswith(APPROVALS)]
        name = path.rpartition("/")[2]
        entry = {"name": name, "approver": "alice", "decision": "x", "at": "x"}
        approvals = [entry] if is_listed else []
        report(cluster, f"{GRANTS}/x", *conditions, approvals=approvals, **status)

    cluster.after("list", write, path="accessapprovals")
    return run(command, "x", *options)


END = {"expiresAt": "2999-01-01T00:00:00Z"}


@pytest.mark.parametrize("wait", [(), ("--wait",)], ids=["without wait", "with wait"])
@pytest.mark.parametrize(
    ("conditions", "status", "sentence"),
    [
        pytest.param(
            [("Ready", "True", "Bound")],
            {**END, "accessDetails": "Log in there."},
            "x is active until 2999-01-01",
            id="the end of an active grant, without how to log in",
        ),
        pytest.param(
            [("Ready", "False", "Scheduled")],
            END,
            "Scheduled!",
            id="when a scheduled grant starts",
        ),
        pytest.param(
            [("Ready", "False", "AwaitingApproval")],
            {},
            "It awaits approval: AwaitingApproval! To approve, another approver runs:"
            " argogrant approve x -n argogrant",
            id="who else has to approve",
        ),
    ],
)
def test_approval_that_counts_names_the_next_step(
    cluster: FakeCluster, conditions, status, sentence: str, wait: tuple[str, ...]
) -> None:
    result = decide(cluster, "approve", *conditions, options=wait, **status)
    lines = result.stdout.splitlines()

    assert (result.exit_code, lines[-2]) == (0, "Counts!"), result.output
    assert lines[-1].startswith(sentence)
    assert "Warning" not in result.stderr


def test_approval_under_another_policy_names_the_next_step(
    cluster: FakeCluster,
) -> None:
    """The status lists the approvals of the policy that approved the grant only."""
    conditions = [("Ready", "True", "Bound"), ("Approved", "True", "AutoApproved")]
    result = decide(cluster, "approve", *conditions, is_listed=False)

    assert result.stdout.splitlines()[-1] == "x is active."


@pytest.mark.parametrize("reason", ["RoleNotFound", "NotAllowed"])
def test_approved_grant_without_access_is_a_warning(
    cluster: FakeCluster, reason: str
) -> None:
    result = decide(cluster, "approve", ("Ready", "False", reason))

    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: ")
    assert f"({reason}): {reason}!\n" in result.stderr


def test_status_from_before_the_approval_is_not_its_effect(
    cluster: FakeCluster,
) -> None:
    old = ("Ready", "False", "AwaitingApproval")
    result = decide(cluster, "approve", old, is_listed=False)

    assert result.exit_code == 0
    assert "It awaits approval" not in result.stdout
    assert result.stderr == (
        'Warning: AccessGrant "x" has no report about the approval after 0s. To see its'
        " state, run: argogrant show x -n argogrant\n"
    )


def test_effect_that_the_summary_shows_is_not_repeated(cluster: FakeCluster) -> None:
    effective = {"type": "Effective", "status": "False", "message": "Alas."}
    grant(cluster)
    status = {"observedGeneration": 1, "conditions": [effective]}
    cluster.edit(f"{GRANTS}/x/status", {"status": status})
    report_approval(cluster, "True", "Counts")

    def write() -> None:
        ready = {"type": "Ready", "status": "True", "reason": "Bound"}
        approved = {"type": "Approved", "status": "True"}
        conditions = [effective, approved, ready]
        cluster.edit(f"{GRANTS}/x/status", {"status": {"conditions": conditions}})

    cluster.after("list", write, path="accessapprovals")
    result = run("approve", "x")

    assert result.output.count("Alas.") == 1
    assert result.stdout.splitlines()[-1] == "x is active."


def test_denial_reports_the_end_of_the_grant(cluster: FakeCluster) -> None:
    result = decide(cluster, "deny", ("Ended", "True", "Denied"))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "Denied!"


def test_denial_whose_end_is_not_confirmed_is_a_warning(cluster: FakeCluster) -> None:
    result = decide(cluster, "deny", ("Ready", "True", "Bound"))

    assert result.exit_code == 0
    assert result.stderr == (
        "Warning: x is denied, but Argo CD may still allow it after 0s: Bound!\n"
    )


@pytest.mark.parametrize("command", ["approve", "deny"])
@pytest.mark.parametrize("reason", ["SelfApproval", "NotEntitled", "TooLate"])
def test_decision_that_does_not_count_exits_with_1(
    cluster: FakeCluster, command: str, reason: str
) -> None:
    grant(cluster)
    report_approval(cluster, "False", reason)
    result = run(command, "x")

    assert result.exit_code == 1
    assert f" does not count: {reason}!\n" in result.stderr


def test_approval_without_a_report_names_the_cause(cluster: FakeCluster) -> None:
    grant(cluster)
    result = run("approve", "x")

    assert result.exit_code == 0
    assert "has no report after 0s: no operator has reported" in result.stderr


def test_revocation_that_is_not_confirmed_is_a_warning(cluster: FakeCluster) -> None:
    grant(cluster)
    grant(cluster, "y")
    ended = {"type": "Ended", "status": "True", "reason": "Revoked"}
    status = {"observedGeneration": 2, "conditions": [ended]}
    cluster.edit(f"{GRANTS}/y/status", {"status": status})
    result = run("revoke", "x", "y")

    assert result.exit_code == 0
    assert result.stderr.startswith(
        "Warning: x is revoked, but Argo CD may still allow it after 0s: no operator"
    )
    assert "y is revoked" not in result.stderr


def test_confirmed_revocation_is_no_warning(cluster: FakeCluster) -> None:
    grant(cluster)
    ended = {"type": "Ended", "status": "True", "reason": "Revoked"}
    cluster.after(
        "merge_patch",
        lambda: cluster.edit(
            f"{GRANTS}/x/status",
            {"status": {"observedGeneration": 2, "conditions": [ended]}},
        ),
        path="accessgrants",
    )
    result = run("revoke", "x")

    assert (result.exit_code, result.stderr) == (0, "")


def test_first_report_takes_two_seconds_at_most() -> None:
    assert wait.USUAL_DELAY.total_seconds() == 2
    assert verdicts.USUAL_DELAY < wait.USUAL_DELAY, "tests do not wait that long"
