"""Names that are known where users sign in, and subjects that differ a little.

A grant for ``Alice@example.com`` gives ``alice@example.com`` nothing, and Argo CD does
not report it. The subject of a grant is compared with the names that are known: its
requester, the subjects of ``g`` lines, local accounts, and subjects of earlier grants.

Other people write these names. Only a limited number of them is compared, with one
lookup for each grant; ``grants/status_notes.py`` does it after the writes.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from argogrant.grants.model.grant import Grant, Subject, SubjectKind
from argogrant.grants.model.identity import SYSTEM_PREFIX, Identity, argocd_subject
from argogrant.grants.model.name_forms import (
    ForeignName,
    describe_difference,
    foreign_name,
    name_core,
)
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import MAX_NAME_LENGTH, quote

MAX_KNOWN: Final = 2000
"""Names of ``g`` lines that are compared: a few milliseconds of work."""
MAX_GROUPS: Final = 100
"""Groups of a requester that are compared."""
MAX_SUBJECTS: Final = 4096
"""Subjects of earlier grants that are compared."""


class KnownName(NamedTuple):
    """A name that Argo CD compares, or probably does."""

    name: str
    source: str
    """Where it is known from, as a noun phrase."""


class Caution(NamedTuple):
    """Why a subject may be another name than the one that is meant."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Names of one Argo CD by their core; the first of each core is suggested."""

    by_core: Mapping[str, KnownName] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    """All names, which need no caution."""


NO_NAMES: Final = KnownNames(MappingProxyType({}))


def known_names(subjects: Iterable[str], accounts: Iterable[str] = ()) -> KnownNames:
    """Index the subjects of ``g`` lines, without roles, and the local accounts."""
    by_core: dict[str, KnownName] = {}
    exact: set[str] = set()
    sources = (
        (accounts, "a local account of Argo CD"),
        (subjects, "a g line of argocd-rbac-cm"),
    )
    for names, source in sources:
        for name in names:
            if len(exact) >= MAX_KNOWN:
                break
            if len(name) <= MAX_NAME_LENGTH and name not in exact:
                exact.add(name)
                for core in _cores(name):
                    by_core.setdefault(core, KnownName(name, source))
    return KnownNames(by_core, frozenset(exact))


class EarlierSubjects:
    """Subjects of the grants of one instance by their core: the oldest grant of each.

    Grants are added as they are decided. An entry counts while its grant exists and has
    not ended.
    """

    def __init__(self) -> None:
        self._oldest: dict[str, Grant] = {}

    def add(self, grant: Grant) -> None:
        """Add a grant that has not ended."""
        core = name_core(grant.subject.name)
        oldest = self._oldest.get(core)
        if oldest is None and len(self._oldest) >= MAX_SUBJECTS:
            return
        if oldest is None or _age(grant) <= _age(oldest):
            self._oldest[core] = grant

    def discard(self, grant: Grant) -> None:
        """Remove a grant that has ended."""
        core = name_core(grant.subject.name)
        oldest = self._oldest.get(core)
        if oldest is not None and oldest.uid == grant.uid:
            del self._oldest[core]

    def retain(self, uids: Container[str]) -> None:
        """Remove the grants that do not exist any more."""
        gone = [core for core, one in self._oldest.items() if one.uid not in uids]
        for core in gone:
            del self._oldest[core]

    def before(self, grant: Grant) -> KnownName | None:
        """Return the subject of an earlier grant with the same core, if it differs."""
        oldest = self._oldest.get(name_core(grant.subject.name))
        if oldest is None or oldest.subject.name == grant.subject.name:
            return None
        if _age(grant) <= _age(oldest):
            return None
        source = f"the subject of AccessGrant {quote(oldest.name)}"
        return KnownName(oldest.subject.name, source)


def _age(grant: Grant) -> tuple[datetime, str]:
    return grant.created_at, grant.name


