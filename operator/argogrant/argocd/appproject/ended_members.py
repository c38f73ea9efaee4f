"""Members of AppProjects whose grants have ended, in case that they return.

Another program may write back what it read while a grant was active: an editor that was
open across the end, a script, or an old manifest in Git. Then the member has the role
without a grant and without an end. The operator therefore records what it removed, in
an annotation of the AppProject::

    ended ── returns ──► removed once more ── returns ──► kept and reported
                                 └─ not again ─► reported for a while

A member that returns in a new role, where its own role does not exist any more, returns
with a renamed role.

A member that returns a second time may be a decision of an administrator. It is kept
and never removed again, but reported until it is acknowledged or removed.

The administrators of a project write this annotation as they write the members. It
never delays the end of a grant: whatever cannot be read is left out, and a record is
left out if the annotation has no room for it, the oldest first.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from argogrant.argocd.appproject.tokens import Token
from argogrant.argocd.overlay import Owner, read_owner
from argogrant.grants.model.errors import InvalidGrant, MalformedLine
from argogrant.grants.model.untrusted_text import utf8_size, valid_text
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_instant, parse_instant

ENDED_ANNOTATION: Final = "argogrant.dev/ended-members"
VERSION: Final = 1
MAX_BYTES: Final = 32 * 1024
"""Bytes of the annotation; active members need the space."""
MAX_RECORDS: Final = 256
"""Records of one project that are read and written."""
MAX_TEXT: Final = 4 * MAX_BYTES
"""Characters of an annotation that is parsed."""
MAX_NAME: Final = 256
"""Characters of a role or a subject; a grant allows no longer ones."""
MAX_TOKENS: Final = 32
"""Tokens of one member that are recorded one by one."""
MAX_RETURNS: Final = 1_000_000
MAX_REMEMBERED: Final = 2_000
"""Records of all projects that a process keeps in memory."""

Key = tuple[str, str]
"""Role and subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedMember:
    """Member that argogrant removed from a role at the end of its grant."""

    role: str
    subject: str
    since: datetime
    """Time from which it can have created tokens; tells periods apart."""
    at: datetime
    """Time of its removal, or of its last return."""
    returns: int = 0
    """How often it has returned."""
    is_kept: bool = False
    """It returned again, and counts as a decision of an administrator."""
    tokens: tuple[str, ...] | None = ()
    """Fingerprints of the tokens that were removed with it. None for too many: then all
    tokens of the role that were issued between ``since`` and ``at``."""

    @property
    def key(self) -> Key:
        """Role and subject."""
        return self.role, self.subject

    def returned_tokens(self, tokens: Iterable[Token]) -> frozenset[Token]:
        """Return the tokens of the role that were removed with this member."""
        if self.tokens is not None:
            removed = frozenset(self.tokens)
            return frozenset(one for one in tokens if one.fingerprint in removed)
        begin, end = self.since.timestamp(), self.at.timestamp()
        return frozenset(one for one in tokens if begin <= one.issued_at <= end)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedMember:
    """Member, or tokens of it, that came back after the end of its grant."""

    project: str
    role: str
    subject: str
    since: datetime
    at: datetime
    """When the operator saw the return."""
    returns: int
    is_kept: bool
    """True if it is a member now, or its tokens exist; False if they were removed."""
    tokens: int = 0
    """Number of tokens that came back and are kept."""

    @property
    def id(self) -> str:
        """Identifier, with which it can be acknowledged in this state."""
        text = json.dumps(
            [
                *(self.project, self.role, self.subject, format_instant(self.since)),
                self.is_kept,
            ]
        )
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class EndedRecords:
    """Content of the annotation."""

    owner: Owner | None = None
    members: tuple[EndedMember, ...] = ()
    roles: tuple[str, ...] = ()
    """Names of all roles at the last write; empty in texts of earlier versions."""


NOTHING_ENDED: Final = EndedRecords()


def describe_return(member: ReturnedMember) -> str:
    """Describe what came back, and what the operator does about it."""
    role = f"role {quote(member.role)} of AppProject {quote(member.project)}"
    if not member.is_kept:
        return (
            f"{quote(member.subject)} came back to {role} after its grant had ended, as"
            " a member or with tokens of that time: another program wrote back what it"
            " had read before. They are removed once more; if they come back again,"
            " they are kept."
        )
    tokens = f" {member.tokens} tokens came back." if member.tokens else ""
    return (
        f"{quote(member.subject)} came back to {role} again, without a grant and"
        f" without an end, after it had been removed {member.returns} times.{tokens} It"
        " is kept, since it may be a decision. Remove it from the AppProject, or"
        f" acknowledge it: argogrant review --acknowledge {member.id}"
    )


