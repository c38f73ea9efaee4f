"""Description of a grant: summary, approvals, bindings and next step."""

from datetime import UTC

import pytest

from argogrant.api.accessgrant_view import view_approval, view_grant
from argogrant.cli.inspect.describe import (
    BindingLookup,
    GrantDescription,
    approvals,
    bindings,
    checks,
    next_step,
    summary_line,
    to_json,
    to_text,
)
from argogrant.cli.terminal.checklist import SIGNS, CheckOutcome
from support.builders import HOUR, MINUTE, NOON
from support.stored_grants import (
    a_stored_approval,
    a_stored_grant,
    active_status,
    condition,
    ended_status,
    not_ready_status,
)

NOW = NOON + 5 * MINUTE
LINE = "g, alice, role:deployer"


def facts(body=None, **others) -> GrantDescription:
    grant = view_grant(body or a_stored_grant(status=active_status()))
    return GrantDescription(**{"grant": grant, "now": NOW, "zone": UTC, **others})


RAN = {"startedAt": "2026-11-24T11:00:00Z", "boundAs": "role:deployer"}
DECISIONS = [
    {
        "name": "g1-approve",
        "approver": "dan",
        "decision": "Approve",
        "at": "2026-11-24T12:01:00Z",
    },
    {
        "name": "g1-deny",
        "approver": "carol",
        "decision": "Deny",
        "at": "2026-11-24T12:02:00Z",
    },
]
SUMMARIES = {
    "active grant": (
        a_stored_grant(status=active_status()),
        "alice has role:deployer on default until 2026-11-24 13:00 UTC (in 55m).",
    ),
    "active grant without effect": (
        a_stored_grant(
            status=active_status(condition("Effective", "False", "NoSuchAccount"))
        ),
        "alice is bound to role:deployer on default, without effect: see Effective.",
    ),
    "pending grant": (
        a_stored_grant(status=not_ready_status("AwaitingApproval")),
        "alice does not have role:deployer on default yet: the grant awaits approval.",
    ),
    "scheduled grant": (
        a_stored_grant(
            notBefore="2026-11-24T14:00:00Z",
            expiresAt="2026-11-24T15:00:00Z",
            status=not_ready_status("Scheduled"),
        ),
        (
            "alice will have role:deployer on default from 2026-11-24 14:00 UTC"
            " (in 1h55m) until 2026-11-24 15:00 UTC (in 2h55m)."
        ),
    ),
    "grant without a status": (
        a_stored_grant(),
        (
            "alice does not have role:deployer on default yet: the operator has not"
            " processed the grant."
        ),
    ),
    "grant for a missing role": (
        a_stored_grant(status=not_ready_status("RoleNotFound")),
        "alice does not have role:deployer on default: see the Ready condition.",
    ),
    "bound grant of an unavailable instance": (
        a_stored_grant(
            status=active_status()
            | {"conditions": [condition("Ready", "False", "InstanceUnavailable")]}
        ),
        "Unknown whether alice has role:deployer on default; see the Ready condition.",
    ),
    "revoked grant that is still bound": (
        a_stored_grant(revoked=True, status=active_status()),
        (
            "alice may still have role:deployer on default: the operator is revoking"
            " the grant."
        ),
    ),
    "expired grant that is still bound": (
        a_stored_grant(status=active_status(until=NOON + MINUTE)),
        (
            "alice may still have role:deployer on default, although the grant expired"
            " at 2026-11-24 12:01 UTC (4m ago)."
        ),
    ),
    "denied grant": (
        a_stored_grant(status=ended_status("Denied")),
        "alice does not get role:deployer on default: the request was refused.",
    ),
    "ended grant": (
        a_stored_grant(status=RAN | ended_status("Expired", NOON)),
        (
            "alice had role:deployer on default from 2026-11-24 11:00 UTC (1h5m ago)"
            " until 2026-11-24 12:00 UTC (5m ago) by this grant, which has ended."
        ),
    ),
    "grant that was denied after it ran": (
        a_stored_grant(status=RAN | ended_status("Denied", NOON, approvals=DECISIONS)),
        (
            "alice had role:deployer on default from 2026-11-24 11:00 UTC (1h5m ago)"
            " until 2026-11-24 12:00 UTC (5m ago); then carol denied the grant."
        ),
    ),
    "grant that was denied after it ran, by an unknown approver": (
        a_stored_grant(status=RAN | ended_status("Denied", NOON)),
        (
            "alice had role:deployer on default from 2026-11-24 11:00 UTC (1h5m ago)"
            " until 2026-11-24 12:00 UTC (5m ago); then an approver denied the grant."
        ),
    ),
    "grant that is not allowed any more": (
        a_stored_grant(status=RAN | not_ready_status("NotAllowed")),
        (
            "alice had role:deployer on default from 2026-11-24 11:00 UTC (1h5m ago)"
            " until 2026-11-24 12:00 UTC (5m ago); the grant is no longer allowed: see"
            " Ready."
        ),
    ),
    "grant whose approval was withdrawn": (
        a_stored_grant(status=RAN | not_ready_status("AwaitingApproval")),
        (
            "alice had role:deployer on default from 2026-11-24 11:00 UTC (1h5m ago)"
            " until 2026-11-24 12:00 UTC (5m ago); the grant awaits approval again."
        ),
    ),
    "grant whose role was removed": (
        a_stored_grant(status=RAN | not_ready_status("RoleNotFound")),
        (
            "alice had role:deployer on default from 2026-11-24 11:00 UTC (1h5m ago)"
            " until 2026-11-24 12:00 UTC (5m ago); see Ready."
        ),
    ),
    "grant that started, but was never bound": (
        a_stored_grant(
            status=ended_status("Expired", NOON, startedAt="2026-11-24T11:00:00Z")
        ),
        "alice never had role:deployer on default by this grant, which has ended.",
    ),
    "grant that ended before it started": (
        a_stored_grant(status=ended_status("Expired")),
        "alice never had role:deployer on default by this grant, which has ended.",
    ),
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [pytest.param(*row, id=situation) for situation, row in SUMMARIES.items()],
)
def test_summary_of(body, expected) -> None:
    assert summary_line(facts(body)) == expected


