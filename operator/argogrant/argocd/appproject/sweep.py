"""Removal of expired members of an AppProject that needs only its annotation."""

from dataclasses import dataclass
from datetime import datetime

from argogrant.argocd.appproject.annotation import read_annotation
from argogrant.argocd.appproject.members import managed_bindings, owner_of, plan_members
from argogrant.argocd.appproject.plan import DesiredMembers, ProjectPlan
from argogrant.argocd.appproject.project import Project
from argogrant.grants.model.grant import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptMembers:
    """Number of removed and kept members, and of removed tokens."""

    removed: int = 0
    kept: int = 0
    unreadable: int = 0
    """Projects whose annotation cannot be read; they stay unchanged."""
    tokens: int = 0

    def __add__(self, other: "SweptMembers") -> "SweptMembers":
        """Add the numbers of two projects."""
        return SweptMembers(
            removed=self.removed + other.removed,
            kept=self.kept + other.kept,
            unreadable=self.unreadable + other.unreadable,
            tokens=self.tokens + other.tokens,
        )


def sweep_members(
    project: Project, now: datetime
) -> tuple[SweptMembers, ProjectPlan | None]:
    """Plan the removal of expired members and of the tokens that they can have created.

    Args:
        project: AppProject to sweep.
        now: A member that expires at this instant is expired: windows are half-open.

    Returns:
        The numbers, and the plan; None instead of a plan that changes nothing.
    """
    owner = owner_of(project)
    if project.members is None or owner is None:
        return SweptMembers(unreadable=project.members is not None), None
    kept = {
        Binding(one.subject, f"proj:{project.name}:{one.role}"): one.until
        for one in read_annotation(project.members).members
        if one.until > now
    }
    planned = plan_members(project, DesiredMembers(kept=kept), owner=owner, now=now)
    swept = SweptMembers(
        removed=len(planned.to_remove & managed_bindings(project).keys()),
        kept=len(kept),
        tokens=len(planned.tokens),
    )
    return swept, planned if planned.has_work else None
