"""Token subject of a user who is named on the command line."""

from collections.abc import Iterable
from dataclasses import dataclass

from argogrant.argocd.simulation.evaluate import TokenSubject
from argogrant.grants.effectiveness import (
    LoginConfig,
    SubjectQuery,
    check_effectiveness,
)
from argogrant.grants.model.grant import Subject, SubjectKind
from argogrant.grants.model.reasons import Reason

_CANNOT_LOG_IN = frozenset({Reason.ACCOUNT_DISABLED, Reason.NO_SUCH_ACCOUNT})
_ANY_ROLE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSubject:
    """Names of a user, with notes about names that Argo CD ignores."""

    token_subject: TokenSubject
    is_locked_out: bool = False
    """No user can log in with that name."""
    notes: tuple[str, ...] = ()


def resolve_subject(
    name: str, groups: Iterable[str], sign_in: LoginConfig, *, is_user_id: bool = False
) -> ResolvedSubject:
    """Return the names that Argo CD compares for a user.

    An e-mail address counts as the value of a claim, as identity providers send it;
    every other name counts as the user id.

    Args:
        name: User name.
        groups: Groups in the user's token.
        sign_in: Login settings of the Argo CD.
        is_user_id: The name is the user id although it looks like an e-mail address.
    """
    effectiveness = check_effectiveness(
        Subject(kind=SubjectKind.USER, name=name), _ANY_ROLE, sign_in
    )
    compared, notes = _compared(groups, sign_in)
    if is_user_id or name == "admin" or name.startswith("proj:"):
        return ResolvedSubject(
            token_subject=TokenSubject(user_id=name, compared=compared), notes=notes
        )
    if effectiveness is not None and effectiveness.reason in _CANNOT_LOG_IN:
        return ResolvedSubject(
            token_subject=TokenSubject(user_id=name, compared=compared),
            is_locked_out=True,
            notes=(effectiveness.message, *notes),
        )
    if effectiveness is not None and effectiveness.reason is Reason.EMAIL_NOT_IN_SCOPES:
        return ResolvedSubject(
            token_subject=TokenSubject(user_id="", compared=compared),
            notes=(effectiveness.message, *notes),
        )
    if _is_claim_value(name, sign_in):
        subject = TokenSubject(user_id="", compared=(name, *compared))
    else:
        subject = TokenSubject(user_id=name, compared=compared)
    return ResolvedSubject(token_subject=subject, notes=notes)


def _compared(
    groups: Iterable[str], sign_in: LoginConfig
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the groups that Argo CD compares, and why it ignores the others."""
    compared: list[str] = []
    notes: list[str] = []
    for group in groups:
        subject = Subject(kind=SubjectKind.GROUP, name=group)
        found = check_effectiveness(subject, _ANY_ROLE, sign_in)
        if found is None or found.status or found.reason not in _IGNORED:
            compared.append(group)
        else:
            notes.append(found.message)
    return tuple(compared), tuple(notes)


_IGNORED = frozenset({Reason.GROUPS_NOT_IN_SCOPES, Reason.NO_SINGLE_SIGN_ON})


def _is_claim_value(name: str, sign_in: LoginConfig) -> bool:
    settings = sign_in.settings
    if settings is not None and name in settings.accounts:
        return False
    subject = Subject(kind=SubjectKind.USER, name=name)
    return SubjectQuery(subject, _ANY_ROLE, sign_in).is_address
