"""The members of an AppProject's roles: what is ours of them, and what should be.

A member that somebody else added is never ours: nothing is written for it, and nothing
is taken away. What we add is written down in the same write (``annotation.py``).

Source: argoproj/argo-cd, ``app_project_types.go``, ``ProjectPoliciesString``, which
puts a group into a ``g`` line as it stands, and ``ValidateProject``, which says what a
group may look like.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from argogrant.argocd.appproject.annotation import (
    LIMIT,
    MEMBERS_ANNOTATION,
    Member,
    MembersAnnotation,
    Token,
    read_annotation,
    render_annotation,
    size_of_member,
)
from argogrant.argocd.appproject.plan import (
    DesiredMembers,
    ProjectPlan,
    annotation_full,
    annotation_unreadable,
    owned_by_another,
    why_not_addable,
)
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.overlay import Owner
from argogrant.argocd.policy_line import parse_line
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding

CLOCKS_DIFFER_BY: Final = timedelta(minutes=5)
"""How far argocd-server's clock may be behind ours: tokens tell its time."""


def group_of(subject: str) -> str | None:
    """Write a subject as ``spec.roles[].groups`` holds it.

    Returns:
        None if Argo CD would refuse such a group, or read something else.
    """
    group = f'"{subject}"' if "," in subject else subject
    if '"' in subject or not subject or subject != subject.strip():
        return None
    back = parse_line(f"g, {group}, proj:a:b")
    same = back == Binding(subject, "proj:a:b") and subject.isprintable()
    return group if same else None


def managed_bindings(project: Project) -> Mapping[Binding, datetime | None]:
    """Find what Argo CD gives by our hand, with its end.

    Where the annotation can not be read anybody may be ours, until a time that nobody
    knows.
    """
    if project.members is None:
        return {}
    try:
        roster = read_annotation(project.members)
    except MalformedLine:
        return dict.fromkeys(project.memberships())
    present = _present(project)
    ours = {_binding(project, one): one.until for one in roster.members}
    return {binding: end for binding, end in ours.items() if binding in present}


def owner_of(project: Project) -> Owner | None:
    """Say whose members a project has; None if it has none, or nobody can tell."""
    try:
        return read_annotation(project.members).owner if project.members else None
    except MalformedLine:
        return None


def plan_members(
    project: Project,
    asked: DesiredMembers,
    *,
    owner: Owner,
    living_owners: Collection[Owner] = (),
    now: datetime,
) -> ProjectPlan:
    """Compute what to write so that the project's roles have who is in force.

    Args:
        project: The AppProject as it was seen.
        asked: What the grants want.
        owner: The instance that writes.
        living_owners: The instances of its namespace; the members of another one are
            respected, unless it is of this namespace and nobody alive.
        now: From when on a token may be a new member's.

    Returns:
        A plan without work once it was applied.
    """
    nothing = ProjectPlan(project=project.name)
    try:
        roster = (
            read_annotation(project.members) if project.members is not None else None
        )
    except MalformedLine as error:
        finding = annotation_unreadable(project.name, error)
        concerned = asked.desired.keys() | _present(project)
        return replace(nothing, obstacles=dict.fromkeys(concerned, finding))
    other = roster.owner if roster is not None else owner
    is_dead = other.namespace == owner.namespace and other not in living_owners
    if other != owner and not is_dead:
        finding = owned_by_another(project.name, other)
        return replace(nothing, obstacles=dict.fromkeys(asked.desired, finding))
    draft = _Draft(project, roster.members if roster else ())
    draft.remove_unwanted(asked, roster.roles if roster else ())
    draft.retain(asked)
    draft.add_missing(asked, owner, now)
    return draft.plan(owner, roster)