STEPS = {
    "active": (active_status(), "argogrant extend g1 -n argogrant"),
    "pending": (
        not_ready_status("AwaitingApproval"),
        "argogrant approve g1 -n argogrant",
    ),
    "scheduled": (not_ready_status("Scheduled"), ""),
    "new": ({}, "argogrant doctor -n argogrant"),
    "overdue": (active_status(until=NOON), "argogrant doctor -n argogrant"),
    "not allowed": (not_ready_status("NotAllowed"), "argogrant request"),
    "ended": (ended_status("Expired"), "argogrant request"),
}


@pytest.mark.parametrize(
    ("status", "expected"),
    [pytest.param(*row, id=situation) for situation, row in STEPS.items()],
)
def test_next_command_of_a_grant_that_is(status, expected) -> None:
    assert next_step(facts(a_stored_grant(status=status)))[1] == expected


def test_denied_grant_has_ended_permanently_and_refused_one_has_not() -> None:
    refused = next_step(facts(a_stored_grant(status=not_ready_status("NotAllowed"))))[0]
    denied = next_step(facts(a_stored_grant(status=ended_status("Denied"))))[0]

    assert "ended permanently" not in refused
    assert "ended permanently" in denied


APPROVALS = {
    "approval that counts": (
        a_stored_approval(counted=("True", "Counts")),
        CheckOutcome.FINE,
        "Approve, 2026-11-24 12:01 UTC (4m ago). Counted.",
    ),
    "denial that counts": (
        a_stored_approval("Deny", ("True", "Counts"), comment="not now"),
        CheckOutcome.WRONG,
        'Deny, 2026-11-24 12:01 UTC (4m ago): "not now". Counted.',
    ),
    "approval that does not count": (
        a_stored_approval(counted=("False", "SelfApproval", "Ask another approver.")),
        CheckOutcome.NOTED,
        ("Approve, 2026-11-24 12:01 UTC (4m ago). Not counted: Ask another approver."),
    ),
    "approval without a status": (
        a_stored_approval(),
        CheckOutcome.UNKNOWN,
        (
            "Approve, 2026-11-24 12:01 UTC (4m ago). The operator has not processed it"
            " yet."
        ),
    ),
}


@pytest.mark.parametrize(
    ("body", "outcome", "text"),
    [pytest.param(*row, id=situation) for situation, row in APPROVALS.items()],
)
def test_description_of(body, outcome, text) -> None:
    (result,) = approvals(facts(approvals=[view_approval(body)]))

    assert (result.check, result.outcome, result.text) == ("dan", outcome, text)


def test_deleted_approval_is_described_from_the_status_of_the_grant() -> None:
    stored = {"name": "gone", "approver": "erin", "decision": "Approve", "at": "then"}
    body = a_stored_grant(status=active_status(approvals=[stored]))
    (result,) = approvals(facts(body))

    assert result.check == "erin"
    assert result.text == "Approve at then, according to the status of the grant."


def found(is_present, **others) -> BindingLookup:
    return BindingLookup(
        location="argocd-rbac-cm", line=LINE, is_present=is_present, **others
    )


