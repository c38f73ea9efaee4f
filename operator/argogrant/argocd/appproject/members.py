"""Managed members of AppProject roles: which exist, which to change, and the sweep.

The operator never records or removes a member that another program added. It records
its own members in an annotation, in the same write that adds them (``project.py``):

    requested by a grant   recorded   in the role   plan
    yes                    no         no            add the member, record it
    yes                    no         yes           unmanaged: leave it
    yes                    yes        no            add the member again
    yes                    yes        yes           update its expiry
    unknown                yes        any           keep it, never extend it
    no                     yes        any           remove it and its tokens
    no                     ended      yes           remove it once, then report it

The administrators of a project can drop the annotation, also by mistake, so the status
of each grant says too that its member was added (``placed_members.py``).

Source: argoproj/argo-cd, ``app_project_types.go``, ``ProjectPoliciesString``, which
copies a group unchanged into a ``g`` line, and ``ValidateProject``, which defines valid
groups.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from argogrant.argocd.appproject.ended_members import (
    ENDED_ANNOTATION,
    EndedMember,
    EndedMembers,
    ReturnedMember,
    fingerprints,
)
from argogrant.argocd.appproject.placed_members import (
    MAX_CLOCK_SKEW,
    PlacedMembers,
    ended_again,
    in_force,
)
from argogrant.argocd.appproject.project import (
    LIMIT,
    MEMBERS_ANNOTATION,
    Member,
    MembersAnnotation,
    Project,
    issued_by,
    render_annotation,
    size_of_member,
    subject_of,
)
from argogrant.argocd.appproject.tokens import Token
from argogrant.argocd.overlay import Owner
from argogrant.argocd.policy_csv import parse_line
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.untrusted_text import utf8_size
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
    remembered: Collection[EndedMember] = ()
    """Ended members that the annotation may no longer record."""
    placed: PlacedMembers = ()
    """Members that the statuses of grants record."""
    undoes_returns: bool = False
    """Ended members that have returned are removed, or reported."""
    retention: timedelta | None = None
    """Time for which ended members are recorded; None for ever."""
    records_ends: bool = True
    """False if ended members are forgotten, because argogrant leaves this Argo CD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """Changes of one AppProject, and the members that cannot be added."""

    project: str
    resource_version: str = ""
    groups: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """New groups of every changed role, by its index in ``spec.roles``."""
    members: str | None = None
    """New value of the annotation; None removes it."""
    writes_ended: bool = False
    """The annotation of the ended members is changed."""
    ended: str | None = None
    """New value of that annotation; None removes it."""
    returned: tuple[ReturnedMember, ...] = ()
    """Ended members that have returned: removed again, or kept."""
    new_returns: tuple[ReturnedMember, ...] = ()
    """Those of them that this plan removes or keeps for the first time."""
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
        undone = any(not one.is_kept for one in self.new_returns)
        return bool(self.to_remove or self.tokens or undone)

    @property
    def is_record_only(self) -> bool:
        """The write changes annotations and nobody's access."""
        return self.has_work and not (self.is_urgent or self.to_add or self.groups)


