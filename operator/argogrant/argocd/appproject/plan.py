"""What the grants want of an AppProject, and what has to change for it.

Why a binding can not be put into an AppProject, in words.
"""

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
    """What the grants want of the roles of one project."""

    desired: Mapping[Binding, datetime] = field(default_factory=dict)
    """What is in force, each with its end; the first are served first."""
    kept: Mapping[Binding, datetime] = field(default_factory=dict)
    """What is left where it is, and never added."""
    may_add: bool = True
    removes_tokens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """What has to change in one AppProject, and what stands in the way."""

    project: str
    resource_version: str = ""
    groups: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """The new groups of the roles, by their place in ``spec.roles``, that change."""
    members: str | None = None
    """The new annotation; None removes it."""
    tokens: tuple[tuple[str, Token], ...] = ()
    """Tokens to remove, each with its role."""
    to_add: frozenset[Binding] = frozenset()
    to_remove: frozenset[Binding] = frozenset()
    """Ours, and not wanted by any grant."""
    unmanaged: frozenset[Binding] = frozenset()
    """Wanted, and there already by somebody else's hand."""
    obstacles: Mapping[Binding, Finding] = field(default_factory=dict)
    has_work: bool = False

    @property
    def is_urgent(self) -> bool:
        """Whether writing takes access away."""
        return bool(self.to_remove or self.tokens)


def why_not_addable(
    project: str, role: str, subject: str, *, has_group: bool, places: int
) -> Finding | None:
    """Say why a subject can not join a role; None if it can.

    Args:
        project: The AppProject.
        role: The bare name of its role.
        subject: Who should join.
        has_group: Argo CD would take the subject for a group as it is.
        places: How many roles of that name the project has.
    """
    if not has_group:
        return Finding(
            Reason.SUBJECT_REFUSED,
            f"spec.subject.name {quote(subject)} can not be a member of a role"
            " of an AppProject: Argo CD allows no double quote there. Use another name,"
            " or bindProjectRolesIn: ConfigMap on the ArgoCDInstance.",
        )
    if places == 1:
        return None
    if places == 0:
        return Finding(
            Reason.ROLE_NOT_FOUND,
            f"AppProject {quote(project)} has no role {quote(role)}.",
        )
    return Finding(
        Reason.PROJECT_INVALID,
        f"AppProject {quote(project)} has {places} roles {quote(role)},"
        " which Argo CD's own pages refuse. Give all but one another name.",
    )


def annotation_full(project: str) -> Finding:
    """Say that a project has no room to write another member down."""
    return Finding(
        Reason.RBAC_TEXT_FULL,
        f"The annotations of AppProject {quote(project)} have no room for another"
        f" member ({LIMIT} bytes over all of them); older grants were first. The others"
        " are bound as soon as grants end or somebody shortens other annotations.",
    )


def annotation_unreadable(project: str, error: MalformedLine) -> Finding:
    """Say that nobody can tell whose the members of a project are."""
    return Finding(
        Reason.PROJECT_INVALID,
        f"The annotation {MEMBERS_ANNOTATION} of AppProject {quote(project)} can"
        f" not be read: {error}. Nothing is added to that project, and nothing removed,"
        " since nobody can tell whose its members are. Restore the annotation; or"
        " remove it, and those members that nobody else wants.",
    )


def owned_by_another(project: str, other: Owner) -> Finding:
    """Say that the members of a project are another instance's."""
    return Finding(
        Reason.OVERLAY_OWNED_BY_ANOTHER,
        f"AppProject {quote(project)} has members of ArgoCDInstance"
        f" {other.namespace}/{other.instance} (uid {other.uid}); two writers would undo"
        " each other. Delete one of the two instances; if that one is gone, remove the"
        f" annotation {MEMBERS_ANNOTATION} and those members.",
    )