BINDINGS = {
    "binding of an active grant": (
        active_status(),
        found(is_present=True),
        CheckOutcome.FINE,
        f"argocd-rbac-cm contains {LINE}",
    ),
    "binding with its end": (
        active_status(),
        found(is_present=True, until=NOON + HOUR),
        CheckOutcome.FINE,
        f"argocd-rbac-cm contains {LINE}, until 2026-11-24 13:00 UTC (in 55m)",
    ),
    "missing binding of an active grant": (
        active_status(),
        found(is_present=False),
        CheckOutcome.WRONG,
        (
            f"argocd-rbac-cm does not contain {LINE}; the binding was removed, or the"
            " grant is for another Argo CD."
        ),
    ),
    "binding of an expired grant": (
        active_status(until=NOON),
        found(is_present=True),
        CheckOutcome.WRONG,
        f"argocd-rbac-cm contains {LINE}; the operator should have removed it.",
    ),
    "binding of an ended grant": (
        ended_status("Expired"),
        found(is_present=True),
        CheckOutcome.WRONG,
        (
            f"argocd-rbac-cm contains {LINE}; another grant may require it"
            " (argogrant list)."
        ),
    ),
    "missing binding of an ended grant": (
        ended_status("Expired"),
        found(is_present=False),
        CheckOutcome.NOTED,
        f"argocd-rbac-cm does not contain {LINE}",
    ),
    "unmanaged line": (
        active_status(),
        found(is_present=True, is_managed=False),
        CheckOutcome.NOTED,
        f"argocd-rbac-cm contains {LINE}, which argogrant does not manage.",
    ),
    "unreadable location": (
        active_status(),
        found(is_present=None, problem="you do not have permission to read it"),
        CheckOutcome.UNKNOWN,
        "argocd-rbac-cm: unknown, you do not have permission to read it.",
    ),
}


@pytest.mark.parametrize(
    ("status", "one", "outcome", "text"),
    [pytest.param(*row, id=situation) for situation, row in BINDINGS.items()],
)
def test_comparison_of(status, one, outcome, text) -> None:
    (result,) = bindings(facts(a_stored_grant(status=status), binding=[one]))

    assert (result.outcome, result.text) == (outcome, text)


def test_hostile_text_is_escaped_and_wrapped() -> None:
    hostile = "\x1b[2J" + "x" * 300 + "\n\x07"
    body = a_stored_grant(
        "g1",
        hostile,
        justification=hostile,
        requester={"username": hostile},
        status=not_ready_status("RoleNotFound", hostile),
    )
    line = BindingLookup(
        location="argocd-rbac-cm", line=f"g, {hostile}, x", is_present=False
    )
    approval = view_approval(a_stored_approval(comment=hostile))
    lines = list(
        to_text(
            facts(body, approvals=[approval], binding=[line], is_stale=True),
            width=80,
            marks=SIGNS,
        )
    )

    assert max(len(one.replace("\x1b", "")) for one in lines) <= 100
    assert all("\x1b[2J" not in one and "\x07" not in one for one in lines)


RULES = {
    "subjectRules": [{"where": "policy.csv line 3", "rule": "p, alice, a, b, c, allow"}]
}


@pytest.mark.parametrize(
    ("status", "is_shown"),
    [
        pytest.param(active_status() | RULES, True, id="active"),
        pytest.param(not_ready_status("AwaitingApproval") | RULES, True, id="pending"),
        pytest.param(
            not_ready_status("SubjectHasRules") | RULES, False, id="refused, in Ready"
        ),
        pytest.param(active_status(), False, id="without rules"),
    ],
)
def test_rules_for_the_subject_are_shown(status, is_shown) -> None:
    found = facts(a_stored_grant(status=status))
    shown = [one.text for one in checks(found) if one.check == "Subject"]

    assert ["policy.csv line 3 (p, alice, a, b, c, allow)" in one for one in shown] == (
        [True] if is_shown else []
    )
    assert to_json(found)["subjectRules"] == status.get("subjectRules", [])


def test_decisions_that_counted_are_details_of_the_grant() -> None:
    status = RAN | ended_status("Denied", NOON + 2 * MINUTE, approvals=DECISIONS)
    lines = list(to_text(facts(a_stored_grant(status=status)), width=90, marks=SIGNS))
    shown = "\n".join(lines)

    assert "  Approved by  dan at 2026-11-24T12:01:00Z" in shown
    assert "  Denied by    carol at 2026-11-24T12:02:00Z" in shown
    assert "  Bound until  2026-11-24 12:00 UTC (5m ago)" in shown


@pytest.mark.parametrize("reason", ["NotNeeded", "NotEntitled", "TooLate"])
def test_approval_that_counted_stays_counted(reason: str) -> None:
    """Its condition changes when the policy does."""
    status = RAN | ended_status("Expired", NOON, approvals=DECISIONS)
    approval = view_approval(a_stored_approval(counted=("False", reason)))
    grant = a_stored_grant(status=status)
    counted, *others = approvals(facts(grant, approvals=[approval]))

    assert counted.outcome is CheckOutcome.FINE
    assert counted.text.endswith(" Counted.")
    assert [one.check for one in others] == ["carol"]


def test_approval_that_was_created_again_is_another_one() -> None:
    status = RAN | ended_status("Expired", NOON, approvals=DECISIONS[:1])
    body = a_stored_approval(counted=("False", "TooLate"))
    body["metadata"]["creationTimestamp"] = "2026-11-24T12:04:00Z"
    grant = a_stored_grant(status=status)
    again, first = approvals(facts(grant, approvals=[view_approval(body)]))

    assert "Not counted" in again.text
    assert "according to the status" in first.text
