"""Status of an ArgoCDInstance: conditions, roles, owners and other facts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from argogrant.api.accessgrant import ABANDON_ANNOTATION
from argogrant.api.argocdinstance import InstanceReport
from argogrant.api.remote_cluster import ArgoCDLocation
from argogrant.argocd.appproject.ended_members import ReturnedMember, describe_return
from argogrant.controller.argocd_state import Snapshot
from argogrant.controller.permissions import (
    condition_reason,
    describe,
    missing_message,
    remedy_for,
)
from argogrant.controller.planner import GatheredState
from argogrant.controller.remote.token_rotation import TokenState, token_condition
from argogrant.controller.role_analysis import NOT_ANALYSED, AnalysisResult
from argogrant.grants.access.policy import NO_OWNERS
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

_State = tuple[bool | None, Reason, str]
"""Status, reason and message of a condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatusInput:
    """Facts that the conditions of an instance report."""

    seen: Snapshot
    blocked: Finding | None = None
    """Why no binding can be added."""
    contested: Finding | None = None
    error: ClusterError | None = None
    """Error that ended the reconciliation."""
    fault: Finding | None = None
    """The unexpected failure of the last reconciliation."""
    analysed: AnalysisResult = NOT_ANALYSED
    """Analysis of the roles."""
    returned: tuple[ReturnedMember, ...] = ()
    """Members without a grant that came back, and are not acknowledged."""
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
    operator_namespace: str = ""
    """The operator's own namespace; empty if it has none."""
    undeletable: ClusterError | None = None
    """Error that prevents the deletion of ended grants."""


def instance_report(
    inputs: InstanceStatusInput,
    gathered: GatheredState | None,
    last_write_at: datetime | None,
) -> InstanceReport:
    """Return the fields of the status of an instance.

    Args:
        inputs: Facts that the conditions report.
        gathered: State of the instance; None if it is unknown yet.
        last_write_at: Time of the last write to the managed key.
    """
    is_refused = gathered is not None and gathered.refusal is not None
    config_map = None if is_refused else inputs.seen.config_map
    overlay = config_map.overlay if config_map else None
    return InstanceReport(
        conditions=instance_conditions(inputs),
        bindings=len(overlay.bindings) if overlay else 0,
        overlay_bytes=len(overlay.text.encode()) if overlay else 0,
        roles=inputs.analysed.analysis.roles,
        returned=inputs.returned,
        owners=gathered.state.owners if gathered is not None else NO_OWNERS,
        scopes=config_map.scopes if config_map else None,
        default_role=config_map.unmanaged.default_role if config_map else None,
        last_write_at=last_write_at,
        operator_namespace=inputs.operator_namespace or None,
        token_expires_at=inputs.token.lifetime.expires_at if inputs.token else None,
    )


def instance_conditions(inputs: InstanceStatusInput) -> tuple[Condition, ...]:
    """Return the conditions of an instance."""
    states = {
        InstanceCondition.READY: _ready(inputs),
        InstanceCondition.RBAC_TEXT_VALID: _rbac_text_valid(inputs.seen),
        InstanceCondition.CONTESTED: _contested(inputs.contested),
        InstanceCondition.CLOCK_IN_SYNC: _clock_in_sync(inputs.clock_skew),
        InstanceCondition.REQUESTER_VERIFIED: _requester_verified(inputs.identities),
    }
    conditions = (
        Condition(type=condition, status=status, reason=reason, message=message)
        for condition, (status, reason, message) in states.items()
    )
    token = [token_condition(inputs.token)] if inputs.token is not None else []
    others = (inputs.analysed.condition, _members_returned(inputs.returned))
    return (*conditions, *token, *(one for one in others if one is not None))


def _ready(inputs: InstanceStatusInput) -> _State:
    finding = _obstacle(inputs)
    if finding is None:
        message = "Argo CD has exactly the bindings of the grants in force."
        return True, Reason.CONVERGED, message
    waits = f" {DELETION_WAITS}" if inputs.is_waiting else ""
    return False, finding.reason, f"{finding.message}{waits}"


