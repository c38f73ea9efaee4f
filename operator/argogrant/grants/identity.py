"""Who asks and who agrees: Kubernetes identities, as the API server saw them."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from argogrant.grants.globs import glob_matches

SYSTEM_PREFIX: Final = "system:"
"""Names that Kubernetes itself gives out begin so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user and the groups of the request, ``userInfo`` of the API server."""

    username: str
    groups: frozenset[str] = frozenset()


class IdentityKind(StrEnum):
    """What a pattern in an access policy is compared with."""

    USER = "User"
    GROUP = "Group"
    SERVICE_ACCOUNT = "ServiceAccount"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPattern:
    """Whom an access policy or an owner names.

    A pattern with ``*`` matches no name that begins with ``system:`` unless it begins
    so itself: "everybody" means people, not the cluster's own accounts and groups.
    """

    kind: IdentityKind
    name: str
    namespace: str = ""
    """Of a service account; empty for the other kinds."""

    def matches(self, identity: Identity) -> bool:
        """Tell whether this is who is meant."""
        if self.kind is IdentityKind.GROUP:
            return any(_is_meant(self.name, group) for group in identity.groups)
        if self.kind is IdentityKind.USER:
            return _is_meant(self.name, identity.username)
        whole = f"{SYSTEM_PREFIX}serviceaccount:{self.namespace}:{self.name}"
        return glob_matches(whole, identity.username)

    def describe(self) -> str:
        """Name it in a message: ``Group sre``."""
        whose = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {whose}{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Whether the API server vouches for the requesters and approvers that are said."""

    verified_since: datetime | None = None
    """Objects created from then on were checked; None: none is."""
    problem: str = ""
    """Why none is, or not all are, with the remedy."""
    are_accepted_unverified: bool = False
    """A person told the operator to believe what objects say of themselves."""

    def vouch_for(self, created_at: datetime) -> bool:
        """Tell whether an object of this age may be believed about who made it."""
        if self.are_accepted_unverified:
            return True
        return self.verified_since is not None and created_at >= self.verified_since


def subject_of(identity: Identity, strip_prefix: str) -> str | None:
    """The string that Argo CD sees for a Kubernetes user.

    Args:
        identity: Who it is for Kubernetes.
        strip_prefix: What Kubernetes puts before Argo CD's name, such as ``oidc:``.

    Returns:
        None if the user has not that prefix: he came another way, and whoever gave
        him his name was not the one whom Argo CD believes.
    """
    if not identity.username.startswith(strip_prefix):
        return None
    return identity.username.removeprefix(strip_prefix) or None


def is_same_person(one: str, other: str, strip_prefix: str) -> bool:
    """Tell whether two names may be spellings of one person's; in doubt they are.

    Only ever used to refuse: with and without the prefix, in upper and lower case, and
    in every Unicode form it counts as the same.
    """
    return _folded(one, strip_prefix) == _folded(other, strip_prefix)


def _is_meant(pattern: str, name: str) -> bool:
    if name.startswith(SYSTEM_PREFIX) and not pattern.startswith(SYSTEM_PREFIX):
        return False
    return glob_matches(pattern, name)


def _folded(name: str, strip_prefix: str) -> str:
    folded = unicodedata.normalize("NFKC", name).casefold().strip()
    prefix = unicodedata.normalize("NFKC", strip_prefix).casefold()
    return folded.removeprefix(prefix)
