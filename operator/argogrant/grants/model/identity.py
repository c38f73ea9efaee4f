"""Who asks and who agrees: Kubernetes identities, as the API server saw them.

Patterns in access policies: literal text in which ``*`` stands for any text.
"""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import is_visible, quote, with_full_stop


def matches_glob(pattern: str, text: str) -> bool:
    """Tell whether a whole text fits a pattern; upper and lower case count.

    Args:
        pattern: Every character but ``*`` stands for itself; ``*`` stands for any
            number of characters, also none.
        text: What a person or the API server wrote.
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
    _whole: str = field(init=False, repr=False, compare=False)
    _start: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make once what is compared for every grant and policy."""
        whole = self.name
        if self.kind is IdentityKind.SERVICE_ACCOUNT:
            whole = f"{SYSTEM_PREFIX}serviceaccount:{self.namespace}:{self.name}"
        object.__setattr__(self, "_whole", whole)
        object.__setattr__(self, "_start", whole.partition("*")[0])

    def matches(self, identity: Identity, *, also_system: bool = False) -> bool:
        """Tell whether this is who is meant.

        Args:
            identity: Somebody.
            also_system: ``*`` stands for the cluster's own accounts as well: whatever
                forbids must not be too narrow.
        """
        if self.kind is IdentityKind.GROUP:
            return any(
                self._means(group, also_system=also_system) for group in identity.groups
            )
        return self._means(identity.username, also_system=also_system)

    def _means(self, name: str, *, also_system: bool) -> bool:
        return (
            name.startswith(self._start)  # almost every pattern ends here
            and matches_glob(self._whole, name)
            and (
                also_system
                or not name.startswith(SYSTEM_PREFIX)
                or self._whole.startswith(SYSTEM_PREFIX)
            )
        )

    def equals(self, identity: Identity) -> bool:
        """Tell whether this is who is meant, character by character."""
        if self.kind is IdentityKind.GROUP:
            return self.name in identity.groups
        return self.name == identity.username

    def describe(self) -> str:
        """Name it in a message: ``Group "sre"``."""
        whose = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {quote(whose + self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequesterVerification:
    """Whether the API server vouches for the requesters and approvers that are said."""

    verified_since: datetime | None = None
    """Objects created from then on were checked; None: none is."""
    reason: Reason = Reason.VERIFIED
    """What the instance's condition ``RequesterVerified`` says."""
    problem: str = ""
    """Why none is, or why that is not known, with the remedy."""
    are_accepted_unverified: bool = False
    """A person told the operator to believe what objects say of themselves."""

    @property
    def is_known(self) -> bool:
        """Whether it could be found out; if not, nothing may be added or refused."""
        return self.reason is not Reason.UNKNOWN

    def is_verified(self, created_at: datetime) -> bool:
        """Tell whether an object of this age may be believed about who made it."""
        if self.are_accepted_unverified:
            return True
        return self.verified_since is not None and created_at >= self.verified_since

    def why_unverified(self, created_at: datetime) -> str:
        """Say why an object of this age is not believed, and what to do first."""
        if self.verified_since is None:
            return with_full_stop(
                self.problem or "no admission policy is known to check it"
            )
        return (
            f"it was created at {created_at:%Y-%m-%dT%H:%M:%SZ}, before the admission"
            f" policies were ({self.verified_since:%Y-%m-%dT%H:%M:%SZ})."
        )


UNVERIFIED: Final = RequesterVerification()


def argocd_subject(identity: Identity, strip_prefix: str) -> str | None:
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


def is_same_user(one: str, other: str, strip_prefix: str) -> bool:
    """Tell whether two names may be spellings of one person's; in doubt they are."""
    return normalized_user(one, strip_prefix) == normalized_user(other, strip_prefix)


def normalized_user(name: str, strip_prefix: str) -> str:
    """What all spellings of one person's name have in common.

    Only ever used to refuse: with and without the prefix, in upper and lower case, with
    what a reader can not see, and in every Unicode form, a name counts as the same.
    """
    prefix = _folded(strip_prefix) if strip_prefix else ""
    return _folded(name).removeprefix(prefix)


@lru_cache(maxsize=1 << 12)
def _folded(name: str) -> str:
    """Fold as for the compatibility caseless matching of Unicode.

    Source: The Unicode Standard, section 3.13, D146.
    """
    text = "".join(character for character in name if is_visible(character))
    for form in ("NFKD", "NFKC", "NFKC"):
        text = unicodedata.normalize(form, text).casefold()
    return unicodedata.normalize("NFKC", text)
