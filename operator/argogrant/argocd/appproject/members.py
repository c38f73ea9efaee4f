"""Managed members of AppProject roles: which exist, and which have to change.

The operator never records or removes a member that another program added. It records
its own members in an annotation, in the same write that adds them (``annotation.py``):

    requested by a grant   recorded   in the role   plan
    yes                    no         no            add the member, record it
    yes                    no         yes           unmanaged: leave it
    yes                    yes        no            add the member again
    yes                    yes        yes           update its expiry
    unknown                yes        any           keep it, never extend it
    no                     yes        any           remove it and its tokens

Source: argoproj/argo-cd, ``app_project_types.go``, ``ProjectPoliciesString``, which
copies a group unchanged into a ``g`` line, and ``ValidateProject``, which defines valid
groups.
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

MAX_CLOCK_SKEW: Final = timedelta(minutes=5)
"""Time by which the clock of argocd-server, which dates tokens, may be behind."""


def group_of(subject: str) -> str | None:
    """Format a subject as an item of ``spec.roles[].groups``.

    Returns:
        None if Argo CD would reject such a group, or read another subject.
    """
    group = f'"{subject}"' if "," in subject else subject
    if '"' in subject or not subject or subject != subject.strip():
        return None
    parsed = parse_line(f"g, {group}, proj:a:b")
    is_same = parsed == Binding(subject, "proj:a:b") and subject.isprintable()
    return group if is_same else None


def managed_bindings(project: Project) -> Mapping[Binding, datetime | None]:
    """Find the managed members that are in their roles, with their expiry.

    If the annotation cannot be read, every member may be managed, with unknown expiry.
    """
    if project.members is None:
        return {}
    try:
        annotation = read_annotation(project.members)
    except MalformedLine:
        return dict.fromkeys(project.memberships())
    present = _present(project)
    recorded = {_binding(project, one): one.until for one in annotation.members}
    return {binding: end for binding, end in recorded.items() if binding in present}


def owner_of(project: Project) -> Owner | None:
    """Return the owner of the managed members; None if there is none or unknown."""
    try:
        return read_annotation(project.members).owner if project.members else None
    except MalformedLine:
        return None


def plan_members(
    project: Project,
    members: DesiredMembers,
    *,
    owner: Owner,
    living_owners: Collection[Owner] = (),
    now: datetime,
) -> ProjectPlan:
    """Plan the managed members of the roles of one project.

    Args:
        project: AppProject as last observed.
        members: Members that the grants request.
        owner: ArgoCDInstance that writes.
        living_owners: Existing ArgoCDInstances of the same namespace. Members of
            another instance stay, unless it belongs to this namespace and no longer
            exists.
        now: Current time; a new member cannot have created earlier tokens.

    Returns:
        A plan that changes nothing once it is applied.
    """
    no_change = ProjectPlan(project=project.name)
    try:
        annotation = (
            read_annotation(project.members) if project.members is not None else None
        )
    except MalformedLine as error:
        finding = annotation_unreadable(project.name, error)
        affected = members.desired.keys() | _present(project)
        return replace(no_change, obstacles=dict.fromkeys(affected, finding))
    other = annotation.owner if annotation is not None else owner
    is_deleted = other.namespace == owner.namespace and other not in living_owners
    if other != owner and not is_deleted:
        finding = owned_by_another(project.name, other)
        return replace(no_change, obstacles=dict.fromkeys(members.desired, finding))
    draft = _Draft(project, annotation.members if annotation else ())
    draft.remove_unwanted(members, annotation.roles if annotation else ())
    draft.retain(members)
    draft.add_missing(members, owner, now)
    return draft.plan(owner, annotation)


class _Draft:
    """Groups, members and tokens of one project while its plan is computed."""

    def __init__(self, project: Project, recorded: Iterable[Member]) -> None:
        self._project = project
        self._recorded = {_binding(project, one): one for one in recorded}
        self._present = _present(project)
        self._groups = [list(role.groups) for role in project.roles]
        self._members: dict[Binding, Member] = {}
        self._tokens: set[tuple[str, Token]] = set()
        self._to_add: set[Binding] = set()
        self._to_remove: set[Binding] = set()
        self._already_bound_by_others: set[Binding] = set()
        self._obstacles: dict[Binding, Finding] = {}

    def remove_unwanted(
        self, members: DesiredMembers, previous_roles: Collection[str]
    ) -> None:
        """Remove managed members that no grant requests, and their tokens."""
        names = {role.name for role in self._project.roles}
        for binding, member in self._recorded.items():
            if binding in members.desired or binding in members.kept:
                continue
            self._to_remove.add(binding)
            # A missing role may have been renamed, with its members.
            is_missing = member.role not in names
            renamed = names.difference(previous_roles) if is_missing else ()
            self._remove_group(member, {member.role, *renamed})
            if members.removes_tokens:
                tokens = self._project.tokens.get(member.role, ())
                self._tokens |= {
                    (member.role, one)
                    for one in tokens
                    if member.could_have_issued(one)
                }

    def retain(self, members: DesiredMembers) -> None:
        """Keep the recorded members, and add those that were removed from a role."""
        for binding, member in self._recorded.items():
            if binding in members.desired:
                until = members.desired[binding]
                self._members[binding] = replace(member, until=until)
                if binding not in self._present:
                    self._add_group(binding, members)
            elif binding in members.kept:
                # While the state of a grant is unknown, its expiry is not extended.
                until = min(member.until, members.kept[binding])
                self._members[binding] = replace(member, until=until)

    def add_missing(self, members: DesiredMembers, owner: Owner, now: datetime) -> None:
        """Add missing members while the annotation has the capacity to record them."""
        size = len(render_annotation(self._annotation(owner, None)).encode())
        capacity = LIMIT - self._project.annotation_bytes - size
        capacity -= len(MEMBERS_ANNOTATION)
        for binding in members.desired:
            if binding in self._recorded:
                continue
            if binding in self._present:
                self._already_bound_by_others.add(binding)
                continue
            member = self._new_member(binding, members.desired[binding], now)
            capacity -= size_of_member(member)
            if capacity < 0:
                self._obstacles[binding] = annotation_full(self._project.name)
            elif self._add_group(binding, members):
                self._members[binding] = member

    def plan(self, owner: Owner, before: MembersAnnotation | None) -> ProjectPlan:
        """Return the difference between the draft and the project."""
        groups = {
            index: tuple(after)
            for index, (role, after) in enumerate(
                zip(self._project.roles, self._groups, strict=True)
            )
            if tuple(after) != role.groups
        }
        text = self._project.members
        # The previous role names: a new role alone is no reason to write.
        unchanged = (
            render_annotation(self._annotation(owner, before))
            if self._members
            else None
        )
        has_work = bool(groups or self._tokens) or unchanged != text
        if has_work:
            annotation = self._annotation(owner, None)
            text = render_annotation(annotation) if self._members else None
        return ProjectPlan(
            project=self._project.name,
            resource_version=self._project.resource_version,
            groups=groups,
            members=text,
            tokens=tuple(sorted(self._tokens)),
            to_add=frozenset(self._to_add),
            to_remove=frozenset(self._to_remove),
            already_bound_by_others=frozenset(self._already_bound_by_others),
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

    def _new_member(self, binding: Binding, until: datetime, now: datetime) -> Member:
        since = now - MAX_CLOCK_SKEW
        role = _role(self._project, binding)
        tokens = self._project.tokens.get(role, ())
        return Member(
            role=role,
            subject=binding.subject,
            until=until,
            since=since,
            known=tuple(
                sorted(
                    one.fingerprint
                    for one in tokens
                    if one.issued_at >= since.timestamp()
                )
            ),
        )

    def _add_group(self, binding: Binding, members: DesiredMembers) -> bool:
        group, name = group_of(binding.subject), _role(self._project, binding)
        indices = [i for i, r in enumerate(self._project.roles) if r.name == name]
        obstacle = why_not_addable(
            self._project.name,
            name,
            binding.subject,
            has_group=group is not None,
            count=len(indices),
        )
        if obstacle is not None:
            self._obstacles[binding] = obstacle
            return False
        if not members.may_add or group is None:
            return False
        self._groups[indices[0]].append(group)
        self._to_add.add(binding)
        return True

    def _remove_group(self, member: Member, names: Collection[str]) -> None:
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
