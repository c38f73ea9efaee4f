"""Builders: nothing random, nothing current."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import pytest

from argogrant.grants.access.evaluation import PolicyResult
from argogrant.grants.access.policy import (
    AccessPolicy,
    Approval,
    ApprovalDecision,
    ApprovalRule,
    Effect,
    RolePattern,
    SubjectPatterns,
)
from argogrant.grants.access.request import NO_RELATED_OBJECTS, RelatedObjects
from argogrant.grants.decide import Decision, decide
from argogrant.grants.facts import InstanceState, build_input
from argogrant.grants.model.grant import Grant, RoleRef, Subject, SubjectKind
from argogrant.grants.model.identity import (
    Identity,
    IdentityKind,
    IdentityPattern,
    RequesterVerification,
)
from argogrant.grants.model.reasons import Finding, Reason

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)


def a_grant(subject: str = "alice", role: str = "role:deployer", **overrides: Any):
    """A grant of one hour, created at noon."""
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


def an_instance(**overrides: Any) -> InstanceState:
    """An Argo CD with one global and one project role."""
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
    circumstances: RelatedObjects = NO_RELATED_OBJECTS,
    **instance: Any,
) -> Decision:
    """The decision about a grant."""
    return decide(build_input(grant, an_instance(**instance), now, circumstances))


VERIFIED: Final = RequesterVerification(verified_since=NOON)
"""Whoever asked or approved since noon was checked."""


def an_identity(username: str = "alice", *groups: str) -> Identity:
    """Somebody as the API server knows him."""
    return Identity(username=username, groups=frozenset(groups))


def a_user(name: str) -> IdentityPattern:
    """A user, or users, in a policy."""
    return IdentityPattern(kind=IdentityKind.USER, name=name)


def a_group(name: str) -> IdentityPattern:
    """A group, or groups, in a policy."""
    return IdentityPattern(kind=IdentityKind.GROUP, name=name)


def an_account(namespace: str, name: str) -> IdentityPattern:
    """A service account in a policy."""
    return IdentityPattern(
        kind=IdentityKind.SERVICE_ACCOUNT, name=name, namespace=namespace
    )


def a_role(name: str, project: str | None = None) -> RolePattern:
    """A role, or roles, in a policy."""
    return RolePattern(name=name, project=project)


def approved_by(*approvers: IdentityPattern, of: int = 1, **rule: Any) -> ApprovalRule:
    """So many of these people have to agree."""
    return ApprovalRule(required=of, approvers=approvers, **rule)


def a_policy(name: str = "deployers", **overrides: Any) -> AccessPolicy:
    """A policy by which everybody may ask for role:deployer for himself."""
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


def a_denial(name: str = "never", **overrides: Any) -> AccessPolicy:
    """A policy that forbids everybody role:deployer for any user."""
    patterns = {"subjects": SubjectPatterns(users=("*",)), "effect": Effect.DENY}
    return a_policy(name, **{**patterns, **overrides})


def an_approval(by: str = "bob", *groups: str, **overrides: Any) -> Approval:
    """An approval of g1, a minute after it was created."""
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


def a_refusal(by: str = "bob", *groups: str, **overrides: Any) -> Approval:
    """A refusal of g1, a minute after it was created."""
    return an_approval(by, *groups, **{"decision": ApprovalDecision.DENY, **overrides})


def asks(
    username: str = "alice", *groups: str, group: str = "", **overrides: Any
) -> Grant:
    """A grant that somebody asks for: for himself, for ``subject`` or a ``group``."""
    overrides.setdefault("subject", username)
    grant = a_grant(**{"requester": an_identity(username, *groups), **overrides})
    if not group:
        return grant
    return replace(grant, subject=Subject(kind=SubjectKind.GROUP, name=group))


class Case(NamedTuple):
    """A question: may this grant be in force?"""

    grant: Grant
    at: datetime
    circumstances: RelatedObjects
    instance: dict[str, Any]

    def decided(self) -> Decision:
        """The answer."""
        return decided(self.grant, self.at, self.circumstances, **self.instance)


def case(
    grant: Grant,
    *policies: AccessPolicy,
    at: datetime = NOON,
    approvals: tuple[Approval, ...] = (),
    **others: Any,
) -> Case:
    """A grant before these policies, with these approvals, at this time."""
    chain, active = others.pop("chain", ()), others.pop("active_before", 0)
    instance = {
        "policies": policies,
        "identities": VERIFIED,
        "roles": frozenset({grant.role.bound_as}),
        **others,
    }
    circumstances = RelatedObjects(
        approvals=approvals, chain=chain, active_before=active
    )
    return Case(grant, at, circumstances, instance)


def guarded(
    *approvers: IdentityPattern, name: str = "prod", of: int = 1, **others: Any
) -> AccessPolicy:
    """A policy by which these have to agree; without any, everybody may."""
    rule = {
        key: others.pop(key) for key in ("timeout", "self_approval") if key in others
    }
    everybody = approvers or (a_user("*"), a_group("sre"))
    return a_policy(name, approval=approved_by(*everybody, of=of, **rule), **others)


def asked(
    *approvals: Approval,
    policy: AccessPolicy | None = None,
    grant: Grant | None = None,
    at: datetime = NOON + 2 * MINUTE,
    **others: Any,
) -> Case:
    """Alice's grant under one policy that wants approval, two minutes later."""
    others.setdefault("strip_prefix", "oidc:")
    grant = grant or asks("oidc:alice", subject="alice")
    policy = policy or guarded()
    return case(grant, policy, at=at, approvals=approvals, **others)


class Outcome(NamedTuple):
    """The answer that is expected of a case."""

    reason: Reason
    says: str = ""
    """A part of the message."""
    policy: str | None = None
    end: datetime | None = None

    def of(self, decision: Decision) -> "Outcome":
        """The same of a decision, as far as something is expected."""
        told: Finding | PolicyResult = decision.finding or decision.policy_result
        return Outcome(
            told.reason,
            self.says if self.says in told.message else told.message,
            self.policy and decision.policy_result.policy,
            self.end and decision.window.end,
        )


def rows(table: dict[str, tuple[Case, Outcome]]) -> list[Any]:
    """A table whose ids are its keys."""
    return [pytest.param(*row, id=sentence) for sentence, row in table.items()]
