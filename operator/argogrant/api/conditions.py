"""Conditions as ``metav1.Condition`` writes them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from argogrant.api.json_fields import get_dict, get_dicts, get_list
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


_LISTS: Final = frozenset(
    {
        *("conditions", "approvals", "extensionOf", "subjectRules", "roles", "owners"),
        "returnedMembers",
    }
)
_NUMBERS: Final = frozenset(
    {"observedGeneration", "bindings", "overlayBytes", "roleCount"}
)


def read_status(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored status without the fields that are of another type.

    An older CRD, or none, accepts any value. The next report replaces the fields that
    were left out.
    """
    status = get_dict(body, "status")
    fields = {key: value for key, value in status.items() if _is_typed(key, value)}
    conditions = get_list(fields, "conditions")
    if not all(map(_is_condition, conditions)):
        fields["conditions"] = list(filter(_is_condition, conditions))
    return fields


def _is_typed(key: str, value: object) -> bool:
    if key in _LISTS:
        return isinstance(value, list)
    return isinstance(value, int if key in _NUMBERS else str)


def _is_condition(value: object) -> bool:
    """Return whether a stored condition has a type, and no field with parts."""
    if not isinstance(value, dict) or "type" not in value:
        return False
    return not any(isinstance(one, dict | list) for one in value.values())


def status_of(
    condition: Condition, *, old: Mapping[str, Any], generation: int, now: datetime
) -> dict[str, Any]:
    """Build a status with one new condition and all other fields of the old one."""
    return {**old, **write_conditions(old, [condition], generation=generation, now=now)}


def write_conditions(
    old: Mapping[str, Any],
    conditions: Iterable[Condition],
    *,
    generation: int,
    now: datetime,
) -> dict[str, Any]:
    """Build ``conditions`` and ``observedGeneration`` of a status.

    A condition keeps its transition time in the old status while its status is the
    same. Old conditions of other types are dropped.
    """
    times = {
        (one.get("type"), one.get("status")): one.get("lastTransitionTime")
        for one in get_dicts(old, "conditions")
    }
    return {
        "observedGeneration": generation,
        "conditions": [
            {
                "type": str(one.type),
                "status": _STATUS[one.status],
                "reason": str(one.reason),
                "message": one.message[:MAX_MESSAGE_LENGTH],
                "lastTransitionTime": times.get((str(one.type), _STATUS[one.status]))
                or format_instant(now),
                "observedGeneration": generation,
            }
            for one in conditions
        ],
    }
