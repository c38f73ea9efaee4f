"""A later decision never overwrites the account of an earlier one in a status."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from argogrant.api.accessgrant import (
    MAX_RECORDED,
    AccessGrantStatus,
    describe_access_so_far,
    grant_status,
    read_grant,
)
from argogrant.grants.access.policy import Approval, ApprovalDecision
from argogrant.grants.access.policy_checks import RelatedObjects
from argogrant.grants.conditions import BindingOutcome
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.window import format_instant
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    VERIFIED,
    a_group,
    a_policy,
    an_approval,
    an_identity,
    approval_by,
    decided,
)
from support.stored_grants import a_stored_grant, condition

BOUND, NOT_BOUND = BindingOutcome(is_bound=True), BindingOutcome(is_bound=False)
TWO_MINUTES = NOON + 2 * MINUTE
REVIEWED = a_policy(approval=approval_by(a_group("approvers")))
OTHER = a_policy(requesters=(a_group("others"),))


def by(name: str, decision: ApprovalDecision, minutes: float = 0.0) -> Approval:
    return an_approval(
        f"{decision.lower()}-{name}",
        approver=an_identity(name, "approvers"),
        decision=decision,
        grant_uid="uid-of-g1",
        created_at=NOON + minutes * MINUTE,
    )


BOB = by("bob", ApprovalDecision.APPROVE)
CAROL = by("carol", ApprovalDecision.DENY, 2)
DORA = by("dora", ApprovalDecision.APPROVE, 4)


class History:
    """The statuses of one grant, one after the other."""

    def __init__(self) -> None:
        self.spec: dict[str, Any] = {
            "requester": {"username": "alice", "groups": []},
        }
        self.status: dict[str, Any] = {}

    @property
    def grant(self) -> Grant:
        return read_grant(a_stored_grant(status=self.status, **self.spec))

    def report(
        self,
        now: datetime,
        *approvals: Approval,
        policy=REVIEWED,
        outcome: BindingOutcome = NOT_BOUND,
        **instance: Any,
    ) -> dict[str, Any]:
        decision = decided(
            self.grant,
            now,
            RelatedObjects(approvals=approvals),
            policies=() if policy is None else (policy,),
            identities=VERIFIED,
            **instance,
        )
        self.status = grant_status(
            decision, outcome, old=self.status, generation=1, now=now
        )
        AccessGrantStatus.model_validate(self.status)
        return self.status

    def condition(self, kind: str) -> Mapping[str, Any]:
        (found,) = [one for one in self.status["conditions"] if one["type"] == kind]
        return found

    def decisions(self) -> list[str]:
        return [
            f"{one['decision']} {one['approver']}"
            for one in self.status.get("approvals", ())
        ]


def approved() -> History:
    """A grant that bob approved and Argo CD has, two minutes before what comes next."""
    history = History()
    history.report(NOON)
    history.report(NOON, BOB, outcome=BOUND)
    return history


def test_denied_grant_that_ran_tells_when_it_ran_and_who_approved_it() -> None:
    history = approved()
    history.report(TWO_MINUTES, BOB, CAROL)
    account = (
        "It was active from 2026-11-24T12:00:00Z until 2026-11-24T12:02:00Z, approved"
        ' by "bob".'
    )

    assert history.decisions() == ["Approve bob", "Deny carol"]
    assert history.status["startedAt"] == format_instant(NOON)
    assert history.status["endedAt"] == format_instant(TWO_MINUTES)
    for kind in ("Approved", "Ended"):
        assert history.condition(kind)["reason"] == "Denied"
        assert history.condition(kind)["message"] == (
            f'"carol" denied the grant. {account}'
        )


@pytest.mark.parametrize(
    ("approvals", "policy"),
    [
        pytest.param((), REVIEWED, id="both approvals are deleted"),
        pytest.param((CAROL,), REVIEWED, id="the approval is deleted"),
        pytest.param((BOB, CAROL), OTHER, id="the policy is changed"),
        pytest.param((), None, id="all policies are deleted"),
        pytest.param((BOB, CAROL, DORA), REVIEWED, id="another approval is added"),
    ],
)
@pytest.mark.parametrize("is_revoked", [True, False])
def test_account_of_a_denied_grant_stays_when(
    approvals, policy, *, is_revoked: bool
) -> None:
    history = approved()
    before = history.report(TWO_MINUTES, BOB, CAROL)
    if is_revoked:
        history.spec["revoked"] = True

    assert history.report(NOON + HOUR, *approvals, policy=policy) == before


def test_revoked_grant_keeps_its_approval_after_the_approval_is_deleted() -> None:
    history = approved()
    history.spec["revoked"] = True
    history.report(TWO_MINUTES, BOB)
    before = dict(history.status)
    after = history.report(TWO_MINUTES + MINUTE)

    assert after == before
    assert history.decisions() == ["Approve bob"]
    assert history.condition("Approved")["status"] == "True"
    assert history.condition("Ended")["message"].endswith(
        'until 2026-11-24T12:02:00Z, approved by "bob".'
    )


def test_expired_grant_that_is_revoked_later_stays_expired() -> None:
    history = approved()
    before = history.report(NOON + HOUR, BOB)
    history.spec["revoked"] = True

    assert history.report(NOON + 2 * HOUR, BOB) == before
    assert history.condition("Ended")["reason"] == "Expired"


def test_withdrawn_approval_of_a_running_grant_stays_listed() -> None:
    history = approved()
    history.report(TWO_MINUTES)

    assert history.decisions() == ["Approve bob"]
    assert history.condition("Approved")["reason"] == "AwaitingApproval"
    assert history.condition("Approved")["message"].endswith(
        "It was active from 2026-11-24T12:00:00Z until 2026-11-24T12:02:00Z, approved"
        ' by "bob".'
    )


def test_account_does_not_grow_while_nothing_changes() -> None:
    history = approved()
    before = history.report(TWO_MINUTES)

    assert history.report(TWO_MINUTES + MINUTE) == before


def test_second_approver_is_added_to_the_first() -> None:
    history = approved()
    history.report(TWO_MINUTES)
    history.report(TWO_MINUTES + 2 * MINUTE, DORA, outcome=BOUND)
    history.report(NOON + HOUR, DORA)

    assert history.decisions() == ["Approve bob", "Approve dora"]
    assert 'approved by "bob", "dora"' in history.condition("Ended")["message"]


def test_changed_policy_keeps_the_account_of_the_approval() -> None:
    history = approved()
    history.report(TWO_MINUTES, BOB, policy=OTHER)

    assert history.decisions() == ["Approve bob"]
    assert history.status["accessPolicy"] == REVIEWED.name
    assert history.condition("Approved")["reason"] == "NotAllowed"
    assert 'approved by "bob"' in history.condition("Approved")["message"]


def test_approval_before_a_denial_is_listed_although_it_was_not_enough() -> None:
    history = History()
    two = a_policy(approval=approval_by(a_group("approvers"), of=2))
    history.report(NOON, BOB, policy=two)
    history.report(TWO_MINUTES, BOB, CAROL, policy=two)

    assert history.decisions() == ["Approve bob", "Deny carol"]
    assert history.condition("Ended")["message"] == '"carol" denied the grant.'


def test_approval_that_was_withdrawn_before_it_was_enough_is_not_listed() -> None:
    history = History()
    two = a_policy(approval=approval_by(a_group("approvers"), of=2))
    history.report(NOON, BOB, policy=two)
    history.report(TWO_MINUTES, policy=two)

    assert history.decisions() == []


def test_scheduled_grant_keeps_its_approval_after_the_denial() -> None:
    history = History()
    history.spec |= {
        "notBefore": "2026-11-24T14:00:00Z",
        "expiresAt": "2026-11-24T15:00:00Z",
    }
    history.report(NOON, BOB)
    history.report(TWO_MINUTES, CAROL)

    assert history.decisions() == ["Approve bob", "Deny carol"]
    assert "startedAt" not in history.status


def test_account_is_silent_while_argo_cd_may_still_allow_access() -> None:
    history = approved()
    waiting = BindingOutcome(is_bound=False, may_still_apply=True)
    history.report(TWO_MINUTES, BOB, policy=OTHER, outcome=waiting)

    assert "It was active" not in history.condition("Approved")["message"]


def test_end_that_is_not_confirmed_any_more_is_reported() -> None:
    """An old backup of the ConfigMap contains the line again."""
    history = approved()
    history.report(NOON + HOUR, BOB)
    waiting = BindingOutcome(is_bound=False, may_still_apply=True)
    history.report(NOON + 2 * HOUR, BOB, outcome=waiting)

    assert "endedAt" not in history.status
    assert all(one["type"] != "Ended" for one in history.status["conditions"])


def test_forged_ready_condition_of_an_ended_grant_is_replaced() -> None:
    history = approved()
    history.report(NOON + HOUR, BOB)
    for one in history.status["conditions"]:
        if one["type"] == "Ready":
            one["status"] = "True"
    history.report(NOON + HOUR, BOB)

    assert history.condition("Ready")["status"] == "False"


def test_first_decisions_and_the_last_one_are_kept_of_too_many() -> None:
    history = approved()
    recorded = history.status["approvals"][0]
    history.status["approvals"] = [
        {**recorded, "name": f"n{number}"} for number in range(MAX_RECORDED)
    ]
    history.report(TWO_MINUTES, BOB, CAROL)

    assert len(history.status["approvals"]) == MAX_RECORDED
    assert history.status["approvals"][0]["name"] == "n0"
    assert history.status["approvals"][-1]["decision"] == "Deny"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, "", id="nothing is known"),
        pytest.param(
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "conditions": [condition("Ready", "False", "NotAllowed")],
            },
            "",
            id="it was never bound",
        ),
        pytest.param(
            {
                "startedAt": "garbage",
                "boundAs": "role:deployer",
                "conditions": [condition("Ready", "False", "NotAllowed")],
            },
            "",
            id="the start is not a time",
        ),
        pytest.param(
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "boundAs": "role:deployer",
                "conditions": [condition("Ready", "False", "InstanceUnavailable")],
            },
            "",
            id="the binding is unknown",
        ),
        pytest.param(
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "boundAs": "role:deployer",
                "conditions": [condition("Ready", "False", "RoleNotFound")],
                "approvals": [
                    {"approver": f"user-{number}", "decision": "Approve"}
                    for number in range(5)
                ],
            },
            "It was active from 2026-11-24T12:00:00Z until 2026-11-24T12:00:00Z,"
            ' approved by "user-0", "user-1", "user-2" and 2 more.',
            id="many approvers are counted",
        ),
        pytest.param(
            {
                "startedAt": "2026-11-24T12:00:00Z",
                "boundAs": "role:deployer",
                "conditions": [condition("Ready", "False", "NotAllowed")],
                "approvals": ["x", {"approver": 7, "decision": "Deny"}],
            },
            "It was active from 2026-11-24T12:00:00Z until 2026-11-24T12:00:00Z.",
            id="malformed approvals are left out",
        ),
    ],
)
def test_access_so_far_is_described_if(status: dict[str, Any], expected: str) -> None:
    assert describe_access_so_far(status) == expected
