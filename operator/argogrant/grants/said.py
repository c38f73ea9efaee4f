"""Conditions as a status holds them, and what is told in their words."""

from collections.abc import Mapping
from typing import NamedTuple

from argogrant.grants.occurrences import Transition, TransitionKind


class Said(NamedTuple):
    """A condition as a status holds it."""

    status: bool | None
    reason: str
    message: str = ""
    since: str = ""
    """When its status last changed, as the status writes it."""


Conditions = Mapping[str, Said]
"""Conditions by type."""


def transition_of(kind: TransitionKind, said: Said, left: str = "") -> Transition:
    """Say what happened in the words of a condition.

    Args:
        kind: What happened.
        said: The condition that tells of it.
        left: The state that was left, which tells one time from the next.
    """
    return Transition(kind=kind, reason=said.reason, message=said.message, left=left)


def token_of(said: Said | None) -> str:
    """Tell one state of a condition from every other; empty if there was none."""
    return "" if said is None else f"{said.status} {said.reason} {said.since}"
