"""Access policies, approvals, owners: the rules of one ArgoCDInstance.

An AccessPolicy defines who may request which roles, for whom and for how long, and who
must approve. This module contains the data; ``policy_checks`` evaluates it.

Patterns for justifications are RE2, as in CEL: matching takes time in proportion to
the text, whatever the pattern. A pattern for Python's ``re`` could block the operator,
and with it every revocation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, cast

import re2

from argogrant.grants.access.inheritance import NO_INHERITANCE, RoleInheritance
from argogrant.grants.access.subject_rules import NO_SUBJECT_RULES, SubjectRules
from argogrant.grants.model.identity import (
    Identity,
    IdentityPattern,
    RequesterVerification,
)
from argogrant.grants.model.untrusted_text import cached_if_short

MAX_CACHED_PATTERN: Final = 512
"""Characters; an AccessPolicy allows no longer pattern."""
DEFAULT_TIMEOUT: Final = timedelta(hours=24)
DEFAULT_BREAK_GLASS: Final = timedelta(hours=1)


class Effect(StrEnum):
    """Effect of a policy on the requests that it matches."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePattern:
    """Roles of a policy: global ones without a project, else roles of projects.

    Both fields may be globs. A pattern without a project matches no project role, and
    one with a project matches no global role.
    """

    name: str
    project: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectPatterns:
    """Subjects for whom access may be requested; ``users`` and ``groups`` are globs."""

    is_self: bool = False
    """True if requesters may request access for themselves."""
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JustificationRule:
    """Requirements for the justification of a grant."""

    required: bool = False
    pattern: str | None = None
    """RE2 pattern that must match somewhere in the text."""
    hint: str = ""
    """Explanation of the pattern for requesters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Required approvals: by whom, how many, and by when."""

    required: int
    """Number of different approvers; at least one."""
    approvers: tuple[IdentityPattern, ...] = ()
    integration_owners: bool = False
    """True if the owners that the ArgoCDInstance names may approve."""
    resource_owners: bool = False
    """True if the owner of the project, or of the global roles, may approve. If the
    resource names no owner, the owners of the ArgoCDInstance may approve instead."""
    self_approval: bool = False
    timeout: timedelta = DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassRule:
    """Emergency access: immediate, without approval, but with a justification."""

    allowed: bool = False
    max_duration: timedelta = DEFAULT_BREAK_GLASS


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """One AccessPolicy. Empty ``instances`` mean all instances of the namespace."""

    uid: str
    name: str
    instances: tuple[str, ...] = ()
    requesters: tuple[IdentityPattern, ...] = ()
    subjects: SubjectPatterns = field(default_factory=SubjectPatterns)
    roles: tuple[RolePattern, ...] = ()
    effect: Effect = Effect.ALLOW
    max_duration: timedelta | None = None
    """None: only the maximum of the instance applies."""
    max_extensions: int | None = None
    """Maximum length of a chain of extensions; None: unlimited, 0: no extension."""
    max_active_per_subject: int | None = None
    justification: JustificationRule = field(default_factory=JustificationRule)
    approval: ApprovalRule | None = None
    """None: no approval is required."""
    break_glass: BreakGlassRule = field(default_factory=BreakGlassRule)
    accepts_subject_rules: bool = False
    """True if a subject may have rules of its own, which the grant activates."""


class ApprovalDecision(StrEnum):
    """Decision of an approver."""

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
    """None if the object names no approver."""
    created_at: datetime
    comment: str = ""
    being_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Owners of an ArgoCDInstance, of its AppProjects and of its global roles."""

    integration: tuple[IdentityPattern, ...] = ()
    of_projects: Mapping[str, IdentityPattern] = field(default_factory=dict)
    """Owners that AppProjects name, by the project's name."""
    of_global_roles: IdentityPattern | None = None
    """Owner that ``argocd-rbac-cm`` names."""

    def named_owner(self, project: str | None) -> IdentityPattern | None:
        """Return the owner of a project's roles or of global roles, if one is named."""
        return self.of_projects.get(project) if project else self.of_global_roles


NO_OWNERS: Final = Owners()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """All rules of one ArgoCDInstance that decide who may get access."""

    max_duration: timedelta = timedelta(hours=24)
    """Maximum duration of every grant; no policy can exceed it."""
    policies: tuple[AccessPolicy, ...] = ()
    """Policies that apply to this instance."""
    policies_are_known: bool = True
    """True if policies and approvals could be read; an unread policy could deny."""
    unreadable_policies: Mapping[str, str] = field(default_factory=dict)
    """Invalid policies by name, with the problem."""
    requires_access_policy: bool = False
    """True if an instance without any policy allows nothing instead of everything."""
    strip_prefix: str = ""
    """Prefix of usernames in Kubernetes that Argo CD's usernames lack (``oidc:``)."""
    owners: Owners = field(default_factory=Owners)
    identities: RequesterVerification = field(default_factory=RequesterVerification)
    inheritance: RoleInheritance = field(default=NO_INHERITANCE, repr=False)
    """Roles that roles inherit in Argo CD; Deny policies match them as well."""
    subject_rules: SubjectRules = field(default=NO_SUBJECT_RULES, repr=False)
    """Rules that Argo CD's RBAC policy has for subjects themselves."""
    are_unrestricted: bool = field(init=False, repr=False, compare=False)
    """True if Kubernetes RBAC alone decides, since no policy exists or is required."""

    def __post_init__(self) -> None:
        """Compute once what every decision needs first."""
        are_restricted = (
            self.policies
            or self.requires_access_policy
            or self.unreadable_policies
            or not self.policies_are_known
        )
        object.__setattr__(self, "are_unrestricted", not are_restricted)


def pattern_problem(pattern: str) -> str | None:
    """Return why a text is not a valid RE2 pattern, or None if it is valid."""
    try:
        _search(pattern)
    except re2.error as error:
        return _message_of(error)
    return None


def matches_pattern(pattern: str, text: str) -> bool:
    """Return whether the pattern matches anywhere; an invalid pattern never does."""
    return _matches(_search, pattern, text)


def matches_foreign_pattern(pattern: str, text: str) -> bool:
    """Return the same for a pattern of any author, which is not kept compiled.

    Even a short pattern can take a megabyte, and the library keeps the last 128.
    """
    try:
        return _matches(_compile, pattern, text)
    finally:
        re2.purge()


def _matches(
    compile_: Callable[[str], Callable[[str], object]], pattern: str, text: str
) -> bool:
    try:
        return compile_(pattern)(text) is not None
    except re2.error:
        return False


def _compile(pattern: str) -> Callable[[str], object]:
    options = re2.Options()
    options.log_errors = False  # otherwise the library writes to stderr
    search = re2.compile(pattern, options=options).search
    return cast("Callable[[str], object]", search)


_search: Final = cached_if_short(1 << 8, short=MAX_CACHED_PATTERN)(_compile)


def _message_of(error: Exception) -> str:
    """Return the message of an error of re2, which may be bytes."""
    (message,) = error.args
    return message.decode() if isinstance(message, bytes) else str(message)
