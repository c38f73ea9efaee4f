"""Where each binding is written: in policy.argogrant.csv or in an AppProject. Pure.

Global roles are always bound in the ConfigMap. Roles of AppProjects are bound there
too, or, with ``bindProjectRolesIn: AppProject``, in the groups of the project's role.
When that setting changes, a binding is added in one place first. It is removed from
the other only after the API server has acknowledged the addition, so access has no
gap::

    ConfigMap:   bound ───────────────────────── removed
    AppProject:          added ── acknowledged ─────────── bound
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Final

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.appproject.ended_members import EndedMemory
from argogrant.argocd.appproject.members import (
    DesiredMembers,
    ProjectPlan,
    managed_bindings,
    owner_of,
    plan_members,
)
from argogrant.argocd.appproject.placed_members import PlacedMembers, in_force
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.overlay import Owner
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.plan import Plan, plan, plan_key_removals
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding, PlacedMember
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.window import END_OF_TIME

PROJECTS_UNKNOWN: Final = Finding(
    Reason.INSTANCE_UNAVAILABLE,
    "The AppProjects cannot be read at the moment; see the Ready condition of the"
    " ArgoCDInstance.",
)


PlacedByProject = Mapping[str, PlacedMembers]
"""Members that the statuses of grants record, by project."""
NOTHING_PLACED: Final[PlacedByProject] = {}


def placed_members(decisions: Iterable[Decision]) -> PlacedByProject:
    """Return the members that the statuses of grants record."""
    found = defaultdict[str, list[tuple[Binding, PlacedMember]]](list)
    for decision in decisions:
        grant = decision.grant
        if grant.member is not None and grant.role.project is not None:
            found[grant.role.project].append((grant.binding, grant.member))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingMode:
    """Setting of an instance about roles of AppProjects."""

    in_projects: bool = False
    """True if they are bound in the AppProject."""
    removes_tokens: bool = True
    retention: timedelta | None = None
    """Time for which ended members are recorded; None for ever."""
    records_ends: bool = True
    """False if the instance is being deleted."""

    def concerns(self, project: Project, placed: Collection[str] = ()) -> bool:
        """Return whether a plan has to consider a project.

        ``placed`` are the projects to which a member was added, by any status.
        """
        is_recorded = project.members is not None or project.ended is not None
        return self.in_projects or is_recorded or project.name in placed

    def complete(
        self,
        members: DesiredMembers,
        project: Project,
        memory: EndedMemory,
        placed: PlacedByProject,
    ) -> DesiredMembers:
        """Complete the input of a plan for one project."""
        return replace(
            members,
            removes_tokens=self.removes_tokens,
            retention=self.retention,
            records_ends=self.records_ends,
            remembered=memory.of(project.name),
            placed=placed.get(project.name, ()),
        )


IN_CONFIG_MAP: Final = BindingMode()
NO_MEMORY: Final = EndedMemory()


def binding_mode(instance: Instance | None) -> BindingMode:
    """Return the setting of an instance; any will do for one that is invalid.

    All decisions about its grants are UNCHANGED.
    """
    if instance is None:
        return IN_CONFIG_MAP
    return BindingMode(
        in_projects=instance.binds_in_projects,
        removes_tokens=instance.removes_tokens,
        retention=instance.retention,
        records_ends=not instance.being_deleted,
    )


EndsByProject = defaultdict[str, dict[Binding, datetime]]
"""Bindings of each project with their ends; of several grants the latest end. Those of
global roles have the key ``""``."""


def plan_bindings(  # noqa: PLR0913
    decisions: Collection[Decision],
    seen: Snapshot,
    *,
    owner: Owner,
    living_owners: Collection[Owner],
    mode: BindingMode,
    now: datetime,
    refusal: Finding | None = None,
    memory: EndedMemory = NO_MEMORY,
    placed: PlacedByProject = NOTHING_PLACED,
) -> Plan:
    """Plan the change of policy.argogrant.csv and of every AppProject.

    Args:
        decisions: One for each grant of the instance.
        seen: The state of Argo CD.
        owner: The instance that plans.
        living_owners: The instances of this namespace.
        mode: Where the instance binds roles of AppProjects.
        now: Present time. Tokens issued from then on may have been issued by a new
            member.
        refusal: Why Argo CD's owner does not allow the instance; None if they do.
        memory: Ended members that AppProjects had recorded.
        placed: Members that the statuses of all grants record.
    """
    decisions = _without_overdue(decisions, seen, now)
    projects = [one for one in seen.projects if mode.concerns(one, placed)]
    plan_config_map = partial(
        plan, seen=seen, owner=owner, living_owners=living_owners, refusal=refusal
    )
    if not mode.in_projects and not projects:
        return plan_config_map(decisions)
    in_config_map = list(decisions)
    if mode.in_projects:
        members = frozenset(one for p in projects for one in p.memberships())
        in_config_map = [
            one for one in decisions if _stays_in_config_map(one, seen, members)
        ]
    planned = plan_config_map(in_config_map)
    if planned.blocked is None and mode.in_projects and not seen.projects_are_known:
        planned = replace(planned, blocked=PROJECTS_UNKNOWN)
    desired, kept = _bindings_by_project(decisions, seen, mode)

    def plan_project(project: Project) -> ProjectPlan:
        return plan_members(
            project,
            mode.complete(
                DesiredMembers(
                    desired=desired[project.name],
                    kept=kept[project.name],
                    may_add=planned.blocked is None,
                    undoes_returns=True,
                ),
                project,
                memory,
                placed,
            ),
            owner=owner,
            living_owners=living_owners,
            now=now,
        )

    plans, failures = _plan_each(projects, plan_project)
    return _merge(replace(planned, failures=failures), plans, seen, projects, owner)


def plan_removals(  # noqa: PLR0913
    decisions: Collection[Decision],
    seen: Snapshot,
    *,
    owner: Owner,
    living_owners: Collection[Owner],
    mode: BindingMode,
    now: datetime,
    refusal: Finding | None = None,
    memory: EndedMemory = NO_MEMORY,
    placed: PlacedByProject = NOTHING_PLACED,
) -> Plan:
    """Plan only what ends access: like ``plan_bindings``, without any addition.

    A binding stays while a grant wants it. While the state of that grant is unknown, it
    also ends at the end that was written with it.
    """
    wanted = EndsByProject(dict)
    certain: set[Binding] = set()
    for one in decisions:
        if one.desired_binding is not DesiredBinding.ABSENT:
            binding, end = one.grant.binding, one.window.end
            ends = wanted[one.grant.role.project or ""]
            ends[binding] = max(end, ends.get(binding, end))
            if one.desired_binding is DesiredBinding.PRESENT:
                certain.add(binding)

    def keep(
        ends: Mapping[Binding, datetime], written: Mapping[Binding, datetime | None]
    ) -> dict[Binding, datetime]:
        return {
            binding: end
            for binding, end in ends.items()
            if binding in certain or (written.get(binding) or END_OF_TIME) > now
        }

    def plan_project(project: Project) -> ProjectPlan:
        return plan_members(
            project,
            mode.complete(
                DesiredMembers(
                    kept=keep(wanted[project.name], managed_bindings(project)),
                    may_add=False,
                ),
                project,
                memory,
                placed,
            ),
            owner=owner,
            living_owners=living_owners,
            now=now,
        )

    written = seen.overlay.ends if seen.overlay is not None else {}
    kept = frozenset(one for ends in wanted.values() for one in keep(ends, written))
    planned = plan_key_removals(
        seen, kept, owner=owner, living_owners=living_owners, refusal=refusal
    )
    managed = [
        one for one in seen.projects if one.members is not None or one.name in placed
    ]
    plans, failures = _plan_each(managed, plan_project)
    return replace(
        planned,
        projects=tuple(one for one in plans.values() if one.is_urgent),
        obstacles={
            b: why for one in plans.values() for b, why in one.obstacles.items()
        },
        failures=failures,
    )


def _plan_each(
    projects: Iterable[Project], plan_project: Callable[[Project], ProjectPlan]
) -> tuple[dict[str, ProjectPlan], dict[str, Exception]]:
    """Plan every AppProject; an exception at one leaves the others planned."""
    plans: dict[str, ProjectPlan] = {}
    failures: dict[str, Exception] = {}
    for project in projects:
        try:
            plans[project.name] = plan_project(project)
        except Exception as error:  # noqa: BLE001 - the caller reports it
            failures[project.name] = error
    return plans, failures


def _without_overdue(
    decisions: Collection[Decision], seen: Snapshot, now: datetime
) -> Collection[Decision]:
    """Leave out decisions that would keep a binding after its written end.

    A grant whose state is unknown keeps its binding. If the grant that wrote the
    binding has ended, another one with a later end must not keep it.
    """
    written_end = written_ends(seen)

    def is_overdue(decision: Decision) -> bool:
        if decision.desired_binding is not DesiredBinding.UNCHANGED:
            return False
        end = written_end(decision.grant.binding)
        return end is not None and end <= now

    return [one for one in decisions if not is_overdue(one)]


def members_without_record(
    seen: Snapshot, placed: PlacedByProject, foreign: Collection[str] = ()
) -> AbstractSet[Binding]:
    """Return the members that only the statuses of grants record as argogrant's."""
    return frozenset(
        binding
        for project in seen.projects
        if project.name in placed and project.name not in foreign
        for binding in in_force(placed[project.name])
        if binding in project.memberships()
    )


