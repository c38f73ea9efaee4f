"""Access policies: who may ask for what, for how long, and who has to agree."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from argogrant.grants.model.identity import IdentityPattern

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
