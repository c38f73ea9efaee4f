"""Which members of an AppProject are ours: an annotation of the project.

The annotation is a contract with ``argogrant sweep``, also across versions. It names
the instance that wrote it, and for every member its role, its end, and what tells the
tokens that were made since from those that were there before.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from argogrant.argocd.overlay import Owner
from argogrant.grants.model.errors import InvalidGrant, MalformedLine
from argogrant.grants.model.window import format_instant, parse_instant

MEMBERS_ANNOTATION: Final = "argogrant.dev/members"
VERSION: Final = 1
LIMIT: Final = (256 - 16) * 1024
"""Bytes over all annotations: Kubernetes' 256 KiB less a margin for others.

Source: Kubernetes, ``apimachinery/pkg/api/validation``, ``TotalAnnotationSizeLimitB``.
"""


class Token(NamedTuple):
    """What a project remembers of a token; never the token itself."""

    issued_at: int
    """Seconds since 1970, by the clock of argocd-server."""
    expires_at: int = 0
    """Seconds since 1970; 0 for never."""
    id: str = ""

    @property
    def fingerprint(self) -> str:
        """Tell this token from others, in few characters whatever its id is."""
        text = f"{self.issued_at} {self.id}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member that we added to a role of a project."""

    role: str
    subject: str
    until: datetime
    since: datetime
    """A token made before that is not the member's."""
    known: tuple[str, ...] = ()
    """The marks of younger tokens that were there when the member was added."""

    def could_have_issued(self, token: Token) -> bool:
        """Tell whether a token of the role was made while this was its member."""
        return (
            token.issued_at >= self.since.timestamp()
            and token.fingerprint not in self.known
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersAnnotation:
    """Everything that the annotation says."""

    owner: Owner
    members: tuple[Member, ...]
    roles: tuple[str, ...] = ()
    """The names of all roles at the last write: a name that is not among them is new,
    and may be a role's new name."""


def render_annotation(roster: MembersAnnotation) -> str:
    """Write the annotation; the same roster gives the same text."""
    members = sorted(roster.members, key=lambda one: (one.role, one.subject))
    return _dumped(
        {
            "version": VERSION,
            "owner": {
                "namespace": roster.owner.namespace,
                "instance": roster.owner.instance,
                "uid": roster.owner.uid,
            },
            "roles": sorted(set(roster.roles)),
            "members": [_fields(member) for member in members],
        }
    )


def size_of_member(member: Member) -> int:
    """Count the bytes that a member takes in the annotation."""
    return len(_dumped(_fields(member)).encode()) + 1


@lru_cache(maxsize=256)
def read_annotation(text: str) -> MembersAnnotation:
    """Read the annotation.

    Raises:
        MalformedLine: Somebody edited it, or it is of another version.
    """
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
                    owner=Owner(namespace=namespace, instance=instance, uid=uid),
                    roles=_texts(roles),
                    members=tuple(map(_member, members)),
                )
    except (ValueError, RecursionError) as error:
        raise MalformedLine(f"it is not what argogrant writes: {error}") from error
    raise MalformedLine(f"it is not of version {VERSION}, or something is missing")


def _member(fields: object) -> Member:
    match fields:
        case {
            "role": str(role),
            "subject": str(subject),
            "until": str(until),
            "since": str(since),
            "known": list(known),
        }:
            try:
                return Member(
                    role=role,
                    subject=subject,
                    until=parse_instant(until),
                    since=parse_instant(since),
                    known=_texts(known),
                )
            except InvalidGrant as error:
                raise MalformedLine(str(error)) from error
    raise MalformedLine("a member lacks role, subject, until, since or known")


def _texts(items: Iterable[object]) -> tuple[str, ...]:
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(tuple(items)):
        raise MalformedLine("a list holds something that is no text")
    return texts


def _fields(member: Member) -> dict[str, str | list[str]]:
    return {
        "role": member.role,
        "subject": member.subject,
        "until": format_instant(member.until),
        "since": format_instant(member.since),
        "known": list(member.known),
    }


def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