class _Draft:
    """One project on its way from what it has to what it should have."""

    def __init__(self, project: Project, recorded: Iterable[Member]) -> None:
        self._project = project
        self._recorded = {_binding(project, one): one for one in recorded}
        self._present = _present(project)
        self._groups = [list(role.groups) for role in project.roles]
        self._members: dict[Binding, Member] = {}
        self._tokens: set[tuple[str, Token]] = set()
        self._missing: set[Binding] = set()
        self._extra: set[Binding] = set()
        self._theirs: set[Binding] = set()
        self._obstacles: dict[Binding, Finding] = {}

    def remove_unwanted(
        self, asked: DesiredMembers, names_before: Collection[str]
    ) -> None:
        """Take away what is ours and no grant wants, and what was made by it."""
        names = {role.name for role in self._project.roles}
        for binding, member in self._recorded.items():
            if binding in asked.desired or binding in asked.kept:
                continue
            self._extra.add(binding)
            renamed = names.difference(names_before) if member.role not in names else ()
            self._leave(member, {member.role, *renamed})
            if asked.removes_tokens:
                made = self._project.tokens.get(member.role, ())
                self._tokens |= {
                    (member.role, one) for one in made if member.could_have_issued(one)
                }

    def retain(self, asked: DesiredMembers) -> None:
        """Go on with what is ours; put back what somebody removed."""
        for binding, member in self._recorded.items():
            if binding in asked.desired:
                self._members[binding] = replace(member, until=asked.desired[binding])
                if binding not in self._present:
                    self._join(binding, asked)
            elif binding in asked.kept:  # in doubt no time is added either
                until = min(member.until, asked.kept[binding])
                self._members[binding] = replace(member, until=until)

    def add_missing(self, asked: DesiredMembers, owner: Owner, now: datetime) -> None:
        """Add who is missing, as long as there is room to write down whose they are."""
        size = len(render_annotation(self._annotation(owner, None)).encode())
        room = LIMIT - self._project.annotation_bytes - size
        room -= len(MEMBERS_ANNOTATION)
        for binding in asked.desired:
            if binding in self._recorded:
                continue
            if binding in self._present:
                self._theirs.add(binding)
                continue
            member = self._new(binding, asked.desired[binding], now)
            room -= size_of_member(member)
            if room < 0:
                self._obstacles[binding] = annotation_full(self._project.name)
            elif self._join(binding, asked):
                self._members[binding] = member

    def plan(self, owner: Owner, before: MembersAnnotation | None) -> ProjectPlan:
        """Put together what differs from what the project has."""
        groups = {
            place: tuple(after)
            for place, (role, after) in enumerate(
                zip(self._project.roles, self._groups, strict=True)
            )
            if tuple(after) != role.groups
        }
        text = self._project.members
        alike = (
            render_annotation(self._annotation(owner, before))
            if self._members
            else None
        )
        has_work = bool(groups or self._tokens) or alike != text
        if has_work:  # a new role alone is no reason to write
            roster = self._annotation(owner, None)
            text = render_annotation(roster) if self._members else None
        return ProjectPlan(
            project=self._project.name,
            resource_version=self._project.resource_version,
            groups=groups,
            members=text,
            tokens=tuple(sorted(self._tokens)),
            to_add=frozenset(self._missing),
            to_remove=frozenset(self._extra),
            unmanaged=frozenset(self._theirs),
            obstacles=self._obstacles,
            has_work=has_work,
        )

    def _annotation(
        self, owner: Owner, before: MembersAnnotation | None
    ) -> MembersAnnotation:
        names = tuple(role.name for role in self._project.roles)
        return MembersAnnotation(
            owner=owner,
            members=tuple(self._members.values()),
            roles=before.roles if before is not None else names,
        )

    def _new(self, binding: Binding, until: datetime, now: datetime) -> Member:
        since = now - CLOCKS_DIFFER_BY
        role = _role(self._project, binding)
        made = self._project.tokens.get(role, ())
        return Member(
            role=role,
            subject=binding.subject,
            until=until,
            since=since,
            known=tuple(
                sorted(
                    one.fingerprint
                    for one in made
                    if one.issued_at >= since.timestamp()
                )
            ),
        )

    def _join(self, binding: Binding, asked: DesiredMembers) -> bool:
        group, name = group_of(binding.subject), _role(self._project, binding)
        places = [i for i, r in enumerate(self._project.roles) if r.name == name]
        obstacle = why_not_addable(
            self._project.name,
            name,
            binding.subject,
            has_group=group is not None,
            places=len(places),
        )
        if obstacle is not None:
            self._obstacles[binding] = obstacle
            return False
        if not asked.may_add or group is None:
            return False
        self._groups[places[0]].append(group)
        self._missing.add(binding)
        return True

    def _leave(self, member: Member, names: Collection[str]) -> None:
        group = group_of(member.subject)
        for role, groups in zip(self._project.roles, self._groups, strict=True):
            if role.name in names:
                groups[:] = [one for one in groups if one != group]


def _binding(project: Project, member: Member) -> Binding:
    return Binding(member.subject, f"proj:{project.name}:{member.role}")


def _role(project: Project, binding: Binding) -> str:
    return binding.role.removeprefix(f"proj:{project.name}:")


def _present(project: Project) -> frozenset[Binding]:
    return frozenset(project.memberships())
