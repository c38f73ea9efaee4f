"""Access that Argo CD has from argogrant: what is written, whatever the grants say.

The managed key of ``argocd-rbac-cm`` and the members annotation of an AppProject name
their owner and the expiry of every binding. So the access that Argo CD has at a time
can be judged without the operator, the ArgoCDInstance and the AccessGrants, which may
have been removed by force.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from argogrant.argocd.appproject.members import managed_bindings, owner_of
from argogrant.argocd.appproject.project import (
    MEMBERS_ANNOTATION,
    MembersAnnotation,
    Project,
)
from argogrant.argocd.overlay import Owner, overlay_lines, read_overlay
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_instant

NAMED = 3
"""Bindings that a message names; it counts the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedAccess:
    """Bindings that argogrant has written into one object of an Argo CD."""

    namespace: str
    """Namespace of Argo CD."""
    project: str = ""
    """Name of the AppProject; empty for ``argocd-rbac-cm``."""
    owner: Owner | None = None
    """The ArgoCDInstance that wrote them; None if the record does not say."""
    ends: Mapping[Binding, datetime | None] = field(default_factory=dict)
    """Every binding with its expiry; None if it cannot be read."""
    problem: str = ""
    """Why more than these bindings may be in effect, as a clause; empty if not."""

    @property
    def place(self) -> str:
        """The object, for messages."""
        if self.project:
            return f"AppProject {self.namespace}/{self.project}"
        return f"{self.namespace}/{CONFIG_MAP_NAME}"

    @property
    def owner_name(self) -> str:
        """The owner, for messages."""
        if self.owner is None:
            return "an unknown ArgoCDInstance"
        return f"ArgoCDInstance {self.owner.namespace}/{self.owner.instance}"

    def ended(self, now: datetime) -> AbstractSet[Binding]:
        """Return the bindings whose expiry has passed; windows are half-open."""
        return {one for one, end in self.ends.items() if end is not None and end <= now}

    def without_end(self) -> AbstractSet[Binding]:
        """Return the bindings whose expiry cannot be read; the sweep keeps them."""
        return {binding for binding, end in self.ends.items() if end is None}

    def describe(self, bindings: Iterable[Binding]) -> str:
        """List bindings with their expiry; of many, the first."""
        found = sorted(bindings, key=lambda one: (self._end(one), one))
        texts = [
            f"{quote(one.subject)} has {quote(one.role)}{self._end(one)}"
            for one in found[:NAMED]
        ]
        more = len(found) - NAMED
        return ", ".join(texts) + (f" and {more} more" if more > 0 else "")

    def _end(self, binding: Binding) -> str:
        end = self.ends[binding]
        return f" until {format_instant(end)}" if end is not None else ""


def access_of_key(namespace: str, data: Mapping[str, str]) -> ManagedAccess | None:
    """Read the managed key of ``argocd-rbac-cm``; return None if it gives nothing."""
    overlay = read_overlay(data)
    if overlay is None or not (overlay.bindings or overlay.has_foreign_lines):
        return None
    problem = f"{OVERLAY_KEY} contains lines that argogrant does not write"
    return ManagedAccess(
        namespace=namespace,
        owner=overlay.owner,
        ends=_latest_ends(overlay.text),
        problem=problem if overlay.has_foreign_lines else "",
    )


def _latest_ends(text: str) -> Mapping[Binding, datetime | None]:
    """Return each binding with its latest expiry; None if it has one without expiry.

    The key of another hand can have a line twice, and Argo CD uses it until both are
    removed.
    """
    ends: dict[Binding, datetime | None] = {}
    for _, end, content in overlay_lines(text):
        if isinstance(content, Binding):
            before = ends.get(content, end)
            ends[content] = max(before, end) if before and end else None
    return ends


def access_of_project(namespace: str, project: Project) -> ManagedAccess | None:
    """Read the managed members of an AppProject; return None if there are none."""
    try:
        annotation = project.annotation()
    except MalformedLine as error:
        problem = (
            f"its annotation {MEMBERS_ANNOTATION} cannot be read ({error}), so every"
            " member of its roles may be one that argogrant added"
        )
        return ManagedAccess(namespace=namespace, project=project.name, problem=problem)
    ends = dict(managed_bindings(project))
    if annotation is not None:
        ends |= _ends_in_renamed_roles(project, annotation)
    if not ends:
        return None
    return ManagedAccess(
        namespace=namespace, project=project.name, owner=owner_of(project), ends=ends
    )


def _ends_in_renamed_roles(
    project: Project, annotation: MembersAnnotation
) -> Mapping[Binding, datetime]:
    """Return the members of missing roles that are members of new roles.

    The sweep and the operator take such a role for a renamed one as well.
    """
    names = {role.name for role in project.roles}
    found = (
        (Binding(member.subject, f"proj:{project.name}:{role}"), member.until)
        for member in annotation.members
        if member.role not in names
        for role in names.difference(annotation.roles)
    )
    present = project.memberships()
    return {binding: end for binding, end in found if binding in present}