class EndedMembers:
    """Draft of the records of one project, while its plan is computed.

    Args:
        project: Name of the project.
        records: What is recorded; of several records of a member the latest.
        is_back: Returns whether a member, or a token of it, exists now.
        now: Present time.
        retention: Time for which a record is kept; None for ever.
    """

    def __init__(
        self,
        project: str,
        records: Iterable[EndedMember],
        *,
        is_back: Callable[[EndedMember], bool],
        now: datetime,
        retention: timedelta | None,
    ) -> None:
        self._project, self._now, self._retention = project, now, retention
        valid = (
            one
            for one in latest(records)
            if not self._has_expired(one) or (one.is_kept and is_back(one))
        )
        self._records = {one.key: one for one in valid}
        self.has_changed = False
        """True if a member has ended or returned since the annotation was written."""
        self.returned: list[ReturnedMember] = []
        """Members that have returned, kept or removed."""
        self.new: list[ReturnedMember] = []
        """Those of them that have returned since the last plan."""

    def __iter__(self) -> Iterator[EndedMember]:
        """Iterate over the records that have not expired."""
        return iter(list(self._records.values()))

    def __len__(self) -> int:
        """Return the number of records that have not expired."""
        return len(self._records)

    def get(self, key: Key) -> EndedMember | None:
        """Return the record of a member; None if there is none."""
        return self._records.get(key)

    def end(self, ended: EndedMember) -> None:
        """Record a member that is removed now.

        If the same member has ended before, it has returned together with the
        annotation that says that argogrant manages it.
        """
        before = self.get(ended.key)
        if before is not None:
            if not before.is_kept:
                ended = replace(ended, tokens=_union(before.tokens, ended.tokens))
            if before.since == ended.since:
                ended = replace(ended, returns=before.returns + 1)
                self.new.append(self._describe(ended))
        self._store(ended)

    def follow(self, record: EndedMember, role: str) -> EndedMember | None:
        """Record a member also for the new name of its role; None if it is recorded."""
        if self.get((role, record.subject)) is not None:
            return None
        renamed = replace(record, role=role)
        self._store(renamed)
        return renamed

    def record_return(
        self, record: EndedMember, tokens: Collection[Token]
    ) -> EndedMember:
        """Record that a member or its tokens have returned; return the new record."""
        is_kept = record.returns > 0
        after = replace(
            record, at=self._now, returns=record.returns + 1, is_kept=is_kept
        )
        if record.tokens is None:
            # The tokens are those of the time before the first return.
            after = replace(after, at=record.at)
        self._store(after)
        self.new.append(self._describe(after, tokens=len(tokens) if is_kept else 0))
        return after

    def report(self, record: EndedMember, *, tokens: int = 0) -> None:
        """List a member that has returned, as its record says."""
        self.returned.append(self._describe(record, tokens=tokens))

    def render(
        self, owner: Owner, capacity: int, roles: Collection[str] = ()
    ) -> str | None:
        """Render the annotation within these bytes; None if there is nothing to record.

        What is kept goes first, then the latest.

        Args:
            owner: The instance that writes it.
            capacity: Bytes that the annotation may have.
            roles: Names of all roles of the project.
        """
        if utf8_size(_to_json(sorted(roles))) > MAX_BYTES // 2:
            roles = ()
        capacity = min(capacity, MAX_BYTES) - utf8_size(_render(owner, [], roles))
        chosen: list[EndedMember] = []
        for one in sorted(self, key=lambda one: (one.is_kept, one.at), reverse=True):
            capacity -= utf8_size(_to_json(_fields(one))) + 1
            if capacity < 0 or len(chosen) == MAX_RECORDS:
                break
            chosen.append(one)
        return _render(owner, chosen, roles) if chosen else None

    def _store(self, record: EndedMember) -> None:
        self._records[record.key] = record
        self.has_changed = True

    def _has_expired(self, record: EndedMember) -> bool:
        if self._retention is None:
            return False
        try:
            return record.at + self._retention < self._now
        except OverflowError:
            return False

    def _describe(self, record: EndedMember, *, tokens: int = 0) -> ReturnedMember:
        return ReturnedMember(
            project=self._project,
            role=record.role,
            subject=record.subject,
            since=record.since,
            at=record.at,
            returns=record.returns,
            is_kept=record.is_kept,
            tokens=tokens,
        )


