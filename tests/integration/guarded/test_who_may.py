"""Requests and approvals on a real API server, with access judged by argocd-server.

The whole matrix is in ``tests/unit/grants/access/test_policy_checks.py``; here are the
rows that a reader would try first. The operator, the admission policies and Kubernetes
RBAC are
those that are shipped.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from support import live_policies
from support.live_cluster import eventually
from support.live_policies import ClusterWithPolicies, a_policy, approved_by


@pytest.fixture
def world(served: ClusterWithPolicies) -> ClusterWithPolicies:
    """Cluster without a policy; each row creates its own."""
    served.clean_up()
    return served


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Request; by default, Alice, a developer, requests ``role:deployer``."""

    policies: tuple[dict[str, Any], ...] = ()
    instance: dict[str, Any] = field(default_factory=dict)
    asker: tuple[str, ...] = ("alice", "developers")
    subject: str = "alice"
    grant: dict[str, Any] = field(default_factory=dict)
    answers: tuple[tuple[tuple[str, ...], str], ...] = ()
    """Users who decided, with their groups, and their decisions."""
    approved: str
    """Reason of the condition Approved."""
    message: str = ""
    """Part of its message."""


BOB = ("bob", "approvers")
CAROL = ("carol", "approvers")
BY_ONE = a_policy(approval=approved_by("approvers"))
BY_TWO = a_policy(approval=approved_by("approvers", required=2))
NO_DEPLOYMENTS = a_policy("freeze", effect="Deny")
REVIEWED = a_policy("reviewed", approval=approved_by("approvers"))
ADMINS = a_policy("admins", roles=[{"name": "role:admin"}])
AT_ONCE = a_policy(approval=approved_by("approvers"), breakGlass={"allowed": True})
EMERGENCY = {"breakGlass": True, "justification": "The shop is down.", "duration": "5m"}

GIVEN = {
    "without a policy, permission to create grants is sufficient": Row(
        approved="PolicyNotRequired"
    ),
    "a developer gets a role that the policy gives to developers": Row(
        policies=(a_policy(),), approved="AutoApproved", message="deployers"
    ),
    "one of several policies allows it": Row(
        policies=(a_policy(), ADMINS, REVIEWED),
        approved="AutoApproved",
    ),
    "one required approval is given": Row(
        policies=(BY_ONE,),
        answers=((BOB, "Approve"),),
        approved="ApprovedByReviewers",
        message="bob",
    ),
    "two required approvals are given": Row(
        policies=(BY_TWO,),
        answers=((BOB, "Approve"), (CAROL, "Approve")),
        approved="ApprovedByReviewers",
        message="carol",
    ),
    "break-glass needs no approval if a policy allows it": Row(
        policies=(AT_ONCE,), grant=EMERGENCY, approved="BreakGlass"
    ),
    "the prefix of Kubernetes user names is stripped": Row(
        policies=(a_policy(),),
        instance={"identity": {"stripPrefix": "oidc:"}},
        asker=("oidc:alice", "developers"),
        approved="AutoApproved",
    ),
}

REFUSED = {
    "a requester who is no developer": Row(
        policies=(a_policy(),),
        asker=("alice", "designers"),
        approved="NotAllowed",
        message="deployers",
    ),
    "a request for another user under a self-service policy": Row(
        policies=(a_policy(),), asker=("dave", "developers"), approved="NotAllowed"
    ),
    "another role than that of the policy": Row(
        policies=(ADMINS,), approved="NotAllowed", message="admins"
    ),
    "a duration above the maximum of the policy": Row(
        policies=(a_policy(maxDuration="30m"),),
        approved="NotAllowed",
        message="at most 30m, not for 1h",
    ),
    "a policy that denies overrides one that allows": Row(
        policies=(a_policy(), NO_DEPLOYMENTS), approved="NotAllowed", message="freeze"
    ),
    "an instance that requires a policy, without one": Row(
        instance={"requireAccessPolicy": True}, approved="NotAllowed"
    ),
    "one of two required approvals": Row(
        policies=(BY_TWO,),
        answers=((BOB, "Approve"),),
        approved="AwaitingApproval",
        message="approvers",
    ),
    "an approval by a user who is no approver": Row(
        policies=(BY_ONE,),
        answers=((("dave", "developers"), "Approve"),),
        approved="AwaitingApproval",
    ),
    "an approval by the requester": Row(
        policies=(BY_ONE,),
        asker=("alice", "developers", "approvers"),
        answers=((("alice", "developers", "approvers"), "Approve"),),
        approved="AwaitingApproval",
    ),
    "a denial after an approval": Row(
        policies=(BY_TWO,),
        answers=((BOB, "Approve"), (CAROL, "Deny")),
        approved="Denied",
        message="carol",
    ),
    "break-glass without a policy that allows it": Row(
        policies=(a_policy(),), grant=EMERGENCY, approved="NotAllowed"
    ),
    "a requester without the stripped prefix": Row(
        policies=(a_policy(),),
        instance={"identity": {"stripPrefix": "oidc:"}},
        approved="NotAllowed",
    ),
}


def request_and_decide(world: ClusterWithPolicies, row: Row) -> None:
    """Create the objects of a row, and wait for its condition."""
    world.apply_policies(*row.policies, **row.instance)
    asker = world.user(*row.asker)
    grant = world.create_grant(asker, "asked", row.subject, **row.grant)
    for person, decision in row.answers:
        world.create_approval(world.user(*person), grant, decision=decision)

    assert row.message in world.wait_for_reason("asked", row.approved, "Approved")


@pytest.mark.parametrize("row", [pytest.param(row, id=i) for i, row in GIVEN.items()])
def test_grant_gives_access(world: ClusterWithPolicies, row: Row) -> None:
    eventually(lambda: not world.may_sync(), within=live_policies.TIMEOUT)
    request_and_decide(world, row)

    eventually(world.may_sync, within=live_policies.TIMEOUT)


@pytest.mark.parametrize("row", [pytest.param(row, id=i) for i, row in REFUSED.items()])
def test_grant_gives_no_access(world: ClusterWithPolicies, row: Row) -> None:
    request_and_decide(world, row)

    assert not world.may_sync()
    assert world.ready("asked")[0] == "False"


def test_requester_needs_permission_of_the_api_server(
    world: ClusterWithPolicies,
) -> None:
    """A policy gives no permission to create a grant."""
    world.apply_policies(a_policy())
    stranger = live_policies.who(world.plane, "mallory", ("developers",))
    refusal = stranger.refused("create", "-f", "-", body=live_policies.a_grant("asked"))

    assert live_policies.FORBIDDEN in refusal
