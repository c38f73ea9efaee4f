"""The closed set of transitions, each with when it is told, and its lasting id.

These sentences are the reference documentation: ``make generate`` writes
``docs/reference/audit.md`` from them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from argogrant.grants.model.stored_condition import StoredCondition


class TransitionKind(StrEnum):
    """What can happen; ``TRANSITIONS`` says when each is used."""

    REQUESTED = "requested"
    APPROVED = "approved"
    AWAITING_APPROVAL = "awaiting-approval"
    BOUND = "bound"
    CAUTIONED = "cautioned"
    INEFFECTIVE = "ineffective"
    EXTENDED = "extended"
    DENIED = "denied"
    REFUSED = "refused"
    UNBOUND = "unbound"
    OVERDUE = "overdue"
    ENDED = "ended"
    DELETED = "deleted"
    CONTESTED = "contested"
    ORPHAN_REMOVED = "orphan-removed"
    TOKEN_ROTATED = "token-rotated"  # noqa: S105 - what happened, no token
    TOKEN_AT_RISK = "token-at-risk"  # noqa: S105
    TOKEN_REMOVED = "token-removed"  # noqa: S105


TRANSITIONS: Final[Mapping[TransitionKind, str]] = {
    TransitionKind.REQUESTED: "The operator saw the grant for the first time.",
    TransitionKind.APPROVED: (
        "An access policy, approvers, or an emergency gave the grant leave; `reason`, "
        "`policy` and `approvals` say which. Where nobody has to agree "
        "(`PolicyNotRequired`) nothing is approved, and there is no such event."
    ),
    TransitionKind.AWAITING_APPROVAL: (
        "The grant waits for approvals, or one that it had no longer counts."
    ),
    TransitionKind.BOUND: (
        "Argo CD's RBAC text holds the binding; the API server acknowledged it. Argo "
        "CD allows what the role allows."
    ),
    TransitionKind.CAUTIONED: (
        "The grant is bound for the first time, and its role can take rights away or "
        "make access outlast the grant; `message` says how."
    ),
    TransitionKind.INEFFECTIVE: (
        "The grant changes nothing in Argo CD as that is configured, such as for a "
        "subject that it can not match; `reason` and `message` say why."
    ),
    TransitionKind.EXTENDED: (
        "The grant is bound and continues the one that `extends` names."
    ),
    TransitionKind.DENIED: (
        "Somebody who may approve the grant refused it; `ended` follows."
    ),
    TransitionKind.REFUSED: (
        "The grant is not in force because of what it asks for or who asks; `reason` "
        "and `message` say why. It may be allowed later."
    ),
    TransitionKind.UNBOUND: (
        "Argo CD's RBAC text no longer holds the binding, or nothing of it that this "
        "grant gives, although the grant has not ended."
    ),
    TransitionKind.OVERDUE: (
        "The grant is over, but Argo CD may still allow it; `message` says what stands "
        "in the way. `ended` follows once it is certain."
    ),
    TransitionKind.ENDED: (
        "The grant is over for good and nothing of it is left in Argo CD's RBAC text; "
        "`wasBound` says whether it ever gave access. The reason `Deleted` means that "
        "the object itself is going."
    ),
    TransitionKind.DELETED: (
        "The record of an ended grant is deleted since `spec.retention` of the instance"
        " has passed. Written just before that, and once more if that failed."
    ),
    TransitionKind.CONTESTED: (
        "Another program keeps changing `policy.argogrant.csv`; `message` names it."
    ),
    TransitionKind.ORPHAN_REMOVED: (
        "The key holds a binding that no grant wants or wanted; the next write removes "
        "it. Written just before that write, and once more if that failed."
    ),
    TransitionKind.TOKEN_ROTATED: (
        "A new token for the other cluster was requested, tried and stored; `message` "
        "says until when it is good. An operator that was killed right after storing "
        "it does not tell."
    ),
    TransitionKind.TOKEN_AT_RISK: (
        "The token for the other cluster ends soon and nobody renews it "
        "(`TokenEnding`), or that failed (`RotationFailed`); `message` says why."
    ),
    TransitionKind.TOKEN_REMOVED: (
        "A token of a role of an AppProject was made while somebody held that role by "
        "a grant that is over; the next write of the project removes it. `message` "
        "tells its id and times, never the token. Written just before that write, and "
        "once more if that failed."
    ),
}
"""When each transition is told, as the reference documentation prints it."""


REPEATABLE: Final = frozenset(
    {
        TransitionKind.APPROVED,
        TransitionKind.AWAITING_APPROVAL,
        TransitionKind.BOUND,
        TransitionKind.INEFFECTIVE,
        TransitionKind.REFUSED,
        TransitionKind.UNBOUND,
    }
)
"""What can happen to a grant more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One thing that happened."""

    kind: TransitionKind
    reason: str = ""
    message: str = ""
    left: str = ""
    """What was left by it, as the API server knew it: tells occurrences apart."""

    def id_for(self, uid: str, *, round_: int = 0) -> str:
        """Give the same id to the same occurrence, whoever tells of it.

        Args:
            uid: The object that it happened to.
            round_: Which occurrence it is since the API server last knew better.
        """
        counted = round_ if self.kind in REPEATABLE else 0
        text = "\n".join((uid, self.kind, self.left, str(counted)))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def transition_from(
    kind: TransitionKind, said: StoredCondition, left: str = ""
) -> Transition:
    """Say what happened in the words of a condition.

    Args:
        kind: What happened.
        said: The condition that tells of it.
        left: The state that was left, which tells one time from the next.
    """
    return Transition(kind=kind, reason=said.reason, message=said.message, left=left)
