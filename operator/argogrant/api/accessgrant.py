"""The kind AccessGrant: its model, and its way into the domain and back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, ValidationError

from argogrant.api.conditions import ConditionModel, Instant, write_conditions
from argogrant.api.rules import DURATION_RULES, ROLE_RULES, SPEC_RULES, SUBJECT_RULES
from argogrant.api.rules import TEXT_RULE as _TEXT_RULE
from argogrant.api.schema import Model, validations
from argogrant.grants.conditions import Condition, Delivery, grant_conditions
from argogrant.grants.decide import Decision
from argogrant.grants.errors import InvalidGrant
from argogrant.grants.grant import Grant, RoleRef, Subject, SubjectKind
from argogrant.grants.names import MAX_NAME_LENGTH, PROJECT_NAME
from argogrant.grants.window import (
    DURATION_PATTERN,
    format_instant,
    parse_duration,
    parse_instant,
)

TRACKING_ANNOTATION: Final = "argocd.argoproj.io/tracking-id"
"""Source: argoproj/argo-cd, ``docs/user-guide/resource_tracking.md``."""
ABANDON_ANNOTATION: Final = "argogrant.dev/abandon"
"""``"true"`` on a deleted grant: do not wait until its revocation is certain."""

Duration = Annotated[
    str,
    Field(
        max_length=32,
        pattern=DURATION_PATTERN,
        json_schema_extra=validations(*DURATION_RULES),
    ),
]


class SubjectModel(Model):
    """Who receives access."""

    kind: Literal["User", "Group"] = Field(
        description=(
            "What the name is meant to be: a User or an SSO Group. Argo CD compares"
            " bare strings and knows no such difference, so a grant for the user alice"
            " also reaches members of an SSO group alice."
        )
    )
    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        description=(
            "The string that Argo CD sees in the person's token, upper and lower case"
            " included: the user id, a local account's name, a group, or, if email is"
            " among the scopes of argocd-rbac-cm, an e-mail address."
        ),
        json_schema_extra=validations(*SUBJECT_RULES),
    )


class RoleModel(Model):
    """The Argo CD role that is given."""

    model_config = ConfigDict(json_schema_extra=validations(*ROLE_RULES))

    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        description=(
            "A global role as Argo CD calls it, such as role:deployer or role:readonly;"
            " with project, the bare name of a role of that project, such as deployer."
        ),
        json_schema_extra=validations(_TEXT_RULE),
    )
    project: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=f"^{PROJECT_NAME.pattern}$",
        description="The AppProject that the role belongs to; absent for global roles.",
    )


class RevocationModel(Model):
    """Why the grant was revoked."""

    justification: str = Field(
        max_length=1024, description="Why the grant was revoked, for the record."
    )


class AccessGrantSpec(Model):
    """Who may do what in Argo CD, from when until when, and why."""

    model_config = ConfigDict(json_schema_extra=validations(*SPEC_RULES))

    instance: str = Field(
        "default",
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="The ArgoCDInstance, in the same namespace, that this is for.",
    )
    subject: SubjectModel = Field(description="Who receives access.")
    role: RoleModel = Field(description="The Argo CD role that is given.")
    expires_at: Instant | None = Field(
        None,
        description=(
            "The end, an absolute time such as 2026-11-24T18:00:00Z; fractions of a"
            " second are dropped. Exactly one of expiresAt and duration is written. It"
            " can later be moved to an earlier time, never to a later one."
        ),
    )
    duration: Duration | None = Field(
        None,
        description=(
            "How long access lasts from the start, such as 90m or 2h30m. A grant that"
            " Argo CD applies from Git must use expiresAt instead."
        ),
    )
    not_before: Instant | None = Field(
        None,
        description=(
            "The start, for a planned maintenance window; at once if absent. Fractions"
            " of a second are rounded up."
        ),
    )
    justification: str | None = Field(
        None,
        max_length=1024,
        description="Why the access is needed, for the record: a sentence, a ticket.",
    )
    revoked: bool | None = Field(
        None,
        description=(
            "true ends the access at once and for good; it can not be set back. A grant"
            " that is created revoked never gives access."
        ),
    )
    revocation: RevocationModel | None = Field(
        None, description="Why the grant was revoked; set once, together with revoked."
    )


class AccessGrantStatus(Model):
    """What became of the grant; written by argogrant only."""

    observed_generation: int | None = Field(
        None, ge=0, description="The metadata.generation that this status is about."
    )
    conditions: list[ConditionModel] = Field(
        [],
        max_length=8,
        description=(
            "Approved: everybody who has to agree has agreed. Ready: Argo CD gives the"
            " access now. Ended: the grant is over."
        ),
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    )
    started_at: Instant | None = Field(
        None, description="When the grant's window opened."
    )
    expires_at: Instant | None = Field(
        None,
        description=(
            "When the access ends, or ended. From startedAt on it only moves earlier."
        ),
    )
    ended_at: Instant | None = Field(None, description="When the grant was over.")
    bound_as: str | None = Field(
        None,
        max_length=1024,
        description="The role exactly as it was written into Argo CD's RBAC text.",
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
    if decision.has_ended:
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
