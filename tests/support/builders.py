"""Builders of domain objects with fixed values and times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import pytest

from argogrant.grants.access.evaluation import PolicyResult
from argogrant.grants.access.history import EarlierAccess
from argogrant.grants.access.policy import (
    AccessPolicy,
    Approval,
    ApprovalDecision,
    ApprovalRule,
    Effect,
    RolePattern,
    SubjectPatterns,
)
from argogrant.grants.access.policy_checks import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.checks import InstanceState, build_input
from argogrant.grants.decide import Decision, DesiredBinding, decide
from argogrant.grants.model.grant import (
    AccessRecord,
    Grant,
    RoleRef,
    Subject,
    SubjectKind,
    ToolMark,
)
from argogrant.grants.model.identity import (
    Identity,
    IdentityKind,
    IdentityPattern,
    RequesterVerification,
)
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.status_notes import StatusNotes, add_notes

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)


def a_grant(subject: str = "alice", role: str = "role:deployer", **overrides: Any):
    """Build a grant of one hour, created at noon."""
    project = overrides.pop("project", None)
    if "expires_at" not in overrides:
        overrides.setdefault("duration", HOUR)
    return Grant(
        **{
            "uid": "u1",
            "namespace": "argogrant",
            "name": "g1",
            "instance": "default",
            "subject": Subject(kind=SubjectKind.USER, name=subject),
            "role": RoleRef(name=role, project=project),
            "created_at": NOON,
            **overrides,
        }
    )


TRACKED: Final = ToolMark("Argo CD", 'annotation "argocd.argoproj.io/tracking-id"')
"""Mark of a grant that Argo CD applies from Git."""
RESTORED: Final = ToolMark(
    "Velero", 'label "velero.io/restore-name"', applies_again=False
)


def a_record(**overrides: Any) -> AccessRecord:
    """Build the record of that grant, written by the operator at noon."""
    fields = {"uid": "u1", "start": NOON, "end": NOON + HOUR, **overrides}
    return AccessRecord(**fields)


NOTES: Final = (
    *("role_risks", "login", "similar_roles"),
    "known_names",
)


def an_instance(**overrides: Any) -> InstanceState:
    """Build an instance with one global and one project role."""
    return InstanceState(
        **{
            "name": "default",
            "roles": frozenset({"role:deployer", "proj:team-a:deployer"}),
            "names_used_as_roles": frozenset({"team-leads", "readers"}),
            **overrides,
        }
    )


def decided(
    grant: Grant,
    now: datetime = NOON,
    related: RelatedObjects = NO_RELATED_OBJECTS,
    **instance: Any,
) -> Decision:
    """Decide about a grant, with notes."""
    told = {key: instance.pop(key) for key in NOTES if key in instance}
    told |= {key: instance[key] for key in ("subject_rules",) if key in instance}
    told["strip_prefix"] = instance.get("strip_prefix", "")
    earlier = instance.pop("earlier", None)
    decision = decide(build_input(grant, an_instance(**instance), now, related))
    return add_notes(decision, StatusNotes(**told), earlier)


VERIFIED: Final = RequesterVerification(verified_since=NOON)
"""Requesters and approvers of objects created since noon are verified."""


def an_identity(username: str = "alice", *groups: str) -> Identity:
    """Build the identity of a user with groups."""
    return Identity(username=username, groups=frozenset(groups))


def a_user(name: str) -> IdentityPattern:
    """Build a pattern for users of a policy."""
    return IdentityPattern(kind=IdentityKind.USER, name=name)


def a_group(name: str) -> IdentityPattern:
    """Build a pattern for groups of a policy."""
    return IdentityPattern(kind=IdentityKind.GROUP, name=name)


def an_account(namespace: str, name: str) -> IdentityPattern:
    """Build a pattern for service accounts of a policy."""
    return IdentityPattern(
        kind=IdentityKind.SERVICE_ACCOUNT, name=name, namespace=namespace
    )


def a_role(name: str, project: str | None = None) -> RolePattern:
    """Build a pattern for roles of a policy."""
    return RolePattern(name=name, project=project)


def approval_by(*approvers: IdentityPattern, of: int = 1, **rule: Any) -> ApprovalRule:
    """Build a rule that requires approvals by these approvers."""
    return ApprovalRule(required=of, approvers=approvers, **rule)


def a_policy(name: str = "deployers", **overrides: Any) -> AccessPolicy:
    """Build a policy that lets users request role:deployer for themselves."""
    return AccessPolicy(
        **{
            "uid": f"uid of {name}",
            "name": name,
            "requesters": (a_user("*"),),
            "subjects": SubjectPatterns(is_self=True),
            "roles": (a_role("role:deployer"),),
            **overrides,
        }
    )


def a_deny_policy(name: str = "never", **overrides: Any) -> AccessPolicy:
    """Build a policy that denies role:deployer for any user."""
    patterns = {"subjects": SubjectPatterns(users=("*",)), "effect": Effect.DENY}
    return a_policy(name, **{**patterns, **overrides})


def an_approval(by: str = "bob", *groups: str, **overrides: Any) -> Approval:
    """Build an approval of grant g1, a minute after its creation."""
    return Approval(
        **{
            "uid": f"uid of {by}'s",
            "name": f"by-{by}",
            "grant_name": "g1",
            "grant_uid": "u1",
            "decision": ApprovalDecision.APPROVE,
            "approver": an_identity(by, *groups),
            "created_at": NOON + MINUTE,
            **overrides,
        }
    )


def a_denial(by: str = "bob", *groups: str, **overrides: Any) -> Approval:
    """Build a denial of grant g1, a minute after its creation."""
    return an_approval(by, *groups, **{"decision": ApprovalDecision.DENY, **overrides})


def grant_by(
    username: str = "alice", *groups: str, group: str = "", **overrides: Any
) -> Grant:
    """Build a grant with a requester, who is also the subject if no other is given."""
    overrides.setdefault("subject", username)
    grant = a_grant(**{"requester": an_identity(username, *groups), **overrides})
    if not group:
        return grant
    return replace(grant, subject=Subject(kind=SubjectKind.GROUP, name=group))


class Case(NamedTuple):
    """Input of one decision."""

    grant: Grant
    at: datetime
    related: RelatedObjects
    instance: dict[str, Any]

    def decision(self) -> Decision:
        """Decide about the grant."""
        return decided(self.grant, self.at, self.related, **self.instance)


def policy_case(
    grant: Grant,
    *policies: AccessPolicy,
    at: datetime = NOON,
    approvals: tuple[Approval, ...] = (),
    **others: Any,
) -> Case:
    """Build a case of a grant under policies, with approvals, at a time."""
    earlier = EarlierAccess(
        in_chain=others.pop("in_chain", 0),
        ahead=others.pop("ahead", timedelta()),
        active=others.pop("active_before", 0),
    )
    related = RelatedObjects(
        approvals=approvals,
        chain=others.pop("chain", ()),
        extended_until=others.pop("extended_until", None),
        earlier=earlier,
        written_end=others.pop("written_end", None),
    )
    instance = {
        "policies": policies,
        "identities": VERIFIED,
        "roles": frozenset({grant.role.bound_as}),
        **others,
    }
    return Case(grant, at, related, instance)


def approval_policy(
    *approvers: IdentityPattern, name: str = "prod", of: int = 1, **others: Any
) -> AccessPolicy:
    """Build a policy that requires approval, by any user if no approver is given."""
    rule = {
        key: others.pop(key) for key in ("timeout", "self_approval") if key in others
    }
    approvers = approvers or (a_user("*"), a_group("sre"))
    return a_policy(name, approval=approval_by(*approvers, of=of, **rule), **others)


def approval_case(
    *approvals: Approval,
    policy: AccessPolicy | None = None,
    grant: Grant | None = None,
    at: datetime = NOON + 2 * MINUTE,
    **others: Any,
) -> Case:
    """Build a case of alice's grant under one policy that requires approval."""
    others.setdefault("strip_prefix", "oidc:")
    grant = grant or grant_by("oidc:alice", subject="alice")
    policy = policy or approval_policy()
    return policy_case(grant, policy, at=at, approvals=approvals, **others)


class Outcome(NamedTuple):
    """Expected result of a case."""

    reason: Reason
    message: str = ""
    """Part of the message."""
    policy: str | None = None
    end: datetime | None = None
    is_kept: bool | None = None
    """True if an existing line stays and none is added."""

    def of(self, decision: Decision) -> "Outcome":
        """Return the result of a decision, reduced to what is expected."""
        result: Finding | PolicyResult = decision.finding or decision.policy_result
        return Outcome(
            result.reason,
            self.message if self.message in result.message else result.message,
            self.policy and decision.policy_result.policy,
            self.end and decision.window.end,
            None
            if self.is_kept is None
            else decision.desired_binding is DesiredBinding.UNCHANGED,
        )


def rows(table: dict[str, tuple[Case, Outcome]]) -> list[Any]:
    """Build test parameters whose ids are the keys of a table."""
    return [pytest.param(*row, id=name) for name, row in table.items()]
