"""Plan for the roles of one AppProject, and reasons why a member cannot be added."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from argogrant.argocd.appproject.annotation import LIMIT, MEMBERS_ANNOTATION, Token
from argogrant.argocd.overlay import Owner
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredMembers:
    """Members that the grants request for the roles of one project."""

    desired: Mapping[Binding, datetime] = field(default_factory=dict)
    """Bindings of active grants with their expiry, in order of precedence."""
    kept: Mapping[Binding, datetime] = field(default_factory=dict)
    """Bindings whose state is unknown: neither added nor removed."""
    may_add: bool = True
    removes_tokens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """Changes of one AppProject, and the members that cannot be added."""

    project: str
    resource_version: str = ""
    groups: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """New groups of every changed role, by its index in ``spec.roles``."""
    members: str | None = None
    """New value of the annotation; None removes it."""
    tokens: tuple[tuple[str, Token], ...] = ()
    """Tokens to remove, each with its role."""
    to_add: frozenset[Binding] = frozenset()
    to_remove: frozenset[Binding] = frozenset()
    """Managed members that no grant requests."""
    already_bound_by_others: frozenset[Binding] = frozenset()
    """Requested members that another program has already added."""
    obstacles: Mapping[Binding, Finding] = field(default_factory=dict)
    has_work: bool = False

    @property
    def is_urgent(self) -> bool:
        """The write revokes access."""
        return bool(self.to_remove or self.tokens)


def why_not_addable(
    project: str, role: str, subject: str, *, has_group: bool, count: int
) -> Finding | None:
    """Return why a subject cannot be added to a role; None if it can.

    Args:
        project: Name of the AppProject.
        role: Bare name of its role.
        subject: Subject to add.
        has_group: Argo CD accepts the subject as a group.
        count: Number of roles of that name in the project.
    """
    if not has_group:
        return Finding(
            Reason.SUBJECT_REFUSED,
            f"spec.subject.name {quote(subject)} cannot be a member of a role"
            " of an AppProject: Argo CD allows no double quote there. Use another name,"
            " or set bindProjectRolesIn: ConfigMap on the ArgoCDInstance.",
        )
    if count == 1:
        return None
    if count == 0:
        return Finding(
            Reason.ROLE_NOT_FOUND,
            f"AppProject {quote(project)} has no role {quote(role)}.",
        )
    return Finding(
        Reason.PROJECT_INVALID,
        f"AppProject {quote(project)} has {count} roles {quote(role)}, which Argo CD"
        " itself rejects. Rename all but one of them.",
    )


def annotation_full(project: str) -> Finding:
    """Report that the annotations of a project cannot record another member."""
    return Finding(
        Reason.RBAC_TEXT_FULL,
        f"The annotations of AppProject {quote(project)} have no room for another"
        f" member (limit: {LIMIT} bytes for all annotations). Older grants take"
        " precedence. This grant is bound when other grants end. To bind it earlier,"
        " shorten other annotations of the project.",
    )


def annotation_unreadable(project: str, error: MalformedLine) -> Finding:
    """Report that the owner of the members of a project is unknown."""
    return Finding(
        Reason.PROJECT_INVALID,
        f"The annotation {MEMBERS_ANNOTATION} of AppProject {quote(project)} cannot"
        f" be read: {error}. The operator cannot distinguish managed members from"
        " others, so it neither adds nor removes members of this project. Restore the"
        " annotation; or remove it together with the members that argogrant added.",
    )


def owned_by_another(project: str, other: Owner) -> Finding:
    """Report that another ArgoCDInstance manages the members of a project."""
    return Finding(
        Reason.OVERLAY_OWNED_BY_ANOTHER,
        f"AppProject {quote(project)} has members of ArgoCDInstance"
        f" {other.namespace}/{other.instance} (uid {other.uid}). Two instances would"
        " overwrite each other's changes. Delete one of the two instances. If the other"
        f" one no longer exists, remove the annotation {MEMBERS_ANNOTATION} and those"
        " members.",
    )