def latest(records: Iterable[EndedMember]) -> list[EndedMember]:
    """Return the latest record of each member."""
    found: dict[Key, EndedMember] = {}
    for one in records:
        other = found.get(one.key)
        if other is None or (one.since, one.returns) > (other.since, other.returns):
            found[one.key] = one
    return list(found.values())


class EndedMemory:
    """Records that a process has seen, in case that another program drops them.

    A program that writes back a whole AppProject also removes the annotation. Its
    members would then be removed again each time.
    """

    def __init__(self) -> None:
        self._by_project: dict[str, list[EndedMember]] = {}
        self._count = 0

    def observe(self, project: str, records: Collection[EndedMember]) -> None:
        """Remember records of a project; those of others go if they are too many."""
        if not records:
            return
        known = self._by_project.pop(project, [])
        merged = sorted(latest([*known, *records]), key=lambda one: one.at)
        self._by_project[project] = merged[-MAX_RECORDS:]
        self._count += len(self._by_project[project]) - len(known)
        while self._count > MAX_REMEMBERED:
            self._count -= len(self._by_project.pop(next(iter(self._by_project))))

    def of(self, project: str) -> Sequence[EndedMember]:
        """Return the records of a project."""
        return self._by_project.get(project, ())


def read_ended(text: str) -> EndedRecords:
    """Parse the annotation; never raises, and leaves out what it cannot read."""
    if not text or len(text) > MAX_TEXT:
        return NOTHING_ENDED
    try:
        match json.loads(text):
            case {
                "version": 1,
                "owner": {
                    "namespace": str(namespace),
                    "instance": str(instance),
                    "uid": str(uid),
                },
                "members": list(entries),
                **others,
            }:
                owner = read_owner(namespace, instance, uid)
                members = (_read(entry) for entry in entries[:MAX_RECORDS])
                roles = others.get("roles")
                names = roles if isinstance(roles, list) else ()
                return EndedRecords(
                    owner,
                    tuple(one for one in members if one),
                    tuple(valid_text(one) for one in names if isinstance(one, str)),
                )
    except (ValueError, RecursionError, MalformedLine):
        pass
    return NOTHING_ENDED


def _read(entry: object) -> EndedMember | None:
    match entry:
        case {
            "role": str(role),
            "subject": str(subject),
            "since": str(since),
            "at": str(at),
            "returns": int(returns),
            "kept": bool(is_kept),
            "tokens": None | list() as tokens,
        } if max(len(role), len(subject)) <= MAX_NAME and 0 <= returns <= MAX_RETURNS:
            pass
        case _:
            return None
    try:
        return EndedMember(
            role=valid_text(role),
            subject=valid_text(subject),
            since=parse_instant(since),
            at=parse_instant(at),
            returns=returns,
            is_kept=is_kept,
            tokens=None
            if tokens is None
            else tuple(one for one in tokens[:MAX_TOKENS] if isinstance(one, str)),
        )
    except InvalidGrant:
        return None


def fingerprints(tokens: Collection[Token]) -> tuple[str, ...] | None:
    """Return the recorded form of removed tokens; None if there are too many."""
    return _bounded(one.fingerprint for one in tokens)


def _union(
    before: tuple[str, ...] | None, now: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """Return the tokens of two periods; those of the last one if they are too many."""
    return None if now is None else _bounded({*(before or ()), *now}) or now


def _bounded(tokens: Iterable[str]) -> tuple[str, ...] | None:
    listed = tuple(sorted(set(tokens)))
    return listed if len(listed) <= MAX_TOKENS else None


def _render(owner: Owner, members: Iterable[EndedMember], roles: Iterable[str]) -> str:
    entries = [_fields(one) for one in sorted(members, key=lambda one: one.key)]
    fields = {"version": VERSION, "owner": asdict(owner), "members": entries}
    names = sorted(set(roles))
    return _to_json({**fields, "roles": names} if names else fields)


def _fields(record: EndedMember) -> Mapping[str, object]:
    return {
        "role": record.role,
        "subject": record.subject,
        "since": format_instant(record.since),
        "at": format_instant(record.at),
        "returns": record.returns,
        "kept": record.is_kept,
        "tokens": None if record.tokens is None else list(record.tokens),
    }


def _to_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
