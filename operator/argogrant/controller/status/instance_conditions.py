"""Conditions of an ArgoCDInstance. Pure."""

from dataclasses import dataclass, replace
from typing import Final

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.api.remote_cluster import ArgoCDLocation
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.error_messages import (
    condition_reason,
    describe,
    role_remedy,
)
from argogrant.controller.remote.token_lifetime import TokenState, token_condition
from argogrant.controller.required_permissions import missing_message
from argogrant.grants.conditions import Condition
from argogrant.grants.model.identity import UNVERIFIED, RequesterVerification
from argogrant.grants.model.reasons import Finding, InstanceCondition, Reason
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.errors import ClusterError, Forbidden
from argogrant.kube.permissions import Permission
from argogrant.kube.resources import Collection

NOWHERE: Final = ArgoCDLocation(namespace="")
CLOCK_SKEW_FROM: Final = 2.0
"""Seconds of clock skew from which ``ClockInSync`` is False."""
NOT_RECONCILED: Final = Finding(
    Reason.INSTANCE_UNAVAILABLE,
    "Argo CD's configuration cannot be written at the moment; the conditions of the"
    " ArgoCDInstance give the cause.",
)
"""Finding of every grant while writes fail."""
NOT_KNOWN: Final = Finding(
    Reason.INSTANCE_UNAVAILABLE,
    "The ArgoCDInstance is invalid; its Ready condition gives the cause.",
)
"""Finding of every grant while the instance has been invalid from the start."""
INVALID_INSTANCE_REMEDY: Final = (
    "Until this is fixed, bindings stay until their grants end, and no binding is"
    " added. Apply the CRDs of this version: they reject such an object."
)
DELETION_WAITS: Final = (
    "The ArgoCDInstance is being deleted and waits until no binding is left. To delete"
    f' it without waiting, set the annotation {ABANDON_ANNOTATION}: "true".'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatusInput:
    """Facts that the conditions of an instance report."""

    seen: Snapshot
    blocked: Finding | None = None
    """Why no binding can be added."""
    contested: Finding | None = None
    error: ClusterError | None = None
    """Error that ended the reconciliation."""
    problem: str = ""
    """Why the instance is invalid."""
    is_waiting: bool = False
    """The instance is being deleted, and its finalizer stays for now."""
    clock_skew: float = 0.0
    identities: RequesterVerification = UNVERIFIED
    failures: tuple[tuple[Collection, ClusterError], ...] = ()
    """Errors of argogrant's own kinds that cannot be read at the moment."""
    missing_permissions: tuple[Permission, ...] = ()
    """Permissions that the operator needs and does not have."""
    token: TokenState | None = None
    """State of the token for a remote cluster; None if there is none."""
    location: ArgoCDLocation = NOWHERE
    """Location of Argo CD."""
    namespace: str = ""
    """Namespace of the instance."""
    undeletable: ClusterError | None = None
    """Error that prevents the deletion of ended grants."""


def instance_conditions(inputs: InstanceStatusInput) -> tuple[Condition, ...]:
    """Return the conditions of an instance."""
    return (
        _ready(inputs),
        _rbac_text_valid(inputs.seen),
        _contested(inputs.contested),
        _clock_in_sync(inputs.clock_skew),
        _requester_verified(inputs.identities),
        *([token_condition(inputs.token)] if inputs.token is not None else []),
    )


def _ready(inputs: InstanceStatusInput) -> Condition:
    ready = _ready_without_deletion(inputs)
    if not inputs.is_waiting or ready.status:
        return ready
    return replace(ready, message=f"{ready.message} {DELETION_WAITS}")


def _ready_without_deletion(inputs: InstanceStatusInput) -> Condition:
    finding = _obstacle(inputs)
    if finding is None:
        finding = Finding(
            Reason.CONVERGED, "Argo CD has exactly the bindings of the grants in force."
        )
    return Condition(
        type=InstanceCondition.READY,
        status=finding.reason is Reason.CONVERGED,
        reason=finding.reason,
        message=finding.message,
    )


def _obstacle(inputs: InstanceStatusInput) -> Finding | None:
    """Return the obstacle to Ready; causes come before their effects."""
    if inputs.problem:
        message = f"{with_full_stop(inputs.problem)} {INVALID_INSTANCE_REMEDY}"
        return Finding(Reason.INVALID_INSTANCE, message)
    if inputs.missing_permissions:
        return Finding(Reason.FORBIDDEN, missing_message(inputs.missing_permissions))
    if inputs.error is not None:
        return _error_finding(inputs, inputs.error, None)
    for collection, error in (*inputs.seen.failures, *inputs.failures):
        return _error_finding(inputs, error, collection)
    if inputs.blocked is None and isinstance(inputs.undeletable, Forbidden):
        return _deletion_forbidden(inputs.undeletable)
    return inputs.blocked


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
        message="No other program changes the key policy.argogrant.csv.",
    )


def _clock_in_sync(skew: float) -> Condition:
    if abs(skew) < CLOCK_SKEW_FROM:
        return Condition(
            type=InstanceCondition.CLOCK_IN_SYNC,
            status=True,
            reason=Reason.IN_SYNC,
            message="The clocks of the operator and the API server agree.",
        )
    message = (
        f"The operator's clock is ahead of the API server's by {_rounded(-skew)} or"
        " more. Grants begin and end too early by that time."
        if skew < 0
        else f"The operator's clock is behind the API server's by {_rounded(skew)} or"
        " more. The operator corrects its clock by that time, so grants end on time."
    )
    return Condition(
        type=InstanceCondition.CLOCK_IN_SYNC,
        status=False,
        reason=Reason.CLOCK_SKEWED,
        message=f"{message} Synchronise the clock of the operator's node.",
    )


def _requester_verified(identities: RequesterVerification) -> Condition:
    is_verified = identities.reason is Reason.VERIFIED
    return Condition(
        type=InstanceCondition.REQUESTER_VERIFIED,
        status=is_verified if identities.is_known else None,
        reason=identities.reason,
        message=identities.problem
        or "The API server verifies requesters and approvers.",
    )


def _rounded(seconds: float) -> str:
    """Return rounded seconds, so small changes of the skew change no message."""
    whole = int(seconds)
    step = next((s for s in (2, 5, 10, 30, 60, 300) if whole < s * 4), 3600)
    return f"{max(whole // step * step, 2)} s"


def _error_finding(
    inputs: InstanceStatusInput, error: ClusterError, collection: Collection | None
) -> Finding:
    return Finding(
        condition_reason(error, inputs.location),
        describe(
            error, inputs.location, namespace=inputs.namespace, collection=collection
        ),
    )


def _deletion_forbidden(error: Forbidden) -> Finding:
    """Return the finding of a missing permission; other errors are retried."""
    return Finding(
        Reason.FORBIDDEN,
        "Grants begin and end on time, but ended grants cannot be deleted after"
        f" spec.retention: {with_full_stop(str(error))} {role_remedy(error)}",
    )


def _count_lines(count: int) -> str:
    return "1 such line" if count == 1 else f"{count} such lines"


def _rbac_text_valid(seen: Snapshot) -> Condition:
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
            message=f"{problems[0]} ({_count_lines(len(problems))} in argocd-rbac-cm).",
        )
    return Condition(
        type=InstanceCondition.RBAC_TEXT_VALID,
        status=True,
        reason=Reason.VALID,
        message="Argo CD can read every line.",
    )
