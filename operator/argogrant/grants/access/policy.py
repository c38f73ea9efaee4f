"""Access policies: who may ask for what, for how long, and who has to agree.

The rules by which the people of one instance give access to each other.

Approvals: what an approver said about one grant.

Regular expressions that people write into access policies.

They are RE2, as in CEL: whatever a person writes, matching takes time in proportion to
the text. Python's own ``re`` could be made to stall every revocation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol, cast

import re2

from argogrant.grants.model.identity import (
    Identity,
    IdentityPattern,
    RequesterVerification,
)

DEFAULT_TIMEOUT: Final = timedelta(hours=24)
DEFAULT_BREAK_GLASS: Final = timedelta(hours=1)


class Effect(StrEnum):
    """What a policy does to the requests that it matches."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePattern:
    """Which roles: global ones without a project, else those of such projects.

    Both may be globs. Without a project no role of a project is meant, and with one no
    global role is.
    """

    name: str
    project: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectPatterns:
    """For whom access may be asked; globs apart from ``is_self``."""

    is_self: bool = False
    """For the requester, once his prefix is stripped."""
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JustificationRule:
    """What a justification has to be."""

    required: bool = False
    pattern: str | None = None
    """RE2; has to be found somewhere in the text."""
    hint: str = ""
    """What the pattern wants, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Who has to agree, and until when."""

    required: int
    """How many different approvers; at least one."""
    approvers: tuple[IdentityPattern, ...] = ()
    integration_owners: bool = False
    """The owners that the ArgoCDInstance names may approve."""
    resource_owners: bool = False
    """Whoever owns the project, or the instance for a global role, may approve; where
    nobody is named as the owner, the integration's owners may."""
    self_approval: bool = False
    timeout: timedelta = DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassRule:
    """Access at once and without approval, justified and shown loudly."""

    allowed: bool = False
    max_duration: timedelta = DEFAULT_BREAK_GLASS


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """One AccessPolicy. Empty tuples of ``instances`` mean all of the namespace."""

    uid: str
    name: str
    instances: tuple[str, ...] = ()
    requesters: tuple[IdentityPattern, ...] = ()
    subjects: SubjectPatterns = field(default_factory=SubjectPatterns)
    roles: tuple[RolePattern, ...] = ()
    effect: Effect = Effect.ALLOW
    max_duration: timedelta | None = None
    """None: the instance's ceiling alone."""
    max_extensions: int | None = None
    """How many extensions may follow each other; None: any number, 0: none."""
    max_active_per_subject: int | None = None
    justification: JustificationRule = field(default_factory=JustificationRule)
    approval: ApprovalRule | None = None
    """None: nobody has to agree."""
    break_glass: BreakGlassRule = field(default_factory=BreakGlassRule)


class ApprovalDecision(StrEnum):
    """What an approver says."""

    APPROVE = "Approve"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One AccessApproval."""

    uid: str
    name: str
    grant_name: str
    grant_uid: str
    decision: ApprovalDecision
    approver: Identity | None
    """None if the object names nobody."""
    created_at: datetime
    comment: str = ""
    being_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Who owns an integration, and what is behind it."""

    integration: tuple[IdentityPattern, ...] = ()
    of_projects: Mapping[str, IdentityPattern] = field(default_factory=dict)
    """The owner that an AppProject names, by the project's name."""
    of_global_roles: IdentityPattern | None = None
    """The owner that ``argocd-rbac-cm`` names."""

    def named_owner(self, project: str | None) -> IdentityPattern | None:
        """The owner of a project's roles, or of global ones, as far as one is named."""
        return self.of_projects.get(project) if project else self.of_global_roles


NO_OWNERS: Final = Owners()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """Everything about an instance that who-may-ask and who-agrees depend on."""

    max_duration: timedelta = timedelta(hours=24)
    """The ceiling for every grant, whatever a policy says."""
    policies: tuple[AccessPolicy, ...] = ()
    """Those for this instance, and no others."""
    policies_are_known: bool = True
    """Whether policies and approvals could be read; else one may forbid anything."""
    unreadable_policies: Mapping[str, str] = field(default_factory=dict)
    """Policies that can not be understood, by name, and why."""
    requires_access_policy: bool = False
    """Without any policy nothing is allowed, rather than everything."""
    strip_prefix: str = ""
    """What Kubernetes puts before Argo CD's name for a person."""
    owners: Owners = field(default_factory=Owners)
    identities: RequesterVerification = field(default_factory=RequesterVerification)
    are_open: bool = field(init=False, repr=False, compare=False)
    """Whether Kubernetes' RBAC alone decides who gets access."""

    def __post_init__(self) -> None:
        """Find out once what every decision asks first."""
        are_closed = (
            self.policies
            or self.requires_access_policy
            or self.unreadable_policies
            or not self.policies_are_known
        )
        object.__setattr__(self, "are_open", not are_closed)


class _Pattern(Protocol):
    def search(self, text: str) -> object: ...


def pattern_problem(pattern: str) -> str | None:
    """Say why this is no RE2 pattern, or None if it is one."""
    try:
        _compiled(pattern)
    except re2.error as error:
        return _words_of(error)
    return None


def matches_pattern(pattern: str, text: str) -> bool:
    """Tell whether the pattern is found anywhere; what is no pattern never is."""
    try:
        return _compiled(pattern).search(text) is not None
    except re2.error:
        return False


@lru_cache(maxsize=1 << 8)
def _compiled(pattern: str) -> _Pattern:
    options = re2.Options()
    options.log_errors = False  # or it would print them itself
    return cast("_Pattern", re2.compile(pattern, options=options))


def _words_of(error: Exception) -> str:
    """The message, which re2 gives as bytes."""
    (message,) = error.args
    return message.decode() if isinstance(message, bytes) else str(message)
