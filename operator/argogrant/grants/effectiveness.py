"""Effectiveness of a grant: whether Argo CD can match its subject.

Reported as the condition ``Effective``, which is advice and decides nothing.

Argo CD identifies a user by strings: the user id, and the values of the claims that
``scopes`` lists. A grant whose subject is none of these strings has no effect, and Argo
CD reports no error. The contents of an identity provider's tokens are unknown, so most
grants have no such condition. It is True or False for what is certain, and Unknown with
a caution if the subject is similar to a name that is known, or has the form of a name
that Argo CD usually does not have (``near_misses``).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from argogrant.grants.model.grant import Subject, SubjectKind, project_of
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quote
from argogrant.grants.near_misses import Caution

EMAIL: Final = "email"
GROUPS: Final = "groups"
ADMIN_ROLE: Final = "role:admin"
_ADDRESS: Final = re.compile(
    r"[^@\s,;:/|#<>()\"\\]+@[^@\s,;:/|#<>()\"\\]+\.[^@\s,;:/|#<>()\"\\]+"
)
"""The other characters are possible in theory; in practice they belong to a prefix."""
_GROUP_CLAIM: Final = re.compile("group|role|team", re.IGNORECASE)
"""Common parts of the names of claims that contain groups."""
_USER_CLAIMS: Final = frozenset(
    {
        *("email", "email_verified", "name", "given_name", "family_name", "nickname"),
        *("preferred_username", "sub", "upn", "user_id"),
    }
)
"""Claims that contain no groups, according to OpenID Connect and the usual providers.

Source: OpenID Connect Core 1.0, section 5.1, and the names of Dex and Entra ID.
"""
DEFAULT_CLAIMS: Final = ("groups",)
"""Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``DefaultScopes``."""
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./:-]*[A-Za-z0-9_]")
_YAML_KEYWORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAccount:
    """A local account of Argo CD, as ``argocd-cm`` configures it."""

    name: str
    is_enabled: bool = True
    may_sign_in: bool = True
    """True if the account may have a password or API tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoCDSettings:
    """Settings of ``argocd-cm`` about signing in, and about marks."""

    accounts: Mapping[str, LocalAccount] = field(default_factory=dict)
    has_single_sign_on: bool = True
    """True if an identity provider may be configured, Dex or another."""
    allows_anonymous: bool = False
    """True if anonymous users have ``policy.default``."""
    instance_label_key: str = ""
    """Label with which Argo CD marks what it applies; empty for the usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginConfig:
    """Everything that determines whether Argo CD can match a subject."""

    claims: tuple[str, ...] | None = DEFAULT_CLAIMS
    """Claims that are compared with subjects; None if Argo CD cannot parse them."""
    default_role: str = ""
    """``policy.default``: the role of every signed-in user."""
    default_roles: frozenset[str] = frozenset()
    """The default role and all roles that it inherits."""
    default_roles_in: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The same in requests about each AppProject whose lines add some."""
    settings: ArgoCDSettings | None = None
    """None if ``argocd-cm`` cannot be read; then nothing about it is certain."""

    def default_roles_with(self, role: str) -> frozenset[str]:
        """Return what every user has in the requests for which a role is used."""
        return self.default_roles_in.get(project_of(role), self.default_roles)


@lru_cache(maxsize=16)
def scopes_line(claims: tuple[str, ...]) -> str:
    """Write the line of ``argocd-rbac-cm`` that lists these claims."""
    text = ", ".join(_flow_scalar(claim) for claim in claims)
    return "scopes: '[{}]'".format(text.replace("'", "''"))


def _flow_scalar(claim: str) -> str:
    if _PLAIN.fullmatch(claim) and claim.lower() not in _YAML_KEYWORDS:
        return claim
    return json.dumps(claim)


class Effectiveness(NamedTuple):
    """Content of the condition ``Effective``; the message is read by the requester."""

    reason: Reason
    message: str
    status: bool | None = False
    """True if Argo CD can match the subject; False if the grant changes nothing; None
    if it may be another name than the one that is meant."""