def member_since(
    seen: Snapshot, foreign: Collection[str] = ()
) -> Mapping[Binding, datetime]:
    """Return since when argogrant's members are in AppProjects, as annotations say.

    Args:
        seen: The state of Argo CD.
        foreign: Projects whose members belong to another instance.
    """
    found: dict[Binding, datetime] = {}
    for project in seen.projects:
        if project.members is None or project.name in foreign:
            continue
        try:
            annotation = project.annotation()
        except MalformedLine:
            continue
        present = project.memberships()
        for one in annotation.members if annotation is not None else ():
            binding = Binding(one.subject, f"proj:{project.name}:{one.role}")
            if binding in present:
                found[binding] = one.since
    return found


def managed_members(
    seen: Snapshot, foreign: Collection[str] = ()
) -> AbstractSet[Binding]:
    """Return the managed bindings in AppProjects, without those of foreign ones."""
    return managed_member_ends(seen, foreign).keys()


def managed_member_ends(
    seen: Snapshot, foreign: Collection[str] = ()
) -> Mapping[Binding, datetime | None]:
    """Return the bindings in AppProjects that argogrant manages, with their ends.

    Args:
        seen: The state of Argo CD.
        foreign: Projects whose members belong to another instance.
    """
    ends: dict[Binding, datetime | None] = {}
    for project in seen.projects:
        if project.members is not None and project.name not in foreign:
            try:
                ends.update(managed_bindings(project))
            except Exception:  # noqa: BLE001 - its plan fails too, and is reported
                ends.update(dict.fromkeys(project.memberships()))
    return ends


