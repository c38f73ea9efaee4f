"""Requests and approvals on a real API server, with access judged by argocd-server.

The whole matrix is in ``tests/unit/grants/access/test_policy_checks.py``; here are the
rows that a reader would try first. The operator, the admission policies and Kubernetes
RBAC are
those that are shipped.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from support import approval_flow
from support.approval_flow import ClosedWorld, a_policy, approved_by
from support.live_cluster import eventually


@pytest.fixture
def world(served: ClosedWorld) -> ClosedWorld:
    """Cluster without a policy; each row creates its own."""
    served.clear()
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
    "without any policy whoever may create grants decides": Row(
        approved="PolicyNotRequired"
    ),
    "a developer gets for herself what a policy gives to developers": Row(
        policies=(a_policy(),), approved="AutoApproved", message="deployers"
    ),
    "one policy that allows it is enough": Row(
        policies=(a_policy(), ADMINS, REVIEWED),
        approved="AutoApproved",
    ),
    "what one person has to approve is given when one of them has": Row(
        policies=(BY_ONE,),
        answers=((BOB, "Approve"),),
        approved="ApprovedByReviewers",
        message="bob",
    ),
    "what two have to approve is given when two of them have": Row(
        policies=(BY_TWO,),
        answers=((BOB, "Approve"), (CAROL, "Approve")),
        approved="ApprovedByReviewers",
        message="carol",
    ),
    "in an emergency nobody has to approve, where a policy says so": Row(
        policies=(AT_ONCE,), grant=EMERGENCY, approved="BreakGlass"
    ),
    "the prefix that Kubernetes puts before names does not count": Row(
        policies=(a_policy(),),
        instance={"identity": {"stripPrefix": "oidc:"}},
        asker=("oidc:alice", "developers"),
        approved="AutoApproved",
    ),
}

REFUSED = {
    "somebody who is no developer gets nothing": Row(
        policies=(a_policy(),),
        asker=("alice", "designers"),
        approved="NotAllowed",
        message="deployers",
    ),
    "nobody gets for another what a policy gives to oneself": Row(
        policies=(a_policy(),), asker=("dave", "developers"), approved="NotAllowed"
    ),
    "another role than the policy's is not given": Row(
        policies=(ADMINS,), approved="NotAllowed", message="admins"
    ),
    "longer than the policy's maximum is not given": Row(
        policies=(a_policy(maxDuration="30m"),),
        approved="NotAllowed",
        message="at most 30m, not for 1h",
    ),
    "a policy that denies counts more than one that allows": Row(
        policies=(a_policy(), NO_DEPLOYMENTS), approved="NotAllowed", message="freeze"
    ),
    "an instance that requires a policy gives nothing without one": Row(
        instance={"requireAccessPolicy": True}, approved="NotAllowed"
    ),
    "one of two approvals is not enough": Row(
        policies=(BY_TWO,),
        answers=((BOB, "Approve"),),
        approved="AwaitingApproval",
        message="approvers",
    ),
    "the approval of somebody whom no policy names is not enough": Row(
        policies=(BY_ONE,),
        answers=((("dave", "developers"), "Approve"),),
        approved="AwaitingApproval",
    ),
    "her own approval is not enough": Row(
        policies=(BY_ONE,),
        asker=("alice", "developers", "approvers"),
        answers=((("alice", "developers", "approvers"), "Approve"),),
        approved="AwaitingApproval",
    ),
    "one refusal ends it, also after an approval": Row(
        policies=(BY_TWO,),
        answers=((BOB, "Approve"), (CAROL, "Deny")),
        approved="Denied",
        message="carol",
    ),
    "an emergency is no reason where no policy says so": Row(
        policies=(a_policy(),), grant=EMERGENCY, approved="NotAllowed"
    ),
    "somebody who came without the prefix can not ask for himself": Row(
        policies=(a_policy(),),
        instance={"identity": {"stripPrefix": "oidc:"}},
        approved="NotAllowed",
    ),
}


def played(world: ClosedWorld, row: Row) -> None:
    """Everything that the row says happens, and its condition says what it says."""
    world.install(*row.policies, **row.instance)
    asker = world.person(*row.asker)
    grant = world.ask(asker, "asked", row.subject, **row.grant)
    for person, decision in row.answers:
        world.agree(world.person(*person), grant, decision=decision)

    assert row.message in world.comes_to_say("asked", row.approved, "Approved")


@pytest.mark.parametrize("row", [pytest.param(row, id=i) for i, row in GIVEN.items()])
def test_grant_gives_access(world: ClosedWorld, row: Row) -> None:
    assert not world.may_sync()
    played(world, row)

    eventually(world.may_sync, within=approval_flow.PATIENCE)


@pytest.mark.parametrize("row", [pytest.param(row, id=i) for i, row in REFUSED.items()])
def test_grant_gives_no_access(world: ClosedWorld, row: Row) -> None:
    played(world, row)

    assert not world.may_sync()
    assert world.ready("asked")[0] == "False"


def test_requester_needs_permission_of_the_api_server(world: ClosedWorld) -> None:
    """A policy gives no permission to create a grant."""
    world.install(a_policy())
    stranger = approval_flow.who(world.plane, "mallory", ("developers",))
    refusal = stranger.refused("create", "-f", "-", body=approval_flow.a_grant("asked"))

    assert approval_flow.REFUSED_BY_RBAC in refusal