class SubjectQuery(NamedTuple):
    """A subject, the requested role, and how users sign in to an Argo CD."""

    subject: Subject
    role: str
    """The role as written in Argo CD's RBAC policy."""
    login: LoginConfig
    caution: Caution | None = None
    """Why the subject may be another name than the one that is meant."""

    @property
    def is_address(self) -> bool:
        """Return whether the subject is a user with the name of an e-mail address."""
        is_user = self.subject.kind is SubjectKind.USER
        if self.caution is not None and self.caution.reason is Reason.FOREIGN_NAME:
            return False  # such as an ARN that ends with an address
        return is_user and _ADDRESS.fullmatch(self.subject.name) is not None

    @property
    def claims(self) -> tuple[str, ...]:
        """Claims that Argo CD compares with subjects; none if it cannot parse them."""
        return self.login.claims or ()

    @property
    def compared(self) -> str:
        """Values that Argo CD compares with subjects, for a message."""
        return f"the user id and the claims [{', '.join(self.claims)}]"


EffectivenessCheck = Callable[[SubjectQuery], Effectiveness | None]


def describe_empty_role(role: str, why: str) -> str:
    """Return that a role allows nothing, and why, as a sentence."""
    return f"The role {quote(role)} allows nothing: {why}"


def check_effectiveness(
    subject: Subject, role: str, login: LoginConfig, caution: Caution | None = None
) -> Effectiveness | None:
    """Return the first result of ``EFFECTIVE``; None if nothing is known."""
    query = SubjectQuery(subject, role, login, caution)
    found = next(filter(None, (check(query) for check in EFFECTIVE)), None)
    if found is None or caution is None or found.reason not in _ABOUT_THE_NAME:
        return found
    return found._replace(message=f"{found.message} {caution.message}")


def _scopes_are_invalid(query: SubjectQuery) -> Effectiveness | None:
    if query.login.claims is not None:
        return None
    return Effectiveness(
        Reason.SCOPES_INVALID,
        "scopes of argocd-rbac-cm is not a YAML list of claims. Until it is, Argo CD"
        f" loads no change of that ConfigMap. Write {scopes_line((GROUPS, EMAIL))}, or"
        " remove the key.",
    )


def _default_role_includes_it(query: SubjectQuery) -> Effectiveness | None:
    """Report that neither the grant nor its end changes anything.

    Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``enforce``: the default role is
    tried first, and no deny rule overrides it.
    """
    default_roles = query.login.default_roles_with(query.role)
    if query.role not in default_roles and ADMIN_ROLE not in default_roles:
        return None
    settings = query.login.settings
    anonymous = (
        ", and to anonymous users, because users.anonymous.enabled is true"
        if settings is not None and settings.allows_anonymous
        else ""
    )
    return Effectiveness(
        Reason.GIVEN_TO_EVERYBODY,
        f"policy.default of argocd-rbac-cm, {quote(query.login.default_role)},"
        f" gives this role or more to every signed-in user{anonymous}; neither the"
        " grant nor its end changes anything. Set policy.default to a role with"
        " fewer permissions, or remove it.",
    )


def _local_account_exists(query: SubjectQuery) -> Effectiveness | None:
    """Report whether a local account of that name can sign in."""
    settings = query.login.settings
    name = query.subject.name
    if settings is None or query.subject.kind is not SubjectKind.USER:
        return None
    account = settings.accounts.get(name)
    if account is None:
        return None
    if account.is_enabled and account.may_sign_in:
        return Effectiveness(
            Reason.LOCAL_ACCOUNT,
            f"{quote(name)} is a local account of Argo CD.",
            status=True,
        )
    remedy = (
        f"Add the capability login or apiKey to accounts.{name} of argocd-cm."
        if account.is_enabled
        else f"Remove accounts.{name}.enabled from argocd-cm."
    )
    return Effectiveness(
        Reason.ACCOUNT_DISABLED,
        f"The local account {quote(name)} cannot sign in. {remedy}",
    )


