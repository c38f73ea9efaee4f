"""The kind AccessGrant: its status, and its way into the domain and back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field, ValidationError

from argogrant.api.conditions import ConditionModel, Instant, write_conditions
from argogrant.api.grantspec import AccessGrantSpec
from argogrant.api.schema import Model
from argogrant.grants.conditions import Condition, Delivery, grant_conditions, is_over
from argogrant.grants.decide import Decision
from argogrant.grants.errors import InvalidGrant
from argogrant.grants.grant import Grant, RoleRef, Subject, SubjectKind
from argogrant.grants.window import format_instant, parse_duration, parse_instant

TRACKING_ANNOTATION: Final = "argocd.argoproj.io/tracking-id"
"""Source: argoproj/argo-cd, ``docs/user-guide/resource_tracking.md``."""
ABANDON_ANNOTATION: Final = "argogrant.dev/abandon"
"""``"true"`` on a deleted grant: do not wait until its revocation is certain."""


class AccessGrantStatus(Model):
    """What became of the grant; written by argogrant only."""

    observed_generation: int | None = Field(
        None,
        ge=0,
        description=(
            "The metadata.generation that this status is about. If it is smaller than"
            " metadata.generation, the operator has not looked at the last change yet."
        ),
    )
    conditions: list[ConditionModel] = Field(
        [],
        max_length=8,
        description=(
            "What is so, and why. Approved: everybody who has to agree has agreed."
            " Ready: Argo CD's RBAC text holds the binding now; if it is False, reason"
            " and message say why and what to do. Ended: the grant is over for good;"
            " absent until that is certain."
        ),
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    started_at: Instant | None = Field(
        None,
        description=(
            "When the grant's window opened: the later of its creation and notBefore."
            " Absent before that, and if the grant had ended before it began."
        ),
    )
    expires_at: Instant | None = Field(
        None,
        description=(
            "When the access ends, or would have ended: the earliest of what was asked"
            " for and the instance's maxDuration after the start. Before startedAt is"
            " set it is a forecast; from then on it only moves earlier."
        ),
    )
    ended_at: Instant | None = Field(
        None,
        description=(
            "When the grant was over: its end, or when it was found revoked. Absent"
            " while Argo CD may still allow it."
        ),
    )
    bound_as: str | None = Field(
        None,
        max_length=1024,
        description=(
            "The role exactly as it was written into Argo CD's RBAC text, such as"
            " proj:team-a:deployer. Absent if it was never written."
        ),
    )


def read_grant(body: dict[str, Any]) -> Grant:
    """Read an AccessGrant as the API server gives it.

    Raises:
        InvalidGrant: The object is not what the CRD describes; an older CRD, or none,
            let it pass.
    """
    metadata = body["metadata"]
    annotations = metadata.get("annotations") or {}
    spec = _read_spec(body)
    revocation = spec.revocation
    return Grant(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        instance=spec.instance,
        subject=Subject(kind=SubjectKind(spec.subject.kind), name=spec.subject.name),
        role=RoleRef(name=spec.role.name, project=spec.role.project),
        created_at=parse_instant(metadata["creationTimestamp"]),
        expires_at=None if spec.expires_at is None else parse_instant(spec.expires_at),
        duration=_read_duration(spec),
        not_before=_read_not_before(spec),
        frozen_end=_read_frozen_end(body),
        revoked=bool(spec.revoked),
        revocation_justification=revocation.justification if revocation else None,
        tracked_by_git=TRACKING_ANNOTATION in annotations,
        being_deleted="deletionTimestamp" in metadata,
    )


def grant_status(
    decision: Decision,
    delivery: Delivery,
    *,
    old: Mapping[str, Any],
    generation: int,
    now: datetime,
) -> dict[str, Any]:
    """Write the status of a grant from what was decided and what was delivered.

    Args:
        decision: Whether the grant is in force.
        delivery: Whether its binding is in Argo CD's RBAC text.
        old: The present status, which is carried on.
        generation: The generation of the spec that was decided about.
        now: The time of a transition, if there is one.

    Returns:
        The whole status. Equal to the present one if nothing happened.
    """
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": write_conditions(
            old.get("conditions") or (),
            grant_conditions(decision, delivery),
            generation=generation,
            now=now,
        ),
        "expiresAt": format_instant(decision.window.end),
    }
    opened = decision.window.has_opened(now)
    if "startedAt" in old or (opened and not decision.has_ended):
        status["startedAt"] = old.get("startedAt") or format_instant(
            decision.window.start
        )
    if is_over(decision, delivery):
        status["endedAt"] = old.get("endedAt") or format_instant(
            min(now, max(decision.window.end, decision.window.start))
        )
    if delivery.is_bound or "boundAs" in old:
        status["boundAs"] = decision.grant.role.bound_as
    return status


def invalid_grant_status(
    condition: Condition, *, old: Mapping[str, Any], generation: int, now: datetime
) -> dict[str, Any]:
    """Write the status of an object that can not be understood."""
    return {
        **old,
        "observedGeneration": generation,
        "conditions": write_conditions(
            old.get("conditions") or (), [condition], generation=generation, now=now
        ),
    }


def _read_spec(body: dict[str, Any]) -> AccessGrantSpec:
    try:
        spec = AccessGrantSpec.model_validate(body.get("spec"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, ("spec", *first["loc"])))
        raise InvalidGrant(f"{where}: {first['msg']}") from error
    if (spec.expires_at is None) == (spec.duration is None):
        raise InvalidGrant("spec: write exactly one of expiresAt and duration")
    return spec


def _read_duration(spec: AccessGrantSpec) -> timedelta | None:
    return None if spec.duration is None else parse_duration(spec.duration)


def _read_not_before(spec: AccessGrantSpec) -> datetime | None:
    if spec.not_before is None:
        return None
    return parse_instant(spec.not_before, round_up=True)


def _read_frozen_end(body: dict[str, Any]) -> datetime | None:
    """Read the end that was promised at activation; a forecast does not bind."""
    status = body.get("status") or {}
    if "startedAt" not in status or "expiresAt" not in status:
        return None
    return parse_instant(status["expiresAt"])
