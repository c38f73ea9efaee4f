"""What is said about an instance itself: ready, or what stands in the way. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.api.bound_locations import ArgoCDLocation
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.error_messages import condition_reason, describe
from argogrant.controller.remote.token_lifetime import (
    NO_MAINTENANCE,
    MaintenanceState,
    token_condition,
)
from argogrant.controller.required_permissions import missing_message
from argogrant.grants.conditions import Condition
from argogrant.grants.model.identity import UNVERIFIED, RequesterVerification
from argogrant.grants.model.reasons import Finding, InstanceCondition, Reason
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.errors import ClusterError, Forbidden, remedy_of
from argogrant.kube.resources import Collection

NOWHERE: Final = ArgoCDLocation(namespace="")
CLOCK_SKEW_FROM: Final = 2.0
"""Seconds from which a difference of the clocks is told."""
NOT_RECONCILED: Final = Finding(
    Reason.INSTANCE_UNAVAILABLE,
    "Argo CD's configuration can not be written at the moment; the ArgoCDInstance says"
    " why.",
)
"""What a grant says while no write gets through."""
NOT_KNOWN: Final = Finding(
    Reason.INSTANCE_UNAVAILABLE,
    "The ArgoCDInstance can not be understood; it says why.",
)
"""What a grant says of an instance that never could be understood."""
NOT_UNDERSTOOD: Final = (
    "Until that is mended, what is bound stays until its end, and nothing is added."
    " Apply the CRDs of this version: they refuse such an object."
)
WAITING: Final = (
    "The ArgoCDInstance is being deleted, and waits for that so as to leave nothing"
    f' behind; the annotation {ABANDON_ANNOTATION}: "true" lets it go all the same.'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatusInput:
    """What the conditions of an instance are made of."""

    seen: Snapshot
    blocked: Finding | None = None
    """Why nothing can be added."""
    contested: Finding | None = None
    error: ClusterError | None = None
    """Why a convergence did not come to its end."""
    problem: str = ""
    """Why the instance itself can not be understood."""
    is_waiting: bool = False
    """It is being deleted, and may not go yet."""
    clock_skew: float = 0.0
    identities: RequesterVerification = UNVERIFIED
    failures: tuple[tuple[Collection, ClusterError], ...] = ()
    """What of our own can not be read at the moment."""
    maintenance: MaintenanceState = NO_MAINTENANCE
    """Our rights and the token for another cluster."""
    location: ArgoCDLocation = NOWHERE
    """Where Argo CD is."""
    namespace: str = ""
    """Where the instance is."""
    undeletable: ClusterError | None = None
    """Why ended grants are kept longer than they should be."""


def instance_conditions(health: InstanceStatusInput) -> tuple[Condition, ...]:
    """Say whether an instance is as it should be."""
    return (
        _ready(health),
        _text(health.seen),
        _contested(health.contested),
        _clock(health.clock_skew),
        _requester_verified(health.identities),
        *map(token_condition, health.maintenance.tokens),
    )


def _ready(health: InstanceStatusInput) -> Condition:
    ready = _readiness(health)
    if not health.is_waiting or ready.status:
        return ready
    return replace(ready, message=f"{ready.message} {WAITING}")


def _readiness(health: InstanceStatusInput) -> Condition:
    finding = _obstacle(health)
    if finding is None:
        finding = Finding(Reason.CONVERGED, "What Argo CD has equals what is in force.")
    return Condition(
        type=InstanceCondition.READY,
        status=finding.reason is Reason.CONVERGED,
        reason=finding.reason,
        message=finding.message,
    )


def _obstacle(health: InstanceStatusInput) -> Finding | None:
    """Find what stands in the way, that first which explains the rest."""
    if health.problem:
        message = f"{with_full_stop(health.problem)} {NOT_UNDERSTOOD}"
        return Finding(Reason.INVALID_INSTANCE, message)
    if health.maintenance.missing:
        return Finding(Reason.FORBIDDEN, missing_message(health.maintenance.missing))
    if health.error is not None:
        return _failed(health, health.error, None)
    for collection, error in (*health.seen.failures, *health.failures):
        return _failed(health, error, collection)
    if health.blocked is None and isinstance(health.undeletable, Forbidden):
        return _forbidden_to_delete(health.undeletable)
    return health.blocked


def _contested(finding: Finding | None) -> Condition:
    if finding is not None:
        return Condition(
            type=InstanceCondition.CONTESTED,
            status=True,
            reason=finding.reason,
            message=finding.message,
        )
    return Condition(
        type=InstanceCondition.CONTESTED,
        status=False,
        reason=Reason.UNDISTURBED,
        message="Nobody else changes the key policy.argogrant.csv.",
    )


def _clock(skew: float) -> Condition:
    if abs(skew) < CLOCK_SKEW_FROM:
        return Condition(
            type=InstanceCondition.CLOCK_IN_SYNC,
            status=True,
            reason=Reason.IN_SYNC,
            message="The clocks of the operator and the API server agree.",
        )
    message = (
        f"The operator's clock is ahead of the API server's by {_rounded(-skew)} or"
        " more, so that grants begin and end that much too early."
        if skew < 0
        else f"The operator's clock is behind the API server's by {_rounded(skew)} or"
        " more. It is corrected by that, so that ends are kept."
    )
    return Condition(
        type=InstanceCondition.CLOCK_IN_SYNC,
        status=False,
        reason=Reason.CLOCK_SKEWED,
        message=f"{message} Synchronise the clock of the operator's node.",
    )


def _requester_verified(identities: RequesterVerification) -> Condition:
    is_so = identities.reason is Reason.VERIFIED
    return Condition(
        type=InstanceCondition.REQUESTER_VERIFIED,
        status=is_so if identities.is_known else None,
        reason=identities.reason,
        message=identities.problem
        or "The API server checks who asks for access and who approves it.",
    )


def _rounded(seconds: float) -> str:
    """Round so that the message stays while the clocks run side by side."""
    whole = int(seconds)
    step = next((s for s in (2, 5, 10, 30, 60, 300) if whole < s * 4), 3600)
    return f"{max(whole // step * step, 2)} s"


def _failed(
    health: InstanceStatusInput, error: ClusterError, collection: Collection | None
) -> Finding:
    return Finding(
        condition_reason(error, health.location),
        describe(
            error, health.location, namespace=health.namespace, collection=collection
        ),
    )


def _forbidden_to_delete(error: Forbidden) -> Finding:
    """An outage is tried again and passes; for a right somebody has to act."""
    return Finding(
        Reason.FORBIDDEN,
        "Grants are given and end as they should, but ended ones can not be deleted"
        f" after spec.retention: {with_full_stop(str(error))} {remedy_of(error)}",
    )


def _lines(count: int) -> str:
    return "1 such line" if count == 1 else f"{count} such lines"


def _text(seen: Snapshot) -> Condition:
    if seen.config_map is None:
        return Condition(
            type=InstanceCondition.RBAC_TEXT_VALID,
            status=None,
            reason=Reason.UNKNOWN,
            message="argocd-rbac-cm is missing or could not be read.",
        )
    problems = seen.config_map.unmanaged.problems
    if problems:
        return Condition(
            type=InstanceCondition.RBAC_TEXT_VALID,
            status=False,
            reason=Reason.MALFORMED_LINE,
            message=f"{problems[0]} ({_lines(len(problems))} in argocd-rbac-cm).",
        )
    return Condition(
        type=InstanceCondition.RBAC_TEXT_VALID,
        status=True,
        reason=Reason.VALID,
        message="Argo CD can read every line.",
    )