def group_of(subject: str) -> str | None:
    """Format a subject as an item of ``spec.roles[].groups``.

    Return None if Argo CD would reject such a group, or read another subject.
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
    try:
        annotation = project.annotation()
    except MalformedLine:
        return dict.fromkeys(project.memberships())
    present = project.memberships()
    members = annotation.members if annotation is not None else ()
    recorded = {_binding(project, one): one.until for one in members}
    return {binding: end for binding, end in recorded.items() if binding in present}


def owner_of(project: Project) -> Owner | None:
    """Return the owner of the managed members; None if there is none or unknown."""
    try:
        annotation = project.annotation()
    except MalformedLine:
        return None
    return annotation.owner if annotation is not None else None


def ended_members_of(
    project: Project, owner: Owner, living_owners: Collection[Owner]
) -> Sequence[EndedMember] | None:
    """Return the recorded ended members; None if they are of another instance."""
    ended = project.ended_members
    if ended.owner is not None and _is_foreign(ended.owner, owner, living_owners):
        return None
    return ended.members


def plan_members(
    project: Project,
    members: DesiredMembers,
    *,
    owner: Owner,
    living_owners: Collection[Owner] = (),
    now: datetime,
) -> ProjectPlan:
    """Plan the managed members of the roles of one project.

    Members of another ArgoCDInstance than ``owner`` stay, unless it belongs to the same
    namespace and no longer exists: ``living_owners`` are the existing instances of that
    namespace. New members cannot have created tokens before ``now``. The plan after an
    applied one changes nothing.
    """
    no_change = ProjectPlan(project=project.name)
    try:
        annotation = project.annotation()
    except MalformedLine as error:
        finding = _annotation_unreadable(project.name, error)
        affected = members.desired.keys() | project.memberships()
        return replace(no_change, obstacles=dict.fromkeys(affected, finding))
    other = annotation.owner if annotation is not None else owner
    if _is_foreign(other, owner, living_owners):
        finding = _owned_by_another(project.name, other)
        return replace(no_change, obstacles=dict.fromkeys(members.desired, finding))
    draft = _Draft(
        project, members, annotation, owner, living_owners=living_owners, now=now
    )
    draft.remove_unwanted()
    draft.retain()
    if members.undoes_returns:
        draft.undo_returns()
    draft.add_missing()
    return draft.plan()


class _Draft:
    """Groups, members and tokens of one project while its plan is computed."""

    def __init__(  # noqa: PLR0913
        self,
        project: Project,
        members: DesiredMembers,
        annotation: MembersAnnotation | None,
        owner: Owner,
        *,
        living_owners: Collection[Owner],
        now: datetime,
    ) -> None:
        self._project, self._requested, self._owner = project, members, owner
        self._now = now
        self._role_names = tuple(role.name for role in project.roles)
        self._indices = defaultdict[str, list[int]](list)
        for index, name in enumerate(self._role_names):
            self._indices[name].append(index)
        self._previous_names = annotation.roles if annotation else self._role_names
        recorded = annotation.members if annotation else ()
        self._recorded = {_binding(project, one): one for one in recorded}
        self._present = project.memberships()
        self._restore_records()
        self._groups = [list(role.groups) for role in project.roles]
        self._members: dict[Binding, Member] = {}
        self._tokens: set[tuple[str, Token]] = set()
        self._to_add: set[Binding] = set()
        self._to_remove: set[Binding] = set()
        self._already_bound_by_others: set[Binding] = set()
        self._adopted: set[Binding] = set()
        """Members that have returned while a grant requests them again."""
        self._obstacles: dict[Binding, Finding] = {}
        self._known: dict[str, tuple[str, ...]] = {}
        """Fingerprints of the tokens of each role that a new member knows."""
        records = ended_members_of(project, owner, living_owners)
        self._is_ended_foreign = records is None
        self._ended = EndedMembers(
            project.name,
            [
                *(records or ()),
                *members.remembered,
                *ended_again(project, members.placed, self._wanted_since()),
            ]
            if members.records_ends
            else (),
            is_back=lambda one: bool(
                self._to_binding(one.role, one.subject) in self._present
                or self._returned_tokens(one)
            ),
            now=now,
            retention=members.retention,
        )

    def _wanted_since(self) -> dict[Binding, datetime]:
        requested = self._requested
        return {
            binding: one.since
            for binding, one in self._recorded.items()
            if binding in requested.desired or binding in requested.kept
        }

    def _restore_records(self) -> None:
        """Take the members as recorded that only the statuses of grants record."""
        requested = self._requested
        for binding, since in in_force(requested.placed).items():
            if binding not in self._present or binding in self._recorded:
                continue
            role = self._role_of(binding)
            joined = since + MAX_CLOCK_SKEW
            end = requested.desired.get(binding) or requested.kept.get(binding)
            self._recorded[binding] = Member(
                role=role,
                subject=binding.subject,
                until=end or self._now,
                since=since,
                known=tuple(
                    sorted(
                        one.fingerprint
                        for one in self._project.tokens.get(role, ())
                        if since.timestamp() <= one.issued_at < joined.timestamp()
                    )
                ),
            )

    def remove_unwanted(self) -> None:
        """Remove managed members that no grant requests, and their tokens."""
        unwanted = defaultdict[str, list[Member]](list)
        for binding, member in self._recorded.items():
            if binding in self._requested.desired or binding in self._requested.kept:
                continue
            self._to_remove.add(binding)
            unwanted[member.role].append(member)
        removed = {
            role: {one.subject for one in members} for role, members in unwanted.items()
        }
        # A missing role may have been renamed, with its members.
        new = self._indices.keys() - set(self._previous_names)
        renamed = set[str]().union(
            *(removed[role] for role in removed.keys() - self._indices.keys())
        )
        for role, groups in zip(self._role_names, self._groups, strict=True):
            gone = removed.get(role, set()) | (renamed if role in new else set())
            if gone:
                groups[:] = [one for one in groups if subject_of(one) not in gone]
        for role, members in unwanted.items():
            tokens = set[Token]()
            if self._requested.removes_tokens:
                tokens = issued_by(members, self._project.tokens.get(role, ()))
            self._tokens |= {(role, token) for token in tokens}
            for one in members if self._requested.records_ends else ():
                # Tokens do not name their creator, so each member has all of them.
                self._ended.end(
                    EndedMember(
                        role=role,
                        subject=one.subject,
                        since=one.since,
                        at=self._now,
                        tokens=fingerprints(tokens),
                    )
                )

    def retain(self) -> None:
        """Keep the recorded members, and add those that were removed from a role."""
        desired, kept = self._requested.desired, self._requested.kept
        for binding, member in self._recorded.items():
            if binding in desired:
                self._members[binding] = replace(member, until=desired[binding])
                if binding not in self._present:
                    self._add_group(binding)
            elif binding in kept:
                # While the state of a grant is unknown, its expiry is not extended.
                until = min(member.until, kept[binding])
                self._members[binding] = replace(member, until=until)

    def undo_returns(self) -> None:
        """Remove what has returned after its end; what returns again is kept.

        A member that a grant requests again is not removed, but its end will be that of
        the grant. Tokens of its earlier grants are removed nevertheless.
        """
        for record in (*self._ended, *self._ended_in_renamed_roles()):
            binding = self._to_binding(record.role, record.subject)
            is_wanted = (
                binding in self._requested.kept or binding in self._recorded
            ) and binding not in self._to_remove
            is_back = binding in self._present and not (
                is_wanted or binding in self._to_remove
            )
            tokens = self._returned_tokens(record)
            if (is_back or tokens) and not record.is_kept:
                record = self._ended.record_return(record, tokens)  # noqa: PLW2901
                if not record.is_kept:
                    self._tokens |= {(record.role, token) for token in tokens}
                if is_back and not record.is_kept:
                    self._take_back(binding)
            is_kept = record.is_kept and (is_back or tokens)
            if is_kept or (record.returns and not record.is_kept and not is_wanted):
                self._ended.report(record, tokens=len(tokens) if is_kept else 0)

    def _ended_in_renamed_roles(self) -> list[EndedMember]:
        """Return ended members of missing roles that are members of new roles now."""
        known = self._project.ended_members.roles
        new = self._indices.keys() - set(known) if known else ()
        return [
            renamed
            for record in self._ended
            if record.role not in self._indices and not record.is_kept
            for role in sorted(new)
            if self._to_binding(role, record.subject) in self._present
            if self._to_binding(role, record.subject) not in self._recorded
            if (renamed := self._ended.follow(record, role)) is not None
        ]

    def _take_back(self, binding: Binding) -> None:
        if binding in self._requested.desired and self._requested.may_add:
            self._adopted.add(binding)
        else:
            self._remove_group(binding)

    def _returned_tokens(self, record: EndedMember) -> frozenset[Token]:
        if not self._requested.removes_tokens:
            return frozenset()
        tokens = record.returned_tokens(self._project.tokens.get(record.role, ()))
        return frozenset(t for t in tokens if (record.role, t) not in self._tokens)

    def add_missing(self) -> None:
        """Add missing members while the annotation has the capacity to record them."""
        capacity = self._capacity()
        for binding, until in self._requested.desired.items():
            if binding in self._recorded:
                continue
            if binding in self._present and binding not in self._adopted:
                self._already_bound_by_others.add(binding)
                continue
            member = self._new_member(binding, until)
            # The tokens that a member knows are as many as the project's writers like.
            capacity -= size_of_member(member) if capacity >= 0 else 0
            if capacity < 0:
                self._obstacles[binding] = _annotation_full(self._project.name)
                if binding in self._adopted:
                    self._remove_group(binding)
            elif binding in self._adopted or self._add_group(binding):
                self._members[binding] = member

    def plan(self) -> ProjectPlan:
        """Return the difference between the draft and the project."""
        groups = {
            index: tuple(after)
            for index, (role, after) in enumerate(
                zip(self._project.roles, self._groups, strict=True)
            )
            if tuple(after) != role.groups
        }
        text = self._project.members
        # A new role alone is no reason to write.
        same_roles = self._annotation(self._previous_names) if self._members else None
        has_work = bool(groups or self._tokens) or same_roles != text
        if has_work:
            text = self._annotation(self._role_names) if self._members else None
        ended = self._render_ended(text, has_work=has_work)
        writes_ended = ended != self._project.ended
        has_work = has_work or writes_ended
        return ProjectPlan(
            project=self._project.name,
            resource_version=self._project.resource_version,
            groups=groups,
            members=text,
            writes_ended=writes_ended,
            ended=ended,
            returned=tuple(self._ended.returned),
            new_returns=tuple(self._ended.new),
            tokens=tuple(sorted(self._tokens)),
            to_add=frozenset(self._to_add),
            to_remove=frozenset(self._to_remove),
            already_bound_by_others=frozenset(self._already_bound_by_others),
            obstacles=self._obstacles,
            has_work=has_work,
        )

    def _render_ended(self, members: str | None, *, has_work: bool) -> str | None:
        """Return the annotation of the ended members, the same one without a change."""
        is_ours = self._project.ended is not None and not self._is_ended_foreign
        is_due = is_ours and (has_work or not self._ended)
        if not (self._ended.has_changed or is_due):
            return self._project.ended
        return self._ended.render(
            self._owner, self._capacity_of(members), self._role_names
        )

    def _capacity(self) -> int:
        """Return the bytes that the annotation of the members can grow by."""
        return self._capacity_of(self._annotation(self._role_names))

    def _capacity_of(self, members: str | None) -> int:
        """Return the bytes beside all annotations with this one of the members."""
        used = self._project.annotation_bytes + len(MEMBERS_ANNOTATION)
        if self._is_ended_foreign:
            used += utf8_size(self._project.ended or "") + len(ENDED_ANNOTATION)
        return LIMIT - used - utf8_size(members or "")

    def _annotation(self, roles: tuple[str, ...]) -> str:
        members = tuple(self._members.values())
        return render_annotation(
            MembersAnnotation(owner=self._owner, members=members, roles=roles)
        )

    def _new_member(self, binding: Binding, until: datetime) -> Member:
        since, role = self._now - MAX_CLOCK_SKEW, self._role_of(binding)
        ended = self._ended.get((role, binding.subject))
        if ended is not None:
            # Times are written in whole seconds, and tell two periods apart.
            since = max(since, ended.since + timedelta(seconds=1))
        if role not in self._known:
            tokens = self._project.tokens.get(role, ())
            new = (one for one in tokens if one.issued_at >= since.timestamp())
            self._known[role] = tuple(sorted(one.fingerprint for one in new))
        return Member(
            role=role,
            subject=binding.subject,
            until=until,
            since=since,
            known=self._known[role],
        )

    def _remove_group(self, binding: Binding) -> None:
        for index in self._indices.get(self._role_of(binding), ()):
            groups = self._groups[index]
            groups[:] = [one for one in groups if subject_of(one) != binding.subject]

    def _add_group(self, binding: Binding) -> bool:
        group, name = group_of(binding.subject), self._role_of(binding)
        count = len(self._indices.get(name, ()))
        if group is None:
            self._obstacles[binding] = _subject_refused(binding.subject)
        elif count != 1:
            self._obstacles[binding] = _role_not_unique(self._project.name, name, count)
        elif self._requested.may_add:
            self._groups[self._indices[name][0]].append(group)
            self._to_add.add(binding)
            return True
        return False

    def _to_binding(self, role: str, subject: str) -> Binding:
        return Binding(subject, f"proj:{self._project.name}:{role}")

    def _role_of(self, binding: Binding) -> str:
        return binding.role.removeprefix(f"proj:{self._project.name}:")


def _is_foreign(other: Owner, owner: Owner, living: Collection[Owner]) -> bool:
    """Return whether another owner may exist; those of our namespace are known."""
    is_deleted = other.namespace == owner.namespace and other not in living
    return other != owner and not is_deleted


def _binding(project: Project, member: Member) -> Binding:
    return Binding(member.subject, f"proj:{project.name}:{member.role}")


def _subject_refused(subject: str) -> Finding:
    return Finding(
        Reason.SUBJECT_REFUSED,
        f"spec.subject.name {quote(subject)} cannot be a member of a role"
        " of an AppProject: Argo CD allows no double quote there. Use another name,"
        " or set bindProjectRolesIn: ConfigMap on the ArgoCDInstance.",
    )


def _role_not_unique(project: str, role: str, count: int) -> Finding:
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


def _annotation_full(project: str) -> Finding:
    return Finding(
        Reason.RBAC_TEXT_FULL,
        f"The annotations of AppProject {quote(project)} have no room for another"
        f" member (limit: {LIMIT} bytes for all annotations). Older grants take"
        " precedence. This grant is bound when other grants end. To bind it earlier,"
        " shorten other annotations of the project.",
    )


def _annotation_unreadable(project: str, error: MalformedLine) -> Finding:
    return Finding(
        Reason.PROJECT_INVALID,
        f"The annotation {MEMBERS_ANNOTATION} of AppProject {quote(project)} cannot"
        f" be read: {error}. The operator cannot distinguish managed members from"
        " others, so it neither adds nor removes members of this project. Restore the"
        " annotation; or remove it together with the members that argogrant added.",
    )


def _owned_by_another(project: str, other: Owner) -> Finding:
    return Finding(
        Reason.OVERLAY_OWNED_BY_ANOTHER,
        f"AppProject {quote(project)} has members of ArgoCDInstance"
        f" {other.namespace}/{other.instance} (uid {other.uid}). Two instances would"
        " overwrite each other's changes. Delete one of the two instances. If the other"
        f" one no longer exists, remove the annotation {MEMBERS_ANNOTATION} and those"
        " members.",
    )


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
    project: Project, now: datetime, *, is_everything: bool = False
) -> tuple[SweptMembers, ProjectPlan | None]:
    """Plan the removal of expired members and of the tokens that they can have created.

    A member that expires at ``now`` is expired: windows are half-open.

    Args:
        project: The AppProject.
        now: The current time.
        is_everything: Remove all managed members, expired or not.

    Returns:
        The numbers, and the plan; None instead of a plan that changes nothing.
    """
    try:
        annotation = project.annotation()
    except MalformedLine:
        return SweptMembers(unreadable=1), None
    if annotation is None:
        return SweptMembers(), None
    kept = {
        _binding(project, one): one.until
        for one in annotation.members
        if one.until > now and not is_everything
    }
    members = DesiredMembers(kept=kept)
    planned = plan_members(project, members, owner=annotation.owner, now=now)
    swept = SweptMembers(
        removed=len(planned.to_remove & managed_bindings(project).keys()),
        kept=len(kept),
        tokens=len(planned.tokens),
    )
    return swept, planned if planned.has_work else None
