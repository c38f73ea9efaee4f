"""AppProjects: their roles, policy lines, and the annotation that records members.

If Argo CD cannot read one of the policy lines, it ignores all roles of the project.
Source: argoproj/argo-cd, ``app_project_types.go``, ``ProjectPoliciesString``.

The annotation records the members that argogrant added. It is an interface that
``argogrant sweep`` of every version reads. It names the ArgoCDInstance that wrote it,
and for every member the role, the expiry, and the tokens that existed before the member
joined.

The administrators of a project write all of this. A project that exceeds a limit cannot
be used for grants; managed members are removed from it in any case.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain, repeat
from typing import Final

from argogrant.argocd.appproject.ended_members import EndedRecords, read_ended
from argogrant.argocd.appproject.tokens import Token
from argogrant.argocd.field_owner import FieldOwner
from argogrant.argocd.overlay import Owner, read_owner
from argogrant.argocd.policy_csv import (
    GO_SPACES,
    ParsedLines,
    PolicyProblem,
    Rule,
    read_key,
)
from argogrant.grants.model.errors import InvalidGrant, MalformedLine
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.untrusted_text import utf8_size, valid_text
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_instant, parse_instant

MEMBERS_ANNOTATION: Final = "argogrant.dev/members"
VERSION: Final = 1
LIMIT: Final = (256 - 16) * 1024
"""Bytes of all annotations: Kubernetes' 256 KiB minus a margin for other programs.

Source: Kubernetes, ``apimachinery/pkg/api/validation``, ``TotalAnnotationSizeLimitB``.
"""
MAX_ANNOTATION: Final = 256 * 1024
"""Characters of the members annotation."""
MAX_ROLES: Final = 1000
MAX_POLICY_LINES: Final = 5000
"""Lines of one project: its policies, its members, and one line for each role."""
MAX_POLICY_CHARACTERS: Final = 512 * 1024
MAX_TOKENS: Final = 10_000
MAX_LABELS: Final = 256
"""Labels and annotations, which may name an owner; also of argocd-rbac-cm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRole:
    """One role of an AppProject: its policy lines, and its groups (members)."""

    name: str
    description: str = ""
    policies: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def text(self, project: str) -> list[str]:
        """Compose its policy lines; one that the project's owner wrote may be two."""
        subject = f"proj:{project}:{self.name}"
        return [
            f"p, {subject}, projects, get, {project}, allow",
            *self.policies,
            *(f"g, {group}, {subject}" for group in self.groups),
        ]


