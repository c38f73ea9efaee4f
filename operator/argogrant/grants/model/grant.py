"""The domain's nouns: who receives which role, and from when until when."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import validate_role, validate_subject


class SubjectKind(StrEnum):
    """What a subject is meant to be. Advice: Argo CD compares bare strings."""

    USER = "User"
    GROUP = "Group"


class Binding(NamedTuple):
    """A ``g`` line: whoever is ``subject`` holds ``role``.

    A tuple, since ten thousand of them are hashed and compared at every convergence.
    """

    subject: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who receives access: a string that Argo CD finds in a person's claims."""

    kind: SubjectKind
    name: str
    problem: str | None = field(init=False, repr=False, compare=False)
    """Why nothing is bound to it, whatever else is so; None if something may be."""

    def __post_init__(self) -> None:
        """Look at the name once; it is asked about at every decision."""
        object.__setattr__(self, "problem", validate_subject(self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRef:
    """An Argo CD role by its name, and by its project where it belongs to one."""

    name: str
    project: str | None = None
    problem: str | None = field(init=False, repr=False, compare=False)
    """Why it is never bound, whatever else is so; None if it may be."""

    def __post_init__(self) -> None:
        """Look at the names once; they are asked about at every decision."""
        object.__setattr__(self, "problem", validate_role(self.name, self.project))

    @property
    def bound_as(self) -> str:
        """The role as Argo CD's RBAC text says it."""
        return f"proj:{self.project}:{self.name}" if self.project else self.name


class RecordedEnd(NamedTuple):
    """Why a grant was said to be over for good, as its condition ``Ended`` says it."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One AccessGrant, as far as it decides anything.

    Instants are aware, UTC and whole seconds; ``not_before`` was rounded up and
    ``expires_at`` and ``duration`` down, so that access is never longer than written.
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
    """The end that was reported at activation; from then on it only moves earlier."""
    revoked: bool = False
    revocation_justification: str | None = None
    tracked_by_git: bool = False
    being_deleted: bool = False
    requester: Identity | None = None
    """Who asked, as far as the object says so."""
    justification: str = ""
    extends: str | None = None
    """The name of the grant that this one continues."""
    break_glass: bool = False
    recorded_policy: str | None = None
    """The access policy that the status says has admitted it."""
    recorded_extension: int | None = None
    """How many grants it continued when it began; None if it has not begun."""
    recorded_end: RecordedEnd | None = None
    """An end that can not be derived anew, since its cause may be gone."""
    binding: Binding = field(init=False, repr=False, compare=False)
    """The line that the grant wants."""
    earliest_start: datetime = field(init=False, repr=False, compare=False)
    """When it could begin if nobody had to agree."""

    def __post_init__(self) -> None:
        """Derive once what is asked for at every convergence."""
        binding = Binding(self.subject.name, self.role.bound_as)
        object.__setattr__(self, "binding", binding)
        start = max(self.created_at, self.not_before or self.created_at)
        object.__setattr__(self, "earliest_start", start)