def written_ends(seen: Snapshot) -> Callable[[Binding], datetime | None]:
    """Return a function that returns the end that Argo CD has for a binding.

    It returns None if the binding does not exist, or if its end cannot be read.
    AppProjects are read only if the ConfigMap does not contain a binding.
    """
    overlay = seen.overlay.ends if seen.overlay is not None else {}
    members = cache(lambda: managed_member_ends(seen))

    def written_end(binding: Binding) -> datetime | None:
        return overlay.get(binding) or members().get(binding)

    return written_end


def _merge(
    planned: Plan,
    by_project: Mapping[str, ProjectPlan],
    seen: Snapshot,
    projects: Iterable[Project],
    owner: Owner,
) -> Plan:
    """Add the plans of AppProjects to the plan of the ConfigMap."""
    plans = by_project.values()
    to_add = planned.overlay.to_add if planned.overlay is not None else frozenset()
    members_to_add = frozenset[Binding]().union(*(one.to_add for one in plans))
    moves_to_project = bool(members_to_add & _in_config_map(seen))
    moves_to_config_map = bool(to_add & managed_members(seen))
    return replace(
        planned,
        projects=tuple(one for one in plans if one.has_work),
        obstacles={b: why for one in plans for b, why in one.obstacles.items()},
        already_bound_by_others=frozenset[Binding]().union(
            *(one.already_bound_by_others for one in plans)
        ),
        returned=tuple(found for one in plans for found in one.returned),
        foreign_projects=frozenset(
            project.name
            for project in projects
            if project.name in by_project
            and not by_project[project.name].has_work
            and owner_of(project) not in (None, owner)
        ),
        is_moving=moves_to_project or moves_to_config_map,
    )


def _in_config_map(seen: Snapshot) -> AbstractSet[Binding]:
    overlay = seen.config_map.overlay if seen.config_map is not None else None
    return overlay.bindings if overlay is not None else frozenset()


def _stays_in_config_map(
    decision: Decision, seen: Snapshot, members: AbstractSet[Binding]
) -> bool:
    """Return whether the plan of the ConfigMap has to consider a decision.

    Args:
        decision: About one grant.
        seen: The state of Argo CD.
        members: Bindings that AppProjects have, managed or not.
    """
    if (
        decision.grant.role.project is None
        or decision.desired_binding is not DesiredBinding.PRESENT
    ):
        return True
    binding = decision.grant.binding
    return binding in _in_config_map(seen) and binding not in members


def _bindings_by_project(
    decisions: Iterable[Decision], seen: Snapshot, mode: BindingMode
) -> tuple[EndsByProject, EndsByProject]:
    """Group the desired and the kept bindings by project, the oldest grants first."""
    desired, kept = EndsByProject(dict), EndsByProject(dict)
    in_config_map = _in_config_map(seen)
    of_projects = (
        one
        for one in decisions
        if one.grant.role.project and one.desired_binding is not DesiredBinding.ABSENT
    )
    for decision in sorted(of_projects, key=_age):
        binding, project = decision.grant.binding, decision.grant.role.project or ""
        is_present = decision.desired_binding is DesiredBinding.PRESENT
        if is_present and not mode.in_projects and binding in in_config_map:
            continue  # The ConfigMap has it by now, so the project's member can go.
        ends = (desired if is_present and mode.in_projects else kept)[project]
        ends[binding] = max(decision.window.end, ends.get(binding, decision.window.end))
    return desired, kept


def _age(decision: Decision) -> tuple[datetime, str]:
    return decision.grant.created_at, decision.grant.name
