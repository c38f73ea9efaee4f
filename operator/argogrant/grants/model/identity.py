"""Identities of requesters and approvers, and patterns that match them.

An identity is the ``userInfo`` of the request, as the API server authenticated it.
"""

import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.untrusted_text import cached_if_short
from argogrant.grants.model.validation import is_visible, quote, with_full_stop


def matches_glob(pattern: str, text: str) -> bool:
    """Return whether a pattern matches the whole text, case-sensitively.

    ``*`` matches any number of characters, including none. All other characters match
    themselves.
    """
    if "*" not in pattern:
        return pattern == text
    first, *middle, last = pattern.split("*")
    if not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, max(end, position))
        if found < 0:
            return False
        position = found + len(part)
    return position <= end


SYSTEM_PREFIX: Final = "system:"
"""Prefix of the names of Kubernetes' own users and groups."""


SERVICE_ACCOUNT_PREFIX: Final = f"{SYSTEM_PREFIX}serviceaccount:"
"""Prefix of the user names of service accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Username and groups of a request, ``userInfo`` of the API server."""

    username: str
    groups: frozenset[str] = frozenset()


class IdentityKind(StrEnum):
    """Kind of name that a pattern matches."""

    USER = "User"
    GROUP = "Group"
    SERVICE_ACCOUNT = "ServiceAccount"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPattern:
    """Users, groups or service accounts that an access policy or an owner names.

    A pattern with ``*`` matches names that begin with ``system:`` only if it begins
    with ``system:`` itself: ``*`` means people, not the accounts of Kubernetes.
    """

    kind: IdentityKind
    name: str
    namespace: str = ""
    """Namespace of a service account; empty for the other kinds."""
    _whole: str = field(init=False, repr=False, compare=False)
    _start: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compute once what is compared for every grant and policy."""
        whole = self.name
        if self.kind is IdentityKind.SERVICE_ACCOUNT:
            whole = f"{SERVICE_ACCOUNT_PREFIX}{self.namespace}:{self.name}"
        object.__setattr__(self, "_whole", whole)
        object.__setattr__(self, "_start", whole.partition("*")[0])

    def matches(self, identity: Identity, *, also_system: bool = False) -> bool:
        """Return whether the pattern matches an identity.

        Deny policies set ``also_system``, with which ``*`` also matches the accounts of
        Kubernetes, because they must not match too little.
        """
        if self.kind is IdentityKind.GROUP:
            return any(
                self._matches_name(group, also_system=also_system)
                for group in identity.groups
            )
        return self._matches_name(identity.username, also_system=also_system)

    def _matches_name(self, name: str, *, also_system: bool) -> bool:
        return (
            name.startswith(self._start)  # fast path: most patterns fail here
            and matches_glob(self._whole, name)
            and (
                also_system
                or not name.startswith(SYSTEM_PREFIX)
                or self._whole.startswith(SYSTEM_PREFIX)
            )
        )

    def equals(self, identity: Identity) -> bool:
        """Return whether the name equals the identity's, without any ``*``."""
        if self.kind is IdentityKind.GROUP:
            return self.name in identity.groups
        return self.name == identity.username

    def describe(self) -> str:
        """Return the pattern for a message, as ``Group "sre"``."""
        prefix = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {quote(prefix + self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequesterVerification:
    """Verification of requesters and approvers by the API server."""

    verified_since: datetime | None = None
    """Objects created at this time or later were verified; None: no objects are."""
    reason: Reason = Reason.VERIFIED
    """Reason of the instance's condition ``RequesterVerified``."""
    problem: str = ""
    """Why objects are not verified, or why this is unknown, with the remedy."""
    are_accepted_unverified: bool = False
    """True if the operator accepts unverified requesters (a command-line option)."""
    trusted_front_ends: frozenset[str] = frozenset()
    """User names that the admission policy lets name other requesters."""

    @property
    def is_known(self) -> bool:
        """Return whether the state is known; if not, nothing is bound or refused."""
        return self.reason is not Reason.UNKNOWN

    @property
    def named_since(self) -> datetime | None:
        """Return the creation from which a name counts; None if no name does.

        While the state is unknown, every name counts: it was verified at the creation.
        """
        if self.are_accepted_unverified or not self.is_known:
            return datetime.min.replace(tzinfo=UTC)
        return self.verified_since

    def is_verified(self, created_at: datetime) -> bool:
        """Return whether the creator of an object of this age is verified."""
        if self.are_accepted_unverified:
            return True
        return self.verified_since is not None and created_at >= self.verified_since

    def why_unverified(self, created_at: datetime) -> str:
        """Return why the creator of an object of this age is not verified."""
        if self.verified_since is None:
            return with_full_stop(
                self.problem or "no admission policy is known to verify it"
            )
        return (
            f"the object was created at {created_at:%Y-%m-%dT%H:%M:%SZ}, before the"
            " admission policies were installed"
            f" ({self.verified_since:%Y-%m-%dT%H:%M:%SZ})."
        )


UNVERIFIED: Final = RequesterVerification()


def argocd_subject(identity: Identity, strip_prefix: str) -> str | None:
    """Return the name of a Kubernetes user in Argo CD.

    A user without the prefix (as ``oidc:``) authenticated in another way than with the
    identity provider of Argo CD, which may not know that name: the result is None.
    """
    if not identity.username.startswith(strip_prefix):
        return None
    return identity.username.removeprefix(strip_prefix) or None


def is_same_user(one: str, other: str, strip_prefix: str) -> bool:
    """Return whether two names may belong to one user; similar names do."""
    return normalized_user(one, strip_prefix) == normalized_user(other, strip_prefix)


def normalized_user(name: str, strip_prefix: str) -> str:
    """Return a form that is equal for all spellings of a user's name.

    Spellings differ in the prefix, in upper and lower case, in invisible characters and
    in the Unicode form. Use this only to deny: two users may have equal forms.
    """
    prefix = _folded(strip_prefix) if strip_prefix else ""
    return _folded(name).removeprefix(prefix)


@cached_if_short(1 << 12)
def _folded(name: str) -> str:
    """Fold as for the compatibility caseless matching of Unicode.

    Source: The Unicode Standard, section 3.13, D146.
    """
    text = "".join(character for character in name if is_visible(character))
    for form in ("NFKD", "NFKC", "NFKC"):
        text = unicodedata.normalize(form, text).casefold()
    return unicodedata.normalize("NFKC", text)
