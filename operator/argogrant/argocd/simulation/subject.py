"""As what Argo CD knows a person whom somebody names on a command line."""

from collections.abc import Iterable
from dataclasses import dataclass

from argogrant.argocd.simulation.evaluate import TokenSubject
from argogrant.grants.effectiveness import SubjectQuery, check_effectiveness
from argogrant.grants.model.grant import Subject, SubjectKind
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.sign_in import LoginConfig

_LOCKED_OUT = frozenset({Reason.ACCOUNT_DISABLED, Reason.NO_SUCH_ACCOUNT})
_ANY_ROLE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSubject:
    """A person's strings, and what has to be said about them."""

    token_subject: TokenSubject
    is_locked_out: bool = False
    """Nobody can sign in by that name."""
    notes: tuple[str, ...] = ()


def resolve_subject(
    name: str, groups: Iterable[str], sign_in: LoginConfig, *, is_user_id: bool = False
) -> ResolvedSubject:
    """Tell which strings Argo CD would compare.

    An e-mail address is taken for the value of a claim, as identity providers give it;
    everything else for the user id.

    Args:
        name: Whom somebody asks about.
        groups: The groups that this person's token holds.
        sign_in: How people come to this Argo CD.
        is_user_id: The name is the user id, though it looks like an address.
    """
    advice = check_effectiveness(
        Subject(kind=SubjectKind.USER, name=name), _ANY_ROLE, sign_in
    )
    compared, notes = _compared(groups, sign_in)
    if is_user_id or name == "admin" or name.startswith("proj:"):
        return ResolvedSubject(
            token_subject=TokenSubject(user_id=name, compared=compared), notes=notes
        )
    if advice is not None and advice.reason in _LOCKED_OUT:
        person = TokenSubject(user_id=name, compared=compared)
        return ResolvedSubject(
            token_subject=person, is_locked_out=True, notes=(advice.message, *notes)
        )
    if advice is not None and advice.reason is Reason.EMAIL_NOT_IN_SCOPES:
        person = TokenSubject(user_id="", compared=compared)
        return ResolvedSubject(token_subject=person, notes=(advice.message, *notes))
    if _is_in_a_claim(name, sign_in):
        person = TokenSubject(user_id="", compared=(name, *compared))
    else:
        person = TokenSubject(user_id=name, compared=compared)
    return ResolvedSubject(token_subject=person, notes=notes)


def _compared(
    groups: Iterable[str], sign_in: LoginConfig
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose the groups that Argo CD looks at, and say why it ignores the others."""
    compared: list[str] = []
    notes: list[str] = []
    for group in groups:
        subject = Subject(kind=SubjectKind.GROUP, name=group)
        advice = check_effectiveness(subject, _ANY_ROLE, sign_in)
        if advice is None or advice.status or advice.reason not in _IGNORED:
            compared.append(group)
        else:
            notes.append(advice.message)
    return tuple(compared), tuple(notes)


_IGNORED = frozenset({Reason.GROUPS_NOT_IN_SCOPES, Reason.NO_SINGLE_SIGN_ON})


def _is_in_a_claim(name: str, sign_in: LoginConfig) -> bool:
    settings = sign_in.settings
    if settings is not None and name in settings.accounts:
        return False
    subject = Subject(kind=SubjectKind.USER, name=name)
    return SubjectQuery(subject, _ANY_ROLE, sign_in).is_address
