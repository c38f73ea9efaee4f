"""Conditions as a status holds them, and what is told in their words."""

from collections.abc import Mapping
from typing import NamedTuple


class StoredCondition(NamedTuple):
    """A condition as a status holds it."""

    status: bool | None
    reason: str
    message: str = ""
    since: str = ""
    """When its status last changed, as the status writes it."""


Conditions = Mapping[str, StoredCondition]
"""Conditions by type."""


def state_key(said: StoredCondition | None) -> str:
    """Tell one state of a condition from every other; empty if there was none."""
    return "" if said is None else f"{said.status} {said.reason} {said.since}"
