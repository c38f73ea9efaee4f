"""Whether Argo CD can recognise the subject of a grant. Advice: it decides nothing.

Only what is certain is said. Argo CD compares bare strings, and what an identity
provider puts into its tokens is not known here; so most that could be said is not.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from argogrant.grants.model.grant import Subject, SubjectKind
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.sign_in import LoginConfig, scopes_line
from argogrant.grants.model.validation import quote

EMAIL: Final = "email"
GROUPS: Final = "groups"
ADMIN_ROLE: Final = "role:admin"
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_OF_GROUPS: Final = re.compile("group|role|team", re.IGNORECASE)
"""What the names of claims have in common that hold groups."""
_OF_ONE_PERSON: Final = frozenset(
    {
        *("email", "email_verified", "name", "given_name", "family_name", "nickname"),
        *("preferred_username", "sub", "upn", "user_id"),
    }
)
"""Claims of which OpenID Connect and the usual providers say that they hold no groups.

Source: OpenID Connect Core 1.0, section 5.1, and the names of Dex and Entra ID.
"""


class Effectiveness(NamedTuple):
    """What is said of a grant's effect, in words for the person who asked for it."""

    status: bool
    """Whether Argo CD can match the subject; False if the grant changes nothing."""
    reason: Reason
    message: str


class SubjectQuery(NamedTuple):
    """A subject before an Argo CD."""

    subject: Subject
    role: str
    """The role as the RBAC text says it."""
    sign_in: LoginConfig

    @property
    def is_address(self) -> bool:
        """Whether a person is named by what looks like an e-mail address."""
        is_user = self.subject.kind is SubjectKind.USER
        return is_user and _ADDRESS.fullmatch(self.subject.name) is not None

    @property
    def compared(self) -> str:
        """What Argo CD compares with subjects, for a message."""
        claims = ", ".join(self.sign_in.claims or ())
        return f"the user id and the claims [{claims}]"


EffectivenessCheck = Callable[[SubjectQuery], Effectiveness | None]


def check_effectiveness(
    subject: Subject, role: str, sign_in: LoginConfig
) -> Effectiveness | None:
    """Tell whether Argo CD can match a subject; the first check that knows answers.

    Args:
        subject: Who receives access.
        role: The role as the RBAC text says it.
        sign_in: How people come to this Argo CD.

    Returns:
        None if nothing is certain.
    """
    question = SubjectQuery(subject, role, sign_in)
    for check in EFFECTIVE:
        answer = check(question)
        if answer is not None:
            return answer
    return None


def _scopes_can_not_be_read(asked: SubjectQuery) -> Effectiveness | None:
    if asked.sign_in.claims is not None:
        return None
    return Effectiveness(
        status=False,
        reason=Reason.SCOPES_INVALID,
        message=(
            "scopes of argocd-rbac-cm is no YAML list of claims, and until it is Argo"
            " CD takes in no change at all. Write"
            f" {scopes_line((GROUPS, EMAIL))}, or remove the key."
        ),
    )


def _everyone_has_the_role(asked: SubjectQuery) -> Effectiveness | None:
    """Tell that neither the grant nor its end changes anything.

    Source: argoproj/argo-cd, ``util/rbac/rbac.go``, ``enforce``: the default role is
    tried first, and no deny rule overrides it.
    """
    theirs = asked.sign_in.default_roles
    if asked.role not in theirs and ADMIN_ROLE not in theirs:
        return None
    settings = asked.sign_in.settings
    strangers = ", and to those who are not, since users.anonymous.enabled is true"
    also = strangers if settings is not None and settings.allows_anonymous else ""
    return Effectiveness(
        status=False,
        reason=Reason.GIVEN_TO_EVERYBODY,
        message=(
            f"policy.default of argocd-rbac-cm, {quote(asked.sign_in.default_role)},"
            " gives this role or more to everybody who is signed in"
            f"{also}; neither the grant nor its end changes anything. Give"
            " policy.default a lesser role, or leave it out."
        ),
    )


