"""Conditions as stored in a status."""

from collections.abc import Mapping
from typing import NamedTuple


class StoredCondition(NamedTuple):
    """A condition as stored in a status."""

    status: bool | None
    reason: str
    message: str = ""
    since: str = ""
    """``lastTransitionTime`` as written in the status."""


Conditions = Mapping[str, StoredCondition]
"""Conditions by type."""


def state_key(condition: StoredCondition) -> str:
    """Return a key that identifies one state of a condition."""
    return f"{condition.status} {condition.reason} {condition.since}"