def _addresses_are_not_compared(query: SubjectQuery) -> Effectiveness | None:
    if _contain_addresses(query.claims) or not query.is_address:
        return None
    return Effectiveness(
        Reason.EMAIL_NOT_IN_SCOPES,
        f"{quote(query.subject.name)} is an e-mail address, and Argo CD compares"
        f" subjects with {query.compared} only. Write"
        f" {scopes_line((*query.claims, EMAIL))} into argocd-rbac-cm, or name the user"
        " id that Argo CD shows to that user.",
    )


def _groups_are_not_compared(query: SubjectQuery) -> Effectiveness | None:
    is_group = query.subject.kind is SubjectKind.GROUP
    if not is_group or not _USER_CLAIMS.issuperset(query.claims):
        return None
    return Effectiveness(
        Reason.GROUPS_NOT_IN_SCOPES,
        f"{quote(query.subject.name)} is a group, and Argo CD compares subjects with"
        f" {query.compared} only. Write {scopes_line((GROUPS, *query.claims))} into"
        " argocd-rbac-cm, with the claim in which your identity provider lists groups.",
    )


def _no_login_matches(query: SubjectQuery) -> Effectiveness | None:
    """Report that Argo CD has only local accounts, none of them with this name."""
    settings = query.login.settings
    if settings is None or settings.has_single_sign_on:
        return None
    name = quote(query.subject.name)
    if query.subject.kind is SubjectKind.GROUP:
        return Effectiveness(
            Reason.NO_SINGLE_SIGN_ON,
            f"{name} is a group, but argocd-cm configures no identity provider and"
            " local accounts have no groups. Configure dex.config or oidc.config,"
            " or name a local account.",
        )
    return Effectiveness(
        Reason.NO_SUCH_ACCOUNT,
        f"No user can sign in as {name}: argocd-cm has no such local account and"
        " configures no identity provider. Write the name as in accounts.<name>,"
        " or configure dex.config or oidc.config.",
    )


def _name_is_doubtful(query: SubjectQuery) -> Effectiveness | None:
    """Report that the subject may be another name than the one that is meant."""
    if query.caution is None:
        return None
    return Effectiveness(query.caution.reason, query.caution.message, status=None)


def _a_claim_is_compared(query: SubjectQuery) -> Effectiveness | None:
    """Report the claim that Argo CD compares with the subject."""
    claim = ""
    if query.subject.kind is SubjectKind.GROUP:
        claim = next(filter(_GROUP_CLAIM.search, query.claims), "")
    elif EMAIL in query.claims and query.is_address:
        claim = EMAIL
    return _matchable_by(claim) if claim else None


@lru_cache(maxsize=16)
def _matchable_by(claim: str) -> Effectiveness:
    """Return the result for a claim; ten thousand grants share one object."""
    return Effectiveness(
        Reason.MATCHABLE,
        f"Argo CD compares the subject with the claim {quote(claim)} of users.",
        status=True,
    )


EFFECTIVE: Final[tuple[EffectivenessCheck, ...]] = (
    _scopes_are_invalid,  # Argo CD does not load any change
    _default_role_includes_it,
    _local_account_exists,
    _addresses_are_not_compared,
    _groups_are_not_compared,
    _no_login_matches,  # after the scopes, which are easier to fix
    _name_is_doubtful,
    _a_claim_is_compared,
)
"""Checks in order; the first result decides."""
_ABOUT_THE_NAME: Final = frozenset(
    {
        Reason.EMAIL_NOT_IN_SCOPES,
        Reason.GROUPS_NOT_IN_SCOPES,
        Reason.NO_SINGLE_SIGN_ON,
        Reason.NO_SUCH_ACCOUNT,
    }
)
"""Results that a caution about the name is added to."""


@lru_cache(maxsize=16)
def _contain_addresses(claims: tuple[str, ...]) -> bool:
    """Return whether one of the claims may contain e-mail addresses of users."""
    return not all(
        _GROUP_CLAIM.search(claim) or claim in {"name", "nickname", "sub"}
        for claim in claims
    )
