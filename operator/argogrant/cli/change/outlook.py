"""Whether what somebody waits for has come, may come, or never will. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from argogrant.api.announced import Announced
from argogrant.grants.model.reason_sets import REFUSALS
from argogrant.grants.model.reasons import ApprovalCondition, GrantCondition, Reason
from argogrant.grants.model.stored_condition import Said

OVER: Final = frozenset(
    {
        Reason.EXPIRED,
        Reason.REVOKED,
        Reason.DENIED,
        Reason.APPROVAL_TIMED_OUT,
        Reason.DELETED,
    }
)
NOT_LOOKED_AT: Final = "the operator has not looked at it yet; is it running?"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected."""

    text: str
    """What is said about it now; it may hold whatever others wrote."""
    has_come: bool | None
    """False: it never will; None: it may."""


NOT_YET: Final = Outlook(NOT_LOOKED_AT, has_come=None)

Question = Callable[[Announced | None], Outlook]
"""Looks at an object, or at its absence, with one wish in mind."""


def until_in_force(uid: str) -> Question:
    """Wish that Argo CD holds the binding of the grant with this uid."""

    def look(grant: Announced | None) -> Outlook:
        if grant is None or grant.uid != uid:
            return Outlook("it was deleted", has_come=False)
        if grant.is_said(GrantCondition.ENDED):
            ended = grant.conditions[GrantCondition.ENDED]
            return Outlook(_said(ended), has_come=False)
        ready = _current(grant, GrantCondition.READY)
        if ready is None:
            return NOT_YET
        if ready.status:
            return Outlook(_said(ready), has_come=True)
        if ready.reason in REFUSALS | OVER:
            return Outlook(_said(ready), has_come=False)
        hint = ""
        if ready.reason == Reason.AWAITING_APPROVAL:
            hint = f" They type: argogrant approve {grant.name}"
        return Outlook(_said(ready) + hint, has_come=None)

    return look


def until_over(uid: str) -> Question:
    """Wish that Argo CD holds nothing of the grant with this uid any more."""

    def look(grant: Announced | None) -> Outlook:
        if grant is None or grant.uid != uid:
            return Outlook("it was deleted", has_come=True)
        if grant.is_said(GrantCondition.ENDED):
            ended = grant.conditions[GrantCondition.ENDED]
            return Outlook(_said(ended), has_come=True)
        ready = _current(grant, GrantCondition.READY)
        if ready is None:
            return NOT_YET
        return Outlook(_said(ready), has_come=None)

    return look


def until_counted(uid: str) -> Question:
    """Wish that the approval with this uid counts."""

    def look(approval: Announced | None) -> Outlook:
        if approval is None or approval.uid != uid:
            return Outlook("it was deleted", has_come=False)
        counted = _current(approval, ApprovalCondition.COUNTED)
        if counted is None:
            return NOT_YET
        return Outlook(_said(counted), has_come=counted.status)

    return look


def _current(one: Announced, condition: str) -> Said | None:
    """Find a condition that is about the object as it is now."""
    return one.conditions.get(condition) if one.is_current else None


def _said(condition: Said) -> str:
    return condition.message or condition.reason