@dataclass(frozen=True, kw_only=True)
class Project:
    """An AppProject, reduced to its roles and members; each text is parsed once."""

    name: str
    roles: tuple[ProjectRole, ...] = ()
    labels_and_annotations: Mapping[str, str] = field(default_factory=dict)
    """Labels and annotations; they may name the owners of the project."""
    resource_version: str = field(default="", compare=False)
    roles_owner: FieldOwner | None = field(default=None, compare=False)
    """Field manager that wrote the list of roles; None if it is not recorded."""
    members_owner: FieldOwner | None = field(default=None, compare=False)
    """Field manager that wrote the annotation of the managed members."""
    members: str | None = field(default=None, compare=False)
    """Value of the annotation that records the managed members."""
    ended: str | None = field(default=None, compare=False)
    """Value of the annotation that records members whose grants have ended."""
    annotation_bytes: int = field(default=0, compare=False)
    """Bytes of all other annotations, which share one limit."""
    tokens: Mapping[str, frozenset[Token]] = field(default_factory=dict, compare=False)
    """Tokens of every role, including deleted roles."""

    # A changed project makes the operator decide again about its grants. Decisions do
    # not depend on the fields with ``compare=False``, and every write of the operator
    # changes these fields.

    def text(self) -> str:
        """Compose the policy lines that Argo CD adds for requests about the project."""
        texts = (role.text(self.name) for role in self.roles)
        return "\n".join(chain.from_iterable(texts))

    @cached_property
    def excess(self) -> str:
        """The limit that the project exceeds, as a clause; empty if it exceeds none."""
        lines = sum(
            1
            + len(role.groups)
            + len(role.policies)
            + sum(one.count("\n") for one in role.policies)
            for role in self.roles
        )
        found = {
            "roles": (len(self.roles), MAX_ROLES),
            "policy lines": (lines, MAX_POLICY_LINES),
            "characters of policies and groups": (
                sum(len(t) for r in self.roles for t in (*r.policies, *r.groups)),
                MAX_POLICY_CHARACTERS,
            ),
            "tokens": (sum(map(len, self.tokens.values())), MAX_TOKENS),
            "labels and annotations": (len(self.labels_and_annotations), MAX_LABELS),
        }
        return next(
            (
                f"it has {count} {what}, and argogrant reads at most {limit}"
                for what, (count, limit) in found.items()
                if count > limit
            ),
            "",
        )

    def lines(self) -> ParsedLines:
        """Parse these lines; a project beyond a limit has a problem instead."""
        return self._lines

    @cached_property
    def _lines(self) -> ParsedLines:
        key = f"AppProject {self.name}"
        if not self.excess:
            return read_key(key, self.text())
        problem = PolicyProblem(key=key, why=self.excess)
        return ParsedLines(rules=(), bindings=(), problems=(problem,))

    @cached_property
    def foreign_rules(self) -> tuple[tuple[Rule, str], ...]:
        """Rules whose subject is no role, each with its location.

        Argo CD's own API refuses them; users who may write the object can add them.
        """
        found = [
            (rule, place.line)
            for rule, place in self.lines().placed_rules()
            if not rule.subject.startswith(("proj:", "role:"))
        ]
        if not found:
            return ()
        roles = tuple(
            chain.from_iterable(
                repeat(role, sum(1 + text.count("\n") for text in role.text(self.name)))
                for role in self.roles
            )
        )
        return tuple((rule, self.place_of(roles[line - 1])) for rule, line in found)

    def place_of(self, role: ProjectRole) -> str:
        """Return the location of the policies of a role, for a message."""
        return f"AppProject {self.name}, role {role.name}"

    def problem(self) -> PolicyProblem | None:
        """Return the first line that Argo CD cannot read; None if it can read all.

        A project beyond a limit has a problem without a line.
        """
        return next(iter(self.lines().problems), None)

    def why_not_grantable(self) -> str | None:
        """Return why its roles cannot be granted, with the remedy; None if they can."""
        problem = self.problem()
        if problem is None:
            return None
        if self.excess:
            return (
                f"argogrant does not read AppProject {quote(self.name)}: {self.excess}."
                " Shorten the AppProject; until then its roles cannot be granted."
            )
        return (
            f"Argo CD ignores all roles of AppProject {quote(self.name)}: {problem}."
            " Fix that line of the AppProject."
        )

    def memberships(self) -> frozenset[Binding]:
        """Return every member of every role as a binding."""
        return self._memberships

    @cached_property
    def _memberships(self) -> frozenset[Binding]:
        return frozenset(
            Binding(subject_of(group), f"proj:{self.name}:{role.name}")
            for role in self.roles
            for group in role.groups
        )

    @cached_property
    def ended_members(self) -> EndedRecords:
        """The members whose grants have ended, as far as they can be read."""
        return read_ended(self.ended or "")

    def annotation(self) -> "MembersAnnotation | None":
        """Parse the members annotation; return None if there is none.

        Raises:
            MalformedLine: The annotation has been edited, or has another version.
        """
        parsed, problem = self._annotation
        if problem:
            raise MalformedLine(problem)
        return parsed

    @cached_property
    def _annotation(self) -> tuple["MembersAnnotation | None", str]:
        if self.members is None:
            return None, ""
        try:
            return read_annotation(self.members), ""
        except MalformedLine as error:
            return None, str(error)


