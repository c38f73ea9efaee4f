"""Conditions as ``metav1.Condition`` writes them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from argogrant.api.schema import Instant, Model
from argogrant.grants.conditions import Condition
from argogrant.grants.model.window import format_instant

MAX_MESSAGE_LENGTH: Final = 4096
_STATUS: Final = {True: "True", False: "False", None: "Unknown"}


class ConditionModel(Model):
    """One aspect of the current state of the object."""

    type: str = Field(max_length=316)
    """Type of the condition, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Status of the condition: True, False or Unknown."""
    reason: str = Field(max_length=1024)
    """Reason of the status, as an identifier for programs, such as RoleNotFound."""
    message: str = Field(max_length=MAX_MESSAGE_LENGTH)
    """Cause of the status and its remedy, for people."""
    last_transition_time: Instant
    """Time of the last change of status. A change of reason alone does not set it."""
    observed_generation: int | None = Field(None, ge=0)
    """metadata.generation on which the condition is based."""


ConditionList = Annotated[
    list[ConditionModel],
    Field(
        max_length=8,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    ),
]
"""Conditions that the API server merges by type."""


class StatusModel(Model):
    """Common part of every status."""

    observed_generation: int | None = Field(None, ge=0)
    """metadata.generation that the operator last reconciled. If it is smaller than
    metadata.generation, the operator has not yet observed the last change."""


def status_of(
    condition: Condition, *, old: Mapping[str, Any], generation: int, now: datetime
) -> dict[str, Any]:
    """Build a status with one new condition and all other fields of the old one."""
    return {
        **old,
        "observedGeneration": generation,
        "conditions": write_conditions(
            old.get("conditions") or (), [condition], generation=generation, now=now
        ),
    }


def write_conditions(
    existing: Sequence[Mapping[str, Any]],
    conditions: Iterable[Condition],
    *,
    generation: int,
    now: datetime,
) -> list[dict[str, Any]]:
    """Build conditions, keeping the transition time of an unchanged status.

    Args:
        existing: Stored conditions of the object.
        conditions: New conditions; stored conditions of other types are dropped.
        generation: Generation of the spec on which the conditions are based.
        now: Transition time of conditions whose status changed.
    """
    times = {
        (old.get("type"), old.get("status")): old.get("lastTransitionTime")
        for old in existing
    }
    return [
        {
            "type": str(condition.type),
            "status": _STATUS[condition.status],
            "reason": str(condition.reason),
            "message": condition.message[:MAX_MESSAGE_LENGTH],
            "lastTransitionTime": times.get(
                (str(condition.type), _STATUS[condition.status])
            )
            or format_instant(now),
            "observedGeneration": generation,
        }
        for condition in conditions
    ]