def _account_is_known(asked: SubjectQuery) -> Effectiveness | None:
    """Tell whether a local account of that name may be used."""
    settings = asked.sign_in.settings
    name = asked.subject.name
    if settings is None or asked.subject.kind is not SubjectKind.USER:
        return None
    account = settings.accounts.get(name)
    if account is None:
        return None
    if account.is_enabled and account.may_sign_in:
        return Effectiveness(
            status=True,
            reason=Reason.LOCAL_ACCOUNT,
            message=f"{quote(name)} is a local account of Argo CD.",
        )
    remedy = (
        f"Give accounts.{name} of argocd-cm a capability, login or apiKey."
        if account.is_enabled
        else f"Remove accounts.{name}.enabled from argocd-cm."
    )
    return Effectiveness(
        status=False,
        reason=Reason.ACCOUNT_DISABLED,
        message=f"The local account {quote(name)} can not sign in. {remedy}",
    )


def _address_is_not_compared(asked: SubjectQuery) -> Effectiveness | None:
    claims = asked.sign_in.claims or ()
    if _holds_addresses(claims) or not asked.is_address:
        return None
    return Effectiveness(
        status=False,
        reason=Reason.EMAIL_NOT_IN_SCOPES,
        message=(
            f"{quote(asked.subject.name)} is an e-mail address, and Argo CD compares"
            f" subjects with {asked.compared} only. Write"
            f" {scopes_line((*claims, EMAIL))} into argocd-rbac-cm; or else name the"
            " user id that Argo CD shows to that person."
        ),
    )


def _groups_are_not_compared(asked: SubjectQuery) -> Effectiveness | None:
    claims = asked.sign_in.claims or ()
    is_group = asked.subject.kind is SubjectKind.GROUP
    if not is_group or not _OF_ONE_PERSON.issuperset(claims):
        return None
    return Effectiveness(
        status=False,
        reason=Reason.GROUPS_NOT_IN_SCOPES,
        message=(
            f"{quote(asked.subject.name)} is a group, and Argo CD compares subjects"
            f" with {asked.compared} only. Write {scopes_line((GROUPS, *claims))} into"
            " argocd-rbac-cm, with the claim in which your identity provider names"
            " groups."
        ),
    )


def _no_login_matches(asked: SubjectQuery) -> Effectiveness | None:
    """Tell that there are only local accounts, and that this is none of them."""
    settings = asked.sign_in.settings
    if settings is None or settings.has_single_sign_on:
        return None
    name = quote(asked.subject.name)
    if asked.subject.kind is SubjectKind.GROUP:
        return Effectiveness(
            status=False,
            reason=Reason.NO_SINGLE_SIGN_ON,
            message=(
                f"{name} is a group, and local accounts have none: argocd-cm configures"
                " no identity provider. Configure one (dex.config or oidc.config), or"
                " name a local account."
            ),
        )
    return Effectiveness(
        status=False,
        reason=Reason.NO_SUCH_ACCOUNT,
        message=(
            f"Nobody can sign in as {name}: argocd-cm has no such local account, and"
            " configures no identity provider. Write"
            " the name as in accounts.<name>, or configure dex.config or oidc.config."
        ),
    )


def _claim_is_compared(asked: SubjectQuery) -> Effectiveness | None:
    """Tell in which claim Argo CD will look."""
    claims = asked.sign_in.claims or ()
    found = ""
    if asked.subject.kind is SubjectKind.GROUP:
        found = next(filter(_OF_GROUPS.search, claims), "")
    elif EMAIL in claims and asked.is_address:
        found = EMAIL
    return _matchable_by(found) if found else None


@lru_cache(maxsize=16)
def _matchable_by(claim: str) -> Effectiveness:
    """Name the claim; said of ten thousand grants, it is one text."""
    return Effectiveness(
        status=True,
        reason=Reason.MATCHABLE,
        message=f"Argo CD compares it with the claim {quote(claim)} of a person.",
    )


EFFECTIVE: Final[tuple[EffectivenessCheck, ...]] = (
    _scopes_can_not_be_read,  # nothing that is written reaches Argo CD
    _everyone_has_the_role,
    _account_is_known,
    _address_is_not_compared,
    _groups_are_not_compared,
    _no_login_matches,  # what is wrong with scopes can be mended sooner
    _claim_is_compared,
)
"""What is asked, in order."""


@lru_cache(maxsize=16)
def _holds_addresses(claims: tuple[str, ...]) -> bool:
    """Tell whether one of the claims may hold e-mail addresses of people."""
    return not all(
        _OF_GROUPS.search(claim) or claim in {"name", "nickname", "sub"}
        for claim in claims
    )