def _obstacle(inputs: InstanceStatusInput) -> Finding | None:
    """Return the obstacle to Ready; causes come before their effects."""
    if inputs.problem:
        message = f"{with_full_stop(inputs.problem)} {INVALID_INSTANCE_REMEDY}"
        return Finding(Reason.INVALID_INSTANCE, message)
    blocked = inputs.blocked
    is_refused = blocked and blocked.reason is Reason.NOT_ALLOWED_BY_ARGOCD
    if is_refused or inputs.fault is not None:
        # Before advice to permit more in an Argo CD that refuses.
        return blocked if is_refused else inputs.fault
    if inputs.missing_permissions:
        return Finding(Reason.FORBIDDEN, missing_message(inputs.missing_permissions))
    failures: tuple[tuple[Collection | None, ClusterError], ...] = (
        *([(None, inputs.error)] if inputs.error is not None else []),
        *inputs.seen.failures,
        *inputs.failures,
    )
    if failures:
        (collection, error), location = failures[0], inputs.location
        message = describe(
            error, location, namespace=inputs.namespace, collection=collection
        )
        return Finding(condition_reason(error, location), message)
    denied = inputs.undeletable
    if inputs.blocked is None and isinstance(denied, Forbidden):
        # Other errors of deletions are retried.
        return Finding(
            condition_reason(denied, NOWHERE),
            "Grants begin and end on time, but ended grants cannot be deleted after"
            f" spec.retention: {with_full_stop(str(denied))} {remedy_for(denied)}",
        )
    return inputs.blocked


def _rbac_text_valid(seen: Snapshot) -> _State:
    if seen.config_map is None:
        return None, Reason.UNKNOWN, "argocd-rbac-cm is missing or could not be read."
    problems = seen.config_map.unmanaged.problems
    if not problems:
        return True, Reason.VALID, "Argo CD can read every line."
    if problems[0].line_number is None:
        statement = problems[0].statement
        return None, Reason.UNKNOWN, f"{statement}. {problems[0].consequence}"
    lines = "1 such line" if len(problems) == 1 else f"{len(problems)} such lines"
    return False, Reason.MALFORMED_LINE, f"{problems[0]} ({lines} in argocd-rbac-cm)."


def _contested(finding: Finding | None) -> _State:
    if finding is not None:
        return True, finding.reason, finding.message
    message = "No other program changes the key policy.argogrant.csv."
    return False, Reason.UNDISTURBED, message


def _members_returned(returned: Sequence[ReturnedMember]) -> Condition | None:
    """Return the condition about the first one; those that are kept come first."""
    if not returned:
        return None
    kept = [one for one in returned if one.is_kept]
    first = (kept or returned)[0]
    more = f" {len(returned)} such members: argogrant review." if returned[1:] else ""
    return Condition(
        InstanceCondition.MEMBERS_RETURNED,
        Reason.MEMBER_RETURNED if kept else Reason.MEMBER_REMOVED_AGAIN,
        f"{describe_return(first)}{more}",
        status=True,
    )


def _clock_in_sync(skew: float) -> _State:
    if abs(skew) < CLOCK_SKEW_FROM:
        message = "The clocks of the operator and the API server agree."
        return True, Reason.IN_SYNC, message
    message = (
        f"The operator's clock is ahead of the API server's by {_rounded(-skew)} or"
        " more. Grants begin and end too early by that time."
        if skew < 0
        else f"The operator's clock is behind the API server's by {_rounded(skew)} or"
        " more. The operator corrects its clock by that time, so grants end on time."
    )
    remedy = "Synchronise the clock of the operator's node."
    return False, Reason.CLOCK_SKEWED, f"{message} {remedy}"


def _rounded(seconds: float) -> str:
    """Return rounded seconds, so small changes of the skew change no message."""
    whole = int(seconds)
    step = next((s for s in (2, 5, 10, 30, 60, 300) if whole < s * 4), 3600)
    return f"{max(whole // step * step, 2)} s"


def _requester_verified(identities: RequesterVerification) -> _State:
    is_verified = identities.reason is Reason.VERIFIED
    message = identities.problem or "The API server verifies requesters and approvers."
    return is_verified if identities.is_known else None, identities.reason, message
