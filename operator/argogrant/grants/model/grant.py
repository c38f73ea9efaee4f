"""Data of an AccessGrant: who receives which role, from when until when."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import validate_role, validate_subject


class SubjectKind(StrEnum):
    """Intended kind of a subject. Argo CD itself compares bare strings."""

    USER = "User"
    GROUP = "Group"


class Binding(NamedTuple):
    """One ``g`` line of Argo CD's RBAC policy: ``subject`` has ``role``.

    A tuple, as ten thousand are hashed and compared at every reconciliation.
    """

    subject: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Recipient of access: a string that Argo CD compares with a user's claims."""

    kind: SubjectKind
    name: str
    problem: str | None = field(init=False, repr=False, compare=False)
    """Why this subject must never be bound; None if it may be."""

    def __post_init__(self) -> None:
        """Validate the name once instead of at every decision."""
        object.__setattr__(self, "problem", validate_subject(self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRef:
    """Name of an Argo CD role, with its AppProject if it is a project role."""

    name: str
    project: str | None = None
    problem: str | None = field(init=False, repr=False, compare=False)
    """Why this role must never be bound; None if it may be."""

    def __post_init__(self) -> None:
        """Validate the names once instead of at every decision."""
        object.__setattr__(self, "problem", validate_role(self.name, self.project))

    @property
    def bound_as(self) -> str:
        """The role as written in Argo CD's RBAC policy."""
        return f"proj:{self.project}:{self.name}" if self.project else self.name


def project_of(bound_as: str) -> str:
    """Return the AppProject of a role in Argo CD's RBAC policy; empty if global."""
    prefix, _, rest = bound_as.partition(":")
    return rest.partition(":")[0] if prefix == "proj" else ""


class RecordedFinding(NamedTuple):
    """Final end of a grant as its stored condition ``Ended`` records it."""

    reason: Reason
    message: str


class ToolMark(NamedTuple):
    """Mark of a tool that may create an object again after it was deleted."""

    tool: str
    mark: str
    """Such as ``label "app.kubernetes.io/instance"``."""
    applies_again: bool = True
    """False if the tool creates the object once, at the request of a person."""


class AccessRecord(NamedTuple):
    """Record of the access on the AccessGrant itself, for the case of a copy.

    A copy of the object has another uid, and neither a status nor the same creation
    time. The record bounds its window, and never makes it longer.
    """

    uid: str
    """The object that the operator wrote the record for; empty if the record cannot be
    read."""
    start: datetime
    end: datetime
    copy_of: str = ""
    """Uid of the object that this one was copied from; empty if it is no copy."""
    ended: Reason | None = None
    """Why it ended before its end; None if it did not."""


class PlacedMember(NamedTuple):
    """Member of a role of an AppProject that argogrant added for a grant.

    The status of the grant records it. Its owners write the AppProject, so the
    annotation there, which says the same, can be lost.
    """

    since: datetime
    """As in the annotation of the AppProject; tells periods apart."""
    removed_at: datetime | None = None
    """When the operator saw that it is no member any more; None before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One AccessGrant with everything that decisions depend on.

    Times are aware, in UTC and in whole seconds. ``not_before`` was rounded up,
    ``expires_at`` and ``duration`` were rounded down: access is never longer than
    written.
    """

    uid: str
    namespace: str
    name: str
    instance: str
    subject: Subject
    role: RoleRef
    created_at: datetime
    expires_at: datetime | None = None
    duration: timedelta | None = None
    not_before: datetime | None = None
    frozen_end: datetime | None = None
    """End that was reported when the grant started; it can only move earlier."""
    revoked: bool = False
    revocation_justification: str | None = None
    mark: ToolMark | None = None
    """Mark of a tool that may create the object again."""
    label_keys: frozenset[str] = field(default=frozenset(), compare=False)
    """Keys of its labels; Argo CD can be configured to use any as its mark. A label
    that is added later triggers no decision."""
    being_deleted: bool = False
    requester: Identity | None = None
    """Requester that the object names; it may be unverified."""
    justification: str = ""
    extends: str | None = None
    """Name of the grant that this one extends."""
    break_glass: bool = False
    recorded_policy: str | None = None
    """Access policy that allowed the grant, according to its status."""
    recorded_extension: int | None = None
    """Number of grants that it extends; None if it has not started."""
    recorded_finding: RecordedFinding | None = None
    """Final end that cannot be derived again, because its cause may be deleted."""
    has_finalizer: bool = False
    """True if it had no obstacle to access at some time: the operator's finalizer is
    written when access is about to be given, and stays."""
    metadata_problem: str = ""
    """Which limit the object's metadata exceeds; empty if none."""
    member: PlacedMember | None = None
    """The member of an AppProject that argogrant added for it, according to its
    status."""
    record: AccessRecord | None = None
    """Its own record, or that of the object that it was copied from."""
    binding: Binding = field(init=False, repr=False, compare=False)
    """The line that this grant adds to Argo CD's RBAC policy."""
    earliest_start: datetime = field(init=False, repr=False, compare=False)
    """Start of the grant if no approval is required."""
    original: str = field(init=False, repr=False, compare=False)
    """Uid of the object that this one was copied from; empty if it is no copy."""
    is_recorded: bool = field(init=False, repr=False, compare=False)
    """True if the object has the operator's finalizer and a record of its own, without
    which it gets no binding."""

    def __post_init__(self) -> None:
        """Derive once what every reconciliation needs."""
        binding = Binding(self.subject.name, self.role.bound_as)
        object.__setattr__(self, "binding", binding)
        start = max(self.created_at, self.not_before or self.created_at)
        object.__setattr__(self, "earliest_start", start)
        record, original, has_own = self.record, "", False
        if record is not None:
            has_own = record.uid == self.uid
            original = record.copy_of if has_own else record.uid
        object.__setattr__(self, "original", original)
        object.__setattr__(self, "is_recorded", self.has_finalizer and has_own)


def accounted_to(grant: Grant, named_since: datetime | None) -> str | None:
    """Return the user whose quota and share a grant uses.

    Args:
        grant: The grant.
        named_since: Creation from which the name in an object counts; None if none
            does (``RequesterVerification.named_since``).

    Returns:
        The user name; "" for all requesters that are not verified; None if none is, so
        nothing tells one from another.
    """
    if named_since is None:
        return None
    if grant.requester is None or grant.created_at < named_since:
        return ""
    return grant.requester.username


MAX_PERMISSIONS: Final = 3
"""Number of permissions that a message lists."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RoleRisks:
    """Risks of a role, including the roles that it inherits."""

    has_deny: bool = False
    """True if it has deny rules: granting it can remove permissions."""
    persistent_permissions: tuple[str, ...] = ()
    """Permissions with which access can outlast a grant, as ``exec create``."""

    @property
    def can_persist(self) -> bool:
        """Return whether its recipient can keep access after the grant."""
        return bool(self.persistent_permissions)


NO_RISKS: Final = RoleRisks()


@lru_cache(maxsize=1 << 10)
def role_warning(risks: RoleRisks) -> str:
    """Return a warning in sentences; empty if the role has no risks."""
    sentences = []
    if risks.has_deny:
        sentences.append(
            "The role has deny rules, which also override what other roles allow this"
            " subject."
        )
    if risks.can_persist:
        listed = ", ".join(risks.persistent_permissions[:MAX_PERMISSIONS])
        others = len(risks.persistent_permissions) - MAX_PERMISSIONS
        more = f" and {others} more" if others > 0 else ""
        sentences.append(
            f"The role can make access outlast the grant ({listed}{more}). Review what"
            " was changed when the grant ends."
        )
    return " ".join(sentences)
