"""Conditions as ``metav1.Condition`` writes them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field, JsonValue

from argogrant.api.schema import Instant, Model
from argogrant.grants.conditions import Condition
from argogrant.grants.model.window import format_instant

MAX_MESSAGE_LENGTH: Final = 4096
_STATUS: Final = {True: "True", False: "False", None: "Unknown"}


class ConditionModel(Model):
    """One observed fact about the object."""

    type: str = Field(max_length=316, description="What is observed, such as Ready.")
    status: Literal["True", "False", "Unknown"] = Field(
        description="Whether it holds; Unknown if that could not be found out."
    )
    reason: str = Field(
        max_length=1024,
        description="Why, in one word that programs can compare, such as RoleNotFound.",
    )
    message: str = Field(
        max_length=MAX_MESSAGE_LENGTH,
        description="Why, in words, and what to do about it.",
    )
    last_transition_time: Instant = Field(
        description="When status last changed; a new reason alone does not count."
    )
    observed_generation: int | None = Field(
        None, ge=0, description="The metadata.generation that this was said about."
    )


CONDITIONS_BY_TYPE: Final[dict[str, JsonValue]] = {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
}
"""How the API server merges conditions: there is one of each type."""


class StatusModel(Model):
    """What every status has, beside its own ``conditions``."""

    observed_generation: int | None = Field(
        None,
        ge=0,
        description=(
            "The metadata.generation that this status is about. If it is smaller than"
            " metadata.generation, the operator has not looked at the last change yet."
        ),
    )


def status_of(
    condition: Condition, *, old: Mapping[str, Any], generation: int, now: datetime
) -> dict[str, Any]:
    """Write a status of which only one condition is news; the rest is carried on."""
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
    """Write conditions, keeping the time of transition where the status stayed.

    Args:
        existing: The conditions that the object has now.
        conditions: What is true; types that are not among them vanish.
        generation: The generation of the spec that was looked at.
        now: Goes into those conditions whose status changed.
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