def find_caution(
    subject: Subject,
    requester: Identity | None,
    known: KnownNames = NO_NAMES,
    *,
    strip_prefix: str = "",
    earlier: KnownName | None = None,
) -> Caution | None:
    """Return why Argo CD may not match a subject, with the exact name to use.

    Args:
        subject: Subject of the grant.
        requester: Requester that the grant names.
        known: Names of ``g`` lines and local accounts.
        strip_prefix: Prefix of Kubernetes user names that Argo CD's names lack.
        earlier: Subject of an earlier grant with the same core.
    """
    name = subject.name
    if name in known.exact:
        return None
    foreign = foreign_name(name, strip_prefix) or _with_prefix_of(requester, name)
    own = list(_names_of(requester, subject.kind, strip_prefix))
    if foreign is None and name in {one.name for one in own}:
        return None
    cores = _cores(foreign.name if foreign and foreign.name else name)
    similar = [one for one in own if not cores.isdisjoint(_cores(one.name))]
    similar += (known.by_core[core] for core in sorted(cores) if core in known.by_core)
    for one in (*similar, *filter(None, [earlier])):
        are_paths = one.name.startswith("/") and name.startswith("/")
        if one.name == name or (are_paths and name_core(one.name) != name_core(name)):
            continue
        if (
            foreign_name(one.name, strip_prefix) is None
            and _with_prefix_of(requester, one.name) is None
        ):
            return _similar(subject, one)
    return None if foreign is None else _foreign(subject, foreign)


def _cores(name: str) -> frozenset[str]:
    """Return the core of a name, and that of the end of the path of a group.

    Keycloak sends groups as paths, or without their parents (``Full group path``).
    """
    core = name_core(name)
    return frozenset({core, core.rpartition(":")[2]} if name[:1] == "/" else {core})


def _with_prefix_of(requester: Identity | None, name: str) -> ForeignName | None:
    """Return the form of a name that has the same prefix as that of the requester."""
    if requester is None:
        return None
    username = requester.username
    found = foreign_name(username)
    prefix = username.removesuffix(found.name) if found and found.name else username
    if prefix in (username, name) or not name.startswith(prefix):
        return None
    return ForeignName(
        f"has the prefix {quote(prefix)} of the requester's name in Kubernetes",
        name.removeprefix(prefix),
    )


def _names_of(
    requester: Identity | None, kind: SubjectKind, strip_prefix: str
) -> Iterable[KnownName]:
    """Yield the names that a requester probably has in Argo CD."""
    if requester is None:
        return
    if kind is SubjectKind.USER:
        name = argocd_subject(requester, strip_prefix) or requester.username
        yield from _spelled(name, strip_prefix, "the requester")
        return
    groups = (one for one in requester.groups if not one.startswith(SYSTEM_PREFIX))
    for group in sorted(groups)[:MAX_GROUPS]:
        source = "a group of the requester"
        prefixed = _with_prefix_of(requester, group)
        if prefixed is not None:
            yield KnownName(prefixed.name, source)
        yield from _spelled(group, strip_prefix, source)


def _spelled(name: str, strip_prefix: str, source: str) -> Iterable[KnownName]:
    """Yield a Kubernetes name as Argo CD has it: without the form of Kubernetes."""
    foreign = foreign_name(name, strip_prefix)
    if foreign is not None and foreign.name:
        yield KnownName(foreign.name, source)
    yield KnownName(name, source)


def _similar(subject: Subject, known: KnownName) -> Caution:
    difference = describe_difference(subject.name, known.name)
    kind = str(subject.kind).lower()
    return Caution(
        Reason.SIMILAR_NAME,
        f"Argo CD compares names exactly, and {quote(subject.name)} differs from"
        f" {quote(known.name)}, {known.source}, {difference}. If that {kind} is meant,"
        f" request the access for {quote(known.name)}.",
    )


def _foreign(subject: Subject, foreign: ForeignName) -> Caution:
    kind = str(subject.kind).lower()
    instead = "the name that Argo CD shows to that user (User Info)"
    if subject.kind is SubjectKind.GROUP:
        instead = "the group that Argo CD shows to its members (User Info)"
    if foreign.name:
        instead = f"{quote(foreign.name)}, or {instead}"
    return Caution(
        Reason.FOREIGN_NAME,
        f"{quote(subject.name)} {foreign.form}. Argo CD has the names of its own"
        f" identity provider, which usually differ. If it does not know this {kind},"
        f" request the access for {instead}.",
    )