def subject_of(group: str) -> str:
    """Return the subject that Argo CD reads from an item of ``spec.roles[].groups``.

    Argo CD copies the item into a line of CSV, where quotation marks and blanks around
    a name have no meaning: ``"alice"`` and `` alice`` are the subject ``alice``.
    """
    text = group.lstrip(GO_SPACES)
    if "\n" in group:
        return group  # Two lines of the policy.
    if not text.startswith('"'):
        return group if '"' in text or "," in text else text
    quoted, name = text[1:-1], text[1:-1].replace('""', "")
    is_quoted = len(text) > 1 and text.endswith('"') and '"' not in name
    return quoted.replace('""', '"') if is_quoted else group


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Member of a project role that argogrant added."""

    role: str
    subject: str
    until: datetime
    since: datetime
    """Earliest issue time of a token that the member can have created."""
    known: tuple[str, ...] = ()
    """Fingerprints of later tokens that existed when the member was added."""


def issued_by(members: Iterable[Member], tokens: Iterable[Token]) -> set[Token]:
    """Return the tokens of a role that one of its members can have created.

    A member can have created each later token that is not known from before. The time
    grows with the size of the input, and not with members times tokens.
    """
    coming = sorted(members, key=lambda one: one.since, reverse=True)
    known: set[str] | None = None
    """Tokens that every member so far has known from before."""
    found: set[Token] = set()
    for token in sorted(tokens):
        while coming and coming[-1].since.timestamp() <= token.issued_at:
            before = coming.pop().known
            known = set(before) if known is None else known.intersection(before)
        if known is not None and token.fingerprint not in known:
            found.add(token)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersAnnotation:
    """Content of the annotation."""

    owner: Owner
    members: tuple[Member, ...]
    roles: tuple[str, ...] = ()
    """Names of all roles at the last write. A name that is not among them belongs to a
    new role or to a renamed one."""


def render_annotation(annotation: MembersAnnotation) -> str:
    """Render the annotation; equal content has equal text."""
    members = sorted(annotation.members, key=lambda one: (one.role, one.subject))
    return _to_json(
        {
            "version": VERSION,
            "owner": asdict(annotation.owner),
            "roles": sorted(set(annotation.roles)),
            "members": [_fields(member) for member in members],
        }
    )


def size_of_member(member: Member) -> int:
    """Return the bytes of a member in the annotation."""
    return utf8_size(_to_json(_fields(member))) + 1


def read_annotation(text: str) -> MembersAnnotation:
    """Parse the annotation.

    Raises:
        MalformedLine: The annotation has been edited, or has another version.
    """
    if len(text) > MAX_ANNOTATION:
        raise MalformedLine(f"it has more than {MAX_ANNOTATION} characters")
    try:
        match json.loads(text):
            case {
                "version": 1,
                "owner": {
                    "namespace": str(namespace),
                    "instance": str(instance),
                    "uid": str(uid),
                },
                "roles": list(roles),
                "members": list(members),
            }:
                return MembersAnnotation(
                    owner=read_owner(namespace, instance, uid),
                    roles=_texts(roles),
                    members=tuple(map(_member, members)),
                )
    except (ValueError, RecursionError) as error:
        raise MalformedLine(f"it is not valid JSON: {error}") from error
    except InvalidGrant as error:
        raise MalformedLine(str(error)) from error
    raise MalformedLine(f"it is not of version {VERSION}, or a field is missing")


def _member(fields: object) -> Member:
    match fields:
        case {
            "role": str(role),
            "subject": str(subject),
            "until": str(until),
            "since": str(since),
            "known": list(known),
        }:
            return Member(
                role=valid_text(role),
                subject=valid_text(subject),
                until=parse_instant(until),
                since=parse_instant(since),
                known=_texts(known),
            )
    raise MalformedLine("a member lacks role, subject, until, since or known")


def _texts(items: list[object]) -> tuple[str, ...]:
    texts = tuple(valid_text(item) for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise MalformedLine("a list has an item that is not a string")
    return texts


def _fields(member: Member) -> dict[str, str | list[str]]:
    return {
        "role": member.role,
        "subject": member.subject,
        "until": format_instant(member.until),
        "since": format_instant(member.since),
        "known": list(member.known),
    }


def _to_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
