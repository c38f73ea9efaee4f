"""Conditions of an object as its status contains them.

Readers of a status need nothing of what derives conditions.
"""

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
