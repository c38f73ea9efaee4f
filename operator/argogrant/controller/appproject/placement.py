"""In which of its two places a binding is written: Argo CD's text, or an AppProject.

A binding that changes its place is written in the new one first; the old one is left
alone until the API server has acknowledged that. Pure.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.appproject.members import managed_bindings, owner_of, plan_members
from argogrant.argocd.appproject.plan import DesiredMembers, ProjectPlan
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.overlay import Owner
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.plan import Plan, plan
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding, Reason

PROJECTS_UNKNOWN: Final = Finding(
    Reason.INSTANCE_UNAVAILABLE,
    "The AppProjects can not be read at the moment; the ArgoCDInstance says why.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingMode:
    """What an instance says of the place of its bindings."""

    in_projects: bool = False
    """Roles of AppProjects are given in the AppProject."""
    removes_tokens: bool = True

    def concerns(self, project: Project) -> bool:
        """Tell whether a plan may have to look at a project."""
        return self.in_projects or project.members is not None


IN_CONFIG_MAP: Final = BindingMode()


def binding_mode(instance: Instance | None) -> BindingMode:
    """Read where bindings belong; in doubt about that, so are all grants."""
    if instance is None:
        return IN_CONFIG_MAP
    return BindingMode(
        in_projects=instance.binds_in_projects, removes_tokens=instance.removes_tokens
    )


@dataclass(slots=True)
class _Desired:
    """What the grants want of one project; the latest end counts."""

    desired: dict[Binding, datetime] = field(default_factory=dict)
    kept: dict[Binding, datetime] = field(default_factory=dict)


def plan_bindings(  # noqa: PLR0913
    decisions: Collection[Decision],
    seen: Snapshot,
    *,
    owner: Owner,
    living_owners: Collection[Owner],
    where: BindingMode,
    now: datetime,
    may_add: bool = True,
) -> Plan:
    """Plan the overlay, and every AppProject that has or should have members of ours.

    Args:
        decisions: One for each grant of the instance.
        seen: What Argo CD has now.
        owner: The instance that plans.
        living_owners: The instances of this namespace.
        where: What the instance says of the place.
        now: From when on a token may be a new member's.
        may_add: False: plan only what takes access away.
    """
    projects = [one for one in seen.projects if where.concerns(one)]
    if not where.in_projects and not projects:
        return plan(
            decisions,
            seen,
            owner=owner,
            living_owners=living_owners,
            may_add=may_add,
        )
    held = _held(projects, where)
    told = list(decisions)
    if where.in_projects:
        told = [d for d in decisions if _stays_in_text(d, seen, held)]
    planned = plan(
        told, seen, owner=owner, living_owners=living_owners, may_add=may_add
    )
    if planned.blocked is None and where.in_projects and not seen.projects_are_known:
        planned = replace(planned, blocked=PROJECTS_UNKNOWN)
    wishes = _desired(decisions, seen, where)
    plans = tuple(
        plan_members(
            project,
            DesiredMembers(
                desired=wishes[project.name].desired if project.name in wishes else {},
                kept=wishes[project.name].kept if project.name in wishes else {},
                may_add=may_add and planned.blocked is None,
                removes_tokens=where.removes_tokens,
            ),
            owner=owner,
            living_owners=living_owners,
            now=now,
        )
        for project in projects
    )
    return _together(planned, plans, seen, projects, owner)


def managed_members(
    seen: Snapshot, foreign: Collection[str] = ()
) -> AbstractSet[Binding]:
    """Find what Argo CD gives by our hand in its AppProjects.

    Args:
        seen: What Argo CD has.
        foreign: Projects with the members of another instance.
    """
    return managed_member_ends(seen, foreign).keys()


def managed_member_ends(
    seen: Snapshot, foreign: Collection[str] = ()
) -> Mapping[Binding, datetime | None]:
    """Find the same, each with its end."""
    ends: dict[Binding, datetime | None] = {}
    for project in seen.projects:
        if project.members is not None and project.name not in foreign:
            ends.update(managed_bindings(project))
    return ends


def _together(
    planned: Plan,
    plans: tuple[ProjectPlan, ...],
    seen: Snapshot,
    projects: Iterable[Project],
    owner: Owner,
) -> Plan:
    written = _in_text(seen)
    added = planned.overlay.to_add if planned.overlay is not None else frozenset()
    joining = frozenset[Binding]().union(*(one.to_add for one in plans))
    ours = managed_members(seen)
    return replace(
        planned,
        projects=tuple(one for one in plans if one.has_work),
        obstacles={b: why for one in plans for b, why in one.obstacles.items()},
        unmanaged=frozenset[Binding]().union(*(one.unmanaged for one in plans)),
        foreign_projects=frozenset(
            project.name
            for project, one in zip(projects, plans, strict=True)
            if owner_of(project) not in (None, owner) and not one.has_work
        ),
        is_moving=bool(joining & written) or bool(added & ours),
    )


def _in_text(seen: Snapshot) -> AbstractSet[Binding]:
    overlay = seen.config_map.overlay if seen.config_map is not None else None
    return overlay.bindings if overlay is not None else frozenset()


def _held(projects: Iterable[Project], where: BindingMode) -> AbstractSet[Binding]:
    """Find what the projects give, by whose hand ever."""
    if not where.in_projects:
        return frozenset()
    return frozenset(one for project in projects for one in project.memberships())


def _stays_in_text(
    decision: Decision, seen: Snapshot, held: AbstractSet[Binding]
) -> bool:
    """Tell whether the text still has to hold a binding, or its end matters there."""
    if (
        decision.grant.role.project is None
        or decision.desired_binding is not DesiredBinding.PRESENT
    ):
        return True
    binding = decision.grant.binding
    return binding in _in_text(seen) and binding not in held


def _desired(
    decisions: Iterable[Decision], seen: Snapshot, where: BindingMode
) -> Mapping[str, _Desired]:
    wishes: dict[str, _Desired] = {}
    written = _in_text(seen)
    for decision in sorted(_of_projects(decisions), key=_age):
        binding, project = decision.grant.binding, decision.grant.role.project or ""
        of_project = wishes.setdefault(project, _Desired())
        if decision.desired_binding is DesiredBinding.UNCHANGED:
            target = of_project.kept
        elif where.in_projects:
            target = of_project.desired
        elif binding in written:
            continue  # it is in its new place, so that the old one may go
        else:
            target = of_project.kept
        end = decision.window.end
        target[binding] = max(end, target.get(binding, end))
    return wishes


def _of_projects(decisions: Iterable[Decision]) -> Iterator[Decision]:
    for decision in decisions:
        if (
            decision.grant.role.project
            and decision.desired_binding is not DesiredBinding.ABSENT
        ):
            yield decision


def _age(decision: Decision) -> tuple[datetime, str]:
    return decision.grant.created_at, decision.grant.name
